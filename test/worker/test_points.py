"""Restore points: which one a request may have."""

from unittest import mock

from support import WorkerCase, request

import ledger
import points
import preflight
from failures import Failure

OLD, NEW = "registry/odoo@sha256:" + "a" * 64, "registry/odoo@sha256:" + "b" * 64
NAME = "20261121t120000z"


class AskedForTest(WorkerCase):
    def setUp(self):
        super().setUp()
        ledger.record_point({"id": NAME, "from": "x", "to": "y", "image": OLD, "release": "r1", "lineage": []})

    def refused(self, asked):
        with self.assertRaises(Failure) as caught:
            points.asked_for(asked)
        self.assertEqual(caught.exception.code, "RELEASE_MISMATCH")
        return caught.exception

    def test_an_ordinary_release_restores_nothing(self):
        self.assertIsNone(points.asked_for(request()))

    def test_a_point_comes_back_with_its_own_release(self):
        self.assertEqual(points.asked_for(request(image=OLD, restore=NAME))["id"], NAME)

    def test_a_point_under_another_release_is_refused_and_its_own_is_named(self):
        self.assertIn("sha256:" + "a" * 64, self.refused(request(image=NEW, restore=NAME)).remedy)

    def test_an_unknown_point_is_refused_and_the_known_ones_are_named(self):
        self.assertIn(NAME, self.refused(request(image=OLD, restore="20200101t000000z")).expected)

    def test_a_setting_that_was_forgotten_restores_nothing_a_second_time(self):
        ledger.record(request(id="r7", image=OLD, restore=NAME), {}, [])
        self.assertIn("config rm release:restore", self.refused(request(id="r8", image=OLD, restore=NAME)).remedy)
        self.assertIsNotNone(points.asked_for(request(id="r8", image=OLD, restore=NAME, force=True)))

    def test_one_that_was_taken_away_and_set_again_is_a_new_wish(self):
        for release in (request(id="r7", image=OLD, restore=NAME), request(id="r8", image=NEW)):
            ledger.record(release, {}, [])
        self.assertIsNotNone(points.asked_for(request(id="r9", image=OLD, restore=NAME)))

    def test_one_whose_database_is_gone_is_refused_before_the_door_closes_and_not_named_among_the_others(self):
        postgres = mock.Mock(**{"exists.return_value": False})
        with self.assertRaises(Failure) as caught:
            preflight.refuse_lost_point(postgres, {"id": NAME, "database": "odoo-point"})
        self.assertEqual(caught.exception.code, "RELEASE_MISMATCH")
        self.assertNotIn(NAME, caught.exception.remedy)
        postgres.exists.return_value = True
        preflight.refuse_lost_point(postgres, {"id": NAME, "database": "odoo-point"})
