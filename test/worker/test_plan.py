from support import WorkerCase, request

import ledger
import modules
import plan
from failures import Failure


def image(series="19.0", **modules):
    base = {"base": {"version": "19.0.1.3", "hash": "base1"}, "sale": {"version": "19.0.1.0", "hash": "sale1"}}
    return {"series": series, "modules": {**base, **modules}}


INSTALLED = {"base": "19.0.1.3", "sale": "19.0.1.0"}
MARKER = {"modules": {"base": ["base1"], "sale": ["sale1"]}}


class PlanTest(WorkerCase):
    def refused(self, code, *args):
        with self.assertRaises(Failure) as caught:
            plan.plan_release(*args)
        self.assertEqual(caught.exception.code, code)
        return caught.exception

    def test_a_database_that_is_not_there_is_installed(self):
        made = plan.plan_release(request(), image(), None, None)
        self.assertEqual((made.mode, made.install), ("install", ["base", "sale"]))

    def test_nothing_changed_is_rolling(self):
        made = plan.plan_release(request(), image(), INSTALLED, MARKER)
        self.assertEqual((made.mode, made.upgrade, made.install), ("rolling", [], []))

    def test_a_changed_module_that_is_installed_is_upgraded_alone_and_closed(self):
        made = plan.plan_release(request(), image(sale={"version": "19.0.1.1", "hash": "sale2"}), INSTALLED, MARKER)
        self.assertEqual((made.mode, made.upgrade), ("maintenance", ["sale"]))

    def test_a_changed_module_that_is_not_installed_is_nothing(self):
        self.assertEqual(plan.plan_release(request(), image(crm={"version": "19.0.9", "hash": "new"}), INSTALLED,
                                           MARKER).mode, "rolling")

    def test_an_additive_release_serves_throughout(self):
        wanted = request(release={**request()["release"], "additive": True})
        self.assertEqual(plan.plan_release(wanted, image(sale={"version": "19.0.1.1", "hash": "sale2"}), INSTALLED,
                                           MARKER).mode, "rolling")

    def test_a_module_that_is_newly_wanted_is_installed(self):
        made = plan.plan_release(request(modules=["sale", "crm"]), image(crm={"version": "19.0.1", "hash": "c"}),
                                 INSTALLED, MARKER)
        self.assertEqual((made.mode, made.install), ("maintenance", ["crm"]))

    def test_a_database_without_a_marker_is_upgraded_as_a_whole(self):
        made = plan.plan_release(request(), image(), INSTALLED, None)
        self.assertEqual((made.mode, made.upgrade), ("maintenance", ["base", "sale"]))
        self.assertTrue(made.warnings)

    def test_an_installed_module_that_the_image_lacks_is_refused(self):
        self.assertIn("hr", self.refused("MISSING_ADDONS", request(), image(), {**INSTALLED, "hr": "19.0.1"},
                                         MARKER).found)

    def test_a_wanted_module_that_the_image_lacks_is_refused_at_the_first_install_too(self):
        self.refused("MISSING_ADDONS", request(modules=["hr"]), image(), None, None)

    def test_a_module_without_a_version_is_upgraded_from_what_odoo_stored_for_it(self):
        installed = {**INSTALLED, "notes": "19.0.1.0"}
        marker = {"modules": {**MARKER["modules"], "notes": ["notes1"]}}
        notes = {"version": modules.stored_version("", "19.0"), "hash": "notes2"}
        self.assertEqual(plan.plan_release(request(), image(notes=notes), installed, marker).upgrade, ["notes"])

    def test_a_version_that_goes_down_is_refused_by_number_not_by_letter(self):
        self.refused("MODULE_DOWNGRADE", request(), image(sale={"version": "19.0.1.9", "hash": "s"}),
                     {**INSTALLED, "sale": "19.0.1.10"}, MARKER)
        self.assertEqual(plan.plan_release(request(), image(sale={"version": "19.0.1.10", "hash": "s"}),
                                           {**INSTALLED, "sale": "19.0.1.9"}, MARKER).upgrade, ["sale"])

    def test_the_code_that_an_additive_release_left_may_come_back_with_its_lower_version(self):
        marker = {"modules": {**MARKER["modules"], "sale": ["sale2", "sale1"]}}
        self.assertEqual(plan.plan_release(request(), image(), {**INSTALLED, "sale": "19.0.1.1"}, marker).mode,
                         "rolling")

    def test_another_series_is_refused(self):
        self.refused("SERIES_MISMATCH", request(), image(series="18.0"), INSTALLED, MARKER)

    def test_an_update_back_to_a_release_that_was_left_is_refused_unless_no_module_changes(self):
        first, second = request(), request(id="r3", image="registry/odoo@sha256:" + "c" * 64)
        for wanted in (first, second):
            ledger.record(wanted, {}, ledger.lineage_after(wanted))
        changed = image(sale={"version": "19.0.1.1", "hash": "sale2"})
        self.refused("RELEASE_MISMATCH", first, changed, INSTALLED, MARKER)
        for wanted, served in ((first, True), (second, False)):
            made = plan.plan_release(wanted, image(), INSTALLED, MARKER)
            self.assertEqual((made.mode, made.served), ("rolling", served))

    def test_the_data_of_a_point_were_served_by_the_image_that_left_them_and_by_no_other(self):
        other = "registry/odoo@sha256:" + "c" * 64
        for left, served in ((request()["image"], True), (other, False), (None, False)):
            made = plan.plan_restore(request(), {"image": left})
            self.assertEqual((made.mode, made.served), ("maintenance", served))

    def test_after_a_restore_the_newer_release_may_come_again(self):
        first, second = request(), request(id="r3", image="registry/odoo@sha256:" + "c" * 64)
        for wanted in (first, second):
            ledger.record(wanted, {}, ledger.lineage_after(wanted))
        point = {"lineage": [ledger.digest_of(first["image"])]}
        ledger.record({**first, "id": "r4"}, {}, ledger.lineage_after(first, point))
        changed = image(sale={"version": "19.0.1.1", "hash": "sale2"})
        self.assertEqual(plan.plan_release(second, changed, INSTALLED, MARKER).upgrade, ["sale"])

    def test_an_additive_release_lets_its_predecessor_start_and_another_does_not(self):
        now, before = {"sale": "sale2", "crm": "crm1"}, {"sale": ["sale1"]}
        self.assertEqual(plan.accepted(now, before, additive=True), {"sale": ["sale2", "sale1"]})
        self.assertEqual(plan.accepted(now, before, additive=False), {"sale": ["sale2"], "crm": ["crm1"]})
