"""Programs of the release in the container beside this one: Odoo's part of the volume and its limits, cron off, none of
this worker's secrets.
"""

import subprocess
import time

import ready
import sources
from failures import Failure, code_from_log, tail
from files import LOGS
from hosts.kubernetes_memory import Memory
from shell import Result, errors_to
from tasks import Task

ENTRYPOINT = ["python3", "-I", "/opt/odoo/entrypoint.py"]


class Tasks:
    """`login`: {variable: value} that a program of the release reaches PostgreSQL with."""

    def __init__(self, login):
        self.login = login
        self.known = {}
        #: Of the container, by the program that is talked to there.
        self.memories = {}

    def start(self, name, command, database):
        self.remove(name)
        LOGS.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(self._log(name), "wb") as log:
            self.known[name] = Task([*ENTRYPOINT, *command], self._environment(database), stdout=log,
                                    stderr=subprocess.STDOUT)
        return name

    def conversation(self, name, file, log=None):
        """Beside the program `name`, whose start has written the configuration."""
        self._forget(name)
        self.memories[name] = Memory()
        with errors_to(log) as errors:
            return Task(["python3", "-I", "-c", sources.text(file)], stdin=subprocess.PIPE, stderr=errors, text=True)

    def remove(self, name):
        """By force: Odoo would take seconds to end, and users wait behind the door."""
        self._forget(name)
        child = self.known.pop(name, None)
        if child is not None:
            child.kill()

    def remove_all(self):
        for name in {**self.known, **self.memories}:
            self.remove(name)

    def memory_ran_out(self, name):
        memory = self.memories.get(name)
        return memory and memory.ran_out()

    def _forget(self, name):
        if memory := self.memories.pop(name, None):
            memory.close()

    def wait_ready(self, name, seconds):
        end, answer = time.monotonic() + seconds, "nothing"
        while time.monotonic() < end:
            served, answer = ready.ask(20)
            if served:
                return
            if self.known[name].poll() is not None:
                log = self.logs(name)
                raise Failure(code_from_log(log, "CONTAINER_START_FAILURE"), "Odoo's server ended",
                              found=f"exit status {self.known[name].returncode}",
                              expected="a server that answers",
                              remedy="the log below says why; mend the release, then deploy again", log=tail(log))
            time.sleep(0.1)
        log = self.logs(name)
        raise Failure("HEALTH_CHECK_FAIL", "Odoo does not become ready",
                      found=f"/web/login answered {answer} for {seconds} s",
                      expected="the login page",
                      remedy="the log below may say why; mend the release, then deploy again",
                      log=tail(log))

    def logs(self, name):
        try:
            return self._log(name).read_text(encoding="utf-8", errors="replace")[-50_000:]
        except FileNotFoundError:
            return ""

    def _environment(self, database):
        return {"DB_NAME": database, **self.login, "ODOO_RELEASE_TASK": "1", "ODOO_GUARD": "", "MAX_CRON_THREADS": "0"}

    def _log(self, name):
        return LOGS / f"{name}.log"


def script(file, given, limit):
    status, output, errors = Task(["python3", "-I", "-c", sources.text(file)], stdin=subprocess.PIPE).run(limit, given)
    return Result(status, output.decode("utf-8", "replace"), errors.decode("utf-8", "replace"))
