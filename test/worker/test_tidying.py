"""What is tidied away, and what only looks like it."""

from types import SimpleNamespace
from unittest import mock

from support import WorkerCase, request
from world import World, WorldData

import ledger
import staged
import tidying

ATTEMPT = "20261121t120000z"


class EvidenceTest(WorkerCase):
    def test_what_the_first_version_has_left_goes_and_what_others_have_named_alike_stays(self):
        world = World()
        theirs = {"odoo", "odoo-failed-import", "odoo-replaced-parts", f"odoo2-failed-{ATTEMPT}",
                  f"odoo-point-{ATTEMPT}"}
        world.databases = {name: {} for name in {*theirs, f"odoo-failed-{ATTEMPT}", f"odoo-replaced-{ATTEMPT}"}}
        world.folders = {("kept", name): set() for name in (ATTEMPT, f"failed-{ATTEMPT}", "failed-import")}
        tidying.prune_evidence(WorldData(world), "odoo")
        self.assertEqual(set(world.databases), theirs)
        self.assertEqual(sorted(world.folders), [("kept", ATTEMPT), ("kept", "failed-import")])


class SweepTest(WorkerCase):
    def test_a_release_that_a_power_cut_has_left_in_part_is_in_nobodys_way(self):
        for name, image in (("r1", "registry/odoo@sha256:" + "a" * 64), ("r2", "registry/odoo@sha256:" + "b" * 64)):
            staged.keep(request(id=name, image=image))
        ledger.record(request(id="r2"), {}, [])
        (staged.RELEASES / "r3" / "files").mkdir(parents=True)
        host = SimpleNamespace(remove_image=mock.Mock())
        with mock.patch("tidying.LOGS", self.root / "logs"):
            tidying.sweep(host)
        self.assertEqual(staged.names(), ["r2"])
        host.remove_image.assert_called_once_with("registry/odoo@sha256:" + "a" * 64)
