"""Odoo's own code at work on a database: upgrades, the smoke test, and what else needs its ORM."""

import contextlib
import json
import re
import secrets
import threading

import limits
import passwords
import words
from failures import Failure, code_from_log, remedy_from_log, tail
from files import LOGS
from shell import Result, killed_after

# 128 and the signal's number, as shells say it.
KILLED = 137
LATE = 124
#: Exit status 0 is not enough: Odoo reports modules that it could not load in its log alone.
LEVEL = re.compile(" (?:ERROR|CRITICAL) ")
NOT_LOADED = re.compile("modules are not loaded|inconsistent states|Failed to load|Couldn't load module|"
                        "Failed to initialize|invalid module names")


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
        #: The program that upgrades, if it is loaded already; and what it has answered: how the result can be tried.
        self.loaded = self.found = None
        #: Whether the plan's upgrade was rehearsed; and whether the database that it made was used already.
        self.rehearsed = self.used = False
        #: Modules that were seen to start something of their own as they were loaded.
        self.restless = set()

    def neutralise(self, database):
        """By the program that upgrades, which goes on."""
        if self.loaded is None:
            self.load(database)
        limit = limits.reading(self.postgres.size(database), 600)
        status, answer = self.loaded.say({"neutralise": database}, limit)
        if status == KILLED:
            raise killed("the neutralisation of a copy", self.loaded.words(), self.host.memory_ran_out(self.container))
        if answer is None:
            log = self.loaded.words()
            raise Failure("DEPLOY_FAILED", "a copy of the database cannot be neutralised",
                          found=last_error(log) or f"exit status {status}",
                          expected="a copy that sends no mail and runs no job",
                          remedy="see the log", log=tail(log))

    def load(self, database):
        """Begins the program that upgrades `database`, which need not be there yet: what it loads first takes its time,
        and users still work.
        """
        self.container = self.host.start_task(self.request, "upgrade", ["sleep", "infinity"], database)
        self.log = LOGS / f"{self.attempt}-upgrade-{database}.log"
        child = self.host.conversation(self.container, "in_odoo.py", self.log)
        self.loaded = Conversation(child, {"do": "upgrade", "database": database}, self.log)

    def change_modules(self, database, plan, password=None, user=None):
        """Odoo's own upgrade: it commits each module by itself, so a failure leaves a half-upgraded database behind.
        Keeps a session for :meth:`try_out`, or makes a `user` for :meth:`smoke`.

        `password`: of a new database's administrator.
        """
        if self.loaded is None:
            self.load(database)
        # Not what odoo.conf loads for the whole server: a job runner would run jobs here. The memory of its container
        # is the limit, not what one of many workers may take.
        command = ["odoo", "--stop-after-init", "--no-http", "--workers=0", "--max-cron-threads=0",
                   "--limit-memory-hard=0", "--load=base,web", "-d", database]
        if plan.install:
            command += ["-i", ",".join(plan.install)]
        if plan.upgrade:
            command += ["-u", ",".join(plan.upgrade)]
        if plan.mode == "install":
            command += demo_options(self.request.get("demo", False), self.series)
        # What the rehearsal has seen of a whole server need not be seen again: the program that upgrades answers.
        serve, used = self.host.tries_next and self.rehearsed and not user, None
        live = database if serve else self.request["database"]
        order = {"command": command, "database": database, "live": live, "password": password, "user": user,
                 "modules": plan.upgrade + plan.install, "serve": serve}
        with self.loaded as talk:
            status, answer = talk.say(order, self.settings["upgradeSeconds"])
            if serve and answer and answer["status"] == 0:
                used = self.smoke(database, self.container, {**answer, "websocket": False})
        self.loaded = None
        ran_out = self.host.memory_ran_out(self.container) if status == KILLED else None
        if status is not None:
            # It may still be at work. One that has ended is removed with the others, when nobody waits for it.
            self.host.remove_task("upgrade")
        status = answer.pop("status") if answer else status
        result = Result(status, self.log.read_text(encoding="utf-8", errors="replace"))
        if status == KILLED:
            raise killed("the upgrade of the modules", result.text, ran_out)
        self.judge(result, database, plan)
        self.note_restless(answer.pop("restless", ()), plan)
        self.found = answer
        if used is not None:
            self.judge_smoke(used, lambda: result.text)
            self.used = True

    def note_restless(self, modules, plan):
        if new := sorted(set(modules) - self.restless):
            self.restless.update(new)
            plan.warnings.append(f"{', '.join(new)}: starts a thread or a process as Odoo loads it. In a release's own "
                                 "programs that does nothing; what else it does: docs/addons.md")

    def judge(self, result, database, plan):
        bad = not_loaded(result.text)
        if result.status == LATE:
            raise Failure("DEPLOY_TIMEOUT", "the upgrade of the modules takes too long",
                          found=f"not done after {self.settings['upgradeSeconds']} s",
                          expected="an end within release:upgradeMinutes",
                          remedy="raise release:upgradeMinutes, or make the migration faster", log=tail(result.text))
        if not result.ok or bad:
            what = "upgraded" if plan.upgrade else "installed"
            raise Failure(code_from_log(result.text, "MODULE_LOAD_ERROR"), f"the modules cannot be {what}",
                          found=bad[0].strip() if bad else last_error(result.text) or f"exit status {result.status}",
                          expected="an upgrade without errors",
                          remedy=remedy_from_log(result.text, "the log below names the module; mend it and release "
                                                              "again"), log=tail(result.text, 40))
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

    def rehearse(self, database, plan):
        """On a copy: the upgrade, then the new server, on an address that nobody knows and with no way out, used as a
        person would who also writes.
        """
        user = {"login": f"odoo-ship-smoke-{secrets.token_hex(4)}", "password": passwords.of_a_user(24)}
        self.change_modules(database, plan, user=user)
        self.use(database, plan, user)
        self.found, self.rehearsed = None, True

    def try_out(self, database, plan, server=None):
        """A server on the live database, used as somebody who was there before, who reads alone. `server`: the
        container of the one that runs, or else one is started beside.
        """
        if self.used:
            return
        self.use(database, plan, {}, server)

    def use(self, database, plan, user, running=None):
        container = running or self.host.start_task(self.request, "smoke", server(self.series), database)
        try:
            if running is None:
                self.host.wait_ready(container, self.settings["readySeconds"])
            order = {**user, **(self.found or self.somebody(container, database, plan))}
            # Its process is the last to start, and was seen in the rehearsal: users need not wait for it.
            order["websocket"] = order["websocket"] and (bool(user) or not self.rehearsed)
            self.judge_smoke(self.smoke(database, container, order), lambda: self.host.logs(container))
        finally:
            if running is None:
                self.host.remove_task("smoke")

    def smoke(self, database, container, order):
        limit = limits.reading(self.postgres.size(database), 300)
        return self.host.script(container, "smoke.py", json.dumps({"database": database, **order}), limit)

    def somebody(self, container, database, plan):
        """A session, where no upgrade has signed one."""
        order = {"do": "session", "database": database, "live": database, "modules": plan.upgrade + plan.install}
        with Conversation(self.host.conversation(container, "in_odoo.py"), order) as talk:
            return talk.answer

    @staticmethod
    def judge_smoke(result, read_log):
        found = json.loads(result.output) if result.ok and result.output.strip() else {"failed": "start",
                                                                                       "found": tail(result.text, 5)}
        if "failed" in found:
            log = read_log()
            raise Failure(code_from_log(log + found["found"], "HEALTH_CHECK_FAIL"),
                          f"the new release fails the smoke test: {found['failed']}",
                          found=found["found"],
                          expected="login page, asset, login, create and read on a copy, form views, websocket",
                          remedy=remedy_from_log(log + found["found"], "the log below may say why; mend the release, "
                                                                       "then deploy again"), log=tail(log))


def killed(what, log, memory):
    """`memory`: bytes that it could take, where that is known to be why."""
    if memory is None:
        return Failure("DEPLOY_FAILED", f"{what} was killed",
                       found=f"exit status {KILLED}: SIGKILL, most often for want of memory",
                       expected="a program that nobody ends, and that fits into its memory",
                       remedy=words.HERE["killed"], log=tail(log))
    return Failure("OUT_OF_MEMORY", f"{what} needs more memory than there is",
                   found=f"the kernel has ended it at its limit of {memory / 2**20:,.0f} MiB",
                   expected="one that fits into the memory that a release's own programs may take",
                   remedy=words.HERE["memory"], log=tail(log))


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
                          remedy=remedy_from_log(log, "the log below says why; mend the release, then deploy again"),
                          log=tail(log))

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


def not_loaded(log):
    """Lines that say so. What is in the database can make one as long as it likes: each is read once."""
    lines = ((line, LEVEL.search(line)) for line in log.split("\n"))
    return [line for line, level in lines if level and NOT_LOADED.search(line, level.end())]


def last_error(log):
    lines = [line for line in log.splitlines() if re.search(r" (ERROR|CRITICAL) |^\w*(Error|Exception)\b", line)]
    return lines[-1].strip() if lines else ""
