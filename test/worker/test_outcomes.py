"""What is told of a release that is asked for again: how its last attempt ended, also when the worker is killed before
it can write that down.
"""

from unittest import mock

from support import Killed, WorkerCase, request

import release
import service
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
        for patch in (mock.patch.object(service, "OUTCOMES", self.root / "outcomes"),
                      mock.patch.object(service, "QUEUE", self.root / "queue.json"),
                      mock.patch.object(service, "STATE", self.root),
                      mock.patch.object(service, "Lock", mock.MagicMock()),
                      mock.patch.object(service, "start_service"),
                      mock.patch.object(service.here, "host", lambda: self.host),
                      mock.patch.object(service.dump, "configure", self.dumps), mock.patch.object(service, "say"),
                      mock.patch.object(release, "take_back"), mock.patch.object(release, "sweep")):
            patch.start()
            self.addCleanup(patch.stop)

    def attempt(self, run):
        with mock.patch.object(release.Release, "run", run):
            service.take_in(request())
            try:
                service.serve()
            except Killed:
                pass

    def told(self):
        found = service.status("r2")["request"]
        return found["state"], found["error"] and found["error"]["code"]

    def test_a_release_that_failed_once_and_was_killed_at_its_end_the_next_time_is_told_as_live(self):
        self.attempt(fails)
        self.assertEqual(self.told(), ("failed", "MODULE_LOAD_ERROR"))
        self.attempt(is_killed_at_its_end)
        self.assertEqual(self.told(), ("succeeded", None))
        service.serve()
        self.assertEqual(self.told(), ("succeeded", None))
        self.dumps.assert_called_once()

    def test_a_request_that_is_refused_at_once_is_told_so_as_soon_as_it_left_the_queue_though_it_was_live_before(self):
        self.attempt(is_killed_at_its_end)
        service.serve()
        service.take_in(request())
        told, leave = [], service.leave_queue
        with mock.patch.object(service, "restore_point", fails), mock.patch.object(service, "leave_queue",
                                                                                   lambda asked: told.append((leave(asked), self.told()))):
            service.handle(self.host, request())
        self.assertEqual(told, [(None, ("failed", "MODULE_LOAD_ERROR"))])
