"""Files of the worker's own that cannot be read any more."""

import importlib.util
import sys
from pathlib import Path
from unittest import mock

from support import SOURCES, WorkerCase, request

import intake
import journal
import ledger
import outcomes
import staged
import status
import waiting
from failures import Failure
from journal import Journal

spec = importlib.util.spec_from_file_location("command", SOURCES / "__main__.py")
command_line = importlib.util.module_from_spec(spec)
spec.loader.exec_module(command_line)
UNIT = Path(__file__).resolve().parents[2] / "worker" / "systemd" / "odoo-ship.service"


class DamageTest(WorkerCase):
    def test_one_that_is_needed_is_named(self):
        for path, read in ((self.root / "journal.json", journal.Journal.read), (ledger.LEDGER, ledger.live)):
            path.write_bytes(b"\x00\xff")
            with self.assertRaises(Failure) as caught:
                read()
            self.assertEqual(caught.exception.code, "STATE_DAMAGED")
            self.assertIn(str(path), caught.exception.found)

    def test_one_that_is_not_is_put_aside(self):
        waiting.QUEUE.write_text("{")
        with mock.patch("sys.stderr"):
            self.assertIsNone(waiting.read())
        waiting.put(request())
        self.assertEqual(waiting.read()["id"], "r2")
        outcomes.record("r1", "succeeded")
        (outcomes.OUTCOMES / "r1.json").write_text("{")
        self.assertIsNone(outcomes.read("r1"))

    def test_the_worker_is_not_started_again_and_again_for_one(self):
        self.assertEqual(ends_with(DAMAGE), command_line.FOR_A_PERSON)
        self.assertEqual(ends_with(Failure("DATABASE_CONNECTION_ERROR", "PostgreSQL does not answer")), 1)
        self.assertIn(f"\nRestartPreventExitStatus={command_line.FOR_A_PERSON}\n", UNIT.read_text())


@mock.patch("waiting.run")
class StoppedTest(WorkerCase):
    """Whoever waits for a worker that has ended for good hears why; whoever starts it again is not told of then."""

    def setUp(self):
        super().setUp()
        for patch in (mock.patch.object(status.dump, "SETTINGS", self.root / "dump.json"),
                      mock.patch.object(intake, "STATE", self.root)):
            patch.start()
            self.addCleanup(patch.stop)

    def asked(self):
        found = status.of_host("r2")["request"]
        return found["state"], found["error"]

    def test_a_request_in_the_queue_and_one_under_way_have_failed_with_that_error(self, start):
        waiting.put(request())
        self.assertEqual(self.asked(), ("queued", None))
        ends_with(DAMAGE)
        start.reset_mock()
        self.assertEqual(self.asked(), ("failed", DAMAGE.as_json()))
        waiting.QUEUE.unlink()
        Journal.begin("r2", None, None, "r2", "a").note(step="swapped", phase="begin", trouble=DAMAGE.as_json())
        self.assertEqual(self.asked(), ("failed", DAMAGE.as_json()))
        self.assertEqual(status.of_host()["stopped"], DAMAGE.as_json())
        start.assert_not_called()

    def test_the_same_request_sent_again_has_the_worker_try_again(self, start):
        intake.take_in(request())
        ends_with(DAMAGE)
        start.reset_mock()
        self.assertEqual(intake.take_in(request())["state"], "queued")
        start.assert_called_once()
        self.assertEqual(self.asked(), ("queued", None))

    def test_another_one_is_told_of_it(self, _start):
        waiting.put(request(id="r1"))
        ends_with(DAMAGE)
        with self.assertRaises(Failure) as caught:
            intake.take_in(request())
        self.assertIn("request r1, at which the worker had ended: STATE_DAMAGED", caught.exception.found)

    def test_a_release_whose_record_is_damaged_is_mended_by_whoever_sends_it(self, _start):
        for release in ("r1", "r2"):
            staged.keep(request(id=release))
        (staged.RELEASES / "r1" / "request.json").write_text("{")
        Journal.begin("r2", None, "r1", "r2", "a").note(step="swapped", phase="begin")
        with self.assertRaises(Failure):
            intake.take_in(request(id="r1"))
        self.assertEqual(staged.read("r1")["id"], "r1")


DAMAGE = Failure("STATE_DAMAGED", "a file is damaged", found="journal.json", expected="-", remedy="take it back")


def ends_with(failure):
    with (mock.patch.object(sys, "argv", ["odoo-ship", "run"]), mock.patch("sys.stderr"),
          mock.patch.dict(command_line.COMMANDS, run=mock.Mock(side_effect=failure)),
          mock.patch("os.geteuid", lambda: 0), mock.patch("os.umask")):
        return command_line.main()


class LookTest(WorkerCase):
    def test_in_a_cluster_nobody_looks_with_new_passwords_while_a_release_works(self):
        host = mock.MagicMock()
        host.beside_releases.side_effect = Failure("RELEASE_IN_PROGRESS", "another release is under way")
        with (mock.patch.object(command_line.here, "host", lambda: host),
              mock.patch.object(command_line.here, "KUBERNETES", True),
              mock.patch.object(command_line.ledger, "live", lambda: {"release": "r1"}),
              mock.patch.object(command_line.by_hand, "live_request", request),
              mock.patch.object(command_line.doctor, "look") as look):
            with self.assertRaises(Failure):
                command_line.examine(None)
            look.assert_not_called()
