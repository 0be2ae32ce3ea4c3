"""What is told of a release that is asked for again: how its last attempt ended, also when the worker is killed before
it can write that down.
"""

from unittest import mock

from support import Killed, WorkerCase, request

import intake
import points
import service
import status
import tidying
import waiting
from failures import Failure
from hosts import here
from journal import Journal
from release import Release


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
        for patch in (mock.patch.object(service, "STATE", self.root),
                      mock.patch.object(service, "Lock", mock.MagicMock()),
                      mock.patch.object(waiting, "start_service"), mock.patch.object(here, "host", lambda: self.host),
                      mock.patch.object(service.dump, "configure", self.dumps), mock.patch.object(service, "say"),
                      mock.patch.object(service, "roll_back"), mock.patch.object(tidying, "sweep")):
            patch.start()
            self.addCleanup(patch.stop)

    def attempt(self, run):
        with mock.patch.object(Release, "run", run):
            intake.take_in(request())
            try:
                service.serve()
            except Killed:
                pass

    def told(self):
        found = status.of_host("r2")["request"]
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
        intake.take_in(request())
        told, forget = [], waiting.forget

        def leave_queue(request_id):
            forget(request_id)
            told.append(self.told())
        with (mock.patch.object(points, "asked_for", fails), mock.patch.object(waiting, "forget", leave_queue)):
            service.handle(self.host, request())
        self.assertEqual(told, [("failed", "MODULE_LOAD_ERROR")])

    def test_trouble_of_a_release_under_way_is_told_with_what_since_when_and_what_comes_next(self):
        failure = Failure("DISK_FULL", "the disk is full", found="no room on /", expected="-", remedy="-")
        with mock.patch.object(service, "roll_back", mock.Mock(side_effect=failure)):
            with self.assertRaises(Failure):
                self.attempt(fails)
            first = status.of_host("r2")["request"]
            with self.assertRaises(Failure):
                service.give_up(self.host, Journal.read(), failure)
        again = status.of_host("r2")["request"]
        self.assertEqual(first["state"], "running")
        self.assertRegex(first["message"], r"^trouble since \d{4}-.*Z: DISK_FULL: the disk is full: no room on /$")
        self.assertEqual(again["message"], first["message"])
        self.assertIn("it is rolled back, again and again", first["next"])
