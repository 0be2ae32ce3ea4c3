"""How the program that upgrades finds its configuration. What it does with Odoo is shown by releases on real hosts."""

import json
import os
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from support import SOURCES

MODULES = ("odoo", "odoo.cli", "odoo.cli.server", "odoo.http", "odoo.modules", "odoo.modules.registry", "odoo.service",
           "odoo.service.server")
#: It reads its configuration as it is loaded.
READS = "import os, shutil; shutil.copy(os.environ['ODOO_RC'], os.environ['ODOO_RC'] + '.read')"


class ConfigurationTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        for name in MODULES:
            file = self.folder / name.replace(".", "/") / "__init__.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(READS if name == "odoo" else "")
        self.rc = self.folder / "odoo.conf"

    def write(self, database):
        """As the entrypoint does: whole."""
        partial = self.rc.with_suffix(".partial")
        partial.write_text(f"[options]\ndb_name = {database}\ndbfilter = ^{database}$\n")
        os.replace(partial, self.rc)

    def start(self, database):
        child = subprocess.Popen([sys.executable, str(SOURCES / "in_odoo.py")], stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                 env={**os.environ, "ODOO_RC": str(self.rc), "PYTHONPATH": str(self.folder)})
        self.addCleanup(child.communicate)
        self.addCleanup(child.kill)
        child.stdin.write(json.dumps({"do": "upgrade", "database": database}) + "\n")
        child.stdin.flush()
        return child

    def test_of_a_program_before_it_in_the_container_it_reads_none(self):
        self.write("odoo_rehearsal")
        child = self.start("odoo")
        # Until then it would have read the one that is there; a machine that takes longer for that shows nothing.
        time.sleep(1)
        self.write("odoo")
        self.assertEqual(json.loads(child.stdout.readline()), {"ok": True})
        self.assertIn("dbfilter = ^odoo$", (self.folder / "odoo.conf.read").read_text())

    def test_it_waits_for_one_that_is_not_there_yet(self):
        child = self.start("odoo")
        time.sleep(1)
        self.write("odoo")
        self.assertEqual(json.loads(child.stdout.readline()), {"ok": True})
