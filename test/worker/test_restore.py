from unittest import mock

from support import WorkerCase

import restore
from failures import Failure
from journal import Journal


class RestoringTest(WorkerCase):
    def lock(self, *answers):
        lock = mock.Mock()
        lock.take.side_effect = answers
        return lock

    def test_a_worker_that_tidies_up_after_a_release_is_waited_for(self):
        Journal.begin("r1", "rolling", None, "r1", "a").note(outcome="succeeded")
        lock = self.lock(False, False, True)
        with mock.patch.object(restore.time, "sleep") as pauses:
            restore.take(lock)
        self.assertEqual((lock.take.call_count, pauses.call_count), (3, 2))

    def test_one_that_is_at_a_release_is_not(self):
        Journal.begin("r1", "rolling", None, "r1", "a").note(step="pulled", phase="begin")
        with self.assertRaises(Failure) as caught:
            restore.take(self.lock(False))
        self.assertEqual(caught.exception.code, "RELEASE_IN_PROGRESS")
