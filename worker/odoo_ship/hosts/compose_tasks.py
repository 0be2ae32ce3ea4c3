"""One-off containers of a release: its own hardening, no way out but to PostgreSQL, cron off."""

import subprocess

import sources
from failures import Failure, tail
from hosts import compose_memory as memory
from hosts import engine
from shell import QUICK, errors_to, must, run
from statements import fill

TASK_PREFIX = "odoo-ship-"
# Read at the start: another version may be put in place while this one is at a release.
SCRIPTS = {name: sources.text(name) for name in ("in_odoo.py", "smoke.py")}


class Tasks:
    """`compose`: how Compose is called with the files of a release."""

    def __init__(self, compose):
        self.compose = compose
        self.alone, self.started = False, set()

    def start(self, request, name, command, database):
        self.remove(name)
        self.compose(request, "run", "-d", "-T", "--no-deps", "--name", TASK_PREFIX + name, "-e", f"DB_NAME={database}",
                     "odoo-task", *command, release=True, what="starting a container of the release")
        self.started.add(name)
        if self.alone:
            memory.widen(TASK_PREFIX + name)
        return TASK_PREFIX + name

    def have_the_host(self, alone):
        """Whether Odoo does not run: what it leaves free is for the containers of the release."""
        self.alone = alone
        if alone:
            for name in self.started:
                memory.widen(TASK_PREFIX + name)

    def remove(self, name):
        self.started.discard(name)
        run(["docker", "rm", "--force", "--volumes", TASK_PREFIX + name], QUICK)

    def remove_all(self):
        """As a release begins, and as one is rolled back: the next ones stand beside Odoo again."""
        self.alone, self.started = False, set()
        found = engine.containers(f"^{TASK_PREFIX}")
        if found:
            must(["docker", "rm", "--force", "--volumes", *found], 120, "removing what an interrupted release has left")


def script(container, file, given, limit):
    # The file is the argument and holds no secret; what may be secret comes by standard input.
    return run(python(container, file), limit, given=given)


def conversation(container, file, log=None):
    with errors_to(log) as errors:
        return subprocess.Popen(python(container, file), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=errors, text=True, errors="replace")


def python(container, file):
    return ["docker", "exec", "-i", container, "python3", "-I", "-c", SCRIPTS[file]]


#: Bytes of a table up to which its rows are held one by one: each costs a write.
SMALL = 64 * 2**20
#: Rows in tables of models that these modules have brought: of each model the oldest name counts, which is its maker's.
#: Reading goes on, and a runner that takes its next row passes these by (SKIP LOCKED), so that none waits for the
#: release: one that does in Odoo's first process keeps Odoo from starting. Of a large table, who writes there waits.
OWN_ROWS = """
DO $do$ DECLARE own regclass; BEGIN
  FOR own IN
    SELECT c.oid FROM public.ir_model_data AS d JOIN public.ir_model AS m ON m.id = d.res_id
      JOIN pg_catalog.pg_class AS c ON c.relname = replace(m.model, '.', '_')
    WHERE d.model = 'ir.model' AND d.module = ANY (string_to_array(:'modules', ','))
      AND c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
      AND NOT EXISTS (SELECT FROM public.ir_model_data AS e
                      WHERE e.model = 'ir.model' AND e.res_id = d.res_id AND e.id < d.id)
    ORDER BY c.relname
  LOOP
    IF pg_catalog.pg_relation_size(own) <= :'small'::bigint THEN
      EXECUTE format('SELECT FROM %s FOR NO KEY UPDATE', own);
    ELSE
      EXECUTE format('LOCK TABLE %s IN EXCLUSIVE MODE', own);
    END IF;
  END LOOP;
END $do$"""


class CronHold:
    """Holds every scheduled job's row, every queued job's of OCA's queue_job, and the rows of `modules`, so that nobody
    runs what is there: a release that is not committed sends no mail and books nothing.

    `modules`: those that may have begun to work as the server started.
    """

    def __init__(self, postgres, database, modules=()):
        self.session = postgres.session(database, postgres.TASKS)
        # Odoo itself takes its jobs with FOR NO KEY UPDATE SKIP LOCKED; the runner of queue_job waits for the row.
        self.hold("BEGIN; SET LOCAL lock_timeout = '30s'; SELECT count(*) FROM (SELECT FROM public.ir_cron FOR NO KEY "
                  "UPDATE) AS held")
        if self.hold("SELECT to_regclass('public.queue_job') IS NOT NULL").output.strip() == "t":
            self.hold("SELECT count(*) FROM (SELECT FROM public.queue_job WHERE state NOT IN ('done', 'failed', "
                      "'cancelled') FOR NO KEY UPDATE) AS held")
        if modules:
            self.hold(fill(OWN_ROWS, modules=",".join(sorted(modules)), small=str(SMALL)))

    def hold(self, statement):
        result = self.session.ask(statement, 60)
        if not result.ok:
            raise lost(tail(result.text, 3))
        return result

    def still_there(self):
        """PostgreSQL may have ended the session, and the jobs would run."""
        if not self.session.ask("SELECT 1", 60).ok:
            raise lost("the session that held them has ended")

    def let_go(self):
        self.session.close()


def lost(found):
    return Failure("DATABASE_CONNECTION_ERROR", "the scheduled jobs cannot be held", found=found,
                   expected="a session that holds them until the release is live",
                   remedy="docker logs odoo-db shows why; then deploy again")
