from unittest import mock

from support import WorkerCase, request

from failures import Failure
from odoo_agent import OdooAgent, demo_options
from plan import Plan
from shell import Result


class JudgingTest(WorkerCase):
    def judge(self, result):
        host = mock.Mock()
        host.data.postgres.unfinished_modules.return_value = []
        host.data.postgres.modules.return_value = {"sale": "1"}
        OdooAgent(host, request(), "a", print).judge(result, "odoo", Plan("maintenance", upgrade=["sale"]))

    def test_an_upgrade_that_was_killed_is_told_as_that_and_names_the_memory(self):
        with self.assertRaises(Failure) as caught:
            self.judge(Result(137, "loading module sale"))
        self.assertEqual(caught.exception.code, "DEPLOY_FAILED")
        self.assertIn("memory", caught.exception.found)
        self.assertIn("vps:size", caught.exception.remedy)

    def test_one_that_fails_is_told_by_its_log(self):
        with self.assertRaises(Failure) as caught:
            self.judge(Result(1, "ValueError: raised by a migration"))
        self.assertEqual(caught.exception.code, "MODULE_LOAD_ERROR")

    def test_a_good_one_passes(self):
        self.judge(Result(0, ""))

    def test_one_whose_log_alone_says_that_modules_are_not_loaded_fails(self):
        with self.assertRaises(Failure) as caught:
            self.judge(Result(0, "2026-11-21 12:00:00,000 7 ERROR odoo odoo.modules.loading: Some modules are not "
                                 "loaded, some dependencies may be missing: ['sale']"))
        self.assertEqual(caught.exception.code, "MODULE_LOAD_ERROR")

    def test_demo_data_are_asked_for_as_the_series_understands_it(self):
        said = [demo_options(demo, series) for series in ("18.0", "19.0") for demo in (True, False)]
        self.assertEqual(said, [[], ["--without-demo=all"], ["--with-demo"], []])
