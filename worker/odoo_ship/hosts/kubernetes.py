"""A Job's own pod, as a release needs a host: the release's image is around it.

It never asks Kubernetes for anything. Odoo's pods stop by themselves when the fence is up (images/odoo/guard.py), and
Pulumi replaces them when this Job has succeeded.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import sys
import time
from pathlib import Path

import ledger
from failures import Failure
from fence import FENCE, LIFE, SETTLE_SECONDS, WORKER
from files import DUMPS, STATE, Lock
from hosts import kubernetes_tasks as tasks
from hosts.base import Serving, keep_dumps_away
from hosts.kubernetes_data import KubernetesData, secret
from hosts.kubernetes_locks import Locks
from hosts.kubernetes_tasks import Tasks
from shell import QUICK, must
from tasks import end_container

LEAVE_SECONDS = 240
#: Of the release's image: what it makes of the variables of its containers.
CONFIGURATION = Path("/opt/odoo/configuration.py")
# A Job that is deleted, since another update asks for something else, has five minutes to roll its release back.
YIELD_SECONDS = 420
TERMINATION_LOG = Path("/dev/termination-log")


class KubernetesHost(Serving):
    tries_next = True

    def __init__(self):
        self.data = KubernetesData()
        self.tasks = Tasks({"DB_USER": self.data.postgres.TASKS, "DB_PASSWORD": self.data.task_password})
        self.job = os.environ.get("ODOO_SHIP_JOB")
        # Sessions with locks: of the one release at work, and of the fence with nobody behind it.
        self.worker = self.locks = None
        self.lost = self.ending = self.whole = False
        self.dumps = Lock(DUMPS)

    # Alone on the database

    @contextlib.contextmanager
    def alone(self, request):
        """No other Job works on this database; and a Job that is told to end rolls its release back first."""
        signal.signal(signal.SIGTERM, self.told_to_end)
        STATE.mkdir(parents=True, exist_ok=True, mode=0o700)
        # A volume that moves to another node takes minutes.
        self.data.postgres.wait(600)
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
            self.dumps.release()
            self.worker.close()

    @contextlib.contextmanager
    def beside_releases(self, request):
        """A Job that is at a release is not waited for, and one that comes meanwhile waits."""
        self.data.postgres.wait(60)
        self.take_worker(request, 10)
        try:
            yield
        finally:
            self.worker.close()

    def take_worker(self, request, seconds):
        self.worker = Locks(self.data.postgres.env, request["database"])
        self.worker.take(WORKER, seconds, "another release is under way on this database")

    def told_to_end(self, *_):
        self.ending = True
        if not self.whole:
            raise told_to_end()

    def uninterrupted(self):
        """A Job that is told to end brings a rollback or a commit to its end all the same."""
        self.whole = True

    def keep_others_away(self, say):
        keep_dumps_away(self.dumps, say)

    def still_alone(self):
        """Locks end with their sessions, and PostgreSQL ends those when it stops."""
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

    def image_room(self, image, before):
        return 0

    def remove_image(self, image):
        """Kubernetes removes images by itself."""

    def keep_images(self, names):
        """It brings those again that are asked for."""

    def fetch(self, request):
        text = must(["python3", "-I", "/opt/odoo/modules.py"], 120, "reading the image's modules",
                    code="CONTAINER_START_FAILURE")
        self.data.postgres.wait(60)
        server = self.data.postgres.version()
        client = int(re.search(r"(\d+)", must(["pg_dump", "--version"], QUICK, "asking pg_dump for its version"))[1])
        if client < server:
            raise Failure("POSTGRES_MISMATCH", "the image's PostgreSQL tools are older than the server",
                          found=f"pg_dump {client}, server {server}",
                          expected=f"tools of {server} or newer",
                          remedy="set image:postgresqlClient, then release again")
        facts = json.loads(text)
        if request.get("dumps"):
            refuse_undumpable(request["image"])
        refuse_unverified(self.data.postgres.env["PGSSLMODE"], float(facts["series"]))
        return facts

    # The way forward

    def prepare(self, request):
        self.data.postgres.wait(120)
        self.data.postgres.prepare_role(secret("odoo-password"))
        self.data.postgres.prepare_task_roles()

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
            # Not as `open` does it: a pod could take the moment to start on data that are not the users'.
            self.locks.close()
            self.locks, self.lost = None, True
        locks = Locks(self.data.postgres.env, request["database"])
        locks.take(FENCE, 60, "another deployment is closing the database")
        if self.lost:
            time.sleep(SETTLE_SECONDS)
            self.lost = False
        # Who holds it for longer is no pod that ends: Odoo's role loses its sessions, and gets no others until the door
        # is open again.
        locks.take(LIFE, LEAVE_SECONDS, "pods of Odoo do not stop", self.data.postgres.lock_out)
        self.locks = locks

    def start_ahead(self, request):
        """Pods wait by themselves."""

    def refresh(self, request):
        """The pods are Pulumi's to replace, once the Job has succeeded."""

    def swap(self, request, between, aside=True, restless=()):
        """As for `refresh`."""
        between()

    def open(self, request):
        """Whose code may run on the database is told by its marker from here on."""
        self.data.postgres.let_in()
        if self.locks is not None:
            self.locks.close()
            self.locks = None

    def let_go(self):
        """Pods of the new release run their jobs when they start."""

    # The way of a rollback

    def is_open(self):
        """The fence ends with its session."""
        return True

    def begin_rollback(self, previous, failed, changed, closed, replaced):
        if not self.worker.alive():
            self.worker.close()
            self.take_worker(failed, 30)
        if closed:
            self.close(failed)
        else:
            # Pods that did not stop in time go on, and nothing was done to their data.
            self.open(failed)

    def end_rollback(self, previous):
        self.open(previous)

    # Programs of the release

    def start_task(self, request, name, command, database):
        return self.tasks.start(name, command, database)

    def remove_task(self, name):
        self.tasks.remove(name)

    def remove_tasks(self):
        self.tasks.remove_all()

    def end_tasks(self):
        end_container()

    def settle(self, live):
        """What the Job may reach is Pulumi's to say."""

    def memory_ran_out(self, name):
        return self.tasks.memory_ran_out(name)

    def wait_ready(self, name, seconds):
        self.tasks.wait_ready(name, seconds)

    def logs(self, name):
        return self.tasks.logs(name)

    def script(self, name, file, given, limit):
        return tasks.script(file, given, limit)

    def conversation(self, name, file, log=None):
        return self.tasks.conversation(name, file, log)


def told_to_end():
    return Failure("DEPLOY_TIMEOUT", "the Job was told to end",
                   found="SIGTERM: its deadline, a node that is drained, or an update that asks for something else",
                   expected="an end of its own",
                   remedy="the previous release serves; raise release:upgradeMinutes if it was the deadline; deploy "
                          "again")


def refuse_undumpable(image):
    """What has served before may serve again: a rollback at night is not the time for it."""
    served = {known.get("image") for known in (ledger.live() or {}, *ledger.points())}
    if shutil.which("ssh") is None and image not in served:
        raise Failure("RELEASE_MISMATCH", "the image has no program that could send the nightly dump away",
                      found="no ssh in the image, and backup:destination is set",
                      expected="openssh-client among image:systemPackages of the stack that builds",
                      remedy="pulumi config set --path 'image:systemPackages[0]' openssh-client, then build and deploy "
                             "that; or empty backup:destination, and no dump leaves the cluster")


def refuse_unverified(mode, series):
    """An image that does not know DB_SSLMODE leaves the mode to Odoo, which before 19 verifies nobody."""
    if mode.startswith("verify") and series < 19 and "DB_SSLMODE" not in CONFIGURATION.read_text(encoding="utf-8"):
        raise Failure("RELEASE_MISMATCH", "Odoo of this image would not look whose database it is connected to",
                      found="an image from before the variable DB_SSLMODE", expected=f"a connection with {mode}",
                      remedy="build this release again, by the program as it is now")
