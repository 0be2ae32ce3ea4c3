"""What is told of a release that is asked for again: how its last attempt ended, also when the worker is killed before it can write that down."""

from unittest import mock

from support import Killed, WorkerCase, request

import protocol
import worker
from failures import Failure


def fails(_):
    raise Failure("MODULE_LOAD_ERROR", "the modules cannot be upgraded", found="x", expected="y", remedy="z")


def is_killed_at_its_end(release):
    with release.journal.step("committed", release.say):
        release.journal.note(outcome="succeeded")
    raise Killed


class OutcomesTest(WorkerCase):
    def setUp(self):
        super().setUp()
        self.host, self.dumps = mock.Mock(job=None), mock.Mock()
        for patch in (mock.patch.object(worker, "OUTCOMES", self.root / "outcomes"), mock.patch.object(worker, "QUEUE", self.root / "queue.json"),
                      mock.patch.object(worker, "STATE", self.root), mock.patch.object(worker, "Lock", mock.MagicMock()),
                      mock.patch.object(worker, "start_service"), mock.patch.object(worker.hosts, "here", lambda: self.host),
                      mock.patch.object(worker.dump, "configure", self.dumps), mock.patch.object(worker, "say"),
                      mock.patch.object(protocol, "take_back"), mock.patch.object(protocol, "sweep")):
            patch.start()
            self.addCleanup(patch.stop)

    def attempt(self, run):
        with mock.patch.object(protocol.Release, "run", run):
            worker.take_in(request())
            try:
                worker.serve()
            except Killed:
                pass

    def told(self):
        found = worker.status("r2")["request"]
        return found["state"], found["error"] and found["error"]["code"]

    def test_a_release_that_failed_once_and_was_killed_at_its_end_the_next_time_is_told_as_live(self):
        self.attempt(fails)
        self.assertEqual(self.told(), ("failed", "MODULE_LOAD_ERROR"))
        self.attempt(is_killed_at_its_end)
        self.assertEqual(self.told(), ("succeeded", None))
        worker.serve()
        self.assertEqual(self.told(), ("succeeded", None))
        self.dumps.assert_called_once()

    def test_a_request_that_is_refused_at_once_is_told_so_as_soon_as_it_left_the_queue_though_it_was_live_before(self):
        self.attempt(is_killed_at_its_end)
        worker.serve()
        worker.take_in(request())
        told, leave = [], worker.leave_queue
        with mock.patch.object(worker, "restore_point", fails), mock.patch.object(worker, "leave_queue", lambda asked: told.append((leave(asked), self.told()))):
            worker.handle(self.host, request())
        self.assertEqual(told, [(None, ("failed", "MODULE_LOAD_ERROR"))])
