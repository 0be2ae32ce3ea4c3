"""A release is live when its data are there, too: the ledger lies with the attachments, on another volume than the
database.
"""

import json
from unittest import mock

from support import WorkerCase, job_request

import ledger
import outcomes
import service
import staged
from hosts import here, kubernetes, kubernetes_data
from hosts.kubernetes import KubernetesHost

ENVIRONMENT = {"DB_HOST": "odoo-db", "ODOO_SHIP_ADMIN": "postgres", "ODOO_SHIP_JOB": "job-1"}
CODE = {"base": "base1", "sale": "sale1"}


OTHER = "3" * 16


class LostDatabaseTest(WorkerCase):
    def setUp(self):
        super().setUp()
        self.handled = []
        for patch in (mock.patch.dict(kubernetes.os.environ, ENVIRONMENT),
                      mock.patch.object(kubernetes_data, "secret", lambda _: "x"),
                      mock.patch.object(kubernetes, "Locks", mock.Mock()),
                      mock.patch.object(kubernetes, "STATE", self.root),
                      mock.patch.object(kubernetes.signal, "signal"),
                      mock.patch.object(kubernetes, "TERMINATION_LOG", self.root / "words"),
                      mock.patch.object(service, "handle", lambda _host, asked: self.handled.append(asked["id"]))):
            patch.start()
            self.addCleanup(patch.stop)
        self.host = KubernetesHost()
        self.postgres = self.host.data.postgres
        self.postgres.wait = self.postgres.let_in = mock.Mock()
        self.database(exists=True, modules={"base": "1"}, marker={"state": "ready",
                                                                  "modules": {"base": ["base1"],
                                                                              "sale": ["sale0", "sale1"]}})

    def database(self, exists, modules=None, marker=None):
        self.postgres.exists, self.postgres.modules = mock.Mock(return_value=exists), mock.Mock(return_value=modules)
        self.postgres.marker = mock.Mock(return_value=marker)

    def live(self, **changes):
        staged.keep(job_request(**changes))
        ledger.record(job_request(**changes), CODE, [])

    def job(self, **changes):
        (self.root / "request.json").write_text(json.dumps(job_request(**changes)))
        outcomes.record(job_request(**changes)["id"], "failed", {"code": "X", "summary": "not done"})
        with mock.patch.object(here, "host", lambda: self.host):
            return service.job(self.root / "request.json")

    def told(self):
        return (self.root / "words").read_text()

    def test_a_release_with_its_data_is_live_and_nothing_is_done(self):
        self.live()
        self.assertEqual((self.job(), self.handled), (0, []))

    def test_a_database_that_is_gone_is_told_and_not_made_anew(self):
        self.live()
        for exists, found in ((False, "PostgreSQL at odoo-db has no database odoo"), (True, "without Odoo's tables")):
            self.database(exists)
            self.assertEqual((self.job(), self.handled), (1, []))
            self.assertIn("DATABASE_LOST", self.told())
            self.assertIn(found, self.told())

    def test_nor_is_another_release_installed_in_its_place(self):
        self.live()
        self.database(exists=False)
        self.assertEqual((self.job(id=OTHER), self.handled), (1, []))

    def test_a_first_install_has_no_database_to_miss(self):
        self.database(exists=False)
        self.job()
        self.assertEqual(self.handled, [job_request()["id"]])

    def test_data_that_somebody_put_there_by_hand_are_made_ready_for_the_release(self):
        self.live()
        for marker in (None, {"state": "ready", "modules": {"base": ["base0"]}},
                       {"state": "ready", "modules": {"crm": ["crm1"]}}, {"state": "upgrading", "modules": {}}):
            self.handled.clear()
            self.database(exists=True, modules={"base": "1"}, marker=marker)
            self.assertEqual((self.job(), self.handled), (1, [job_request()["id"]]))

    def test_data_with_a_module_that_was_installed_since_are_served_once_they_are_ready(self):
        self.live()
        self.database(exists=True, modules={"base": "1", "crm": "1"}, marker=None)

        def ready(_host, asked):
            modules = {**CODE, "crm": "crm1"}
            ledger.record(asked, modules, [])
            outcomes.record(asked["id"], "succeeded")
            self.database(exists=True, marker={"state": "ready", "modules": {name: [at] for name, at in modules.items()}})

        with mock.patch.object(service, "handle", ready):
            self.assertEqual(self.job(), 0)

    def test_an_end_without_a_word_is_told(self):
        self.live()
        self.database(exists=True, modules={"base": "1"}, marker=None)
        with mock.patch.object(service, "handle", lambda _host, asked: outcomes.record(asked["id"], "succeeded")):
            self.assertEqual(self.job(), 1)
        self.assertIn("ended without a word", self.told())

    def test_another_name_in_the_settings_is_no_lost_database(self):
        self.live()
        self.postgres.exists = mock.Mock(side_effect=lambda name: name == "odoo")
        self.job(id=OTHER, database="books")
        self.assertEqual(self.handled, [OTHER])
