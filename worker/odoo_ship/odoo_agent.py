"""Odoo's own code at work on a database: upgrades, the smoke test, and what else needs its ORM."""

import contextlib
import json
import re
import secrets
import threading

import passwords
import words
from failures import Failure, code_from_log, tail
from files import LOGS
from shell import Result, killed_after

# 128 and the signal's number, as shells say it.
KILLED = 137
LATE = 124
#: Exit status 0 is not enough: Odoo reports modules that it could not load in its log alone.
NOT_LOADED = re.compile(r"(?m)^.* (?:ERROR|CRITICAL) .*(?:modules are not loaded|inconsistent states|Failed to load|"
                        r"Couldn't load module|Failed to initialize|invalid module names).*$")


def server(series):
    """A server of the release's tasks. Not with what odoo.conf loads for the whole server: a job runner would run jobs.

    With a filter Odoo serves the databases of a role that can log in; behind the closed door its owner cannot. Without
    one it serves what its configuration names.
    """
    return ["odoo", "--db-filter=", "--load=base,rpc,web" if float(series) >= 19 else "--load=base,web"]


class OdooAgent:
    """From the image of `request`, in its programs on `host`. `attempt` names their logs; `series` is to be set."""

    series = None

    def __init__(self, host, request, attempt, say):
        self.host, self.request, self.attempt, self.say = host, request, attempt, say
        self.postgres = host.data.postgres
        self.settings = request["release"]
        #: The program that upgrades, if it is loaded already; and a session that it has signed.
        self.loaded = self.session = None

    def neutralise(self, database):
        result = self.host.task(self.request, "neutralise", ["odoo", "neutralize", "-d", database], 600, database,
                                self.attempt)
        if not result.ok:
            raise Failure("DEPLOY_FAILED", "a copy of the database cannot be neutralised",
                          found=f"exit status {result.status}", expected="a copy that sends no mail and runs no job",
                          remedy="see the log", log=tail(result.text))

    def load(self, database):
        """Begins the program that upgrades `database`, which need not be there yet: what it loads first takes its time,
        and users still work.
        """
        container = self.host.start_task(self.request, "upgrade", ["sleep", "infinity"], database)
        self.log = LOGS / f"{self.attempt}-upgrade-{database}.log"
        child = self.host.conversation(container, "in_odoo.py", self.log)
        self.loaded = Conversation(child, {"do": "upgrade"}, self.log)

    def change_modules(self, database, plan, password=None):
        """Odoo's own upgrade: it commits each module by itself, so a failure leaves a half-upgraded database behind.
        Keeps a session for :meth:`try_out`.

        `password`: of a new database's administrator.
        """
        if self.loaded is None:
            self.load(database)
        # Not what odoo.conf loads for the whole server: a job runner would run jobs here.
        command = ["odoo", "--stop-after-init", "--no-http", "--workers=0", "--max-cron-threads=0",
                   "--load=base,web", "-d", database]
        if plan.install:
            command += ["-i", ",".join(plan.install)]
        if plan.upgrade:
            command += ["-u", ",".join(plan.upgrade)]
        if plan.mode == "install":
            command += demo_options(self.request.get("demo", False), self.series)
        order = {"command": command, "database": database, "live": self.request["database"], "password": password,
                 "modules": plan.upgrade + plan.install}
        with self.loaded as talk:
            status, answer = talk.say(order, self.settings["upgradeSeconds"])
        self.loaded = None
        if status is not None:
            # It may still be at work. One that has ended is removed with the others, when nobody waits for it.
            self.host.remove_task("upgrade")
        status = answer.pop("status") if answer else status
        self.judge(Result(status, self.log.read_text(encoding="utf-8", errors="replace")), database, plan)
        self.session = answer

    def judge(self, result, database, plan):
        bad = NOT_LOADED.findall(result.text)
        if result.status == LATE:
            raise Failure("DEPLOY_TIMEOUT", "the upgrade of the modules takes too long",
                          found=f"not done after {self.settings['upgradeSeconds']} s",
                          expected="an end within release:upgradeMinutes",
                          remedy="raise release:upgradeMinutes, or make the migration faster", log=tail(result.text))
        if result.status == KILLED:
            raise Failure("DEPLOY_FAILED", "the upgrade of the modules was killed",
                          found=f"exit status {KILLED}: SIGKILL, most often for want of memory",
                          expected="an upgrade that fits into its memory", remedy=words.HERE["memory"],
                          log=tail(result.text))
        if not result.ok or bad:
            what = "upgraded" if plan.upgrade else "installed"
            raise Failure(code_from_log(result.text, "MODULE_LOAD_ERROR"), f"the modules cannot be {what}",
                          found=bad[0].strip() if bad else last_error(result.text) or f"exit status {result.status}",
                          expected="an upgrade without errors",
                          remedy="the log below names the module; mend it and release again", log=tail(result.text, 40))
        unfinished = self.postgres.unfinished_modules(database)
        installed = self.postgres.modules(database)
        unfinished += [name for name in plan.install if name not in installed]
        if unfinished:
            raise Failure("MODULE_LOAD_ERROR", "modules were left unfinished", found=", ".join(unfinished),
                          expected="all installed",
                          remedy="the log below names the reason; mend the module and release again",
                          log=tail(result.text, 40))

    def list_modules(self, database):
        """New ones appear in Odoo's Apps, to be installed by whoever wants them."""
        container = self.host.start_task(self.request, "list", ["sleep", "infinity"], database)
        try:
            with Conversation(self.host.conversation(container, "in_odoo.py"), {"do": "list", "database": database}):
                pass
        finally:
            self.host.remove_task("list")

    def smoke(self, database, plan):
        """The new server on a copy, on an address that nobody knows, with no way out, used as a person would."""
        order = {"do": "smoke-user", "login": f"odoo-ship-smoke-{secrets.token_hex(4)}",
                 "password": passwords.of_a_user(24)}
        self.use(database, plan, order)

    def try_out(self, database, plan, server=None):
        """A server on the live database, used as somebody who was there before, who reads alone. `server`: the
        container of the one that runs, or else one is started beside.
        """
        self.use(database, plan, {"do": "session"}, server)

    def use(self, database, plan, order, running=None):
        container = running or self.host.start_task(self.request, "smoke", server(self.series), database)
        try:
            self.host.wait_ready(container, self.settings["readySeconds"])
            order = {"database": database, "live": database, "modules": plan.upgrade + plan.install, **order}
            if order["do"] == "session" and self.session:
                self.judge_smoke(self.ask_server(container, {**order, **self.session}), container)
                return
            with Conversation(self.host.conversation(container, "in_odoo.py"), order) as talk:
                result = self.ask_server(container, {**order, **talk.answer})
                talk.say_done()
            self.judge_smoke(result, container)
        finally:
            if running is None:
                self.host.remove_task("smoke")

    def ask_server(self, container, order):
        return self.host.script(container, "smoke.py", json.dumps(order), 300)

    def judge_smoke(self, result, container):
        found = json.loads(result.output) if result.ok and result.output.strip() else {"failed": "start",
                                                                                       "found": tail(result.text, 5)}
        if "failed" in found:
            log = self.host.logs(container)
            raise Failure(code_from_log(log + found["found"], "HEALTH_CHECK_FAIL"),
                          f"the new release fails the smoke test: {found['failed']}",
                          found=found["found"],
                          expected="login page, asset, login, create and read on a copy, form views, websocket",
                          remedy="the log below may say why; mend the release, then deploy again", log=tail(log))


def demo_options(demo, series):
    """Odoo 19 installs none unless it is told to, older ones unless they are told not to."""
    if float(series) >= 19:
        return ["--with-demo"] if demo else []
    return [] if demo else ["--without-demo=all"]


class Conversation:
    """Odoo's own code in a container, asked by lines; ended by force if it takes too long.

    `log`: the file that has its errors; without one they are read here.
    """

    LIMIT = 300

    def __init__(self, child, order, log=None):
        self.child, self.log, self.errors = child, log, []
        # Read all the while: a program whose errors nobody reads stands still once the pipe is full.
        self.reader = threading.Thread(target=self._read_errors, daemon=True)
        self.reader.start()
        status, self.answer = self.say(order, self.LIMIT)
        if self.answer is None:
            log = self.words()
            self.close()
            raise Failure(code_from_log(log, "MODULE_LOAD_ERROR"), "Odoo's code cannot be used with this database",
                          found=tail(log, 1) or f"exit status {status}",
                          expected="a registry that loads",
                          remedy="the log below says why; mend the release, then deploy again", log=tail(log))

    def say(self, order, limit):
        """(exit status, None) or (None, its answer)."""
        line = ""
        with killed_after(limit, self.child) as late, contextlib.suppress(BrokenPipeError):
            self.child.stdin.write(json.dumps(order) + "\n")
            self.child.stdin.flush()
            line = self.child.stdout.readline()
        if line:
            return None, json.loads(line)["ok"]
        return LATE if late.is_set() else self.child.wait(60) or 1, None

    def say_done(self):
        """Lets it tidy up."""
        try:
            self.child.stdin.write("\n")
            self.child.stdin.flush()
            self.child.stdout.readline()
        except BrokenPipeError:
            pass

    def words(self):
        self.reader.join(20)
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log else "".join(self.errors)

    def _read_errors(self):
        for line in self.child.stderr or ():
            self.errors = [*self.errors[-999:], line]

    def close(self):
        try:
            self.child.stdin.close()
            self.child.wait(60)
        except Exception:
            self.child.kill()
        self.reader.join(20)
        for stream in (self.child.stdout, self.child.stderr):
            if stream:
                stream.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def last_error(log):
    lines = [line for line in log.splitlines() if re.search(r" (ERROR|CRITICAL) |^\w*(Error|Exception)\b", line)]
    return lines[-1].strip() if lines else ""
