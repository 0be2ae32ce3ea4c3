"""A Job's own pod, as the protocol needs a host: the release's image around it, the attachments' volume at /data,
PostgreSQL by the network.

It never asks Kubernetes for anything. Odoo's pods stop by themselves when the fence is up (images/odoo/guard.py), and
Pulumi replaces them when this Job has succeeded.
"""

import contextlib
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zlib
from pathlib import Path

import words
from failures import Failure, code_from_log, tail
from files import LOGS, STATE, Reserve, free_bytes
from filestore import Filestore
from postgres import Postgres, QUICK
from shell import Result, into_log, must
from tasks import Task

HERE = Path(__file__).parents[1]
DATA = Path("/data")
# Files of one secret each: the user who may copy databases, the password of Odoo's own role, the administrator's first
# one.
SECRETS = Path("/run/secrets/odoo-ship")
ENTRYPOINT = ["python3", "-I", "/opt/odoo/entrypoint.py"]
LOGIN_PAGE = "http://127.0.0.1:8069/web/login"
# As in images/odoo/guard.py.
FENCE, LIFE, WORKER = 1, 2, 3
LEAVE_SECONDS = 240
# A Job that is deleted, since another update asks for something else, has five minutes to take its release back.
YIELD_SECONDS = 420
# Locks that were lost may have let guards in, and guards that lost theirs have this long to see it
# (images/odoo/guard.py).
SETTLE_SECONDS = 30
TERMINATION_LOG = Path("/dev/termination-log")


def lock_class(database):
    """First half of the locks' key, as a signed integer of four bytes."""
    key = zlib.crc32(database.encode())
    return key - 2**32 if key >= 2**31 else key


def secret(name):
    return (SECRETS / name).read_text(encoding="utf-8").rstrip("\n")


class KubernetesHost:
    def __init__(self):
        address = {"PGHOST": os.environ["DB_HOST"], "PGPORT": os.environ.get("DB_PORT", "5432"),
                   "PGSSLMODE": os.environ.get("PGSSLMODE", "prefer")}
        # Of the role of the release's tasks; it ends with this pod, and the next one makes another.
        self.task_password = secrets.token_urlsafe(32)
        self.postgres = Postgres.at({**address, "PGUSER": os.environ["ODOO_SHIP_ADMIN"],
                                     "PGPASSWORD": secret("admin-password")},
                                    os.environ.get("ODOO_SHIP_DATABASE_STORY",
                                                   words.kubectl("logs statefulset/odoo-db")),
                                    words.kubectl("exec odoo-db-0 --") if address["PGHOST"] == "odoo-db" else
                                    f"PGHOST={address['PGHOST']} PGPORT={address['PGPORT']}",
                                    lambda: self.task_password)
        self.job = os.environ.get("ODOO_SHIP_JOB")
        # Sessions with locks: of the one release at work, and of the fence with nobody behind it.
        self.worker = self.locks = None
        self.lost = self.ending = self.whole = False
        self.tasks = {}

    @contextlib.contextmanager
    def alone(self, request):
        """No other Job works on this database; and a Job that is told to end takes its release back first."""
        signal.signal(signal.SIGTERM, self.told_to_end)
        STATE.mkdir(parents=True, exist_ok=True, mode=0o700)
        # A volume that moves to another node takes minutes.
        self.postgres.wait(600)
        self.take_worker(request, YIELD_SECONDS)
        try:
            yield
        finally:
            self.remove_tasks()
            try:
                self.open(request)
            except Failure as failure:
                # The Job's next pod, or the next update, opens again before anything else.
                print(failure.as_text(), file=sys.stderr, flush=True)
            self.worker.close()

    def take_worker(self, request, seconds):
        self.worker = Locks(self.postgres.env, request["database"])
        self.worker.take(WORKER, seconds, "another release is under way on this database")

    def told_to_end(self, *_):
        self.ending = True
        if not self.whole:
            raise told_to_end()

    def uninterrupted(self):
        """What has begun now, a taking back or a commit, is brought to its end even by a Job that is told to end."""
        self.whole = True

    def still_alone(self):
        """Before each step: nobody may have come in unseen. Locks end with their sessions, and PostgreSQL ends those
        when it stops.
        """
        if self.ending and not self.whole:
            raise told_to_end()
        for session in (self.worker, self.locks):
            if session is not None and not session.alive():
                raise Failure("DATABASE_CONNECTION_ERROR", "PostgreSQL went away in the middle",
                              found="the sessions that keep others out have ended",
                              expected="a PostgreSQL that stays", remedy="see why it stopped, then deploy again")

    def last_words(self, text):
        """For people, and for Kubernetes, which shows the end of a container to whoever asks."""
        print(text, file=sys.stderr, flush=True)
        try:
            TERMINATION_LOG.write_text(text[:3900], encoding="utf-8")
        except OSError:
            pass

    # The release's image is this container's

    def has_image(self, image):
        return True

    def remove_image(self, image):
        pass

    def fetch(self, request):
        text = must(["python3", "-I", "/opt/odoo/modules.py"], 120, "reading the image's modules",
                    code="CONTAINER_START_FAILURE")
        self.postgres.wait(60)
        server = int(self.postgres.value("SHOW server_version_num")) // 10000
        client = int(re.search(r"(\d+)", must(["pg_dump", "--version"], QUICK, "asking pg_dump for its version"))[1])
        if client < server:
            raise Failure("POSTGRES_MISMATCH", "the image's PostgreSQL tools are older than the server",
                          found=f"pg_dump {client}, server {server}",
                          expected=f"tools of {server} or newer",
                          remedy="set image:postgresqlClient, then release again")
        return json.loads(text)

    # Space

    def filestore(self):
        return Filestore(DATA / "odoo", DATA / "odoo-ship")

    def reserve(self):
        return Reserve([STATE])

    def free(self):
        return {str(DATA): free_bytes(DATA)}

    def database_disk(self):
        """Only a superuser may ask PostgreSQL for its disk; a managed server grows or refuses by itself."""
        result = self.postgres.run([*self.postgres.psql("postgres"), "-c", "CREATE TEMP TABLE disk (free text)",
                                    "-c", "COPY pg_temp.disk FROM PROGRAM 'df -B1 --output=avail \"$PGDATA\" | tail -n "
                                          "1'",
                                    "-c", "SELECT trim(free) FROM pg_temp.disk"], QUICK)
        answer = result.output.strip()
        return "the database's volume", int(answer) if result.ok and answer.isdigit() else float("inf")

    # What a release does to the host, in the order in which it does it

    def prepare(self, request):
        self.postgres.wait(120)
        self.postgres.prepare_role(secret("odoo-password"))
        self.postgres.prepare_task_roles()

    def first_password(self):
        try:
            return secret("first-password")
        except FileNotFoundError:
            raise Failure("RELEASE_INCOMPLETE", "there is no password for the administrator of a new database",
                          found="doks:firstLogin is gone",
                          expected="a password until somebody has logged in",
                          remedy="pulumi config rm doks:firstLogin, then `pulumi up`") from None

    def must_close(self, request):
        return False

    def changes_odoo(self, request):
        return True

    def close(self, request):
        """Every pod of Odoo lets its requests end, and stops."""
        if self.locks is not None and self.locks.alive():
            return
        if self.locks is not None:
            self.open(request)
            self.lost = True
        locks = Locks(self.postgres.env, request["database"])
        locks.take(FENCE, 60, "another deployment is closing the database")
        if self.lost:
            time.sleep(SETTLE_SECONDS)
            self.lost = False
        # Who holds it for longer is no pod that ends: Odoo's role loses its sessions, and gets no others until the door
        # is open again.
        locks.take(LIFE, LEAVE_SECONDS, "pods of Odoo do not stop", self.postgres.lock_out)
        self.locks = locks

    def refresh(self, request):
        pass

    def swap(self, request, between):
        """The pods are Pulumi's to replace, once the Job has succeeded."""
        between()

    def open(self, request):
        """Whose code may run on the database is told by its marker from here on."""
        self.postgres.let_in()
        if self.locks is not None:
            self.locks.close()
            self.locks = None

    def let_go(self):
        pass

    def recede(self, previous, failed, changed, closed):
        if not self.worker.alive():
            self.worker.close()
            self.take_worker(failed, 30)
        if closed:
            self.close(failed)
        else:
            # Pods that did not stop in time go on, and nothing was done to their data.
            self.open(failed)

    def serve_again(self, request):
        self.open(request)

    # Programs of the release, in the container beside this one: Odoo's part of the volume and its limits, cron off,
    # none of this worker's secrets

    def task(self, request, name, command, limit, database, attempt):
        """Runs to its end; the whole output is in the attempt's log."""
        def program(log):
            return Task([*ENTRYPOINT, *command], self._environment(database), stdout=log,
                        stderr=subprocess.STDOUT).run(limit)[0]
        return into_log(LOGS / f"{attempt}-{name}.log", program)

    def start_task(self, request, name, command, database):
        self.remove_task(name)
        LOGS.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(self._log(name), "wb") as log:
            program = command if command[0] == "sleep" else [*ENTRYPOINT, *command]
            self.tasks[name] = Task(program, self._environment(database), stdout=log, stderr=subprocess.STDOUT)
        return name

    def remove_task(self, name):
        child = self.tasks.pop(name, None)
        if child is None:
            return
        child.terminate()
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            pass
        child.kill()

    def remove_tasks(self):
        for name in list(self.tasks):
            self.remove_task(name)

    def wait_ready(self, name, seconds):
        """Until the login page is answered with exactly 200."""
        end, answer = time.monotonic() + seconds, "nothing"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while time.monotonic() < end:
            try:
                answer = str(opener.open(LOGIN_PAGE, timeout=20).status)
                if answer == "200":
                    return
            except (OSError, urllib.error.URLError) as error:
                answer = str(error)
            if self.tasks[name].poll() is not None:
                log = self.logs(name)
                raise Failure(code_from_log(log, "CONTAINER_START_FAILURE"), "Odoo's server ended",
                              found=f"exit status {self.tasks[name].returncode}",
                              expected="a server that answers",
                              remedy="the log below says why; mend the release, then deploy again", log=tail(log))
            time.sleep(0.3)
        log = self.logs(name)
        raise Failure("HEALTH_CHECK_FAIL", "Odoo does not become ready",
                      found=f"/web/login answered {answer} for {seconds} s",
                      expected="status 200", remedy="the log below may say why; mend the release, then deploy again",
                      log=tail(log))

    def logs(self, name):
        try:
            return self._log(name).read_text(encoding="utf-8", errors="replace")[-50_000:]
        except FileNotFoundError:
            return ""

    def script(self, name, file, given, limit):
        """A file of this directory, run apart from the worker; `given` goes to its standard input."""
        status, output, errors = Task(["python3", "-I", str(HERE / file)], stdin=subprocess.PIPE).run(limit, given)
        return Result(status, output.decode("utf-8", "replace"), errors.decode("utf-8", "replace"))

    def conversation(self, name, file):
        return Task(["python3", "-I", str(HERE / file)], stdin=subprocess.PIPE, text=True)

    def _environment(self, database):
        return {"DB_NAME": database, "DB_USER": self.postgres.TASKS, "DB_PASSWORD": self.task_password,
                "ODOO_RELEASE_TASK": "1", "ODOO_GUARD": "",
                "MAX_CRON_THREADS": "0"}

    def _log(self, name):
        return LOGS / f"{name}.log"


def told_to_end():
    return Failure("DEPLOY_TIMEOUT", "the Job was told to end",
                   found="SIGTERM: its deadline, a node that is drained, or an update that asks for something else",
                   expected="an end of its own",
                   remedy="the previous release serves; raise release:upgradeMinutes if it was the deadline; deploy "
                          "again")


def unanswered(error):
    return Failure("DATABASE_CONNECTION_ERROR", "PostgreSQL does not answer", found=str(error).strip().splitlines()[0]
                   if str(error).strip() else "no reason",
                   expected="a PostgreSQL that takes sessions", remedy="see why it does not, then deploy again")


# The server must notice that a node is gone, too: by itself it would keep the locks of its pods for two hours.
# Nor is anything of the database's own in the way of a session of the admin.
NOTICE_THE_END = "-c search_path=pg_catalog -c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3 -c tcp_user_timeout=11000"
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
            self.connection = psycopg2.connect(dbname="postgres", host=env["PGHOST"], port=env["PGPORT"],
                                               user=env["PGUSER"], password=env["PGPASSWORD"],
                                               sslmode=env["PGSSLMODE"], connect_timeout=10,
                                               application_name="odoo-ship-locks", tcp_user_timeout=10000,
                                               keepalives_idle=5, keepalives_interval=2, keepalives_count=3,
                                               options=NOTICE_THE_END)
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
        if lock in (FENCE, WORKER):
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
                cursor.execute("SELECT pg_advisory_lock(%s, %s)", (self.key, lock))
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
                               "USING (pid) WHERE l.locktype = 'advisory' "
                               "AND l.granted AND l.classid = %s::bigint::oid AND l.objid = %s AND l.objsubid = 2 AND "
                               "a.usename <> current_user "
                               "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())",
                               (self.key % 2**32, lock))
        except self.error:
            pass

    def _holders(self, lock):
        try:
            with self.connection.cursor() as cursor:
                cursor.execute("SELECT string_agg(coalesce(a.application_name, '') || ' at ' || "
                               "coalesce(host(a.client_addr), 'the server'), ', ') "
                               "FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory' AND "
                               "l.granted "
                               "AND l.classid = %s::bigint::oid AND l.objid = %s", (self.key % 2**32, lock))
                return cursor.fetchone()[0] or "nobody"
        except self.error:
            return "PostgreSQL does not answer"

    def close(self):
        try:
            self.connection.close()
        except self.error:
            pass
