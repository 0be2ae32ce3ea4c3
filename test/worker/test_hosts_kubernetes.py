"""Locks that are lost, refused or never had, and a Job that is told to end: what its pod answers. With real locks,
test/e2e shows it.
"""

import json
from unittest import mock

from support import WorkerCase, request

from hosts import here
from hosts import kubernetes
import release
import service
from failures import Failure
from journal import Journal
from hosts.kubernetes import FENCE, LIFE, WORKER, KubernetesHost

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
            raise kubernetes.unanswered("connection refused")
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
                      mock.patch.object(kubernetes, "secret", lambda _: "x"),
                      mock.patch.object(kubernetes, "Locks", lambda *_: Locks(self.server)),
                      mock.patch.object(kubernetes, "STATE", self.root),
                      mock.patch.object(kubernetes.time, "sleep", self.pauses.append),
                      mock.patch.object(kubernetes.signal, "signal"),
                      mock.patch.object(kubernetes, "TERMINATION_LOG", self.root / "words"),
                      mock.patch.object(service, "OUTCOMES", self.root / "outcomes"),
                      mock.patch.object(service, "QUEUE", self.root / "queue.json")):
            patch.start()
            self.addCleanup(patch.stop)
        self.host = KubernetesHost()
        self.host.postgres = mock.Mock()

    def open_journal(self, step, phase="begin"):
        journal = Journal.begin("r2", "maintenance", None, "r2", "a", "job-0")
        journal.note(step=step, phase=phase)
        return journal

    def job(self):
        (self.root / "request.json").write_text(json.dumps(request()))
        with mock.patch.object(here, "host", lambda: self.host):
            return service.job(self.root / "request.json")

    def test_a_step_does_not_begin_once_the_locks_are_lost(self):
        with self.host.alone(request()):
            self.host.close(request())
            self.host.still_alone()
            self.server.up = False
            with self.assertRaises(Failure) as caught:
                self.host.still_alone()
            self.assertEqual(caught.exception.code, "DATABASE_CONNECTION_ERROR")

    def test_lost_locks_are_taken_anew_before_anything_is_put_back_and_guards_get_time_to_see_it(self):
        with self.host.alone(request()):
            self.host.close(request())
            self.server.up = False
            self.host.locks.open = self.host.worker.open = False
            self.server.up, self.server.taken = True, []
            self.host.recede(None, request(), True, True)
            self.assertEqual(self.server.taken, [WORKER, FENCE, LIFE])
            self.assertEqual(self.pauses, [kubernetes.SETTLE_SECONDS])

    def test_pods_that_do_not_stop_are_not_fenced_a_second_time(self):
        self.server.refused = {LIFE}
        with self.host.alone(request()):
            with self.assertRaises(Failure):
                self.host.close(request())
            self.server.taken = []
            self.host.recede(None, request(), False, False)
            self.assertEqual(self.server.taken, [])

    def test_the_job_goes_on_later_while_a_release_is_open(self):
        self.open_journal("upgraded")
        for trouble in (Failure("DATABASE_CONNECTION_ERROR", "away", found="x", expected="y", remedy="z"),
                        OSError(5, "Input/output error")):
            self.host.postgres.wait.side_effect = trouble
            self.assertEqual(self.job(), 3)

    def test_and_when_it_cannot_be_taken_back_for_whatever_reason(self):
        self.open_journal("upgraded")
        with mock.patch.object(release, "take_back", side_effect=OSError(116, "Stale file handle")):
            self.assertEqual(self.job(), 3)
        self.assertIn("Stale file handle", (self.root / "words").read_text())

    def test_it_waits_again_for_another_one_that_does_not_end(self):
        self.open_journal("upgraded")
        self.server.refused = {WORKER}
        self.assertEqual(self.job(), 3)

    def test_the_job_fails_where_nothing_was_begun(self):
        self.host.postgres.wait.side_effect = Failure("DATABASE_CONNECTION_ERROR", "away", found="x", expected="y",
                                                      remedy="z")
        self.assertEqual(self.job(), 1)
        self.assertIn("DATABASE_CONNECTION_ERROR", (self.root / "words").read_text())

    def test_told_to_end_it_stops_at_once_or_at_the_next_step_but_not_in_a_taking_back(self):
        with self.assertRaises(Failure):
            self.host.told_to_end()
        # Whoever swallowed that meets it again.
        with self.assertRaises(Failure) as caught:
            self.host.still_alone()
        self.assertEqual(caught.exception.code, "DEPLOY_TIMEOUT")
        self.host.uninterrupted()
        self.host.told_to_end()
        self.host.still_alone()


class Refused(Exception):
    def __init__(self, code):
        super().__init__("canceling statement due to lock timeout")
        self.pgcode = code


class LocksTest(WorkerCase):
    """The lock of another release, which has been told to end."""

    def setUp(self):
        super().setUp()
        # Answers to requests for the lock: None is yes.
        self.answers, self.clock, self.waited = [], 0.0, []
        patch = mock.patch.object(kubernetes.time, "monotonic", lambda: self.clock)
        patch.start()
        self.addCleanup(patch.stop)
        self.locks = kubernetes.Locks.__new__(kubernetes.Locks)
        self.locks.error, self.locks.key, self.locks.connection = Refused, 7, mock.MagicMock()
        cursor = self.locks.connection.cursor.return_value.__enter__.return_value
        cursor.execute.side_effect = self.execute
        cursor.fetchone.return_value = ("odoo-ship-locks at 10.0.0.7",)

    def execute(self, statement, *_):
        if statement.startswith("SET lock_timeout"):
            self.waited.append(int(statement.split("'")[1].rstrip("s")))
        elif "pg_advisory_lock(" in statement:
            code = self.answers.pop(0) if self.answers else kubernetes.LOCK_NOT_AVAILABLE
            if code is not None:
                self.clock += self.waited[-1]
                raise Refused(code)

    def test_it_is_waited_for_in_short_turns(self):
        self.answers = [kubernetes.LOCK_NOT_AVAILABLE, kubernetes.LOCK_NOT_AVAILABLE, None]
        self.locks.take(WORKER, 600, "another release is under way")
        self.assertEqual(self.waited, [15, 15, 15])

    def test_and_not_for_ever(self):
        with self.assertRaises(Failure) as caught:
            self.locks.take(WORKER, 40, "another release is under way")
        self.assertEqual((caught.exception.code, self.waited), ("RELEASE_IN_PROGRESS", [15, 15, 10]))
        self.assertEqual(caught.exception.found, "odoo-ship-locks at 10.0.0.7")
        self.locks.connection.close.assert_called_once()

    def statements(self):
        cursor = self.locks.connection.cursor.return_value.__enter__.return_value
        return [call.args[0] for call in cursor.execute.call_args_list]

    def test_whoever_else_holds_what_is_the_admins_alone_loses_the_session_first(self):
        for lock in (FENCE, WORKER):
            self.answers = [None]
            self.locks.take(lock, 60, "another release is under way")
        ended = [statement for statement in self.statements() if "pg_terminate_backend" in statement]
        self.assertEqual(len(ended), 2)
        for statement in ended:
            self.assertIn("a.usename <> current_user", statement)
        self.assertLess(self.statements().index(ended[0]), next(n for n, one in enumerate(self.statements())
                                                                if "pg_advisory_lock(" in one))

    def test_whoever_holds_life_for_longer_than_pods_do_is_locked_out(self):
        self.answers = [kubernetes.LOCK_NOT_AVAILABLE, kubernetes.LOCK_NOT_AVAILABLE, None]
        forced = []
        self.locks.take(LIFE, 30, "pods of Odoo do not stop", lambda: forced.append(len(self.waited)))
        self.assertEqual(forced, [2])
        self.assertFalse([statement for statement in self.statements() if "pg_terminate_backend" in statement])

    def test_and_only_once(self):
        forced = []
        with self.assertRaises(Failure) as caught:
            self.locks.take(LIFE, 30, "pods of Odoo do not stop", lambda: forced.append(1))
        self.assertEqual((caught.exception.code, forced), ("DEPLOY_TIMEOUT", [1]))

    def test_a_server_that_goes_away_meanwhile_is_told(self):
        self.answers = ["57P01"]
        with self.assertRaises(Failure) as caught:
            self.locks.take(WORKER, 600, "another release is under way")
        self.assertEqual(caught.exception.code, "DATABASE_CONNECTION_ERROR")
