"""Whole releases on a host in memory, killed after every effect, and made to fail at every one."""

import copy
from unittest import mock

from support import Killed, WorkerCase, request
from world import NEW, OLD, Databases, Folders, World, WorldHost

import intake
import ledger
import odoo_agent
import outcomes
import service
import staged
import status
import waiting
from failures import Failure
from journal import Journal


class ProtocolCase(WorkerCase):
    def setUp(self):
        super().setUp()
        self.world = World()

        def use(agent, database, _plan, user, _server=None):
            agent.host.world.effect(f"{'write' if user else 'read'} {database}")

        def load(agent, database):
            agent.host.world.effect(f"load the code for {database}")

        def change_modules(agent, database, *_, **__):
            agent.host.upgrade(agent.request, database)

        def neutralise(agent, database):
            agent.host.world.effect(f"neutralise {database}")
        for patch in (mock.patch.object(odoo_agent.OdooAgent, "use", use),
                      mock.patch.object(odoo_agent.OdooAgent, "load", load),
                      mock.patch.object(odoo_agent.OdooAgent, "neutralise", neutralise),
                      mock.patch.object(odoo_agent.OdooAgent, "change_modules", change_modules),
                      mock.patch.object(service, "say", lambda _: None),
                      mock.patch("dump.configure"), mock.patch("files.LOGS", self.root / "logs"),
                      mock.patch("waiting.start_service")):
            patch.start()
            self.addCleanup(patch.stop)

    def host(self):
        return WorldHost(self.world)

    def release(self, image, release_id, **changes):
        service.handle(self.host(), request(image=image, id=release_id, **changes))

    def outcome(self):
        return Journal.read()["outcome"]

    def restart(self):
        """What systemd does after a kill, on a host where somebody installs packages, or reads the data for a dump:
        what a recovery needs is there, and it waits for neither.
        """
        waits = AssertionError("a recovery waits for others")
        with mock.patch.object(WorldHost, "keep_others_away", side_effect=waits):
            service.recover(self.host())

    def old_release(self):
        self.release(OLD, "r1")
        self.assertEqual(self.outcome(), "succeeded")
        self.world.write("books")
        self.world.log.clear()

    def files(self, *place):
        return {name for name in self.world.folders[place] if not name.startswith("pair ")}

    def assert_paired(self):
        """Database and attachments say the same of each other, the live ones and each point's."""
        data = WorldHost(self.world).data
        for database, place in [("odoo", ("live", "odoo"))] + [(point["database"], ("kept", point["id"]))
                                                               for point in ledger.points()]:
            self.assertIsNotNone(data.postgres.pair(database))
            self.assertEqual(data.postgres.pair(database), data.filestore().pair(place))

    def assert_old_release_serves(self):
        world = self.world
        self.assert_paired()
        self.assertEqual(world.users, (OLD, "+abooks"))
        self.assertEqual(world.in_place, OLD)
        self.assertTrue(world.role_may_log_in)
        self.assertEqual(self.files("live", "odoo"), {"asset of a", "books"})
        self.assertEqual(sorted(world.databases), ["odoo"])
        self.assertEqual(ledger.points(), [])

    def assert_new_release_serves(self):
        world = self.world
        self.assert_paired()
        self.assertEqual(world.users, (NEW, "+abooks+b"))
        self.assertTrue(world.role_may_log_in)
        self.assertEqual(self.files("live", "odoo"), {"asset of a", "books", "asset of b"})
        (point,) = ledger.points()
        self.assertEqual(world.databases[point["database"]]["content"], "+abooks")
        self.assertEqual(self.files("kept", point["id"]), {"asset of a", "books"})
        self.assertEqual(sorted(world.databases), sorted(["odoo", point["database"]]))

    def snapshot(self):
        files = {path: path.read_bytes() for path in self.root.rglob("*") if path.is_file()}
        return copy.deepcopy(self.world.__dict__), files

    def back_to(self, snapshot):
        world, files = snapshot
        for path in list(self.root.rglob("*")):
            if path.is_file() and path not in files:
                path.unlink()
        for path, content in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        self.world.__dict__.update(copy.deepcopy(world))


    def kills(self, begun, act):
        """Does `act` again and again from `begun`, killed after one effect more each time; yields after how many. The
        last time nobody kills it.
        """
        effects = 0
        while True:
            self.back_to(begun)
            self.world.effects = effects
            try:
                act()
                break
            except Killed:
                self.world.effects = None
            yield effects
            effects += 1
        self.world.effects = None


class LostHostTest(ProtocolCase):
    """What a release finds on a host that is new, in the place of one that is lost (docs/FINAL_DEPLOYMENT_RUNBOOK.md).
    """

    def lose_the_host(self):
        """All but the volume with the data."""
        for path in self.root.rglob("*"):
            if path.is_file():
                path.unlink()
        self.world.server = self.world.in_place = self.world.knows = None

    def assert_nothing_was_installed(self):
        self.assertEqual([name for name in self.world.log if name.startswith("create")], [])

    def test_the_data_of_its_volume_are_taken_over_as_they_are(self):
        self.old_release()
        self.lose_the_host()
        self.release(OLD, "r2")
        self.assertEqual(self.outcome(), "succeeded")
        self.assert_nothing_was_installed()
        self.assert_old_release_serves()

    def test_they_are_upgraded_where_the_release_is_a_newer_one(self):
        self.old_release()
        self.lose_the_host()
        self.release(NEW, "r2")
        self.assertEqual(self.outcome(), "succeeded")
        self.assert_nothing_was_installed()
        self.assertEqual(self.world.users, (NEW, "+abooks+b"))
        self.assert_paired()

    def test_a_dump_in_the_place_of_an_empty_database_is_upgraded_by_the_same_release_again(self):
        self.release(OLD, "r1")
        # Without the marker and the pair, which are of the lost host.
        dump = {"content": "the dump", "modules": dict(self.world.databases["odoo"]["modules"]), "marker": None}
        self.world.databases["odoo"] = dump
        self.world.folders["live", "odoo"] |= {"of the dump"}
        self.world.log.clear()
        self.release(OLD, "r2", force=True)
        self.assertEqual(self.outcome(), "succeeded")
        self.assert_nothing_was_installed()
        self.assertEqual(self.world.users, (OLD, "the dump+a"))
        self.assertIn("of the dump", self.files("live", "odoo"))
        data = self.host().data
        self.assertEqual(data.postgres.pair("odoo"), data.filestore().pair(("live", "odoo")))


class UpgradeTest(ProtocolCase):
    def test_the_live_database_is_only_read_until_it_is_renamed(self):
        self.old_release()
        self.release(NEW, "r2")
        self.assert_new_release_serves()
        log = self.world.log
        upgrade = log.index("upgrade odoo-next")
        swap = next(number for number, name in enumerate(log) if "rename odoo to" in name)
        self.assertLess(upgrade, swap)
        touching = [name for name in log[:swap] if name.split()[0] in ("upgrade", "mark") and name.split()[1] == "odoo"]
        self.assertEqual(touching, [])
        # Nobody is at it while it is copied; nobody is added to it to try it.
        self.assertLess(log.index("lock out"), log.index("clone odoo to odoo-next"))
        self.assertIn("read odoo", log)
        self.assertNotIn("write odoo", log)

    def test_what_takes_its_time_for_each_attachment_is_done_before_the_door_closes_or_after_it_opens(self):
        self.old_release()
        done = []

        def watched(name):
            original = getattr(Folders, name)

            def call(folders, *args, **options):
                # What is not there is not removed.
                if args[-1] in folders.known or name != "remove":
                    done.append((name, folders.world.door_open))
                return original(folders, *args, **options)
            return mock.patch.object(Folders, name, call)
        with watched("link"), watched("measure"), watched("remove"), watched("add"):
            self.release(NEW, "r2")
        self.assert_new_release_serves()
        closed = [name for name, door_open in done if not door_open]
        self.assertEqual(closed, ["add"], done)
        # The pass behind the door has little left to do.
        self.assertGreater(done.index(("add", True)), done.index(("measure", True)))

    def test_evidence_goes_before_room_is_asked_for(self):
        self.old_release()
        self.world.databases["odoo-failed-20261121t120000z"] = {**self.world.databases["odoo"]}
        with mock.patch("world.WorldData.free", lambda data: {"/": 10**12 if len(data.world.databases) == 1 else 0}):
            self.release(NEW, "r2")
        self.assert_new_release_serves()

    def test_killed_after_any_effect_and_again_in_the_recovery_users_have_all_of_one_release(self):
        self.old_release()
        seen = set()
        for first in self.kills(self.snapshot(), lambda: self.release(NEW, "r2")):
            for second in self.kills(self.snapshot(), self.restart):
                with self.subTest(first=first, second=second):
                    self.restart()
                    seen.add(self.assert_either())
            with self.subTest(first=first):
                seen.add(self.assert_either())
        self.assert_new_release_serves()
        self.assertEqual(seen, {"succeeded", "failed"})

    def assert_either(self):
        outcome = self.outcome()
        if outcome == "succeeded":
            self.assert_new_release_serves()
        else:
            self.assert_old_release_serves()
            self.release(NEW, "r3")
            self.assert_new_release_serves()
        return outcome

    def test_whatever_fails_before_the_commit_leaves_the_old_release(self):
        self.old_release()
        begun = self.snapshot()
        self.release(NEW, "r2")
        # The name of the next attempt is another one each second.
        log = [name.replace(Journal.read()["attempt"], "ATTEMPT") for name in self.world.log]
        # Nothing that is tidied away beside is worth a release.
        tidying = [name for name in log if name.split()[0] in ("drop", "remove")]
        names = [name for name in dict.fromkeys(log[:log.index("open the door") - 1]) if name not in tidying]
        for name in names:
            self.back_to(begun)
            self.world.fails_at = name
            with self.subTest(name):
                try:
                    self.release(NEW, "r2")
                except Exception:
                    # What fails in the rollback, too, is tried again.
                    self.world.fails_at = None
                    self.restart()
                self.assertEqual(self.outcome(), "failed")
                self.assert_old_release_serves()


class NothingServesTest(ProtocolCase):
    """The release fails, and the one before it does not come up: somebody has changed what it runs on."""

    def setUp(self):
        super().setUp()
        self.old_release()
        self.world.fails_at = "start the server"
        with self.assertRaises(Failure) as told:
            self.release(NEW, "r2")
        self.told = told.exception

    def test_it_is_told_and_tried_again_and_the_data_are_as_they_were(self):
        self.assertIn("the one before it does not come up", self.told.summary)
        self.assertIn("start the server", self.told.found)
        answer = status.of_request("r2", Journal.read())
        self.assertEqual((answer["state"], answer["error"]["code"]), ("failed", self.told.code))
        self.assertIn("another release that is sent comes in its place", answer["next"])
        self.world.fails_at = None
        self.restart()
        self.assertEqual(self.outcome(), "failed")
        self.assert_old_release_serves()

    def test_another_release_is_taken_in_and_comes_in_its_place(self):
        intake.refuse_beside_another()
        staged.keep(request(image=NEW, id="r3"))
        waiting.put(request(image=NEW, id="r3"))
        self.restart()
        self.assertEqual((self.outcome(), outcomes.read("r2")["state"]), ("failed", "failed"))
        self.world.fails_at = None
        self.release(NEW, "r3")
        self.assert_new_release_serves()



class DataAreBeingPutBackTest(ProtocolCase):
    """A rollback that has not put the data back yet is waited for."""

    def test_no_other_release_is_taken_in_until_they_are_all_there(self):
        self.old_release()
        self.world.fails_at = "start the server"
        full = Failure("DISK_SPACE_LOW", "no room", found="0 bytes", expected="some", remedy="make room")
        with mock.patch("next_data.swap_back", side_effect=full), self.assertRaises(Failure):
            self.release(NEW, "r2")
        with self.assertRaises(Failure) as refused:
            intake.refuse_beside_another()
        self.assertEqual(refused.exception.code, "RELEASE_IN_PROGRESS")
        self.assertEqual(Journal.read()["trouble"]["code"], "DISK_SPACE_LOW")
        # What was in the way is not told any more while the server of before is waited for.
        told = []
        ready = WorldHost.end_rollback

        def end_rollback(host, previous):
            told.append(status.of_request("r2", Journal.read()))
            ready(host, previous)
        self.world.fails_at = None
        with mock.patch.object(WorldHost, "end_rollback", end_rollback):
            self.restart()
        self.assertEqual([(answer["state"], answer["error"]) for answer in told], [("running", None)])
        self.assertEqual(self.outcome(), "failed")
        self.assert_old_release_serves()


class AddressTest(ProtocolCase):
    def test_a_table_that_does_not_take_the_old_address_back_keeps_nobody_out(self):
        self.old_release()
        refused = Failure("DEPLOY_FAILED", "setting Odoo's parameter failed", found="a trigger", expected="-")
        with mock.patch.object(Databases, "set_parameter", mock.Mock(side_effect=refused), create=True):
            self.release(NEW, "r2", url="https://another.example")
        self.assertEqual(self.outcome(), "failed")
        self.assert_old_release_serves()


class LostAttachmentsTest(ProtocolCase):
    def test_a_release_is_refused_where_the_attachments_are_another_databases_or_none(self):
        self.old_release()
        for files in (set(), {"pair of another"}, None):
            self.world.folders.pop(("live", "odoo"), None)
            if files is not None:
                self.world.folders["live", "odoo"] = files
            self.release(NEW, "r2")
            self.assertEqual(Journal.read()["error"]["code"], "FILESTORE_UNFIT")
            self.assertEqual(self.world.users, (OLD, "+abooks"))

    def test_a_database_that_nobody_has_paired_yet_is_paired_by_its_next_release(self):
        self.old_release()
        del self.world.databases["odoo"]["pair"]
        self.world.folders["live", "odoo"] = self.files("live", "odoo")
        self.release(NEW, "r2")
        self.assertEqual(self.outcome(), "succeeded")
        (point,) = ledger.points()
        self.assertEqual(self.world.databases["odoo"]["pair"], point["id"])


class InstallTest(ProtocolCase):
    def test_killed_after_any_effect_nothing_or_all_is_there(self):
        seen = set()
        for effects in self.kills(self.snapshot(), lambda: self.release(OLD, "r1")):
            self.restart()
            with self.subTest(effects=effects):
                seen.add(self.outcome())
                if self.outcome() == "failed":
                    self.assertEqual((self.world.databases, self.world.folders), ({}, {}))
                    self.release(OLD, "r1")
                self.assertEqual(self.world.users, (OLD, "+a"))
                self.assertEqual(ledger.points(), [])
        self.assertEqual(seen, {"succeeded", "failed"})


class RollbackWithDataTest(ProtocolCase):
    def setUp(self):
        super().setUp()
        self.old_release()
        self.release(NEW, "r2")
        self.world.write("later")
        (self.point,) = ledger.points()

    def roll_back(self):
        self.release(OLD, "r3", restore=self.point["id"], force=True)

    def test_a_point_whose_data_are_gone_is_refused_while_users_work(self):
        del self.world.databases[self.point["database"]]
        self.world.log.clear()
        self.roll_back()
        self.assertEqual(Journal.read()["error"]["code"], "RELEASE_MISMATCH")
        self.assertNotIn("close the door", self.world.log)
        self.assertEqual(self.world.users, (NEW, "+abooks+blater"))

    def test_the_data_of_then_come_back_by_the_same_table_and_those_of_now_are_kept(self):
        self.roll_back()
        self.assertEqual(self.outcome(), "succeeded")
        self.assert_paired()
        self.assertEqual(self.world.users, (OLD, "+abooks"))
        left = ledger.points()[-1]
        self.assertEqual(self.world.databases[left["database"]]["content"], "+abooks+blater")
        self.assertEqual(self.files("kept", left["id"]),
                         {"asset of a", "books", "asset of b", "later"})

    def test_killed_at_data_of_the_image_that_serves_no_server_goes_on_with_what_it_knew_of_others(self):
        self.roll_back()
        self.world.write("later")

        def again():
            self.release(OLD, "r4", restore=self.point["id"], force=True)
        seen = set()
        for effects in self.kills(self.snapshot(), again):
            self.restart()
            with self.subTest(effects=effects):
                seen.add(self.outcome())
                self.assertEqual(self.world.users, (OLD, "+abooks" if self.outcome() == "succeeded"
                                                    else "+abookslater"))
        self.assertEqual(self.world.users, (OLD, "+abooks"))
        self.assertEqual(seen, {"succeeded", "failed"})

    def test_killed_after_any_effect_users_have_the_data_of_now_or_those_of_then(self):
        seen = set()
        for effects in self.kills(self.snapshot(), self.roll_back):
            self.restart()
            with self.subTest(effects=effects):
                seen.add(self.outcome())
                self.assertEqual(self.world.users, (OLD, "+abooks") if self.outcome() == "succeeded"
                                 else (NEW, "+abooks+blater"))
                self.assertIn(self.point["database"], self.world.databases)
        self.assertEqual(seen, {"succeeded", "failed"})
