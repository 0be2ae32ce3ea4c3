"""Locks that somebody else has. With real ones, test/e2e shows it."""

from unittest import mock

from support import WorkerCase

from failures import Failure
from fence import FENCE, LIFE, WORKER
from hosts import kubernetes_locks


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
        patch = mock.patch.object(kubernetes_locks.time, "monotonic", lambda: self.clock)
        patch.start()
        self.addCleanup(patch.stop)
        self.locks = kubernetes_locks.Locks.__new__(kubernetes_locks.Locks)
        self.locks.error, self.locks.key, self.locks.connection = Refused, 7, mock.MagicMock()
        cursor = self.locks.connection.cursor.return_value.__enter__.return_value
        cursor.execute.side_effect = self.execute
        cursor.fetchone.return_value = ("odoo-ship-locks at 10.0.0.7",)

    def execute(self, statement, *_):
        if statement.startswith("SET lock_timeout"):
            self.waited.append(int(statement.split("'")[1].rstrip("s")))
        elif "pg_advisory_lock(" in statement:
            code = self.answers.pop(0) if self.answers else kubernetes_locks.LOCK_NOT_AVAILABLE
            if code is not None:
                self.clock += self.waited[-1]
                raise Refused(code)

    def test_it_is_waited_for_in_short_turns(self):
        self.answers = [kubernetes_locks.LOCK_NOT_AVAILABLE, kubernetes_locks.LOCK_NOT_AVAILABLE, None]
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
        self.answers = [kubernetes_locks.LOCK_NOT_AVAILABLE, kubernetes_locks.LOCK_NOT_AVAILABLE, None]
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
