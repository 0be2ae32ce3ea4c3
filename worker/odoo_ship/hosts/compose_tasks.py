"""One-off containers of a release: its own hardening, no way out but to PostgreSQL, cron off."""

import subprocess
import threading
from pathlib import Path

from failures import Failure
from files import LOGS
from shell import QUICK, must, run

TASK_PREFIX = "odoo-ship-"
# A worker that is at a release reads them when it needs them, from whichever version is in place then: names stay.
SCRIPTS = Path(__file__).parents[1]


class Tasks:
    """`compose`: how Compose is called with the files of a release."""

    def __init__(self, compose):
        self.compose = compose

    def run(self, request, name, command, limit, database, attempt):
        self.remove(name)
        log = LOGS / f"{attempt}-{name}.log"
        args = ["run", "--rm", "-T", "--no-deps", "--name", TASK_PREFIX + name, "-e", f"DB_NAME={database}",
                "odoo-task", *command]
        result = self.compose(request, *args, limit=limit, release=True, log=log)
        self.remove(name)
        return result

    def start(self, request, name, command, database):
        self.remove(name)
        self.compose(request, "run", "-d", "-T", "--no-deps", "--name", TASK_PREFIX + name, "-e", f"DB_NAME={database}",
                     "odoo-task", *command, release=True, what="starting a container of the release")
        return TASK_PREFIX + name

    def remove(self, name):
        run(["docker", "rm", "--force", "--volumes", TASK_PREFIX + name], QUICK)

    def remove_all(self):
        found = must(["docker", "ps", "--all", "--quiet", "--filter", f"name=^{TASK_PREFIX}"], QUICK,
                     "listing containers").split()
        if found:
            must(["docker", "rm", "--force", "--volumes", *found], 120, "removing what an interrupted release has left")


def script(container, file, given, limit):
    # The file is the argument and holds no secret; what may be secret comes by standard input.
    return run(python(container, file), limit, given=given)


def conversation(container, file):
    return subprocess.Popen(python(container, file), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


def python(container, file):
    return ["docker", "exec", "-i", container, "python3", "-I", "-c", (SCRIPTS / file).read_text(encoding="utf-8")]


class CronHold:
    """Holds every scheduled job's row, so that cron workers skip them all: a release that is not committed sends no
    mail and books nothing.
    """

    def __init__(self, postgres, database):
        self.child = postgres.start(postgres.psql(database), postgres.TASKS)
        # Odoo itself takes its jobs with FOR NO KEY UPDATE SKIP LOCKED.
        self.child.stdin.write("BEGIN; SET LOCAL lock_timeout = '30s'; SELECT count(*) FROM (SELECT FROM "
                               "public.ir_cron FOR NO KEY UPDATE) AS held;\n")
        self.child.stdin.flush()
        timer = threading.Timer(60, self.child.kill)
        timer.start()
        answer = self.child.stdout.readline().strip()
        timer.cancel()
        if not answer.isdigit():
            self.child.kill()
            raise Failure("DATABASE_CONNECTION_ERROR", "the scheduled jobs cannot be held", found=answer or "no answer",
                          expected="their number",
                          remedy="docker logs odoo-db shows why; then deploy again")

    def let_go(self):
        try:
            self.child.stdin.close()
            self.child.wait(10)
        except (OSError, subprocess.TimeoutExpired):
            self.child.kill()
