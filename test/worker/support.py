"""Puts the worker's files on the path, and its state into a directory of the test."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
SOURCES = Path(__file__).resolve().parents[2] / "worker" / "odoo_ship"
sys.path.insert(0, str(SOURCES))

import files  # noqa: E402
import journal  # noqa: E402
import ledger  # noqa: E402
import project  # noqa: E402


class Killed(BaseException):
    """A worker's end in the middle: nothing that it would do about an error is done."""


class WorkerCase(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = Path(directory.name)
        places = {(files, "STATE"): self.root, (journal.Journal, "PATH"): self.root / "journal.json",
                  (ledger, "LEDGER"): self.root / "ledger.json",
                  (ledger, "POINTS"): self.root / "points", (project, "RELEASES"): self.root / "releases",
                  (project, "PROJECT"): self.root / "project",
                  (project, "CLOSED"): self.root / "closed", (project, "HOLD"): self.root / "hold",
                  (project, "GENERATED"): self.root / "secrets"}
        for (owner, name), value in places.items():
            before = getattr(owner, name)
            setattr(owner, name, value)
            self.addCleanup(setattr, owner, name, before)
        # Tests need not run as root: who owns a file is shown on a real host.
        chown = files.os.chown
        files.os.chown = lambda *_: None
        self.addCleanup(setattr, files.os, "chown", chown)


def request(image="registry/odoo@sha256:" + "b" * 64, **changes):
    release = {"additive": False, "rehearse": True, "upgradeSeconds": 60, "readySeconds": 60, "keepPoints": 2}
    return {"id": "r2", "image": image, "database": "odoo", "modules": ["sale"], "release": release, "url": "https://x",
            "files": {}, "secrets": [], **changes}
