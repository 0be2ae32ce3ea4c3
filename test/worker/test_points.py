"""Restore points: which one a request may have, and a rollback to one that is killed after each operation in turn."""

from types import SimpleNamespace

from databases import Databases, Folders
from support import Killed, WorkerCase, request

import ledger
import points
from failures import Failure

OLD, NEW = "registry/odoo@sha256:" + "a" * 64, "registry/odoo@sha256:" + "b" * 64
NAME = "20261121t120000z"


class RollbackTest(WorkerCase):
    def test_the_point_becomes_the_database_again_wherever_it_was_killed(self):
        seen = 0
        for operations in range(30):
            self.tearDown()
            self.doCleanups()
            self.setUp()
            known = {"odoo": "half upgraded", "odoo-point-a": "before"}
            folders = Folders(self.root, "half upgraded", "before")

            def roll_back(left):
                data = SimpleNamespace(postgres=Databases(known, left), filestore=lambda: folders.store)
                points.roll_back_to(data, "odoo", "a")
            try:
                roll_back(operations)
            except Killed:
                seen += 1
                roll_back(100)
            self.assertEqual(known, {"odoo": "before", "odoo-failed-a": "half upgraded"})
            self.assertEqual((folders.live(), folders.kept("failed-a")), ("before", "half upgraded"))
            if seen <= operations - 1:
                break
        self.assertGreaterEqual(seen, 4)


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
