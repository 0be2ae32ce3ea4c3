"""A release, step by step: preflight, pulled, rehearsed, closed, point, upgraded, smoked, committed.

Every step is journalled before and after. Whatever fails or is killed before `committed` begins is taken back: the
database and the files as they were, the previous release serving. From then on nothing is ever restored without a
person's word.
"""

import json
import re
import secrets
import threading
import time

import ledger
import plan as planning
import project
import words
from failures import Failure, code_from_log, tail
from files import LOGS, Reserve, STATE
from journal import now

IMAGE_BYTES, SPARE_BYTES = 4_000_000_000, 500_000_000
REHEARSAL = "rehearsal"
# 128 and the signal's number, as shells say it.
KILLED = 137
REPORT_URL = "http://127.0.0.1:8069"


class Release:
    """One attempt to make `request` the live release. `restore`: a restore point to put back, in place of an upgrade.
    """

    def __init__(self, host, request, journal, say, restore=None):
        self.host = host
        self.request = request
        self.journal = journal
        self.say = say
        self.restore = restore
        self.postgres = host.postgres
        self.database = request["database"]
        self.settings = request["release"]
        self.plan = None
        self.image = None
        self.warnings = []

    # The way forward

    def run(self):
        journal, say = self.journal, self.say
        with journal.step("preflight", say):
            self.preflight()
        with journal.step("pulled", say):
            self.image = self.host.fetch(self.request)
            self.plan = self.make_plan()
            journal.note(mode=self.plan.mode, point=journal["attempt"] if self.plan.mode == "maintenance" else None)
            say(f"pulled: {self.plan.describe()}")
        if self.settings["rehearse"] and self.plan.mode != "install" and self.plan.changes_modules and not self.restore:
            with self.step("rehearsed"):
                self.rehearse()
        if self.plan.mode != "rolling" or self.host.must_close(self.request):
            with self.step("closed"):
                self.host.close(self.request)
        if self.plan.mode == "maintenance":
            with self.step("point"):
                self.take_point()
        if self.plan.changes_modules or self.restore:
            with self.step("upgraded"):
                self.upgrade()
        with self.step("smoked"):
            self.activate()
        self.commit()

    def step(self, name):
        self.host.still_alone()
        return self.journal.step(name, self.say)

    def preflight(self):
        """Nothing is touched. What needs the image itself is checked once it is here, still before anything changes."""
        self.host.remove_tasks()
        self.host.reserve().keep()
        needed = {} if self.host.has_image(self.request["image"]) else {"images": IMAGE_BYTES}
        for place, free in self.host.free().items():
            want = SPARE_BYTES + needed.get("images", 0)
            if free < want:
                raise disk_low(place, free, want)
        if self.journal["from"] is not None:
            self.postgres.wait(60)
            self.postgres.end_what_was_left()
            self.postgres.prepare_task_roles()
            self.postgres.refuse_changed_collation(self.database)
            self.forget_rehearsal()

    def require_room(self, copies, database=None):
        """Room for so many copies of the database beside it."""
        size = self.postgres.size(database or self.database)
        place, free = self.host.database_disk()
        if free < copies * size + SPARE_BYTES:
            raise disk_low(place, free, copies * size + SPARE_BYTES)

    def make_plan(self):
        if self.journal["from"] is None:
            self.host.prepare(self.request)
        elif not self.postgres.exists(self.database):
            raise Failure("DATABASE_CONNECTION_ERROR", f"the database {self.database} is gone",
                          found=f"PostgreSQL has no {self.database}",
                          expected="the live database", remedy=words.HERE["lost"])
        exists = self.postgres.exists(self.database)
        installed = self.postgres.modules(self.database) if exists else None
        marker = self.postgres.marker(self.database) if installed else None
        if self.restore:
            self.require_room(3)
            return planning.Plan("maintenance")
        if installed is None:
            self.refuse_what_is_not_ours(exists)
        plan = planning.plan_release(self.request, self.image, installed, marker)
        self.warnings += plan.warnings
        if plan.changes_modules and plan.mode != "install":
            self.require_room(3)
        return plan

    def refuse_what_is_not_ours(self, exists):
        """A first install makes everything itself: what is there already may be a restore that somebody is at."""
        found = f"a database {self.database} with tables, that Odoo does not know" if exists and self.postgres.tables(self.database) else ""
        store = self.filestore()
        if store.has_content(store.live(self.database)):
            found = f"attachments in {store.path(store.live(self.database))}"
        if found:
            raise Failure("RELEASE_MISMATCH", "there are data that no first install may touch", found=found,
                          expected="nothing, or a whole Odoo database",
                          remedy="finish the restore that they belong to, or move them away; then deploy again")

    def rehearse(self):
        """The same upgrade on a neutralised copy, while the live release serves: most bad releases end here."""
        name = f"{self.database}-{REHEARSAL}"
        try:
            result = self.postgres.copy(self.database, name)
            if not result.ok:
                raise Failure(code_from_log(result.text, "DATABASE_CONNECTION_ERROR"),
                              "the copy for the rehearsal cannot be made",
                              found=tail(result.text, 3), expected="room for a second database",
                              remedy="free some disk, or set release:rehearse to false", log=tail(result.text))
            store = self.filestore()
            store.link(store.live(self.database), store.live(name), serving=True)
            self.neutralise(name)
            self.change_modules(name)
            self.smoke(name)
        except Failure as failure:
            failure.summary = f"in the rehearsal, on a copy: {failure.summary}"
            raise
        finally:
            quietly(self.forget_rehearsal, self.say)

    def forget_rehearsal(self):
        self.host.remove_tasks()
        name = f"{self.database}-{REHEARSAL}"
        self.postgres.drop(name)
        store = self.filestore()
        store.remove(store.live(name))

    def neutralise(self, database):
        result = self.host.task(self.request, "neutralise", ["odoo", "neutralize", "-d", database], 600, database,
                                self.journal["attempt"])
        if not result.ok:
            raise Failure("DEPLOY_FAILED", "a copy of the database cannot be neutralised",
                          found=f"exit status {result.status}",
                          expected="a copy that sends no mail and runs no job", remedy="see the log",
                          log=tail(result.text))

    def take_point(self):
        """The data as they are when this release is left: cloned, with the files as hard links."""
        attempt = self.journal["attempt"]
        self.require_room(1)
        self.postgres.clone(self.database, self.point_database(attempt), self.postgres.admin)
        self.postgres.limit(self.point_database(attempt), 0)
        store = self.filestore()
        store.link(store.live(self.database), store.kept(attempt))
        files, size = store.measure(store.kept(attempt))
        left = ledger.live()
        ledger.record_point({"id": attempt, "from": left and left["digest"], "release": left and left["release"],
                             "to": ledger.digest_of(self.request["image"]),
                             "at": now(), "database": self.point_database(attempt),
                             "bytes": self.postgres.size(self.point_database(attempt)),
                             "files": files, "fileBytes": size, "modules": left["modules"] if left else {},
                             "image": left and left["image"], "revert": bool(self.restore),
                             "lineage": left["lineage"] if left else []})

    def upgrade(self):
        if self.restore:
            self.put_back_copy_of(self.restore)
        elif self.plan.mode == "install":
            self.install()
        elif self.plan.mode == "maintenance":
            self.claim()
            self.change_modules(self.database)
            self.mark_ready(additive=False)
        else:
            before = self.postgres.marker(self.database)["modules"]
            self.change_modules(self.database)
            self.mark_ready(additive=True, before=before)

    def claim(self):
        """From here on no code but ours may start on this database, whoever starts it. It is not changed before it is
        known that nobody was at it until then.
        """
        self.journal.note(marker=self.postgres.marker(self.database))
        self.postgres.mark(self.database, "upgrading", ledger.digest_of(self.request["image"]), {})
        self.host.still_alone()
        self.journal.note(touched=True)

    def install(self):
        self.journal.note(made=True)
        if not self.postgres.exists(self.database):
            self.postgres.create(self.database)
        self.filestore().prepare()
        self.change_modules(self.database)
        container = self.host.start_task(self.request, "first-login", ["sleep", "300"], self.database)
        self.ask_odoo(container, {"database": self.database, "do": "first-install",
                                  "password": self.host.first_password()}).close()
        self.host.remove_task("first-login")
        self.mark_ready(additive=False)

    def change_modules(self, database):
        """Odoo's own upgrade: it commits each module by itself, so a failure leaves a half-upgraded database behind."""
        series = float(self.image["series"])
        command = ["odoo", "--stop-after-init", "--no-http", "--workers=0", "--max-cron-threads=0", "-d", database]
        if self.plan.install:
            command += ["-i", ",".join(self.plan.install)]
        if self.plan.upgrade:
            command += ["-u", ",".join(self.plan.upgrade)]
        if self.plan.mode == "install":
            demo = self.request.get("demo", False)
            command += (["--with-demo"] if demo else []) if series >= 19 else ([] if demo else ["--without-demo=all"])
        result = self.host.task(self.request, "upgrade", command, self.settings["upgradeSeconds"], database,
                                self.journal["attempt"])
        self.judge(result, database)

    def judge(self, result, database):
        """Exit status 0 is not enough: Odoo reports modules that it could not load in its log alone."""
        bad = re.findall(r"(?m)^.* (?:ERROR|CRITICAL) .*(?:modules are not loaded|inconsistent states|Failed to "
                         r"load|Couldn't load module|"
                         r"Failed to initialize|invalid module names).*$", result.text)
        if result.status == 124:
            raise Failure("DEPLOY_TIMEOUT", "the upgrade of the modules takes too long",
                          found=f"not done after {self.settings['upgradeSeconds']} s",
                          expected="an end within release:upgradeMinutes",
                          remedy="raise release:upgradeMinutes, or make the migration faster",
                          log=tail(result.text))
        if result.status == KILLED:
            raise Failure("DEPLOY_FAILED", "the upgrade of the modules was killed",
                          found=f"exit status {KILLED}: SIGKILL, most often for want of memory",
                          expected="an upgrade that fits into its memory", remedy=words.HERE["memory"],
                          log=tail(result.text))
        if not result.ok or bad:
            raise Failure(code_from_log(result.text, "MODULE_LOAD_ERROR"), "the modules cannot be upgraded"
                          if self.plan.upgrade else "the modules cannot be installed",
                          found=bad[0].strip() if bad else last_error(result.text) or f"exit status {result.status}",
                          expected="an upgrade without errors",
                          remedy="the log below names the module; mend it and release again", log=tail(result.text, 40))
        unfinished = self.postgres.unfinished_modules(database)
        installed = self.postgres.modules(database)
        unfinished += [name for name in self.plan.install if name not in installed]
        if unfinished:
            raise Failure("MODULE_LOAD_ERROR", "modules were left unfinished", found=", ".join(unfinished),
                          expected="all installed",
                          remedy="the log below names the reason; mend the module and release again",
                          log=tail(result.text, 40))

    def mark_ready(self, additive, before=None):
        installed = self.postgres.modules(self.database)
        now_applied = planning.applied(self.image, installed)
        self.postgres.mark(self.database, "ready", ledger.digest_of(self.request["image"]),
                           planning.accepted(now_applied, before or {}, additive))

    def set_addresses(self):
        """PDFs fetch their style sheets from Odoo itself, not through the proxy; links in mails lead to the address
        that users know.
        """
        self.postgres.set_parameter(self.database, "report.url", REPORT_URL, replace=False)
        before = self.journal["from"] and project.staged(self.journal["from"])["url"]
        self.postgres.set_parameter(self.database, "web.base.url", self.request["url"],
                                    replace=before != self.request["url"])
        self.postgres.set_parameter(self.database, "web.base.url.freeze", "True", replace=False)

    def put_back_copy_of(self, point):
        """The data of a restore point become live; the point itself stays. What was live is in the point that was just
        taken.
        """
        self.claim()
        attempt, store = self.journal["attempt"], self.filestore()
        incoming = f"{self.database}-incoming"
        self.postgres.clone(point["database"], incoming, self.postgres.ROLE)
        self.postgres.limit(incoming, -1)
        store.link(store.kept(point["id"]), store.kept("incoming"), required=True)
        self.postgres.rename(self.database, f"{self.database}-replaced-{attempt}")
        self.postgres.rename(incoming, self.database)
        store.move(store.live(self.database), store.kept(f"replaced-{attempt}"))
        store.move(store.kept("incoming"), store.live(self.database))

    def smoke(self, database):
        """The new server on an address that nobody knows, with no way out, used as a person would."""
        container = self.host.start_task(self.request, "smoke", ["odoo"], database)
        try:
            self.host.wait_ready(container, self.settings["readySeconds"])
            password = secrets.token_urlsafe(24)
            order = {"database": database, "do": "smoke-user", "login": f"odoo-ship-smoke-{secrets.token_hex(4)}",
                     "password": password,
                     "modules": self.plan.upgrade + self.plan.install}
            with self.ask_odoo(container, order) as talk:
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

    def ask_odoo(self, container, order):
        return Conversation(self.host.conversation(container, "in_odoo.py"), order)

    def activate(self):
        self.postgres.forget_uninstalled(self.database)
        changed = self.plan.changes_modules or self.host.changes_odoo(self.request)
        if changed:
            self.smoke(self.database)
        if changed or self.restore:
            self.host.swap(self.request, self.set_addresses)
        else:
            self.host.refresh(self.request)

    def commit(self):
        """The commit point: once its begin is in the journal, users reach the new release, and nothing is taken back by
        itself.
        """
        self.host.still_alone()
        self.host.uninterrupted()
        installed = self.postgres.modules(self.database)
        applied = planning.applied(self.image, installed)
        self.journal.note(applied=applied, lineage=ledger.lineage_after(self.request, self.restore))
        with self.journal.step("committed", self.say):
            complete(self.host, self.journal)
            self.host.let_go()

    # What both ways need

    def filestore(self):
        return self.host.filestore()

    def point_database(self, attempt):
        return f"{self.database}-point-{attempt}"


def complete(host, journal):
    """What is left to do after the commit point; may be done again after a crash."""
    request = project.staged(journal["to"])
    host.open(request)
    ledger.record(request, journal["applied"], journal["lineage"])
    journal.note(outcome="succeeded")


def give_reserve_back(release):
    """First of all, and without Docker where it can: a full disk must not keep anything from being taken back."""
    Reserve([STATE]).give_back()
    quietly(lambda: release.host.reserve().give_back(), release.say)


def take_back(host, journal, say):
    """Puts everything back as it was before the release began; may be done again after a crash, from wherever that left
    it.
    """
    say("taking the release back")
    release = Release(host, project.staged(journal["to"]), journal, say)
    host.uninterrupted()
    give_reserve_back(release)
    journal.note(reverting=True)
    if not journal.reached("closed"):
        # Nothing was touched. What a rehearsal has left goes now or, with PostgreSQL away, at the next release.
        quietly(host.remove_tasks, say)
        quietly(release.forget_rehearsal, say)
        return
    host.remove_tasks()
    previous = journal["from"] and project.staged(journal["from"])
    changed = journal.reached("upgraded") and journal["mode"] != "rolling"
    host.recede(previous, release.request, changed, journal.reached("closed", "end"))
    host.postgres.end_what_was_left()
    if journal["mode"] == "install":
        take_back_install(journal, release)
    elif changed and journal["touched"]:
        swap_back(release, journal["attempt"])
    elif journal["mode"] == "maintenance":
        # Users may have been at the live database since the point was taken: it stays.
        if journal["marker"]:
            host.postgres.mark(release.database, **journal["marker"])
        host.postgres.drop(release.point_database(journal["attempt"]))
        store = release.filestore()
        store.remove(store.kept(journal["attempt"]))
        ledger.forget_point(journal["attempt"])
    if previous:
        serve_again(host, previous, release.request)
    quietly(release.forget_rehearsal, say)
    quietly(lambda: prune_evidence(release, keep=journal["attempt"]), say)


def quietly(action, say):
    """What may fail without hurting anybody: it is told, and left for the next release."""
    try:
        action()
    except Exception as error:
        say(f"put off: {error}")


def take_back_install(journal, release):
    """A first install has nothing to go back to: what it made is removed, and nothing else."""
    if journal["made"]:
        release.postgres.drop(release.database)
        store = release.filestore()
        store.remove(store.live(release.database))


def swap_back(release, attempt):
    """The point by rename, the failed data kept as evidence. Which renames are done already is told by what exists."""
    postgres, store, database = release.postgres, release.filestore(), release.database
    point, failed = release.point_database(attempt), f"{database}-failed-{attempt}"
    for name in (f"{database}-incoming", f"{database}-replaced-{attempt}"):
        if name.endswith("incoming") or postgres.exists(database):
            postgres.drop(name)
    if postgres.exists(point):
        if postgres.exists(database):
            postgres.rename(database, failed)
            postgres.limit(failed, 0)
        postgres.own(point, postgres.ROLE)
        postgres.limit(point, -1)
        postgres.rename(point, database)
        postgres.copy_settings(failed, database)
    store.remove(store.kept("incoming"))
    if store.exists(store.kept(attempt)):
        if store.exists(store.live(database)):
            store.remove(store.kept(f"failed-{attempt}"))
            store.move(store.live(database), store.kept(f"failed-{attempt}"))
        store.move(store.kept(attempt), store.live(database))
    ledger.forget_point(attempt)


def serve_again(host, request, failed):
    host.postgres.open(request["database"])
    if failed["url"] != request["url"]:
        host.postgres.set_parameter(request["database"], "web.base.url", request["url"], replace=True)
    host.serve_again(request)


def prune_evidence(release, keep):
    """The newest failed database is kept for whoever wants to know why; older ones go."""
    postgres, database = release.postgres, release.database
    names = [row[0] for row in postgres.sql("SELECT datname FROM pg_database ORDER BY 1")]
    for name in names:
        if re.fullmatch(re.escape(database) + r"-(failed|replaced)-.+", name) and (keep is None
                                                                                   or not name.endswith(keep)):
            postgres.drop(name)
    store = release.filestore()
    for name in store.kept_names():
        if re.fullmatch("(failed|replaced)-.+", name) and (keep is None or not name.endswith(keep)):
            store.remove(store.kept(name))


def prune(host, request, say):
    """After a commit: restore points beyond the newest N, evidence, releases and images that nothing can go back to."""
    release = Release(host, request, None, say)
    points, store = ledger.points(), release.filestore()
    for point in points[: max(0, len(points) - request["release"]["keepPoints"])]:
        say(f"removing the restore point {point['id']}: {request['release']['keepPoints']} newer ones are kept")
        host.postgres.drop(point["database"])
        store.remove(store.kept(point["id"]))
        ledger.forget_point(point["id"])
    prune_evidence(release, keep=None)
    sweep(host)


def sweep(host):
    """Releases and images that nothing can go back to, failed ones among them, and old logs."""
    known, back = ledger.releases(), ledger.previous()
    needed = {entry["release"] for entry in known[-3:]} | {point["release"]
                                                           for point in ledger.points()} | ({back["release"]} if back
                                                                                            else set())
    staged = sorted(project.RELEASES.iterdir()) if project.RELEASES.exists() else []
    images = {project.staged(path.name)["image"] for path in staged if path.name in needed}
    for path in staged:
        if path.name not in needed:
            image = project.staged(path.name)["image"]
            project.forget(path.name)
            if image not in images:
                host.remove_image(image)
    for log in sorted(LOGS.glob("*.log"), key=lambda path: path.stat().st_mtime)[:-20]:
        log.unlink()


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


def disk_low(place, free, wanted):
    return Failure("DISK_SPACE_LOW", "there is too little disk space for this release",
                   found=f"{free / 1e9:.1f} GB free at {place}",
                   expected=f"{wanted / 1e9:.1f} GB", remedy=words.HERE["room"])


def attempt_name():
    return time.strftime("%Y%m%dt%H%M%Sz", time.gmtime())


__all__ = ["Release", "complete", "take_back", "prune", "attempt_name", "LOGS"]
