"""The service: takes requests one at a time, and first finishes or rolls back what a crash has left."""

import sys

import dump
import ledger
import outcomes
import points
import staged
import stopped
import tidying
import waiting
import words
from commit import complete
from failures import Failure, as_failure, quietly, text_of
from files import STATE, Lock, Reserve
from hosts import here
from journal import Journal, attempt_name, now
from release import Release
from request import of_job
from rollback import give_reserve_back, roll_back


def say(message):
    print(f"{now()} {message}", file=sys.stderr, flush=True)


def serve():
    """Until nothing is left to do. Fails when a release can neither be finished nor rolled back now: systemd then tries
    again.
    """
    lock = Lock()
    lock.take(wait=True)
    stopped.forget()
    host = here.host()
    recover(host)
    while True:
        request = waiting.read()
        if request is None:
            return 0
        handle(host, request)


def job(path):
    """One request to its end, on a host without a service.

    Exit status: 0 it is live; 1 it failed, and everything is as before; 3 it is not so yet.
    """
    request = of_job(path)
    host = here.host()
    try:
        return to_its_end(host, request)
    finally:
        host.end_tasks()


def to_its_end(host, request):
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
            outcome = outcomes.read(request["id"])
            if not done and not (outcome and outcome["error"]):
                raise RuntimeError("the release has ended without a word, and does not serve")
    except Exception as error:
        host.last_words(as_failure(error).as_text())
        journal = Journal.read()
        return 3 if journal and journal.open else 1
    for point in ledger.points():
        say(f"restore point {point['id']}: the data of {point['image']}, left at {point['at']}")
    if done:
        return 0
    host.last_words(text_of(outcome["error"]))
    return 1


def serves(host, request):
    """Whether the release is live and the data are those that it left.

    What somebody put there by hand, a dump of last week, is upgraded as any other.
    """
    if not ledger.is_live(request):
        return False
    postgres = host.data.postgres
    marker = postgres.marker(request["database"]) if postgres.exists(request["database"]) else None
    code = ledger.live()["modules"]
    return (bool(marker) and marker["state"] == "ready"
            and all(code.get(name) in accepted for name, accepted in marker["modules"].items()))


def refuse_lost_database(host):
    """What the attachments' volume knows of and PostgreSQL does not is on another server, or lost.

    An empty database in its place would hide that.
    """
    live = ledger.live()
    if live is None:
        return
    name, postgres = staged.read(live["release"])["database"], host.data.postgres
    exists = postgres.exists(name)
    if not exists or postgres.modules(name) is None:
        has = f"a database {name} without Odoo's tables" if exists else f"no database {name}"
        raise Failure("DATABASE_LOST",
                      f"release {ledger.digest_of(live['image'])[:19]} is live, and its database is not there",
                      found=f"{postgres.place()} has {has}",
                      expected=f"the data that belong to the attachments, as left since {live['since']}",
                      remedy=words.HERE["lost"])


# What a crash has left


def recover(host):
    journal = Journal.read()
    if journal is None:
        return
    if not journal.open:
        tell_outcome(journal)
        quietly(host.remove_tasks, say)
        live = ledger.live()
        quietly(lambda: host.settle(live and staged.read(live["release"])), say)
        return
    say(f"release {journal['to']} was interrupted at {journal['step']} ({journal['phase']})")
    waiting.forget(journal["request"])
    if journal.reached("committed"):
        finish_or_give_way(host, journal)
        return
    failure = journal.failure or Failure(
        "DEPLOY_FAILED", f"the release was interrupted at the step {journal['step']}",
        found="the worker or the host stopped in the middle",
        expected="a release that runs to its end", remedy="the previous release serves; deploy again")
    give_up(host, journal, failure)


def tell_outcome(journal):
    """What a worker that was killed after the end of its release had no time to tell."""
    if outcomes.read(journal["request"]) is not None:
        return
    if journal["outcome"] == "succeeded":
        dump.configure(staged.read(journal["to"]))
    outcomes.record(journal["request"], journal["outcome"], journal["error"])


def finish_or_give_way(host, journal):
    """Finishes what was committed; if it cannot be and somebody has sent another release, that one comes instead."""
    try:
        request = staged.read(journal["to"])
        complete(host, journal)
        tell_success(request)
        # What users were on meanwhile is not needed any more.
        quietly(host.remove_tasks, say)
    except Exception as error:
        failure = incomplete(as_failure(error))
        if waiting.read() is None:
            trouble(journal, failure)
        say(f"given up for another release: {failure}")
        ledger.record(staged.read(journal["to"]), journal["applied"], journal["lineage"], journal["writes"])
        journal.note(outcome="failed", error=failure.as_json())
        outcomes.record(journal["request"], "failed", failure.as_json())


# One request


def handle(host, request):
    # How an earlier attempt ended is not how this one does; while the request is in the queue, nobody reads it.
    outcomes.forget(request["id"])
    live, before = ledger.live(), Journal.read()
    attempt = attempt_name([point["id"] for point in ledger.points()] + ([before["attempt"]] if before else []))
    journal = Journal.begin(request["id"], None, live and live["release"], request["id"], attempt, host.job)
    try:
        restore = points.asked_for(request)
        staged.keep(request)
        # Noted before the request leaves the queue: between the two it is there twice, never not at all.
        journal.note(step=None, phase="begin")
    except (Failure, OSError) as error:
        Reserve([STATE]).give_back()
        outcomes.record(request["id"], "failed", as_failure(error).as_json())
        waiting.forget(request["id"])
        return
    waiting.forget(request["id"])
    attempt = Release(host, request, journal, say, restore)
    try:
        attempt.run()
    except Exception as error:
        quietly(host.let_go, say)
        end_failed(host, journal, as_failure(error))
        return
    tell_success(request, attempt.warnings)
    # Nothing in this can hurt the release, so nothing in it fails it.
    quietly(lambda: tidying.prune(host, request, say), say)


def end_failed(host, journal, failure):
    say(failure.as_text())
    if journal.reached("committed"):
        # Finished at the next start of the service, which systemd sees to; a full disk must not keep it from that.
        give_reserve_back(host, say)
        trouble(journal, incomplete(failure))
    give_up(host, journal, failure)


def give_up(host, journal, failure):
    """Rolls the release back; its outcome is told only once the previous one serves."""
    try:
        journal.note(error=failure.as_json())
    except OSError:
        # A full disk: the rollback gives the reserved space free first.
        pass
    said = "the previous release serves" if journal["from"] else "nothing is installed"
    try:
        roll_back(host, journal, say)
    except Exception as obstacle:
        if not journal.gives_way:
            trouble(journal, as_failure(obstacle))
        failure = nothing_serves(failure, as_failure(obstacle))
        if waiting.read() is None:
            trouble(journal, failure)
        said = f"given up for another release: {failure}"
    journal.note(error=failure.as_json(), outcome="failed")
    outcomes.record(journal["request"], "failed", failure.as_json())
    say(said)
    quietly(lambda: tidying.sweep(host), say)


def tell_success(request, warnings=()):
    dump.configure(request)
    outcomes.record(request["id"], "succeeded", warnings=warnings)
    say("committed: users reach the new release")


def trouble(journal, failure):
    """Cannot go on now: told to whoever asks, and tried again by systemd."""
    since = (journal["trouble"] or {}).get("since") or now()
    quietly(lambda: journal.note(trouble={**failure.as_json(), "since": since}), say)
    raise failure


def nothing_serves(failure, obstacle):
    """The release failed, and the one before it, whose data and files are back, does not come up either."""
    return Failure(obstacle.code, "the release failed, and the one before it does not come up: its data are back",
                   found=f"{obstacle.as_text()}\nthe release itself: {failure.as_text()}",
                   expected="the release before it, which answers", log=obstacle.log,
                   remedy="mend the cause, and it comes up by itself; or deploy another one, which comes in its place")


def incomplete(failure):
    return Failure("RELEASE_INCOMPLETE", "users may have reached the new release, but it could not be finished",
                   found=failure.as_text(), expected="the new release serving", log=failure.log,
                   remedy="nothing was restored: writes since then would be lost. Mend the cause; "
                          f"{words.HERE['resume']}")
