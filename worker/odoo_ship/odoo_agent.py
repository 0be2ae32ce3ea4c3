"""Odoo's own code at work on a database: upgrades, the smoke test, and what else needs its ORM."""

import json
import re
import secrets
import threading

import words
from failures import Failure, code_from_log, tail

# 128 and the signal's number, as shells say it.
KILLED = 137
LATE = 124
#: Exit status 0 is not enough: Odoo reports modules that it could not load in its log alone.
NOT_LOADED = re.compile(r"(?m)^.* (?:ERROR|CRITICAL) .*(?:modules are not loaded|inconsistent states|Failed to load|"
                        r"Couldn't load module|Failed to initialize|invalid module names).*$")


class OdooAgent:
    """From the image of `request`, in its programs on `host`. `attempt` names their logs."""

    def __init__(self, host, request, attempt, say):
        self.host, self.request, self.attempt, self.say = host, request, attempt, say
        self.postgres = host.data.postgres
        self.settings = request["release"]

    def neutralise(self, database):
        result = self.host.task(self.request, "neutralise", ["odoo", "neutralize", "-d", database], 600, database,
                                self.attempt)
        if not result.ok:
            raise Failure("DEPLOY_FAILED", "a copy of the database cannot be neutralised",
                          found=f"exit status {result.status}", expected="a copy that sends no mail and runs no job",
                          remedy="see the log", log=tail(result.text))

    def change_modules(self, database, plan, series):
        """Odoo's own upgrade: it commits each module by itself, so a failure leaves a half-upgraded database behind."""
        command = ["odoo", "--stop-after-init", "--no-http", "--workers=0", "--max-cron-threads=0", "-d", database]
        if plan.install:
            command += ["-i", ",".join(plan.install)]
        if plan.upgrade:
            command += ["-u", ",".join(plan.upgrade)]
        if plan.mode == "install":
            command += demo_options(self.request.get("demo", False), series)
        result = self.host.task(self.request, "upgrade", command, self.settings["upgradeSeconds"], database,
                                self.attempt)
        self.judge(result, database, plan)

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

    def set_first_password(self, database):
        container = self.host.start_task(self.request, "first-login", ["sleep", "300"], database)
        order = {"database": database, "do": "first-install", "password": self.host.first_password()}
        self.ask(container, order).close()
        self.host.remove_task("first-login")

    def smoke(self, database, plan):
        """The new server on an address that nobody knows, with no way out, used as a person would."""
        container = self.host.start_task(self.request, "smoke", ["odoo"], database)
        try:
            self.host.wait_ready(container, self.settings["readySeconds"])
            order = {"database": database, "do": "smoke-user", "login": f"odoo-ship-smoke-{secrets.token_hex(4)}",
                     "password": secrets.token_urlsafe(24), "modules": plan.upgrade + plan.install}
            with self.ask(container, order) as talk:
                order.update(talk.answer)
                result = self.host.script(container, "smoke.py", json.dumps(order), 300)
                if not talk.say_done():
                    self.say("the smoke test's user was not taken away: the next release does it")
            self.judge_smoke(result, container)
        finally:
            self.host.remove_task("smoke")

    def judge_smoke(self, result, container):
        found = json.loads(result.output) if result.ok and result.output.strip() else {"failed": "start",
                                                                                       "found": tail(result.text, 5)}
        if "failed" in found:
            log = self.host.logs(container)
            raise Failure(code_from_log(log + found["found"], "HEALTH_CHECK_FAIL"),
                          f"the new release fails the smoke test: {found['failed']}",
                          found=found["found"],
                          expected="login page, asset, login, create and read, form views, websocket",
                          remedy="the log below may say why; mend the release, then deploy again", log=tail(log))

    def ask(self, container, order):
        return Conversation(self.host.conversation(container, "in_odoo.py"), order)


def demo_options(demo, series):
    """Odoo 19 installs none unless it is told to, older ones unless they are told not to."""
    if float(series) >= 19:
        return ["--with-demo"] if demo else []
    return [] if demo else ["--without-demo=all"]


class Conversation:
    """Odoo's own code in a container, asked by one line and let go by another; ended by force if it takes too long."""

    LIMIT = 300

    def __init__(self, child, order):
        self.child = child
        self.timer = threading.Timer(self.LIMIT, child.kill)
        self.timer.start()
        try:
            child.stdin.write(json.dumps(order) + "\n")
            child.stdin.flush()
        except BrokenPipeError:
            pass
        line = child.stdout.readline()
        if not line:
            self.timer.cancel()
            log = child.stderr.read()
            child.wait()
            raise Failure(code_from_log(log, "MODULE_LOAD_ERROR"), "Odoo's code cannot be used with this database",
                          found=tail(log, 1) or "no answer",
                          expected="a registry that loads",
                          remedy="the log below says why; mend the release, then deploy again", log=tail(log))
        self.answer = json.loads(line)["ok"]

    def say_done(self):
        """Lets it tidy up; answers what it says."""
        try:
            self.child.stdin.write("\n")
            self.child.stdin.flush()
            return self.child.stdout.readline()
        except BrokenPipeError:
            return ""

    def close(self):
        try:
            self.child.stdin.close()
            self.child.wait(60)
        except Exception:
            self.child.kill()
        self.timer.cancel()
        self.child.stdout.close()
        self.child.stderr.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def last_error(log):
    lines = [line for line in log.splitlines() if re.search(r" (ERROR|CRITICAL) |^\w*(Error|Exception)\b", line)]
    return lines[-1].strip() if lines else ""
