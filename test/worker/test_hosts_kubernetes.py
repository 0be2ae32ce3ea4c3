"""Locks that are lost, refused or never had, and a Job that is told to end: what its pod answers. With real locks,
test/e2e shows it.
"""

import json
from unittest import mock

from support import WorkerCase, job_request, request

import restore
import service
from failures import Failure
from fence import FENCE, LIFE, WORKER
from files import Lock
from hosts import here, kubernetes, kubernetes_data, kubernetes_locks
from hosts.kubernetes import KubernetesHost
from journal import Journal

ENVIRONMENT = {"DB_HOST": "odoo-db", "ODOO_SHIP_ADMIN": "postgres", "ODOO_SHIP_JOB": "job-1"}


class Server:
    """What PostgreSQL knows of locks; `refused` are those that somebody else has."""

    def __init__(self):
        self.up, self.refused, self.taken = True, set(), []


class Locks:
    def __init__(self, server):
        self.server, self.open = server, True

    def take(self, lock, _seconds, obstacle, _by_force=None):
        if not self.server.up:
            raise kubernetes_locks.unanswered("connection refused")
        if lock in self.server.refused:
            raise Failure("DEPLOY_TIMEOUT", obstacle, found="somebody", expected="nobody", remedy="wait")
        self.server.taken.append(lock)

    def alive(self):
        return self.open and self.server.up

    def close(self):
        self.open = False


class KubernetesHostTest(WorkerCase):
    def setUp(self):
        super().setUp()
        self.server, self.pauses = Server(), []
        for patch in (mock.patch.dict(kubernetes.os.environ, ENVIRONMENT),
                      mock.patch.object(kubernetes_data, "secret", lambda _: "x"),
                      mock.patch.object(kubernetes, "Locks", lambda *_: Locks(self.server)),
                      mock.patch.object(kubernetes, "STATE", self.root),
                      mock.patch.object(kubernetes.time, "sleep", self.pauses.append),
                      mock.patch.object(kubernetes.signal, "signal"),
                      mock.patch.object(kubernetes, "TERMINATION_LOG", self.root / "words")):
            patch.start()
            self.addCleanup(patch.stop)
        self.host = KubernetesHost()
        self.host.data.postgres = mock.Mock()
        self.host.dumps = Lock(self.root / "dump.lock")

    def open_journal(self, step, phase="begin"):
        journal = Journal.begin("r2", "maintenance", None, "r2", "a", "job-0")
        journal.note(step=step, phase=phase)
        return journal

    def job(self):
        (self.root / "request.json").write_text(json.dumps(job_request()))
        with mock.patch.object(here, "host", lambda: self.host):
            return service.job(self.root / "request.json")

    def test_a_release_waits_for_a_dump_of_another_pod_and_none_begins_until_it_is_over(self):
        dump, said = Lock(self.root / "dump.lock"), []
        with self.host.alone(request()):
            self.assertTrue(dump.take())
            with mock.patch("files.time.sleep", lambda _: dump.release()):
                self.host.keep_others_away(said.append)
            self.assertEqual(said, ["waiting for the dump that is under way"])
            self.assertFalse(dump.take())
        self.assertTrue(dump.take())

    def test_an_image_that_could_send_no_dump_is_refused_unless_it_has_served_before(self):
        with mock.patch.object(kubernetes.shutil, "which", lambda _: None):
            with self.assertRaises(Failure) as caught:
                kubernetes.refuse_undumpable("registry/odoo@sha256:1")
            self.assertEqual(caught.exception.code, "RELEASE_MISMATCH")
            self.assertIn("openssh-client", caught.exception.remedy)
            with mock.patch.object(kubernetes.ledger, "points", lambda: [{"image": "registry/odoo@sha256:1"}]):
                kubernetes.refuse_undumpable("registry/odoo@sha256:1")
        with mock.patch.object(kubernetes.shutil, "which", lambda _: "/usr/bin/ssh"):
            kubernetes.refuse_undumpable("registry/odoo@sha256:1")

    def test_a_step_does_not_begin_once_the_locks_are_lost(self):
        with self.host.alone(request()):
            self.host.close(request())
            self.host.still_alone()
            self.server.up = False
            with self.assertRaises(Failure) as caught:
                self.host.still_alone()
            self.assertEqual(caught.exception.code, "DATABASE_CONNECTION_ERROR")

    def test_lost_locks_are_taken_anew_before_anything_is_rolled_back_and_guards_get_time_to_see_it(self):
        with self.host.alone(request()):
            self.host.close(request())
            self.server.up = False
            self.host.locks.open = self.host.worker.open = False
            self.server.up, self.server.taken = True, []
            self.host.begin_rollback(None, request(), True, True, False)
            self.assertEqual(self.server.taken, [WORKER, FENCE, LIFE])
            self.host.data.postgres.let_in.assert_not_called()
            self.assertEqual(self.pauses, [kubernetes.SETTLE_SECONDS])

    def test_pods_that_do_not_stop_are_not_fenced_a_second_time(self):
        self.server.refused = {LIFE}
        with self.host.alone(request()):
            with self.assertRaises(Failure):
                self.host.close(request())
            self.server.taken = []
            self.host.begin_rollback(None, request(), False, False, False)
            self.assertEqual(self.server.taken, [])

    def test_the_job_goes_on_later_while_a_release_is_open(self):
        self.open_journal("upgraded")
        for trouble in (Failure("DATABASE_CONNECTION_ERROR", "away", found="x", expected="y", remedy="z"),
                        OSError(5, "Input/output error")):
            self.host.data.postgres.wait.side_effect = trouble
            self.assertEqual(self.job(), 3)

    def test_and_when_it_cannot_be_rolled_back_for_whatever_reason(self):
        self.open_journal("upgraded")
        with mock.patch.object(service, "roll_back", side_effect=OSError(116, "Stale file handle")):
            self.assertEqual(self.job(), 3)
        self.assertIn("Stale file handle", (self.root / "words").read_text())

    def test_it_waits_again_for_another_one_that_does_not_end(self):
        self.open_journal("upgraded")
        self.server.refused = {WORKER}
        self.assertEqual(self.job(), 3)

    def test_the_job_fails_where_nothing_was_begun(self):
        self.host.data.postgres.wait.side_effect = Failure("DATABASE_CONNECTION_ERROR", "away", found="x", expected="y",
                                                      remedy="z")
        self.assertEqual(self.job(), 1)
        self.assertIn("DATABASE_CONNECTION_ERROR", (self.root / "words").read_text())

    def test_told_to_end_it_stops_at_once_or_at_the_next_step_but_not_in_a_rollback(self):
        with self.assertRaises(Failure):
            self.host.told_to_end()
        # Whoever swallowed that meets it again.
        with self.assertRaises(Failure) as caught:
            self.host.still_alone()
        self.assertEqual(caught.exception.code, "DEPLOY_TIMEOUT")
        self.host.uninterrupted()
        self.host.told_to_end()
        self.host.still_alone()

    def test_what_an_operator_asks_for_keeps_jobs_away_until_it_has_ended(self):
        with self.host.beside_releases(job_request()):
            self.assertEqual(self.server.taken, [WORKER])
            self.assertTrue(self.host.worker.alive())
        self.assertFalse(self.host.worker.alive())

    def test_what_an_operator_asks_for_is_refused_while_a_job_is_at_a_release_or_has_left_one(self):
        with mock.patch.object(here, "KUBERNETES", True):
            Journal.begin("r1", None, None, "r1", "20261121t120000z").note(step=None, phase="begin")
            for refused in ({WORKER}, set()):
                self.server.refused = refused
                with self.assertRaises(Failure), restore.alone(self.host, job_request()):
                    self.fail("it is at the data")
            self.assertFalse(self.host.worker.alive())


class VerificationTest(WorkerCase):
    def test_an_older_image_that_would_verify_nobody_is_refused(self):
        for text, mode, series, refused in (("", "verify-full", 18.0, True), ("", "verify-full", 19.0, False),
                                            ("", "prefer", 18.0, False), ("DB_SSLMODE", "verify-full", 18.0, False)):
            (self.root / "configuration.py").write_text(text)
            with mock.patch.object(kubernetes, "CONFIGURATION", self.root / "configuration.py"):
                try:
                    kubernetes.refuse_unverified(mode, series)
                    found = False
                except Failure:
                    found = True
            self.assertEqual(found, refused, (text, mode, series))
