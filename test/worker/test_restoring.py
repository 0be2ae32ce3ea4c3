from support import WorkerCase, request

import ledger
import worker
from failures import Failure

OLD, NEW = "registry/odoo@sha256:" + "a" * 64, "registry/odoo@sha256:" + "b" * 64
NAME = "20261121t120000z"


class RestoringTest(WorkerCase):
    def setUp(self):
        super().setUp()
        ledger.record_point({"id": NAME, "from": "x", "to": "y", "image": OLD, "release": "r1", "lineage": []})

    def refused(self, asked):
        with self.assertRaises(Failure) as caught:
            worker.restore_point(asked)
        self.assertEqual(caught.exception.code, "RELEASE_MISMATCH")
        return caught.exception

    def test_an_ordinary_release_restores_nothing(self):
        self.assertIsNone(worker.restore_point(request()))

    def test_a_point_comes_back_with_its_own_release(self):
        self.assertEqual(worker.restore_point(request(image=OLD, restore=NAME))["id"], NAME)

    def test_a_point_under_another_release_is_refused_and_its_own_is_named(self):
        self.assertIn("sha256:" + "a" * 64, self.refused(request(image=NEW, restore=NAME)).remedy)

    def test_an_unknown_point_is_refused_and_the_known_ones_are_named(self):
        self.assertIn(NAME, self.refused(request(image=OLD, restore="20200101t000000z")).expected)

    def test_a_setting_that_was_forgotten_restores_nothing_a_second_time(self):
        ledger.record(request(id="r7", image=OLD, restore=NAME), {}, [])
        self.assertIn("config rm release:restore", self.refused(request(id="r8", image=OLD, restore=NAME)).remedy)
        self.assertIsNotNone(worker.restore_point(request(id="r8", image=OLD, restore=NAME, force=True)))
