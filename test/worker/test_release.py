"""Which steps a release takes, in which order, and when it makes sure that nobody else is at the database."""

from unittest import mock

from support import WorkerCase, request

from failures import Failure
from journal import STEPS, Journal
from plan import Plan
from release import Release
from rollback import roll_back
import staged

UPGRADE = {"upgrade": ["sale"]}


def unlisted(name):
    plan = Plan("rolling")
    plan.unlisted = [name]
    return plan


class StepsTest(WorkerCase):
    def run_release(self, plan, restore=None, must_close=False, rehearse=True):
        """Names of the steps, with "alone" where the host was asked."""
        done, host, journal = [], mock.MagicMock(), mock.MagicMock()
        host.still_alone = lambda: done.append("alone")
        host.must_close.return_value = must_close
        journal.step.side_effect = lambda name, _: done.append(name) or mock.MagicMock()
        asked = request()
        asked["release"]["rehearse"] = rehearse
        release = Release(host, asked, journal, mock.Mock(), restore)
        for name in ("preflight", "rehearse", "prepare", "close", "clone", "upgrade", "swap", "try_out"):
            setattr(release, name, mock.Mock())

        def pull():
            release.plan = plan
        release.pull = pull
        with (mock.patch("release.planning.applied"), mock.patch("release.ledger.lineage_after"),
              mock.patch("release.commit.complete")):
            release.run()
        return done

    def steps(self, *args, **options):
        return [name for name in self.run_release(*args, **options) if name != "alone"]

    def test_modules_that_change_take_every_step_in_the_journals_order(self):
        self.assertEqual(self.steps(Plan("maintenance", **UPGRADE)), list(STEPS))

    def test_what_is_not_needed_is_left_out(self):
        next_alone = {"prepared", "cloned", "swapped"}
        for plan, options, left_out in (
                (Plan("maintenance", **UPGRADE), {"rehearse": False}, {"rehearsed"}),
                (Plan("install", install=["base"]), {}, {"rehearsed"}),
                (Plan("rolling", **UPGRADE), {}, {"closed", *next_alone}),
                (Plan("rolling"), {}, {"rehearsed", "closed", "upgraded", *next_alone}),
                (unlisted("crm"), {}, {"rehearsed", "closed", *next_alone}),
                (Plan("rolling"), {"must_close": True}, {"rehearsed", "upgraded", *next_alone}),
                (Plan("maintenance"), {"restore": {"id": "p"}}, {"rehearsed", "upgraded"})):
            with self.subTest(plan.mode, **options):
                self.assertEqual(self.steps(plan, **options), [name for name in STEPS if name not in left_out])

    def test_before_each_step_that_may_change_something_the_host_says_whether_it_is_alone(self):
        done = self.run_release(Plan("maintenance", **UPGRADE))
        self.assertEqual(done[:2], ["preflight", "pulled"])
        self.assertEqual(done[2::2], ["alone"] * 8)


class ListTest(WorkerCase):
    def test_a_module_that_is_new_in_the_image_is_listed_and_nothing_else_is_done_to_the_data(self):
        release = Release(mock.MagicMock(), request(), mock.MagicMock(), mock.Mock())
        release.plan, release.odoo = unlisted("crm"), mock.Mock()
        release.upgrade()
        self.assertEqual(release.odoo.method_calls, [mock.call.list_modules("odoo")])
        release.postgres.mark.assert_not_called()


class PlanTest(WorkerCase):
    def test_modules_that_the_database_does_not_know_are_new(self):
        release = self.release(modules={"base": "19.0.1.0"}, unfinished_modules=[], listed_modules=["base", "sale"],
                               marker={"modules": {"base": ["b"]}})
        release.request["modules"] = []
        release.image = {"series": "19.0", "modules": {name: {"version": "19.0.1.0", "hash": name[0]}
                                                       for name in ("base", "sale", "crm")}}
        self.assertEqual(release.make_plan().unlisted, ["crm"])

    def release(self, **answers):
        host = mock.MagicMock()
        host.data.postgres.configure_mock(**{f"{name}.return_value": value for name, value in answers.items()})
        return Release(host, request(), mock.MagicMock(), mock.Mock())

    def test_where_a_copy_is_made_there_has_to_be_room_for_it(self):
        for plan, rehearse, asked in ((Plan("maintenance"), False, True), (Plan("rolling", **UPGRADE), True, True),
                                      (Plan("rolling", **UPGRADE), False, False), (Plan("rolling"), True, False)):
            release = self.release()
            release.settings["rehearse"], release.make_plan = rehearse, lambda plan=plan: plan
            with mock.patch("release.preflight") as preflight:
                preflight.foresee.return_value = {"forecast": ""}
                release.pull()
            self.assertEqual(preflight.foresee.called, asked, (plan, rehearse))

    def test_what_somebody_has_only_marked_in_odoo_is_not_carried_out_by_a_release(self):
        release = self.release(modules={"base": "19.0.1.0"}, unfinished_modules=["crm"])
        release.image = {"series": "19.0", "modules": {}}
        with self.assertRaises(Failure) as caught:
            release.make_plan()
        self.assertEqual((caught.exception.code, caught.exception.found), ("DATABASE_UNFIT", "crm"))

    def test_a_module_that_was_installed_while_the_door_was_open_counts(self):
        release = self.release(marker=None)
        release.plan, release.next = Plan("maintenance", **UPGRADE), "odoo-next"
        release.make_plan = lambda: Plan("maintenance", upgrade=["crm", "sale"])
        with mock.patch("release.next_data.clone"):
            release.clone()
        self.assertEqual(release.plan.upgrade, ["crm", "sale"])


class CutOffTest(WorkerCase):
    def test_an_upgrade_of_the_live_database_that_was_killed_leaves_no_module_that_waits(self):
        staged.keep(request()), staged.keep(request(id="r1"))
        for mode, phase, settled in (("rolling", "begin", [mock.call("odoo")]), ("maintenance", "begin", []),
                                     # What users have marked since is theirs.
                                     ("rolling", "end", [])):
            host = mock.MagicMock()
            journal = Journal.begin("r2", mode, "r1", request()["id"], "a")
            journal.note(step="upgraded", phase=phase, steps={"upgraded": [1.0]})
            roll_back(host, journal, mock.Mock())
            self.assertEqual(host.data.postgres.settle_modules.call_args_list, settled, (mode, phase))


class TryTest(WorkerCase):
    def tried(self, plan, changes_odoo, left=None):
        """What was asked of the host, and of Odoo. `left`: the request of the release before."""
        host, done = mock.MagicMock(), []
        host.changes_odoo.return_value = changes_odoo
        for name in ("refresh", "swap"):
            getattr(host, name).side_effect = lambda *_, name=name, **__: done.append(name)
        left = left or request()
        staged.keep(left)
        release = Release(host, request(), {"attempt": "1", "from": left["id"]}, mock.Mock())
        release.plan, release.odoo = plan, mock.Mock()
        release.odoo.try_out.side_effect = lambda *_: done.append("try")
        release.try_out()
        return done

    def test_a_release_that_concerns_neither_odoo_nor_the_data_leaves_the_server_alone(self):
        self.assertEqual(self.tried(Plan("rolling"), False), ["refresh"])
        self.assertEqual(self.tried(Plan("rolling"), True), ["try", "swap"])

    def test_one_with_another_address_starts_a_server_that_knows_it(self):
        left = request(id="9" * 16, url="https://before.example.com")
        self.assertEqual(self.tried(Plan("rolling"), False, left), ["try", "swap"])

    def test_data_of_a_point_get_the_address_of_today_if_they_had_another(self):
        left = request(id="9" * 16, url="https://before.example.com")
        staged.keep(left), staged.keep(request())
        for of_point, replaced in ((left["id"], True), (request()["id"], False)):
            release = Release(mock.MagicMock(), request(), {"attempt": "1", "from": request()["id"]}, mock.Mock())
            release.restore = {"release": of_point}
            release.set_addresses()
            said = release.postgres.set_parameter.call_args_list
            self.assertIn(mock.call(release.database, "web.base.url", request()["url"], replace=replaced), said)

    def test_one_that_has_served_these_data_before_takes_its_place_at_once(self):
        for mode in ("rolling", "maintenance"):
            plan = Plan(mode)
            plan.served = True
            self.assertEqual(self.tried(plan, True), ["swap"])

    def test_a_server_that_was_started_ahead_is_tried_also_if_users_left_nothing_to_upgrade(self):
        """It is the release's own by then, so nothing differs any more."""
        self.assertEqual(self.tried(Plan("maintenance"), False), ["swap", "try"])
