"""Taking a release back is killed after each of its operations in turn, and done again: the end must be the same."""

from unittest import mock

from support import Killed, WorkerCase, request

import release
from filestore import Filestore
from journal import Journal


class Databases:
    """PostgreSQL as a dictionary {name: content}; dies after `operations` changes."""

    ROLE = "odoo"

    def __init__(self, known, operations):
        self.known, self.left = known, operations

    def change(self):
        if self.left == 0:
            raise Killed
        self.left -= 1

    def exists(self, name):
        return name in self.known

    def rename(self, old, new):
        self.change()
        assert old in self.known and new not in self.known, (old, new, self.known)
        self.known[new] = self.known.pop(old)

    def drop(self, name):
        self.change()
        self.known.pop(name, None)

    def own(self, name, _):
        self.change()
        assert name in self.known

    limit = own

    def copy_settings(self, *_):
        self.change()


class TakingBackTest(WorkerCase):
    def begin(self, known, live, kept):
        store = Filestore(self.root, self.root / "aside")
        for place, text in ((store.live("odoo"), live), (store.kept("a"), kept)):
            path = store.path(place)
            path.mkdir(parents=True)
            (path / "file").write_text(text)
        return known

    def release(self, known, operations):
        host = type("Host", (), {"postgres": Databases(known, operations)})()
        attempt = release.Release(host, request(), Journal({"attempt": "a"}), print)
        attempt.filestore = lambda: Filestore(self.root, self.root / "aside")
        return attempt

    def assert_back(self, known):
        store = Filestore(self.root, self.root / "aside")
        self.assertEqual(known, {"odoo": "before", "odoo-failed-a": "half upgraded"})
        self.assertEqual((store.path(store.live("odoo")) / "file").read_text(), "before")
        self.assertEqual((store.path(store.kept("failed-a")) / "file").read_text(), "half upgraded")

    def test_the_point_becomes_the_database_again_wherever_it_was_killed(self):
        seen = 0
        for operations in range(30):
            self.tearDown()
            self.doCleanups()
            self.setUp()
            known = self.begin({"odoo": "half upgraded", "odoo-point-a": "before"}, "half upgraded", "before")
            try:
                release.swap_back(self.release(known, operations), "a")
            except Killed:
                seen += 1
                release.swap_back(self.release(known, 100), "a")
            self.assert_back(known)
            if seen <= operations - 1:
                break
        self.assertGreaterEqual(seen, 4)

    def test_a_database_that_the_release_did_not_change_stays_with_what_users_wrote_since(self):
        known = self.begin({"odoo": "written since", "odoo-point-a": "before"}, "written since", "before")
        marker = {"state": "ready", "digest": "sha256:a", "modules": {"sale": "1"}}
        for facts, live in (({"marker": marker}, "written since"), ({"marker": marker, "touched": True}, "before")):
            journal = Journal({"attempt": "a", "to": "r2", "from": None, "mode": "maintenance", "step": "upgraded",
                               "phase": "begin", **facts})
            host = mock.Mock(postgres=Databases(dict(known), 100))
            host.filestore = lambda: Filestore(self.root, self.root / "aside")
            host.postgres.mark, host.postgres.end_what_was_left = mock.Mock(), mock.Mock()
            with mock.patch.object(release.project, "staged", lambda _: request()):
                release.take_back(host, journal, lambda _: None)
            self.assertEqual((host.postgres.known["odoo"], "odoo-point-a" in host.postgres.known), (live, False))
            self.assertEqual(host.postgres.mark.call_args_list, [] if facts.get("touched")
                             else [mock.call("odoo", **marker)])
