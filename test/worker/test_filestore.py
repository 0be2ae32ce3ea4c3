"""Odoo's user can put anything in the place of attachments. Shown as root where the test runs as root: then the worker
and Odoo are different users.
"""

import os
import stat
import subprocess
from unittest import mock

from support import WorkerCase

import as_odoo
import project
from failures import Failure
from filestore import Filestore

ODOO = (54321, 54321)
ROOT = os.geteuid() == 0


class FilestoreTest(WorkerCase):
    def setUp(self):
        super().setUp()
        os.chmod(self.root, 0o711)
        self.volume = self.root / "volume"
        self.volume.mkdir()
        self.secret = self.root / "etc"
        self.secret.mkdir()
        (self.secret / "shadow").write_text("root's")
        self.as_odoo(self.volume)
        self.store = Filestore(self.volume, self.root / "aside", ODOO if ROOT else None)
        self.live = self.store.path(self.store.live("odoo"))
        self.write("aa/aa1", "one")
        self.write("bb/bb1", "two")

    def as_odoo(self, path):
        if ROOT:
            os.lchown(path, *ODOO)

    def write(self, name, text):
        path = self.live / name
        missing = [folder for folder in path.parents if not folder.exists()]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        for made in (*missing, path):
            self.as_odoo(made)

    def link(self, path, target):
        path.symlink_to(target)
        self.as_odoo(path)

    def untouched(self):
        found = os.stat(self.secret)
        self.assertEqual((found.st_uid, stat.S_IMODE(found.st_mode) & 0o111), (os.geteuid(), 0o111))
        self.assertEqual(sorted(os.listdir(self.secret)), ["shadow"])
        self.assertEqual((self.secret / "shadow").read_text(), "root's")
        self.assertEqual(os.stat(self.secret / "shadow").st_nlink, 1)

    def content(self, place):
        path = self.store.path(place)
        return {str(file.relative_to(path)): file.read_text() for file in path.rglob("*") if file.is_file()
                and not file.is_symlink()}

    def test_a_copy_is_hard_links_that_belong_to_odoo_below_a_folder_that_it_cannot_enter(self):
        point = self.store.kept("a")
        self.store.link(self.store.live("odoo"), point)
        self.assertEqual(self.content(point), {"aa/aa1": "one", "bb/bb1": "two"})
        self.assertEqual(os.stat(self.store.path(point) / "aa" / "aa1").st_nlink, 2)
        self.assertEqual(self.store.measure(point), (2, 6))
        aside = os.stat(self.root / "aside")
        self.assertEqual((aside.st_uid, stat.S_IMODE(aside.st_mode)), (os.geteuid(), 0o700))
        self.write("cc/cc1", "three")
        self.store.add(self.store.live("odoo"), point)
        self.assertEqual(sorted(self.content(point)), ["aa/aa1", "bb/bb1", "cc/cc1"])
        self.store.remove(point)
        self.assertFalse(self.store.exists(point))
        self.assertEqual(sorted(self.content(self.store.live("odoo"))), ["aa/aa1", "bb/bb1", "cc/cc1"])

    def test_a_link_in_the_place_of_a_folder_is_not_followed(self):
        """At each level, for each thing that is done."""
        for level in ("filestore", "filestore/odoo", "filestore/odoo/aa"):
            with self.subTest(level):
                path = self.volume / level
                os.rename(path, self.root / "moved")
                self.link(path, self.secret)
                for action in (lambda: self.store.link(self.store.live("odoo"), self.store.kept("a")),
                               lambda: self.store.measure(self.store.live("odoo")),
                               lambda: self.store.add(self.store.live("odoo"), self.store.kept("a")),
                               lambda: self.store.make(self.store.live("odoo")),
                               lambda: self.store.link(self.store.kept("a"), self.store.live("odoo")),
                               lambda: self.store.archive(self.store.live("odoo")).communicate(timeout=30),
                               lambda: self.store.remove(self.store.live("odoo"))):
                    try:
                        action()
                    except Failure as failure:
                        self.assertEqual(failure.code, "FILESTORE_UNFIT")
                    self.untouched()
                self.store.remove(self.store.kept("a"))
                if os.path.lexists(path):
                    os.unlink(path)
                path.parent.mkdir(parents=True, exist_ok=True)
                for folder in (path.parent, path.parent.parent):
                    self.as_odoo(folder) if folder != self.root else None
                os.rename(self.root / "moved", path)

    def test_a_second_pass_looks_at_no_file_of_a_folder_that_has_not_changed(self):
        """Long ago: what was changed a moment before a copy is looked at again."""
        for folder in (self.live / "aa", self.live / "bb"):
            os.utime(folder, (1_600_000_000, 1_600_000_000))
        copy = self.store.live("odoo-next")
        self.store.link(self.store.live("odoo"), copy, serving=True)
        for name in ("aa/aa1", "bb/bb1"):
            (self.store.path(copy) / name).unlink()
        for folder in ("aa", "bb"):
            os.utime(self.store.path(copy) / folder, (1_600_000_000, 1_600_000_000))
        self.write("bb/bb2", "three")
        self.write("bb/deeper/bb3", "four")
        self.write("cc/cc1", "five")
        self.store.add(self.store.live("odoo"), copy)
        # That aa1 is not back shows that its folder was passed over.
        self.assertEqual(sorted(self.content(copy)), ["bb/bb1", "bb/bb2", "bb/deeper/bb3", "cc/cc1"])

    def test_nor_at_one_that_the_copy_has_in_a_folder_with_something_new(self):
        copy = self.store.live("odoo-next")
        self.store.link(self.store.live("odoo"), copy, serving=True)
        self.write("aa/aa2", "three")
        source, target = (os.open(path / "aa", as_odoo.DIRECTORY) for path in (self.live, self.store.path(copy)))
        looked_at = []

        def link(name, *args, **options):
            looked_at.append(name)
            return os_link(name, *args, **options)
        os_link = os.link
        with (mock.patch.object(as_odoo.os, "link", link),
              mock.patch.object(as_odoo, "is_directory", lambda _, name: looked_at.append(name))):
            as_odoo.link_into(source, target, True)
        self.assertEqual(looked_at, ["aa2", "aa2"])
        self.assertEqual((self.store.path(copy) / "aa" / "aa2").read_text(), "three")
        os.close(source)
        os.close(target)

    def test_what_is_left_of_a_copy_that_was_cut_off_goes_with_it(self):
        """Its links would keep the space of attachments that Odoo removes."""
        for copy in (self.store.live("odoo-next"), self.store.kept("a")):
            self.store.link(self.store.live("odoo"), copy)
            path = self.store.path(copy)
            partial = path.with_name(f"{path.name}.partial")
            path.rename(partial)
            self.store.remove(copy)
            self.assertFalse(partial.exists(), copy)

    def test_a_word_that_is_said_of_a_copy_is_not_said_of_what_it_was_made_of(self):
        live, copy = self.store.live("odoo"), self.store.live("odoo-next")
        self.assertIsNone(self.store.pair(live))
        self.store.set_pair(live, "one")
        self.store.link(live, copy)
        self.assertEqual(self.store.pair(copy), "one")
        self.store.set_pair(copy, "two")
        self.assertEqual((self.store.pair(live), self.store.pair(copy)), ("one", "two"))
        (self.live / ".odoo-ship-pair").unlink()
        self.link(self.live / ".odoo-ship-pair", self.secret / "shadow")
        with self.assertRaises(Failure):
            self.store.pair(live)
        self.store.set_pair(live, "three")
        self.untouched()

    def test_links_and_pipes_among_the_files_are_kept_as_what_they_are(self):
        self.link(self.live / "aa" / "link", self.secret / "shadow")
        os.mkfifo(self.live / "aa" / "pipe")
        self.as_odoo(self.live / "aa" / "pipe")
        self.store.link(self.store.live("odoo"), self.store.kept("a"))
        self.assertTrue((self.store.path(self.store.kept("a")) / "aa" / "link").is_symlink())
        archive = self.store.archive(self.store.kept("a"))
        names = subprocess.run(["tar", "-tvf", "-"], input=archive.communicate(timeout=30)[0], capture_output=True,
                               timeout=30).stdout.decode()
        self.assertIn(f"./aa/link -> {self.secret}/shadow", names)
        self.assertNotIn("root's", names)
        self.untouched()

    def test_what_is_kept_in_the_place_of_another_cannot_be_named_out_of_it(self):
        for name in ("../etc", "..", "", "a/b"):
            with self.assertRaises(Failure):
                self.store.remove(self.store.kept(name))
        self.untouched()

    def test_a_folder_that_its_owner_has_locked_is_in_nobodys_way(self):
        os.chmod(self.live / "aa", 0)
        self.store.link(self.store.live("odoo"), self.store.kept("a"))
        self.assertEqual(self.content(self.store.kept("a")), {"aa/aa1": "one", "bb/bb1": "two"})

    def test_a_copy_that_must_be_there_is_not_made_of_nothing(self):
        self.store.link(self.store.live("never"), self.store.live("empty"))
        self.assertTrue(self.store.exists(self.store.live("empty")))
        with self.assertRaises(Failure):
            self.store.link(self.store.kept("never"), self.store.live("other"), required=True)

    def test_what_an_earlier_version_kept_in_odoos_own_folder_is_taken_over_wherever_that_was_interrupted(self):
        before = self.volume / "odoo-ship"
        for name in ("a", "failed-b", "c"):
            (before / name / "aa").mkdir(parents=True)
            (before / name / "aa" / "file").write_text(name)
            for path in (before / name, before / name / "aa", before / name / "aa" / "file"):
                self.as_odoo(path)
        (before / ".odoo-ship-reserve").write_text("")
        rename, left = os.rename, [1]

        def killed(*args, **options):
            if left[0] == 0:
                raise KeyboardInterrupt
            left[0] -= 1
            rename(*args, **options)

        os.rename = killed
        try:
            with self.assertRaises(KeyboardInterrupt):
                self.store.adopt()
        finally:
            os.rename = rename
        self.store.adopt()
        self.store.adopt()
        self.assertEqual(self.store.kept_names(), ["a", "c", "failed-b"])
        self.assertEqual(self.content(self.store.kept("failed-b")), {"aa/file": "failed-b"})
        self.assertFalse(before.exists())

    def test_what_odoos_user_has_put_in_its_place_is_not(self):
        said = []
        self.link(self.volume / "odoo-ship", self.secret)
        self.store.adopt(said.append)
        self.assertIn("Who has put it there?", said[0])
        os.unlink(self.volume / "odoo-ship")
        if ROOT:
            (self.volume / "odoo-ship" / "a").mkdir(parents=True)
            self.as_odoo(self.volume / "odoo-ship")
            self.store.adopt(said.append)
            self.assertIn("does not belong to this worker", said[1])
        self.assertEqual(self.store.kept_names(), [])
        self.untouched()

    def test_the_place_beside_a_volume_is_roots_own(self):
        project.refuse_foreign_parent(self.volume)
        os.chmod(self.root, 0o733)
        with self.assertRaises(Failure) as caught:
            project.refuse_foreign_parent(self.volume)
        self.assertEqual(caught.exception.code, "HOST_UNFIT")

    def test_a_file_of_another_service_is_read_as_a_file_or_not_at_all(self):
        path = self.root / "PG_VERSION"
        path.write_text("17\n")
        self.assertEqual(project.first_line(path), "17")
        path.unlink()
        for make in (lambda: path.symlink_to(self.secret / "shadow"), lambda: os.mkfifo(path), path.mkdir,
                     lambda: None):
            make()
            self.assertIsNone(project.first_line(path))
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            path.unlink(missing_ok=True)


