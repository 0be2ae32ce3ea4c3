import os
import re
from pathlib import Path
from unittest import mock

from support import WorkerCase, request

import files
import journal
import ledger
from failures import NO_WAY_OUT, code_from_log, remedy_from_log

SOURCES = Path(files.__file__).parent


class FilesTest(WorkerCase):
    def test_a_file_is_replaced_as_a_whole_or_not_at_all(self):
        path = self.root / "a" / "file"
        files.write(path, "old")
        replace = os.replace
        try:
            os.replace = lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device"))
            with self.assertRaises(OSError):
                files.write(path, "new")
        finally:
            os.replace = replace
        self.assertEqual(path.read_text(), "old")
        self.assertEqual([name.name for name in path.parent.iterdir()], ["file"])

    def test_a_secret_is_never_readable_by_others_not_even_while_it_is_written(self):
        path = self.root / "secret"
        modes = []
        replace = os.replace
        try:
            os.replace = lambda old, new: (modes.append(os.stat(old).st_mode & 0o777), replace(old, new))
            files.write(path, "x", mode=0o400)
        finally:
            os.replace = replace
        self.assertEqual(modes, [0o400])

    def test_one_worker_holds_the_lock(self):
        first, second = files.Lock(self.root / "lock"), files.Lock(self.root / "lock")
        self.assertTrue(first.take())
        self.assertFalse(second.take())
        first.release()
        self.assertTrue(second.take())
        second.release()

    def test_the_reserve_gives_its_space_back(self):
        reserve = files.Reserve([self.root])
        reserve.BYTES = 1_000_000
        reserve.keep()
        self.assertEqual(reserve.paths[0].stat().st_size, 1_000_000)
        reserve.give_back()
        self.assertFalse(reserve.paths[0].exists())


class JournalTest(WorkerCase):
    def entry(self):
        return journal.Journal.begin("r2", None, "r1", "r2", "attempt")

    def test_a_step_that_fails_has_no_end(self):
        made = self.entry()
        with self.assertRaises(ValueError):
            with made.step("pulled", lambda _: None):
                raise ValueError
        kept = journal.Journal.read()
        self.assertEqual((kept["step"], kept["phase"], kept.open), ("pulled", "begin", True))

    def test_it_knows_what_was_reached(self):
        made = self.entry()
        made.note(step="cloned", phase="begin")
        self.assertTrue(made.reached("closed", "end"))
        self.assertTrue(made.reached("cloned"))
        self.assertFalse(made.reached("cloned", "end"))
        self.assertFalse(made.reached("upgraded"))

    def test_one_of_the_first_version_is_read_by_the_steps_of_then(self):
        made = journal.Journal({"step": "point", "phase": "end"})
        self.assertTrue(made.of_first_version)
        self.assertEqual([made.reached(step) for step in ("closed", "point", "upgraded")], [True, True, False])

    def test_it_tells_which_steps_were_begun_and_how_long_each_took(self):
        made = self.entry()
        for step in ("preflight", "closed"):
            with made.step(step, lambda _: None):
                pass
        self.assertEqual([made.begun(step) for step in ("preflight", "pulled", "closed")], [True, False, True])
        begun, ended = journal.Journal.read()["steps"]["closed"]
        self.assertLessEqual(begun, ended)

    def test_attempts_sort_as_they_followed_each_other_also_where_the_clock_was_set_back(self):
        future = "29990101t000059z"
        self.assertEqual(journal.attempt_name([future, "20200101t000000z"]), "29990101t000100z")
        self.assertLess(journal.attempt_name(["20200101t000000z"]), future)


class LedgerTest(WorkerCase):
    def test_noting_a_release_twice_is_once(self):
        ledger.record(request(), {}, [])
        ledger.record(request(), {}, [])
        self.assertEqual(len(ledger.releases()), 1)

    def test_the_previous_release_ran_another_image(self):
        one, two = request(), request(id="r3", image="registry/odoo@sha256:" + "c" * 64)
        for wanted in (one, two, {**two, "id": "r4"}):
            ledger.record(wanted, {}, ledger.lineage_after(wanted))
        self.assertEqual(ledger.previous()["release"], "r2")

    def test_after_a_rollback_the_previous_release_is_not_the_one_that_was_left(self):
        one, two, three = (request(id=f"r{digit}", image="registry/odoo@sha256:" + digit * 64) for digit in "123")
        for wanted, previous in ((one, None), (two, "r1"), (three, "r2"), ({**two, "id": "r4"}, "r1"),
                                 ({**one, "id": "r5"}, None), ({**three, "id": "r6"}, "r5")):
            ledger.record(wanted, {}, ledger.lineage_after(wanted))
            found = ledger.previous()
            self.assertEqual(found and found["release"], previous)

    def test_records_of_points_go_where_the_data_are_wherever_that_was_interrupted(self):
        aside = self.root / "volume"
        aside.mkdir()
        for name in "ab":
            ledger.record_point({"id": name})
        with mock.patch.object(ledger, "remove_tree", side_effect=OSError):
            with self.assertRaises(OSError):
                ledger.keep_points_in(aside / "points")
        for _ in range(2):
            ledger.keep_points_in(aside / "points")
            self.assertEqual([point["id"] for point in ledger.points()], ["a", "b"])
        ledger.record_point({"id": "c"})
        # Another host, with the same volume.
        ledger.POINTS.unlink()
        self.assertEqual(ledger.points(), [])
        ledger.keep_points_in(aside / "points")
        self.assertEqual([point["id"] for point in ledger.points()], ["a", "b", "c"])

    def test_a_restore_point_is_never_overwritten(self):
        ledger.record_point({"id": "p", "bytes": 1})
        ledger.record_point({"id": "p", "bytes": 2})
        self.assertEqual(ledger.point("p")["bytes"], 1)


class CodeTest(WorkerCase):
    def test_a_log_of_a_program_without_a_way_out_names_the_setting_and_no_other_log_does(self):
        for words in NO_WAY_OUT:
            self.assertRegex(remedy_from_log(f"urllib.error.URLError: <urlopen error {words}>", "as usual"),
                             "release:egress .*Otherwise: as usual$")
        for log in ("ValueError: raised by a migration",
                    'connection to server at "odoo-db" (198.18.0.2), port 5432 failed: Connection timed out', 'psycopg2.OperationalError: could not translate host name "db" '
                    "to address: Temporary failure in name resolution"):
            self.assertEqual(remedy_from_log(log, "as usual"), "as usual")

    def test_an_extension_that_a_module_makes_itself_at_its_install_is_named_with_the_setting(self):
        for name, log in (("dblink", 'psycopg2.errors.InsufficientPrivilege: permission denied to create extension '
                                     '"dblink"\nHINT:  Must be superuser to create this extension.'),
                          ("uuid-ossp", 'FeatureNotSupported: extension "uuid-ossp" is not available')):
            remedy = remedy_from_log(log, "as usual")
            self.assertRegex(remedy, f"extension {name}, .* odoo:extensions, .* Otherwise: as usual$")
            title = re.search(r'docs/addons\.md, "([^"]+)"', remedy)[1]
            self.assertIn(f"\n## {title}\n", (SOURCES.parents[1] / "docs" / "addons.md").read_text())

    def test_a_connection_that_is_refused_is_one_to_postgresql_where_its_client_says_so(self):
        for log, code in (('port 5432 failed: Connection refused', "DATABASE_CONNECTION_ERROR"),
                          ("<urlopen error [Errno 111] Connection refused>", "X")):
            self.assertEqual(code_from_log(log, "X"), code)

    def test_the_log_tells_the_code(self):
        self.assertEqual(code_from_log("psycopg2.errors.DiskFull: could not extend file: No space left on device", "X"),
                         "DISK_SPACE_LOW")
        self.assertEqual(code_from_log("CRITICAL odoo.modules.module: Couldn't load module sale", "X"), "IMPORT_ERROR")
        self.assertEqual(code_from_log("ValueError: raised by a migration", "MODULE_LOAD_ERROR"), "MODULE_LOAD_ERROR")
