"""The first version's rollback to a point, killed after each operation in turn."""

from types import SimpleNamespace

from databases import Databases, Folders
from support import Killed, WorkerCase

import first_version


class RollBackTest(WorkerCase):
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
                first_version.roll_back_to_point(data, "odoo", "a")
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
