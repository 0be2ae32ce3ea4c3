"""Attachments come back where Odoo's user was in the way: as root where the test runs as root, as in test_filestore."""

import os
import shutil
from unittest import mock

from databases import Databases
from support import WorkerCase

import next_data
import tidying
from filestore import Filestore

ODOO = (54321, 54321)
ATTEMPT = "20261121t120000z"


class HostileTest(WorkerCase):
    def setUp(self):
        super().setUp()
        os.chmod(self.root, 0o711)
        self.volume = self.root / "volume"
        self.folders = self.volume / "filestore"
        for name in ("odoo", "odoo-next"):
            (self.folders / name).mkdir(parents=True)
            (self.folders / name / "file").write_text(name)
        self.owned()
        self.store = Filestore(self.volume, self.root / "aside", ODOO if os.geteuid() == 0 else None)
        self.data = mock.Mock()
        self.data.postgres = Databases({"odoo": "odoo", "odoo-next": "odoo-next"}, 100)
        self.data.postgres.admin, self.data.postgres.copy_limit = "postgres", mock.Mock()
        self.data.filestore = lambda: self.store
        next_data.swap(self.data, "odoo", ATTEMPT)
        self.assertEqual((self.folders / "odoo" / "file").read_text(), "odoo-next")

    def owned(self):
        if os.geteuid() == 0:
            for path in (self.volume, *self.volume.rglob("*")):
                os.lchown(path, *ODOO)

    def come_back(self):
        self.owned()
        next_data.swap_back(self.data, "odoo", ATTEMPT, False)
        self.assertEqual((self.folders / "odoo" / "file").read_text(), "odoo")
        self.assertEqual(self.data.postgres.known["odoo"], "odoo")

    def fill(self, path):
        path.mkdir()
        (path / "junk").write_text("junk")

    def test_whatever_stands_where_the_failed_attachments_go(self):
        path = self.folders / "odoo-next"
        for make in (lambda: self.fill(path), path.mkdir, lambda: path.symlink_to("/etc"),
                     lambda: path.write_text("junk")):
            with self.subTest(make):
                make()
                self.come_back()
                self.assertEqual((path / "file").read_text(), "odoo-next")
                self.assertEqual(self.store.kept_names(), [f"failed-{ATTEMPT}"])
                self.store.remove(self.store.kept(f"failed-{ATTEMPT}"))
                next_data.swap(self.data, "odoo", ATTEMPT)

    def test_again_after_a_kill_with_evidence_that_is_there(self):
        self.fill(self.folders / "odoo-next")
        self.owned()
        next_data.set_aside(self.store, self.store.live("odoo-next"), ATTEMPT)
        self.fill(self.folders / "odoo-next")
        self.come_back()

    def test_a_link_in_the_place_of_the_attachments_is_not_followed(self):
        (self.folders / "odoo").rename(self.folders / "elsewhere")
        (self.folders / "odoo").symlink_to("elsewhere")
        self.come_back()
        self.assertTrue((self.folders / "odoo-next").is_symlink())

    def test_nor_one_in_the_place_of_all_of_them_nor_is_a_folder_missed(self):
        for make in (lambda: self.folders.symlink_to("/etc"), lambda: self.folders.write_text("junk"), lambda: None):
            with self.subTest(make):
                self.folders.rename(self.volume / "elsewhere")
                make()
                self.come_back()
                shutil.rmtree(self.volume / "elsewhere")
                self.fill(self.folders / "odoo-next")
                self.owned()
                next_data.swap(self.data, "odoo", ATTEMPT)

    def test_folders_that_nobody_may_write_to(self):
        self.fill(self.folders / "odoo-next")
        for path in (self.folders / "odoo-next", self.folders / "odoo", self.folders):
            os.chmod(path, 0o555)
        self.come_back()

    def test_the_next_release_removes_the_evidence(self):
        self.fill(self.folders / "odoo-next")
        self.come_back()
        self.data.postgres.sql = lambda _: []
        tidying.prune_evidence(self.data, "odoo")
        self.assertEqual(self.store.kept_names(), [])
