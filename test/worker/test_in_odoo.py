"""What runs beside Odoo's own code. Odoo's part is made up; releases on real hosts show the whole."""

import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time
import types
import unittest
from pathlib import Path
from unittest import mock

from support import SOURCES

#: It runs as a whole program in a container.
IN_ODOO = {"__name__": "in_odoo"}
exec(compile((SOURCES / "in_odoo.py").read_text().removesuffix("main()\n"), "in_odoo.py", "exec"), IN_ODOO)
IMAGE = SOURCES.parents[1] / "images" / "odoo"
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


class Users:
    """Users of a database whose password policy refuses whatever it is asked about."""

    def __init__(self):
        self.made, self.stored, self.id, self._fields = None, None, 7, ("group_ids",)

    def with_context(self, **_):
        return self

    def create(self, values):
        if "password" in values:
            raise ValueError("the password is in last year's list, and has fewer than 200 characters")
        self.made = values
        return self

    def _crypt_context(self):
        return types.SimpleNamespace(hash=lambda text: f"hash of {text}")

    def _set_encrypted_password(self, user, text):
        self.stored = (user, text)


class SomebodyNewTest(unittest.TestCase):
    def test_a_policy_that_no_password_satisfies_keeps_no_rehearsal_from_its_user(self):
        users = Users()
        env = mock.MagicMock()
        env.__getitem__.side_effect = lambda name: {"res.users": users}[name]
        self.assertIs(IN_ODOO["somebody_new"](env, "smoke", "secret"), users)
        self.assertEqual((users.made["login"], users.stored), ("smoke", (7, "hash of secret")))


class QuietTest(unittest.TestCase):
    def found_in(self, folder):
        with (mock.patch.dict(IN_ODOO, PRODUCT=str(folder)), contextlib.redirect_stderr(io.StringIO()),
              mock.patch.dict(sys.modules)):
            sys.modules.pop("quiet", None)
            with mock.patch("threading.Thread.start"), mock.patch("multiprocessing.process.BaseProcess.start"):
                return IN_ODOO["quiet"]()

    def test_it_is_the_images_own(self):
        places = list(sys.path)
        self.assertEqual(self.found_in(IMAGE).held, set())
        self.assertEqual(sys.path, places)

    def test_an_image_from_before_has_none_and_is_released_all_the_same(self):
        before = [place for place in sys.path if place != str(IMAGE)]
        with mock.patch.object(sys, "path", before):
            self.assertIsNone(self.found_in("/nowhere"))
