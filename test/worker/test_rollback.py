"""What a rollback does to the data of a release that a worker of the first version has begun; of newer ones,
test_protocol does.
"""

import json
from unittest import mock

from databases import Databases, Folders
from support import WorkerCase, request

import ledger
import rollback
import staged
from journal import Journal

MARKER = {"state": "ready", "digest": "sha256:a", "modules": {"sale": "1"}}
OLD = "registry/odoo@sha256:" + "a" * 64


class RollBackTest(WorkerCase):
    is_open = True

    def roll_back(self, known, **facts):
        """The journal of a release of then that was killed in the middle of the upgrade."""
        staged.keep(request())
        entry = {"attempt": "a", "request": "r2", "to": "r2", "from": None, "mode": "maintenance", "step": "upgraded",
                 "phase": "begin", **facts}
        (self.root / "journal.json").write_text(json.dumps(entry))
        folders = Folders(self.root, known["odoo"], known["odoo-point-a"])
        host = mock.Mock()
        host.is_open.return_value = self.is_open
        host.data.postgres = Databases(dict(known), 100)
        host.data.filestore = lambda: folders.store
        host.data.postgres.mark, host.data.postgres.end_what_was_left = mock.Mock(), mock.Mock()
        host.data.postgres.let_in = mock.Mock()
        host.data.postgres.open, host.data.postgres.sql = mock.Mock(), lambda _: []
        journal = Journal.read()
        rollback.roll_back(host, journal, lambda _: None)
        return host, journal, folders

    def test_a_database_that_the_release_did_not_change_stays_with_what_users_wrote_since(self):
        host, _, folders = self.roll_back({"odoo": "written since", "odoo-point-a": "before"}, marker=MARKER)
        self.assertEqual(host.data.postgres.known, {"odoo": "written since"})
        self.assertEqual((folders.live(), folders.kept("a")), ("written since", None))
        self.assertEqual(host.data.postgres.mark.call_args_list, [mock.call("odoo", **MARKER)])

    def test_one_that_it_changed_becomes_what_it_was(self):
        host, _, folders = self.roll_back({"odoo": "half upgraded", "odoo-point-a": "before"}, marker=MARKER,
                                          touched=True)
        self.assertEqual((host.data.postgres.known["odoo"], folders.live()), ("before", "before"))
        self.assertNotIn("odoo-point-a", host.data.postgres.known)
        host.data.postgres.mark.assert_not_called()

    def test_a_rollback_that_a_worker_of_before_began_goes_on(self):
        staged.keep(request(id="r1"))
        host, journal, folders = self.roll_back({"odoo": "half upgraded", "odoo-point-a": "before"}, marker=MARKER,
                                                touched=True, reverting=True, **{"from": "r1"})
        self.assertTrue(journal.rolling_back)
        self.assertEqual(folders.live(), "before")
        self.assertEqual([call[0] for call in host.method_calls if call[0].endswith("_rollback")],
                         ["begin_rollback", "end_rollback"])

    def test_before_the_door_was_closed_nothing_is_rolled_back(self):
        host, journal, folders = self.roll_back({"odoo": "live", "odoo-point-a": "other"}, step="rehearsed")
        self.assertTrue(journal.rolling_back)
        self.assertEqual(folders.live(), "live")
        host.begin_rollback.assert_not_called()
        host.end_rollback.assert_not_called()

    def test_but_a_door_that_a_release_before_it_has_left_closed_is_opened(self):
        staged.keep(request(id="r1"))
        self.is_open = False
        host, _, _ = self.roll_back({"odoo": "live", "odoo-point-a": "other"}, step="rehearsed", **{"from": "r1"})
        self.assertEqual(host.end_rollback.call_count, 1)


class OldStateTest(WorkerCase):
    """What a worker wrote that called a rollback otherwise is still understood."""

    def test_its_points_of_rollbacks_are_none_to_roll_back_to(self):
        points = [{"id": "1", "image": OLD}, {"id": "2", "image": OLD, "revert": False},
                  {"id": "3", "image": OLD, "revert": True},
                  {"id": "4", "image": OLD, "rollback": True}]
        for point in points[:1]:
            ledger.record_point(point)
        self.assertEqual(ledger.newest_point()["id"], "1")
        for point in points[1:]:
            ledger.record_point(point)
        self.assertEqual(ledger.newest_point()["id"], "2")

    def test_its_open_journal_says_that_a_rollback_is_under_way(self):
        self.assertTrue(Journal({"reverting": True}).rolling_back)
        self.assertTrue(Journal({"rollback": True}).rolling_back)
        self.assertFalse(Journal({}).rolling_back)
