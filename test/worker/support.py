"""Puts the worker's files on the path, and its state into a directory of the test."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
SOURCES = Path(__file__).resolve().parents[2] / "worker" / "odoo_ship"
sys.path.insert(0, str(SOURCES))
# What the worker and the guard of the image share is sent along with the worker.
sys.path.append(str(SOURCES.parents[1] / "images" / "odoo"))

import files  # noqa: E402
import journal  # noqa: E402
import ledger  # noqa: E402
import outcomes  # noqa: E402
import project  # noqa: E402
import staged  # noqa: E402
import waiting  # noqa: E402
from hosts import compose_images, habits  # noqa: E402


class Killed(BaseException):
    """A worker's end in the middle: nothing that it would do about an error is done."""


class WorkerCase(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = Path(directory.name)
        places = {(files, "STATE"): self.root, (journal.Journal, "PATH"): self.root / "journal.json",
                  (ledger, "LEDGER"): self.root / "ledger.json",
                  (ledger, "POINTS"): self.root / "points", (staged, "RELEASES"): self.root / "releases",
                  (project, "PROJECT"): self.root / "project",
                  (project, "CLOSED"): self.root / "closed", (project, "HOLD"): self.root / "hold",
                  (project, "GENERATED"): self.root / "secrets", (habits, "ROOT"): self.root / "root",
                  (compose_images, "FACTS"): self.root / "images",
                  (outcomes, "OUTCOMES"): self.root / "outcomes", (waiting, "QUEUE"): self.root / "queue.json"}
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
            "files": {}, "secrets": [], "registry": None, **changes}


def job_request(**changes):
    """A request as a Job gets it, whole."""
    asked = {name: value for name, value in request().items() if name not in ("secrets", "registry")}
    return {**asked, "demo": False, "id": "0123456789abcdef", **changes}


def host_request(**changes):
    """A request as a host gets it, whole."""
    network = {"odoo": [{"cidr": "0.0.0.0/0", "except": []}], "authority": None}
    generated = [{"file": "secrets/odoo-db-password", "uid": 100, "generate": True}]
    return {**job_request(), "registry": None, "dataDirectory": None, "network": network, "dump": None,
            "secrets": generated, **changes}
