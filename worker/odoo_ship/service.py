"""The service: takes requests one at a time, and first finishes or takes back what a crash has left."""

import json
import re
import sys

import dump
from hosts import here
import ledger
import project
import release
import words
from failures import Failure, tail, text_of
from files import STATE, Lock, Reserve, read_json, write_json
from journal import Journal, now
from shell import run

QUEUE = STATE / "queue.json"
OUTCOMES = STATE / "outcomes"
REQUIRED = {"id", "image", "database", "url", "modules", "registry", "release", "files", "secrets"}


def say(message):
    print(f"{now()} {message}", file=sys.stderr, flush=True)


def receive(text):
    """Takes a request in: {"request", "state"}. The same one again attaches to what is under way, or is done already.
    """
    try:
        request = json.loads(text)
    except ValueError:
        request = None
    lacking = REQUIRED - set(request if isinstance(request, dict) else ())
    if lacking:
        raise Failure("DEPLOY_FAILED", "the request is not complete", found=f"no {', '.join(sorted(lacking))}",
                      expected="a request as Pulumi sends it",
                      remedy="update Pulumi's program and this host from the same release")
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,29}", request["database"]):
        raise Failure("DEPLOY_FAILED", "the database's name is none that a release can work with",
                      found=request["database"],
                      expected="up to 30 letters, digits, '_', '.', '-': PostgreSQL cuts longer names of copies short",
                      remedy="set odoo:database")
    with Lock(STATE / "receive.lock"):
        return take_in(request)


def take_in(request):
    state = request_state(request["id"])
    if state in ("queued", "running"):
        start_service()
        return {"request": request["id"], "state": state}
    journal = Journal.read()
    queued = read_json(QUEUE)
    # What was committed may be given up for another release by whoever asks for one; before that it is taken back
    # first.
    if queued or (journal and journal.open and not journal.reached("committed")):
        start_service()
        other = queued["id"] if queued else journal["request"]
        raise Failure("RELEASE_IN_PROGRESS", "another release is under way on this host", found=f"request {other}",
                      expected="one at a time",
                      remedy="wait for its end: `odoo-ship status` on the host tells how far it is")
    if is_live(request) and not request.get("force"):
        here.host().log_in(request["registry"])
        project.stage(request)
        project.prepare(request)
        dump.configure(request)
        if settled(request):
            return {"request": request["id"], "state": "succeeded"}
    write_json(QUEUE, request)
    start_service()
    return {"request": request["id"], "state": "queued"}


def settled(request):
    """Whether the host is as the request wants it: nothing stopped, replaced or edited by hand."""
    host = here.host()
    fixed = {name: text for name, text in request["files"].items() if not name.startswith("proxy/state/")}
    files = all((project.PROJECT / name).exists() and (project.PROJECT / name).read_text(encoding="utf-8") == text
                for name, text in fixed.items())
    return files and project.is_open() and not any(host.changes(request, service)
                                                   for service in ("db", "odoo", "proxy"))


def start_service():
    run(["systemctl", "start", "--no-block", "odoo-ship.service"], 30)


def request_state(request_id):
    """queued, running, succeeded, failed, or None if this host has not seen it."""
    queued = read_json(QUEUE)
    if queued and queued["id"] == request_id:
        return "queued"
    journal = Journal.read()
    if journal and journal.open and journal["request"] == request_id:
        return "running"
    known = read_json(OUTCOMES / f"{request_id}.json")
    if known is None and journal and journal["request"] == request_id:
        # The journal is closed a moment before its outcome is written.
        return journal["outcome"]
    return known and known["state"]


def serve():
    """Until nothing is left to do. Fails when a release can neither be finished nor taken back now: systemd then tries
    again.
    """
    lock = Lock()
    lock.take(wait=True)
    host = here.host()
    recover(host)
    while True:
        request = read_json(QUEUE)
        if request is None:
            return 0
        handle(host, request)


def job(path):
    """One request to its end, on a host without a service. Exit status: 0 it is live; 1 it failed, and everything is as
    before; 3 it is not so yet.
    """
    request = read_json(path)
    host = here.host()
    try:
        with host.alone(request):
            begun = Journal.read()
            recover(host)
            # Another pod of this very Job was killed: what ended it would end this one, too. A new Job is somebody's
            # wish to try again.
            again = begun and begun.open and begun["job"] == host.job and begun["request"] == request["id"]
            refuse_lost_database(host)
            if not serves(host, request) and not again:
                handle(host, request)
            done = serves(host, request)
    except Exception as error:
        host.last_words((error if isinstance(error, Failure) else unexpected(error)).as_text())
        journal = Journal.read()
        return 3 if journal and journal.open else 1
    for point in ledger.points():
        say(f"restore point {point['id']}: the data of {point['image']}, left at {point['at']}")
    if done:
        return 0
    host.last_words(text_of(read_json(OUTCOMES / f"{request['id']}.json")["error"]))
    return 1


def is_live(request):
    live = ledger.live()
    return bool(live) and live["release"] == request["id"] and live["image"] == request["image"]


def serves(host, request):
    """Whether the release is live and the data are those that it left. What somebody put there by hand, a dump of last
    week, is upgraded as any other.
    """
    if not is_live(request):
        return False
    marker = host.postgres.marker(request["database"]) if host.postgres.exists(request["database"]) else None
    code = ledger.live()["modules"]
    return bool(marker) and marker["state"] == "ready" and all(code.get(name) in accepted for name,
                                                               accepted in marker["modules"].items())


def refuse_lost_database(host):
    """What the attachments' volume knows of and PostgreSQL does not is on another server, or lost: an empty database in
    its place would hide that.
    """
    live = ledger.live()
    if live is None:
        return
    name = project.staged(live["release"])["database"]
    exists = host.postgres.exists(name)
    if not exists or host.postgres.modules(name) is None:
        raise Failure("DATABASE_LOST",
                      f"release {ledger.digest_of(live['image'])[:19]} is live, and its database is not there",
                      found=f"{host.postgres.place()} has a database {name} without Odoo's tables" if exists
                      else f"{host.postgres.place()} has no database {name}",
                      expected=f"the data that belong to the attachments, as left since {live['since']}",
                      remedy=words.HERE["lost"])


def recover(host):
    journal = Journal.read()
    if journal is None:
        return
    if not journal.open:
        tell_outcome(journal)
        return
    say(f"release {journal['to']} was interrupted at {journal['step']} ({journal['phase']})")
    release.quietly(lambda: journal.note(trouble=None), say)
    queued = read_json(QUEUE)
    if queued and queued["id"] == journal["request"]:
        QUEUE.unlink()
    if journal.reached("committed"):
        finish_or_give_way(host, journal)
        return
    failure = read_failure(journal) or Failure(
        "DEPLOY_FAILED", f"the release was interrupted at the step {journal['step']}",
        found="the worker or the host stopped in the middle",
        expected="a release that runs to its end", remedy="the previous release serves; deploy again")
    give_up(host, journal, failure)


def tell_outcome(journal):
    """What a worker that was killed after the end of its release had no time to tell."""
    if (OUTCOMES / f"{journal['request']}.json").exists():
        return
    if journal["outcome"] == "succeeded":
        dump.configure(project.staged(journal["to"]))
    outcome(journal["request"], journal["outcome"], journal["error"])


def read_failure(journal):
    error = journal["error"]
    return Failure(**error) if error else None


def handle(host, request):
    # How an earlier attempt ended is not how this one does; while the request is in the queue, nobody reads it.
    (OUTCOMES / f"{request['id']}.json").unlink(missing_ok=True)
    live = ledger.live()
    journal = Journal.begin(request["id"], None, live and live["release"], request["id"], release.attempt_name(),
                            host.job)
    try:
        restore = restore_point(request)
        project.stage(request)
        # Noted before the request leaves the queue: between the two it is there twice, never not at all.
        journal.note(step=None, phase="begin")
    except (Failure, OSError) as error:
        Reserve([STATE]).give_back()
        outcome(request["id"], "failed", (error if isinstance(error, Failure) else unexpected(error)).as_json())
        leave_queue(request)
        return
    leave_queue(request)
    attempt = release.Release(host, request, journal, say, restore)
    try:
        attempt.run()
    except Exception as error:
        release.quietly(host.let_go, say)
        failure = error if isinstance(error, Failure) else unexpected(error)
        say(failure.as_text())
        if journal.reached("committed"):
            # Finished at the next start of the service, which systemd sees to; a full disk must not keep it from that.
            release.give_reserve_back(attempt)
            trouble(journal, incomplete(failure))
        give_up(host, journal, failure)
        return
    dump.configure(request)
    outcome(request["id"], "succeeded", warnings=attempt.warnings)
    say("committed: users reach the new release")
    tidy(host, request)


def restore_point(request):
    """The point that the request puts back; None for an ordinary release."""
    name = request.get("restore")
    if not name:
        return None
    point = ledger.point(name)
    if point is None or point["image"] is None:
        raise Failure("RELEASE_MISMATCH", "there is no such restore point", found=name, expected=known_points(),
                      remedy="set release:restore to one of them")
    if ledger.digest_of(point["image"]) != ledger.digest_of(request["image"]):
        raise Failure("RELEASE_MISMATCH", "the restore point belongs to another release",
                      found=f"{name} has data of {point['image']}",
                      expected=f"an update to that release, not to {request['image']}",
                      remedy=f"pulumi config set image:digest {ledger.digest_of(point['image'])}")
    # By hand it may be put back as often as somebody says so; a setting that was forgotten must not do it again.
    if not request.get("force") and any(entry.get("restored") == name for entry in ledger.releases()):
        raise Failure("RELEASE_MISMATCH", "the restore point was put back already",
                      found=f"release:restore is still {name}",
                      expected="the setting gone once it was carried out",
                      remedy="pulumi config rm release:restore, then update again")
    return point


def known_points():
    names = [f"{point['id']} (data of {ledger.digest_of(point['image'])[:19]})" for point in ledger.points()
             if point["image"]]
    return f"one of {', '.join(names)}" if names else "a restore point: there is none yet"


def leave_queue(request):
    queued = read_json(QUEUE)
    if queued and queued["id"] == request["id"]:
        QUEUE.unlink()


def trouble(journal, failure):
    """Cannot go on now: told to whoever asks, and tried again by systemd."""
    release.quietly(lambda: journal.note(trouble=failure.as_json()), say)
    raise failure


def finish_or_give_way(host, journal):
    """Finishes what was committed; if it cannot be and somebody has sent another release, that one comes instead."""
    try:
        finish(host, journal)
    except Exception as error:
        failure = incomplete(error if isinstance(error, Failure) else unexpected(error))
        if read_json(QUEUE) is None:
            trouble(journal, failure)
        say(f"given up for another release: {failure}")
        ledger.record(project.staged(journal["to"]), journal["applied"], journal["lineage"])
        journal.note(outcome="failed", error=failure.as_json())
        outcome(journal["request"], "failed", failure.as_json())


def finish(host, journal):
    release.complete(host, journal)
    dump.configure(project.staged(journal["to"]))
    outcome(journal["request"], "succeeded")
    say("committed: users reach the new release")


def tidy(host, request):
    """Nothing here can hurt the release, so nothing here fails it."""
    release.quietly(lambda: release.prune(host, request, say), say)


def give_up(host, journal, failure):
    """Takes the release back; its outcome is told only once the previous one serves."""
    try:
        journal.note(error=failure.as_json())
    except OSError:
        # A full disk: taking back first gives the reserved space free.
        pass
    try:
        release.take_back(host, journal, say)
    except Exception as obstacle:
        trouble(journal, obstacle if isinstance(obstacle, Failure) else unexpected(obstacle))
    journal.note(error=failure.as_json(), outcome="failed")
    outcome(journal["request"], "failed", failure.as_json())
    say("the previous release serves" if journal["from"] else "nothing is installed")
    release.quietly(lambda: release.sweep(host), say)


def incomplete(failure):
    return Failure("RELEASE_INCOMPLETE", "users may have reached the new release, but it could not be finished",
                   found=failure.as_text(), expected="the new release serving", log=failure.log,
                   remedy="nothing was restored: writes since then would be lost. Mend the cause; "
                          f"{words.HERE['resume']}")


def unexpected(error):
    import traceback
    return Failure("DISK_SPACE_LOW" if getattr(error, "errno", None) == 28 else "DEPLOY_FAILED",
                   "the release ended unexpectedly",
                   found=f"{type(error).__name__}: {error}", expected="a known outcome",
                   remedy="see the log; the previous release is put back",
                   log=tail(traceback.format_exc()))


def outcome(request_id, state, error=None, warnings=()):
    write_json(OUTCOMES / f"{request_id}.json", {"state": state, "error": error, "warnings": list(warnings),
                                                 "at": now()})


def status(request_id=None):
    journal = Journal.read()
    live = ledger.live()
    answer = {"live": live and {"image": live["image"], "digest": live["digest"], "since": live["since"],
                                "release": live["release"]},
              "closed": not project.is_open(),
              "dump": read_json(dump.RESULT) if dump.SETTINGS.exists() else None,
              "points": [{key: point[key] for key in ("id", "from", "to", "at", "bytes")} for point in ledger.points()]}
    request_id = request_id or (journal and journal["request"])
    if request_id:
        ours = journal if journal and journal["request"] == request_id else None
        state, message, kept = request_state(request_id), "", {}
        if state in ("queued", "running"):
            start_service()
        else:
            kept = read_json(OUTCOMES / f"{request_id}.json", {})
        error = kept.get("error") or (ours and ours["error"])
        if ours and ours.open and ours["trouble"]:
            if ours.reached("committed"):
                # Users may be on it: whoever waits for it hears so, and the worker goes on trying.
                state, error = "failed", ours["trouble"]
            message = f"trouble: {ours['trouble']['code']}: {ours['trouble']['summary']}: {ours['trouble']['found']}"
        elif ours and ours.open and ours["reverting"]:
            message = "taking the release back"
        answer["request"] = {"id": request_id, "state": state, "step": ours and ours["step"], "mode": ours
                             and ours["mode"], "message": message,
                             "error": error if state == "failed" else None, "warnings": kept.get("warnings", [])}
    return answer
