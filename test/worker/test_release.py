"""Which steps a release takes, in which order, and when it makes sure that nobody else is at the database."""

from unittest import mock

from support import WorkerCase, request

from journal import STEPS
from plan import Plan
from release import Release

UPGRADE = {"upgrade": ["sale"]}


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
        for name in ("preflight", "rehearse", "close", "take_point", "upgrade", "activate"):
            setattr(release, name, mock.Mock())
        release.make_plan = lambda: plan
        with (mock.patch("release.planning.applied"), mock.patch("release.ledger.lineage_after"),
              mock.patch("release.complete")):
            release.run()
        return done

    def steps(self, *args, **options):
        return [name for name in self.run_release(*args, **options) if name != "alone"]

    def test_modules_that_change_take_every_step_in_the_journals_order(self):
        self.assertEqual(self.steps(Plan("maintenance", **UPGRADE)), list(STEPS))

    def test_what_is_not_needed_is_left_out(self):
        for plan, options, left_out in (
                (Plan("maintenance", **UPGRADE), {"rehearse": False}, {"rehearsed"}),
                (Plan("install", install=["base"]), {}, {"rehearsed", "point"}),
                (Plan("rolling", **UPGRADE), {}, {"closed", "point"}),
                (Plan("rolling"), {}, {"rehearsed", "closed", "point", "upgraded"}),
                (Plan("rolling"), {"must_close": True}, {"rehearsed", "point", "upgraded"}),
                (Plan("maintenance"), {"restore": {"id": "p"}}, {"rehearsed"})):
            with self.subTest(plan.mode, **options):
                self.assertEqual(self.steps(plan, **options), [name for name in STEPS if name not in left_out])

    def test_before_each_step_that_may_change_something_the_host_says_whether_it_is_alone(self):
        done = self.run_release(Plan("maintenance", **UPGRADE))
        self.assertEqual(done[:2], ["preflight", "pulled"])
        self.assertEqual(done[2::2], ["alone"] * 6)


class ClaimTest(WorkerCase):
    def test_other_code_is_blocked_before_it_is_known_that_nobody_was_there_and_only_then_are_data_changed(self):
        calls = mock.MagicMock()
        release = Release(calls.host, request(), calls.journal, mock.Mock())
        release.postgres = calls.postgres
        release.claim()
        order = [name for name, _, options in calls.mock_calls
                 if name in ("postgres.mark", "host.still_alone") or options == {"touched": True}]
        self.assertEqual(order, ["postgres.mark", "host.still_alone", "journal.note"])
