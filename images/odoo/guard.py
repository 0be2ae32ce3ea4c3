#!/usr/bin/env python3
"""Runs Odoo only while a deployment lets it run: for a host where nobody can stop a container from outside (Kubernetes;
docs/adr/0007).

    guard.py run COMMAND…     Odoo as a child, started, stopped and started again as the rules below say
    guard.py started | ready | live     what Kubernetes asks (probes.py): exit status 0 or 1, and one line

Two session advisory locks in the database `postgres` are all that a deployment and the servers share. Each guard holds
*life* shared as long as its Odoo runs. A deployment that must be alone takes *fence*: each guard sees that within a
second, takes its pod out of the Service, serves on until nobody comes any more, lets requests end, stops Odoo, and
gives *life* back. Then the deployment gets *life* exclusively, and nobody runs. Until an Odoo runs again the pod is in
the Service: its port refuses at once, where a Service without pods leaves most who come without an answer. Locks end
with their sessions, and both ends of those notice within seconds that the other is gone, so whoever dies holds nobody
up; whose code may start on the database afterwards is told by the release marker (release_marker.py).
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

# -I leaves this directory out, so that no file in a working directory can take the place of a module.
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import probes  # noqa: E402
import ready  # noqa: E402
import release_marker  # noqa: E402
import sockets  # noqa: E402
from fence import FENCE, HELD, LIFE, LOST_SECONDS, NOTICE_THE_END, PLACE, lock_class, signed  # noqa: E402

LOOK_SECONDS = 1
# Users may be waiting for a pod that may not run yet, and for one that does not serve yet.
WAITING_LOOK_SECONDS = 0.5
START_LOOK_SECONDS = 0.2
# Requests come until a probe has heard that this pod is not ready, which is within this, and the cluster knows.
PROBE_SECONDS = 7
# The cluster knows when nobody has come for so long.
QUIET_SECONDS = 1.5
# Odoo needs seconds to take its idle processes apart: told to end, it is killed once it was idle so often in a row.
IDLE_LOOKS = 4
UNANSWERED = "DATABASE_CONNECTION_ERROR"
AT_WORK = "RELEASE_IN_PROGRESS: a deployment is at work on the database"


class Refused(Exception):
    """Odoo may not run now: a line for the operator."""


class Locks:
    """A session of its own in the database `postgres`: the live one can be copied and renamed meanwhile."""

    def __init__(self, target, database):
        import psycopg2  # only the image has it
        self.key = lock_class(database)
        self.connection = psycopg2.connect(dbname=PLACE, connect_timeout=5, application_name="odoo-guard",
                                           keepalives_idle=5, keepalives_interval=2,
                                           keepalives_count=3, tcp_user_timeout=10000,
                                           options=f"-c statement_timeout=5000 {NOTICE_THE_END}", **target)
        self.connection.autocommit = True

    def ask(self, statement, *values):
        with self.connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchone()[0]

    def live(self):
        """Whether this session holds *life* now. Taken before the fence is looked at: a deployment does it the other
        way round.
        """
        return self.ask("SELECT pg_try_advisory_lock_shared(%s, %s)", signed(self.key), LIFE)

    def fenced(self):
        return self.ask(f"SELECT count(*) > 0 FROM pg_locks WHERE mode = 'ExclusiveLock' AND {HELD}",
                        self.key, FENCE)

    def others_run(self):
        """Whether the Odoo of another guard does. Those that wait hold *life* for a moment each time they look."""
        return self.ask("SELECT count(*) > 0 FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE mode = 'ShareLock' "
                        "AND pid <> pg_backend_pid() AND backend_start < now() - interval '1 second' "
                        f"AND {HELD}", self.key, LIFE)

    def in_transaction(self):
        """Whether a program of this pod is in one: its sessions come from the same address as this one."""
        return self.ask("SELECT count(*) > 0 FROM pg_stat_activity WHERE usename = current_user AND "
                        "xact_start IS NOT NULL AND pid <> pg_backend_pid() AND client_addr IS NOT DISTINCT FROM "
                        "inet_client_addr()")

    def close(self):
        with contextlib.suppress(self.errors()):
            self.connection.close()

    @staticmethod
    def errors():
        import psycopg2
        return psycopg2.Error


class Guard:
    def __init__(self, command, target, database, drain_seconds=5, grace_seconds=60):
        self.command, self.target, self.database = command, target, database
        self.drain_seconds, self.grace_seconds = drain_seconds, grace_seconds
        self.locks = self.child = None
        self.stopping = False
        self.told = None
        #: Whether Odoo has served since it was started; whether a deployment has closed the door on its users, and
        #: nobody else serves them yet.
        self.served = self.closed = False

    def run(self):
        """Until the process is told to end (0), or Odoo ends by itself (its exit status)."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.end)
        while not self.stopping:
            try:
                self.enter()
            except Refused as reason:
                self.leave()
                self.tell("waiting", str(reason))
                self.sleep(WAITING_LOOK_SECONDS)
                continue
            self.start()
            reason, at_once = self.watch()
            ended = self.child.poll()
            if ended is None:
                self.stop(reason, at_once)
            self.child = None
            self.leave()
            if ended is not None:
                self.tell("waiting", f"Odoo ended with exit status {ended}")
                return ended if ended > 0 else 1
        return 0

    def end(self, *_):
        self.stopping = True

    def enter(self):
        """Returns holding *life*, on a database that this image's code may run on."""
        try:
            self.locks = self.locks or self.connect()
            if not self.locks.live() or self.locks.fenced():
                raise Refused(AT_WORK)
            found = release_marker.objection(self.target, [self.database], required=True)
            self.closed = self.closed and not (found and self.locks.others_run())
        except self.errors() as error:
            raise Refused(f"{UNANSWERED}: {release_marker.one_line(error)}") from None
        if found:
            raise Refused(": ".join(found))

    def connect(self):
        return Locks(self.target, self.database)

    def errors(self):
        return Locks.errors()

    def leave(self):
        if self.locks is not None:
            self.locks.close()
            self.locks = None

    def start(self):
        self.child = subprocess.Popen(self.command, start_new_session=True)
        self.served = self.closed = False
        self.tell("starting", "")

    def watch(self):
        """Returns why Odoo has to stop, and whether at once; or that it has ended by itself."""
        lost = None
        while self.child.poll() is None and not self.stopping:
            try:
                if self.locks is None:
                    # The lock went with the session: whether Odoo may run is open again.
                    self.enter()
                elif self.locks.fenced():
                    return AT_WORK, False
                lost = None
            except (Refused, self.errors()) as error:
                self.leave()
                lost = lost or time.monotonic()
                unanswered = not isinstance(error, Refused) or str(error).startswith(UNANSWERED)
                if not unanswered or time.monotonic() - lost > LOST_SECONDS:
                    # Whoever has come meanwhile believes that nobody runs.
                    return release_marker.one_line(error), True
            self.served = self.served or self.serves()
            self.tell("serving" if self.served else "starting", "")
            self.sleep(LOOK_SECONDS if self.served else START_LOOK_SECONDS)
        return "told to end", False

    def serves(self):
        """Whether users can be let in: the whole of Odoo is loaded with the first page."""
        return not self.has_pages() or ready.ask(8, probes.port())[0]

    def has_pages(self):
        return "--no-http" not in self.command

    def stop(self, reason, at_once=False):
        """No new requests first; then those that are under way end; then Odoo does."""
        probes.HEARD.unlink(missing_ok=True)
        self.closed = self.served and self.has_pages() and reason == AT_WORK
        self.tell("draining", reason)
        if self.has_pages() and not at_once:
            self.drain(reason)
        self.child.terminate()
        end, idle = time.monotonic() + (0 if at_once else self.grace_seconds), 0
        while self.child.poll() is None and time.monotonic() < end and idle < IDLE_LOOKS:
            self.tell("draining", reason)
            time.sleep(0.1)
            idle = idle + 1 if self.is_idle() else 0
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait()

    def drain(self, reason):
        """Serves on while users are still sent here. Of a pod that ends, Kubernetes knows it by itself."""
        fenced = not self.stopping
        end = time.monotonic() + self.drain_seconds + (PROBE_SECONDS if fenced else 0)
        came, now = set(), time.monotonic()
        quiet = now + QUIET_SECONDS
        while now < (min(end, quiet) if fenced else end) and self.child.poll() is None:
            self.tell("draining", reason)
            clients, now = sockets.clients(probes.port()), time.monotonic()
            if clients - came or not probes.HEARD.exists():
                came, quiet = came | clients, now + QUIET_SECONDS
            time.sleep(0.1)

    def is_idle(self):
        """Whether nothing is lost if it is killed: none of its processes has a request or a transaction."""
        try:
            return sockets.under_way(probes.port()) == 0 and self.locks is not None and not self.locks.in_transaction()
        except self.errors():
            return False  # nobody can tell

    def sleep(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.stopping and (self.child is None or self.child.poll() is None):
            time.sleep(0.1)

    def tell(self, state, reason):
        """For the probes each time, for the log once."""
        if (state, reason) != self.told:
            since = time.time()
            if reason:
                print(f"odoo guard: {state}: {reason}", file=sys.stderr, flush=True)
            self.told, self.since = (state, reason), since
        partial = probes.STATUS.with_suffix(".partial")
        partial.write_text(json.dumps({"state": state, "reason": reason, "since": self.since,
                                       "http": self.has_pages(), "closed": self.closed}), encoding="utf-8")
        os.replace(partial, probes.STATUS)


def main(argv):
    if argv[:1] == ["run"] and len(argv) > 1:
        found = probes.options()
        target = {key: found["db_" + key] for key in ("host", "port", "user", "password", "sslmode")
                  if found.get("db_" + key)}
        probes.serve()
        seconds = {name: float(os.environ.get(f"ODOO_GUARD_{name.upper()}_SECONDS") or default) for name,
                   default in (("drain", 5), ("grace", 60))}
        return Guard(argv[1:], target, found["db_name"], seconds["drain"], seconds["grace"]).run()
    if argv in [[kind] for kind in probes.KINDS]:
        passed, line = probes.probe(argv[0])
        print(line)
        return 0 if passed else 1
    print(__doc__, file=sys.stderr)
    return 64


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
