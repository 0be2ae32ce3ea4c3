"""How long steps may take, and what is said and refused before users are kept out."""

from unittest import mock

from support import WorkerCase, request
from world import World, WorldHost

import limits
import status
from failures import Failure
from hosts.base import SPARE_BYTES
from journal import Journal
from plan import Plan
from release import Release

GB = 10**9


class SizeTest(WorkerCase):
    def test_every_limit_grows_with_the_data(self):
        settings = {"upgradeSeconds": 3600}
        for limit in (limits.copying, lambda size: limits.reading(size, 300),
                      lambda size: limits.release(size, settings)):
            self.assertGreater(limit(100 * GB), 2 * limit(GB))

    def test_what_two_copies_and_upgrades_may_take_is_within_what_the_whole_release_may(self):
        parts = 2 * (limits.copying(100 * GB) + 60)
        self.assertGreater(limits.release(100 * GB, {"upgradeSeconds": 60}), parts)


class ForesightTest(WorkerCase):
    def release(self, size, free, restore=None):
        host = WorldHost(World())
        host.data.postgres = mock.Mock()
        host.data.postgres.size.side_effect = lambda name: size if name != "point" else size / 2
        host.data.database_disk = lambda: ("/data", free)
        journal = Journal.begin("r2", None, "r1", "r2", "a")
        said = []
        release = Release(host, request(), journal, said.append, restore)
        release.plan = Plan("maintenance", upgrade=["sale"])
        return release, journal, said

    def test_what_a_release_takes_is_told_while_users_still_work(self):
        release, journal, said = self.release(100 * GB, 500 * GB)
        release.foresee()
        for words in ("200.5 GB", "500.0", "111 min", "8 min of cloning", "1 min at most"):
            self.assertIn(words, said[0])
        journal.note(step="rehearsed", phase="begin")
        self.assertEqual(status.of_host("r2")["request"]["message"], said[0])
        self.assertEqual(status.of_host("r2")["request"]["patience"], limits.release(100 * GB, {"upgradeSeconds": 60}))

    def test_of_a_small_one_only_the_log_tells(self):
        release, journal, said = self.release(GB // 2, 500 * GB)
        release.foresee()
        journal.note(step="rehearsed", phase="begin")
        self.assertEqual((len(said), status.of_host("r2")["request"]["message"]), (1, ""))

    def test_what_does_not_fit_is_refused(self):
        release, _, _ = self.release(100 * GB, 150 * GB)
        with self.assertRaises(Failure) as caught:
            release.foresee()
        self.assertEqual(caught.exception.code, "DISK_SPACE_LOW")

    def test_a_way_back_needs_one_copy_of_its_point_and_no_upgrade(self):
        release, _, said = self.release(100 * GB, 50 * GB + SPARE_BYTES, {"database": "point"})
        release.foresee()
        self.assertNotIn("upgrade", said[0])
        self.assertNotIn("rehearsal", said[0])
