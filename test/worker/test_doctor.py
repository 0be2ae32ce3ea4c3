"""What is found on a host where something is wrong, and what is removed."""

import copy
from types import SimpleNamespace
from unittest import mock

from support import Killed, WorkerCase, request
from world import World, WorldData

import doctor
import egress
import ledger
import project
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
        self.host = SimpleNamespace(data=WorldData(self.world), remove_tasks=mock.Mock(), remove_image=mock.Mock(),
                                    keep_images=mock.Mock())
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

    def test_in_a_cluster_a_pod_that_has_no_settings_of_dumps_knows_whether_there_are_any(self):
        with mock.patch("doctor.dump.SETTINGS", self.root / "not-here"):
            self.assertEqual(list(self.found()), ["dump"])
            with mock.patch.dict("doctor.dump.os.environ", {"ODOO_SHIP_DUMPS": "1"}):
                self.assertEqual(self.found(), {})
                (self.root / "dump-result.json").unlink()
                self.assertEqual(self.found()["dump"], "none was made yet")

    def test_a_compose_file_that_somebody_has_edited_is_told_with_the_digest_to_write(self):
        asked = request(id="r3", files={"docker-compose.prod.yml": "image: as released"})
        staged.keep(asked)
        ledger.record(asked, {}, ledger.lineage_after(asked))
        project.PROJECT.mkdir()
        file = project.PROJECT / "docker-compose.prod.yml"
        file.write_text("image: as released", encoding="utf-8")
        self.assertEqual(self.found(), {})
        file.write_text("image: registry/odoo:latest", encoding="utf-8")
        self.assertEqual(list(self.found()), ["Compose files"])
        remedy = next(finding.remedy for finding in doctor.look(self.host) if finding.found)
        self.assertIn(asked["image"], remedy)

    def test_the_certificate_of_the_site_is_looked_at_on_a_host_while_no_release_is_under_way(self):
        told = ("", "", "for x, 80 days left")
        with mock.patch("doctor.certificate.look", return_value=told) as look:
            self.assertIn(doctor.Finding("certificate", *told), doctor.look(self.host))
            self.assertEqual(look.call_args.args[0]["url"], "https://x")
            look.return_value = ("it has expired", "renew it")
            self.assertEqual(self.found(), {"certificate": "it has expired"})
            with mock.patch("doctor.here.KUBERNETES", True):
                self.assertNotIn("certificate", [finding.what for finding in doctor.look(self.host)])
            Journal.begin("r3", None, "r2", "r3", "a").note(step="pulled", phase="begin")
            self.assertEqual(list(self.found()), ["release"])

    def test_a_way_out_that_a_failed_release_has_left_open_is_named(self):
        ours, other = ({"cidr": f"203.0.113.{end}/32", "except": [], "port": 443} for end in (7, 8))
        staged.keep(request(network={"odoo": [], "authority": None, "tasks": [ours]}))
        write_json(egress.kept(), {"network": {"tasks": [ours]}, "bridges": []})
        self.assertEqual(self.found(), {})
        write_json(egress.kept(), {"network": {"tasks": [ours, other]}, "bridges": []})
        self.assertEqual(self.found(), {"ways out of a release": "those of a release that has ended are open: "
                                                                 "203.0.113.8/32:443"})
        Journal.begin("r3", None, "r2", "r3", "a").note(step="pulled", phase="begin")
        self.assertEqual(list(self.found()), ["release"])

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

    def test_points_of_which_none_has_its_attachments_are_kept_since_their_volume_may_come_back(self):
        other = "20261121t130000z"
        self.world.databases[f"odoo-point-{other}"] = {}
        ledger.record_point({"id": other, "database": f"odoo-point-{other}", "release": "r2"})
        del self.world.folders["kept", POINT]
        self.assertEqual(tidying.prune_by_hand(self.host, "odoo", 5), [])
        self.world.folders["kept", other] = {"file"}
        self.assertEqual(tidying.prune_by_hand(self.host, "odoo", 5), [POINT])

    def test_users_on_a_second_server_that_no_release_looks_after_are_told(self):
        project.hold(project.BEFORE)
        self.assertIn("second server", self.found()["door"])

    def test_a_point_whose_removal_was_killed_anywhere_is_not_offered_and_the_next_prune_ends_it(self):
        before = copy.deepcopy(self.world), ledger.points()
        for effects in range(2):
            self.world.databases, self.world.folders = copy.deepcopy((before[0].databases, before[0].folders))
            ledger.record_point(before[1][0])
            self.world.effects = effects
            with self.assertRaises(Killed):
                tidying.prune_by_hand(self.host, "odoo", 0)
            self.world.effects = None
            self.assertEqual(ledger.points(), [])
            self.assertEqual(tidying.prune_by_hand(self.host, "odoo", 2), [f"odoo-point-{POINT}"] * (effects == 0))
            self.assertEqual((sorted(self.world.databases), list(self.world.folders)), (["odoo"], [("live", "odoo")]))
            self.assertEqual(ledger.withdrawn(), [])
