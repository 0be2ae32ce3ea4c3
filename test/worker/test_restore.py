from unittest import mock

from support import Killed, WorkerCase, request
from world import World, WorldHost

import restore
import tidying
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

    def test_one_that_was_killed_leaves_a_name_that_is_only_the_worker_s_and_goes_with_a_pruning(self):
        world = World()
        world.databases = {name: {"content": name, "modules": {}, "marker": None}
                           for name in ("odoo", "look-partial", "odoo-point-a")}
        world.folders = {("kept", "a"): {"file"}, ("live", "odoo"): {"file"}}
        host = WorldHost(world)
        # Before the clone, in it, before the links, and before each of the two moves.
        for effects in range(1, 4):
            world.effects = effects
            with self.assertRaises(Killed), mock.patch.object(restore.OdooAgent, "neutralise"):
                restore.restore(host, request(), {"id": "a", "database": "odoo-point-a"}, "look", True)
            world.effects = None
            world.databases.pop("look", None)
            tidying.prune_by_hand(host, "odoo", 5)
            self.assertEqual(sorted(world.databases), ["look-partial", "odoo", "odoo-point-a"], effects)
            self.assertEqual({place for place in world.folders if place[1] != "look"},
                             {("kept", "a"), ("live", "odoo")})
            world.folders.pop(("live", "look"), None)

    def test_one_that_is_at_a_release_is_not(self):
        Journal.begin("r1", "rolling", None, "r1", "a").note(step="pulled", phase="begin")
        with self.assertRaises(Failure) as caught:
            restore.take(self.lock(False))
        self.assertEqual(caught.exception.code, "RELEASE_IN_PROGRESS")
