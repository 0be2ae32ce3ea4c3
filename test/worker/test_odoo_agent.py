from unittest import mock

from support import WorkerCase, request

import release
from failures import Failure
from shell import Result


class JudgingTest(WorkerCase):
    def release(self):
        host = mock.Mock()
        host.postgres.unfinished_modules.return_value, host.postgres.modules.return_value = [], {"sale": "1"}
        attempt = release.Release(host, request(), mock.Mock(), print)
        attempt.plan = mock.Mock(upgrade=["sale"], install=[])
        return attempt

    def test_an_upgrade_that_was_killed_is_told_as_that_and_names_the_memory(self):
        with self.assertRaises(Failure) as caught:
            self.release().judge(Result(137, "loading module sale"), "odoo")
        self.assertEqual(caught.exception.code, "DEPLOY_FAILED")
        self.assertIn("memory", caught.exception.found)
        self.assertIn("vps:size", caught.exception.remedy)

    def test_one_that_fails_is_told_by_its_log(self):
        with self.assertRaises(Failure) as caught:
            self.release().judge(Result(1, "ValueError: raised by a migration"), "odoo")
        self.assertEqual(caught.exception.code, "MODULE_LOAD_ERROR")

    def test_a_good_one_passes(self):
        self.release().judge(Result(0, ""), "odoo")
