"""The service: takes requests one at a time, and first finishes or takes back what a crash has left."""

import json
import sys

import dump
import ledger
import project
import protocol
from failures import Failure, tail
from files import STATE, Lock, read_json, write_json
from host import ComposeHost
from journal import Journal, now
from shell import run

QUEUE = STATE / "queue.json"
OUTCOMES = STATE / "outcomes"
REQUIRED = {"id", "image", "database", "url", "modules", "registry", "release", "files", "secrets"}


def say(message):
    print(f"{now()} {message}", file=sys.stderr, flush=True)


def receive(text):
    """Takes a request in: {"request", "state"}. The same one again attaches to what is under way, or is done already."""
    try:
        request = json.loads(text)
    except ValueError:
        request = None
    lacking = REQUIRED - set(request if isinstance(request, dict) else ())
    if lacking:
        raise Failure("DEPLOY_FAILED", "the request is not complete", found=f"no {', '.join(sorted(lacking))}", expected="a request as Pulumi sends it",
                      remedy="update Pulumi's program and this host from the same release")
    state = request_state(request["id"])
    if state in ("queued", "running"):
        start_service()
        return {"request": request["id"], "state": state}
    journal = Journal.read()
    queued = read_json(QUEUE)
    if queued or (journal and journal.open):
        other = queued["id"] if queued else journal["request"]
        raise Failure("RELEASE_IN_PROGRESS", "another release is under way on this host", found=f"request {other}", expected="one at a time",
                      remedy="wait for its end: `odoo-ship status` on the host tells how far it is")
    live = ledger.live()
    if live and live["release"] == request["id"] and live["image"] == request["image"] and not request.get("force"):
        ComposeHost().log_in(request["registry"])
        project.stage(request)
        project.prepare(request)
        dump.configure(request)
        if settled(request):
            return {"request": request["id"], "state": "succeeded"}
    (OUTCOMES / f"{request['id']}.json").unlink(missing_ok=True)
    write_json(QUEUE, request)
    start_service()
    return {"request": request["id"], "state": "queued"}


def settled(request):
    """Whether the host is as the request wants it: nothing stopped, replaced or edited by hand."""
    host = ComposeHost()
    files = all((project.PROJECT / name).exists() and (project.PROJECT / name).read_text(encoding="utf-8") == text
                for name, text in request["files"].items())
    return files and project.is_open() and not any(host.changes(request, service) for service in ("db", "odoo", "proxy"))


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
    outcome = read_json(OUTCOMES / f"{request_id}.json")
    return outcome and outcome["state"]


def serve():
    """Until nothing is left to do. Fails when a release can neither be finished nor taken back now: systemd then tries again."""
    lock = Lock()
    if not lock.take():
        say("another worker is at it")
        return 0
    host = ComposeHost()
    recover(host)
    while True:
        request = read_json(QUEUE)
        if request is None:
            return 0
        handle(host, request)


def recover(host):
    journal = Journal.read()
    if journal is None:
        return
    if not journal.open:
        tell_outcome(journal)
        return
    say(f"release {journal['to']} was interrupted at {journal['step']} ({journal['phase']})")
    queued = read_json(QUEUE)
    if queued and queued["id"] == journal["request"]:
        QUEUE.unlink()
    if journal.reached("committed"):
        finish(host, journal)
        return
    failure = read_failure(journal) or Failure(
        "DEPLOY_FAILED", f"the release was interrupted at the step {journal['step']}", found="the worker or the host stopped in the middle",
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
    live = ledger.live()
    project.stage(request)
    journal = Journal.begin(request["id"], None, live and live["release"], request["id"], protocol.attempt_name())
    restore = ledger.point(request["restore"]) if request.get("restore") else None
    release = protocol.Release(host, request, journal, say, restore)
    # Noted before the request leaves the queue: between the two it is there twice, never not at all.
    journal.note(step=None, phase="begin")
    QUEUE.unlink()
    try:
        release.run()
    except Exception as error:
        release.let_go()
        failure = error if isinstance(error, Failure) else unexpected(error)
        say(failure.as_text())
        if journal.reached("committed"):
            # Finished at the next start of the service, which systemd sees to; a full disk must not keep it from that.
            release.reserve().give_back()
            raise incomplete(failure) from error
        give_up(host, journal, failure)
        return
    dump.configure(request)
    outcome(request["id"], "succeeded", warnings=release.warnings)
    say("committed: users reach the new release")
    tidy(host, request)


def finish(host, journal):
    try:
        protocol.complete(host, journal)
    except Failure as failure:
        raise incomplete(failure) from failure
    dump.configure(project.staged(journal["to"]))
    outcome(journal["request"], "succeeded")
    say("committed: users reach the new release")


def tidy(host, request):
    """Nothing here can hurt the release, so nothing here fails it."""
    try:
        protocol.prune(host, request, say)
    except Exception as error:
        say(f"tidying up was put off to the next release: {error}")


def give_up(host, journal, failure):
    """Takes the release back; its outcome is told only once the previous one serves."""
    try:
        journal.note(error=failure.as_json())
    except OSError:
        # A full disk: taking back first gives the reserved space free.
        pass
    protocol.take_back(host, journal, say)
    journal.note(error=failure.as_json(), outcome="failed")
    outcome(journal["request"], "failed", failure.as_json())
    say("the previous release serves" if journal["from"] else "nothing is installed")


def incomplete(failure):
    return Failure("RELEASE_INCOMPLETE", "users may have reached the new release, but it could not be finished",
                   found=failure.as_text(), expected="the new release serving", log=failure.log,
                   remedy="nothing was restored: writes since then would be lost. Mend the cause; `odoo-ship resume` goes on; "
                          "to give the new data up, `odoo-ship revert --with-data`")


def unexpected(error):
    import traceback
    return Failure("DISK_SPACE_LOW" if getattr(error, "errno", None) == 28 else "DEPLOY_FAILED", "the release ended unexpectedly",
                   found=f"{type(error).__name__}: {error}", expected="a known outcome", remedy="see the log; the previous release is put back",
                   log=tail(traceback.format_exc()))


def outcome(request_id, state, error=None, warnings=()):
    write_json(OUTCOMES / f"{request_id}.json", {"state": state, "error": error, "warnings": list(warnings), "at": now()})


def status(request_id=None):
    journal = Journal.read()
    live = ledger.live()
    answer = {"live": live and {"image": live["image"], "digest": live["digest"], "since": live["since"], "release": live["release"]},
              "closed": not project.is_open(),
              "points": [{key: point[key] for key in ("id", "from", "to", "at", "bytes")} for point in ledger.points()]}
    request_id = request_id or (journal and journal["request"])
    if request_id:
        ours = journal if journal and journal["request"] == request_id else None
        kept = read_json(OUTCOMES / f"{request_id}.json", {})
        answer["request"] = {"id": request_id, "state": request_state(request_id), "step": ours and ours["step"], "mode": ours and ours["mode"],
                             "message": "taking the release back" if ours and ours["reverting"] and ours.open else "",
                             "error": kept.get("error"), "warnings": kept.get("warnings", [])}
    return answer
