from unittest import mock

from support import WorkerCase, request

import ledger
import restore
import service
from failures import Failure
from journal import Journal

OLD, NEW = "registry/odoo@sha256:" + "a" * 64, "registry/odoo@sha256:" + "b" * 64
NAME = "20261121t120000z"


class RestoringTest(WorkerCase):
    def setUp(self):
        super().setUp()
        ledger.record_point({"id": NAME, "from": "x", "to": "y", "image": OLD, "release": "r1", "lineage": []})

    def refused(self, asked):
        with self.assertRaises(Failure) as caught:
            service.restore_point(asked)
        self.assertEqual(caught.exception.code, "RELEASE_MISMATCH")
        return caught.exception

    def test_an_ordinary_release_restores_nothing(self):
        self.assertIsNone(service.restore_point(request()))

    def test_a_point_comes_back_with_its_own_release(self):
        self.assertEqual(service.restore_point(request(image=OLD, restore=NAME))["id"], NAME)

    def test_a_point_under_another_release_is_refused_and_its_own_is_named(self):
        self.assertIn("sha256:" + "a" * 64, self.refused(request(image=NEW, restore=NAME)).remedy)

    def test_an_unknown_point_is_refused_and_the_known_ones_are_named(self):
        self.assertIn(NAME, self.refused(request(image=OLD, restore="20200101t000000z")).expected)

    def test_a_setting_that_was_forgotten_restores_nothing_a_second_time(self):
        ledger.record(request(id="r7", image=OLD, restore=NAME), {}, [])
        self.assertIn("config rm release:restore", self.refused(request(id="r8", image=OLD, restore=NAME)).remedy)
        self.assertIsNotNone(service.restore_point(request(id="r8", image=OLD, restore=NAME, force=True)))

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
