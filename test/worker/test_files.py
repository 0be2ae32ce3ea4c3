import json
import os

from support import WorkerCase, request

import files
import journal
import ledger
import service
from failures import Failure, code_from_log


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
        made.note(step="point", phase="begin")
        self.assertTrue(made.reached("closed", "end"))
        self.assertTrue(made.reached("point"))
        self.assertFalse(made.reached("point", "end"))
        self.assertFalse(made.reached("upgraded"))


class LedgerTest(WorkerCase):
    def test_noting_a_release_twice_is_once(self):
        ledger.record(request(), {}, [])
        ledger.record(request(), {}, [])
        self.assertEqual(len(ledger.releases()), 1)

    def test_the_previous_release_ran_another_image(self):
        one, two = request(), request(id="r3", image="registry/odoo@sha256:" + "c" * 64)
        for wanted in (one, two, {**two, "id": "r4"}):
            ledger.record(wanted, {}, [])
        self.assertEqual(ledger.previous()["release"], "r2")

    def test_a_restore_point_is_never_overwritten(self):
        ledger.record_point({"id": "p", "bytes": 1})
        ledger.record_point({"id": "p", "bytes": 2})
        self.assertEqual(ledger.point("p")["bytes"], 1)


class ReceiveTest(WorkerCase):
    def test_a_request_that_lacks_something_is_refused(self):
        for text in ("", "[]", json.dumps({"id": "x"})):
            with self.assertRaises(Failure) as caught:
                service.receive(text)
            self.assertEqual(caught.exception.code, "DEPLOY_FAILED")


class CodeTest(WorkerCase):
    def test_the_log_tells_the_code(self):
        self.assertEqual(code_from_log("psycopg2.errors.DiskFull: could not extend file: No space left on device", "X"),
                         "DISK_SPACE_LOW")
        self.assertEqual(code_from_log("CRITICAL odoo.modules.module: Couldn't load module sale", "X"), "IMPORT_ERROR")
        self.assertEqual(code_from_log("ValueError: raised by a migration", "MODULE_LOAD_ERROR"), "MODULE_LOAD_ERROR")
