"""What is found on a host where something is wrong, and what is removed."""

from types import SimpleNamespace
from unittest import mock

from support import WorkerCase, request
from world import World, WorldData

import doctor
import ledger
import staged
import tidying
from failures import Failure
from files import write_json
from journal import Journal

POINT = "20261121t120000z"


class DoctorTest(WorkerCase):
    def setUp(self):
        super().setUp()
        self.world = World()
        self.host = SimpleNamespace(data=WorldData(self.world), remove_tasks=mock.Mock(), remove_image=mock.Mock())
        asked = request()
        staged.keep(asked)
        ledger.record(asked, {}, ledger.lineage_after(asked))
        self.world.databases = {name: {} for name in ("odoo", f"odoo-point-{POINT}")}
        self.world.folders = {("live", "odoo"): {"file"}, ("kept", POINT): {"file"}}
        ledger.record_point({"id": POINT, "database": f"odoo-point-{POINT}", "release": "r2"})
        settings, result = self.root / "dump.json", self.root / "dump-result.json"
        write_json(settings, {})
        write_json(result, {"at": "2026-11-21T12:00:00Z", "name": "x"})
        for patch in (mock.patch("doctor.dump.SETTINGS", settings), mock.patch("doctor.dump.RESULT", result),
                      mock.patch("journal.time.time", lambda: 1795267800.0), mock.patch("tidying.LOGS", self.root)):
            patch.start()
            self.addCleanup(patch.stop)

    def found(self):
        return {finding.what: finding.found for finding in doctor.look(self.host) if finding.found}

    def test_a_host_that_is_well_is_told_as_that(self):
        self.assertEqual(self.found(), {})

    def test_each_thing_that_is_wrong_is_named_with_what_to_type(self):
        def no_room(*_):
            raise Failure("DISK_SPACE_LOW", "too little", found="1 GB", remedy="free some")
        self.world.role_may_log_in = False
        self.world.databases.update({"odoo-next": {}, f"odoo-failed-{POINT}": {}, "odoo-failed-import": {}})
        del self.world.databases[f"odoo-point-{POINT}"], self.world.folders["live", "odoo"]
        self.host.data.require_room = no_room
        with mock.patch("journal.time.time", lambda: 1795267800.0 + 5 * 86400):
            found = self.found()
            self.assertTrue(all(finding.remedy for finding in doctor.look(self.host) if finding.found))
        self.assertEqual(sorted(found), ["database and attachments", "door", "dump", "orphans", "restore points",
                                         "room for a release"])
        self.assertEqual(found["orphans"], f"databases of releases that have ended: odoo-failed-{POINT}, odoo-next")

    def test_what_a_release_under_way_has_is_no_orphan(self):
        self.world.databases["odoo-next"] = {}
        Journal.begin("r3", None, "r2", "r2", "a").note(step="cloned", phase="begin")
        self.assertEqual(self.found(), {"release": "cloned"})

    def test_a_point_without_a_record_is_named_and_nobody_removes_it(self):
        other = "odoo-point-20200101t000000z"
        self.world.databases[other] = {}
        self.assertEqual(list(self.found()), ["orphans"])
        self.assertEqual(tidying.prune_by_hand(self.host, "odoo", 2), [])
        self.assertIn(other, self.world.databases)

    def test_prune_removes_what_ended_releases_have_left_and_older_points(self):
        self.world.databases.update({"odoo-next": {}, f"odoo-failed-{POINT}": {}, "odoo-failed-import": {}})
        self.assertEqual(tidying.prune_by_hand(self.host, "odoo", 0), [f"odoo-failed-{POINT}", "odoo-next", POINT])
        self.assertEqual(sorted(self.world.databases), ["odoo", "odoo-failed-import"])
        self.assertEqual(ledger.points(), [])
