"""What keeps a module from starting something as it is loaded. Odoo's part is made up: a file with the function that
loads modules, by its name. That Odoo's own has it, and calls it as here, releases on real hosts show.
"""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

QUIET = Path(__file__).resolve().parents[2] / "images" / "odoo" / "quiet.py"

ODOO = """
import importlib, os, sys

def load_openerp_module(module_name):
    module = importlib.import_module(f"odoo.addons.{module_name}")
    getattr(module, "post_load", lambda: None)()
    return module

def main():
    for name in sys.argv[1:]:
        module = load_openerp_module(name)
        getattr(module, "_register_hook", lambda: None)()
        getattr(module, "migrate", lambda: None)()
    sys.stdout.flush()
"""
# A runner as teams have them: its loop takes work, here one piece, whoever the data belong to.
RUNNER = """
import multiprocessing, threading

def work():
    print("worked", flush=True)

def start(kind=threading.Thread):
    runner = kind(target=work)
    runner.start()
    runner.join()
"""


class QuietTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = Path(directory.name)
        self.write("odoo/__init__.py", "")
        self.write("odoo/cli.py", ODOO)

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def run_module(self, text, *before):
        self.write("odoo/addons/background_runner/__init__.py", RUNNER + text)
        program = [*before, str(QUIET)] if before else [str(QUIET)]
        done = subprocess.run([sys.executable, "-B", *program, "background_runner"], capture_output=True, text=True,
                              env={**os.environ, "PYTHONPATH": str(self.root)}, timeout=600)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.count("worked"), done.stderr

    def test_a_runner_works_where_nothing_keeps_it_from_that(self):
        plain = self.root / "plain.py"
        plain.write_text("import odoo.cli; odoo.cli.main()")
        self.write("odoo/addons/background_runner/__init__.py", RUNNER + "start()")
        done = subprocess.run([sys.executable, "-B", str(plain), "background_runner"], capture_output=True, text=True,
                              timeout=600)
        self.assertEqual(done.stdout, "worked\n", done.stderr)

    def test_it_does_not_as_a_release_loads_it_wherever_in_loading_it_starts(self):
        for text in ("start()", "post_load = start", "def _register_hook(): start()",
                     "start(multiprocessing.Process)", "start(lambda target: threading.Timer(0, target))",
                     "class Own(threading.Thread):\n    def run(self): self._target()\nstart(Own)"):
            with self.subTest(text=text):
                worked, said = self.run_module(text)
                self.assertEqual(worked, 0)
                self.assertIn("background_runner starts", said)

    def test_it_is_named_once(self):
        self.assertEqual(self.run_module("start(); start()")[1].count("background_runner starts"), 1)

    def test_what_a_migration_starts_and_a_pool_whose_results_somebody_waits_for_work(self):
        pool = "from concurrent.futures import ThreadPoolExecutor\nThreadPoolExecutor(1).submit(work).result()"
        for text in ("migrate = start", pool):
            with self.subTest(text=text):
                self.assertEqual(self.run_module(text), (1, ""))

    def test_no_file_beside_it_is_in_the_way_of_an_import_of_odoos(self):
        self.write("command.py", "print('worked')")
        self.assertEqual(self.run_module("import command"), (1, ""))
