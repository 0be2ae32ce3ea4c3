"""Sessions with locks in PostgreSQL: they end with this process, however it ends."""

import sys
import time

import words
from failures import Failure
from fence import ADMINS, HELD, LIFE, NOTICE_THE_END, PLACE, lock_class, signed

# Nothing of the database's own is in the way of a session of the admin.
OPTIONS = f"-c search_path=pg_catalog {NOTICE_THE_END}"
LOCK_NOT_AVAILABLE = "55P03"
PATIENCE_SECONDS = 15


class Locks:
    """Session advisory locks in the database `postgres`, by a connection of their own: they end with this process,
    however it ends.
    """

    def __init__(self, env, database):
        import psycopg2  # the image has it, since Odoo needs it

        self.error = psycopg2.Error
        self.key = lock_class(database)
        try:
            self.connection = psycopg2.connect(dbname=PLACE, host=env["PGHOST"], port=env["PGPORT"],
                                               user=env["PGUSER"], password=env["PGPASSWORD"],
                                               sslmode=env["PGSSLMODE"], connect_timeout=10,
                                               application_name="odoo-ship-locks", tcp_user_timeout=10000,
                                               keepalives_idle=5, keepalives_interval=2, keepalives_count=3,
                                               options=OPTIONS)
        except self.error as error:
            raise unanswered(error) from None
        self.connection.autocommit = True

    def alive(self):
        try:
            with self.connection.cursor() as cursor:
                cursor.execute("SELECT 1")
            return True
        except self.error:
            return False

    def take(self, lock, seconds, obstacle, by_force=None):
        """Exclusively, after at most so many seconds; in short turns, since a signal is heard between two of them.

        PostgreSQL lets any role take it. *fence* and *worker* are for the admin alone, and others who hold them lose
        their sessions at once; `by_force` is what is done about those who hold *life* when the time is over.
        """
        deadline = time.monotonic() + seconds
        if lock in ADMINS:
            self._end_others(lock)
        while not self._taken(lock, min(PATIENCE_SECONDS, max(1, deadline - time.monotonic()))):
            holders = self._holders(lock)
            if time.monotonic() >= deadline and by_force is not None:
                print(f"{obstacle} within {seconds} s ({holders}): their sessions are ended", file=sys.stderr,
                      flush=True)
                by_force()
                by_force, deadline = None, deadline + PATIENCE_SECONDS
                continue
            if time.monotonic() >= deadline:
                self.close()
                raise Failure("RELEASE_IN_PROGRESS" if lock != LIFE else "DEPLOY_TIMEOUT", obstacle, found=holders,
                              expected=f"the lock within {seconds} s",
                              remedy=f"{words.kubectl('get pods -o wide')}; see what the named sessions do, then "
                                     "deploy again")
            print(f"waiting for {holders}, for up to {deadline - time.monotonic():.0f} s more", file=sys.stderr,
                  flush=True)

    def _taken(self, lock, seconds):
        try:
            with self.connection.cursor() as cursor:
                cursor.execute(f"SET lock_timeout = '{int(seconds)}s'")
                cursor.execute("SELECT pg_advisory_lock(%s, %s)", (signed(self.key), lock))
            return True
        except self.error as error:
            if error.pgcode == LOCK_NOT_AVAILABLE:
                return False
            self.close()
            raise unanswered(error) from None

    def _end_others(self, lock):
        """Ends the sessions that hold the lock and are not the admin's. What a managed server refuses is told by who
        still holds it.
        """
        try:
            with self.connection.cursor() as cursor:
                cursor.execute("SELECT count(pg_terminate_backend(a.pid)) FROM pg_locks l JOIN pg_stat_activity a "
                               f"USING (pid) WHERE a.usename <> current_user AND {HELD}",
                               (self.key, lock))
        except self.error:
            pass

    def _holders(self, lock):
        try:
            with self.connection.cursor() as cursor:
                cursor.execute("SELECT string_agg(coalesce(a.application_name, '') || ' at ' || "
                               "coalesce(host(a.client_addr), 'the server'), ', ') "
                               f"FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE {HELD}", (self.key, lock))
                return cursor.fetchone()[0] or "nobody"
        except self.error:
            return "PostgreSQL does not answer"

    def close(self):
        try:
            self.connection.close()
        except self.error:
            pass


def unanswered(error):
    return Failure("DATABASE_CONNECTION_ERROR", "PostgreSQL does not answer", found=str(error).strip().splitlines()[0]
                   if str(error).strip() else "no reason",
                   expected="a PostgreSQL that takes sessions", remedy="see why it does not, then deploy again")
