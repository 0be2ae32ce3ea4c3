"""What is told of this host and of a request, to people and to Pulumi."""

import dump
import ledger
import outcomes
import project
import stopped
import waiting
from hosts import here
from journal import STEPS, Journal


def state_of(request_id):
    """queued, running, succeeded, failed, or None if this host has not seen it."""
    waits = waiting.read()
    if waits and waits["id"] == request_id:
        return "queued"
    journal = Journal.read()
    if journal and journal.open and journal["request"] == request_id:
        return "running"
    known = outcomes.read(request_id)
    if known is None and journal and journal["request"] == request_id:
        # The journal is closed a moment before its outcome is written.
        return journal["outcome"]
    return known and known["state"]


def of_host(request_id=None):
    """With what became of the request, or else of the last one."""
    journal, live = Journal.read(), ledger.live()
    answer = {"live": live and {key: live[key] for key in ("image", "digest", "since", "release")},
              "closed": is_closed(journal), "stopped": stopped.read(),
              "dump": dump.last() if dump.configured() else None,
              "points": [{key: point[key] for key in ("id", "from", "to", "at", "bytes")} for point in ledger.points()]}
    request_id = request_id or (journal and journal["request"])
    if request_id:
        answer["request"] = of_request(request_id, journal)
    return answer


def is_closed(journal):
    """In a cluster a release alone closes the door."""
    if here.KUBERNETES:
        return bool(journal and journal.open and journal.begun("closed"))
    return not project.is_open()


def of_request(request_id, journal):
    ours = journal if journal and journal["request"] == request_id else None
    state, message, kept = state_of(request_id), "", {}
    ended = stopped.read() if state in ("queued", "running") else None
    if ended:
        # Nothing but a person can help, and whoever waits hears so.
        state = "failed"
    elif state in ("queued", "running"):
        waiting.start_service()
    else:
        kept = outcomes.read(request_id) or {}
    error = ended or kept.get("error") or (ours and ours["error"])
    if ours and ours.open and ours["trouble"]:
        if ours.gives_way:
            # Whoever waits for it hears so, and may send another; the worker goes on trying.
            state, error = "failed", ours["trouble"]
        message = "trouble since {since}: {code}: {summary}: {found}".format(**{"since": "?", **ours["trouble"]})
    elif ours and ours.open and ours.rolling_back:
        message = "rolling the release back"
    elif ours and ours.open and not ours.reached("closed"):
        message = ours["forecast"] if ours["large"] else ""
    return {"id": request_id, "state": state, "step": ours and ours["step"], "mode": ours and ours["mode"],
            "patience": ours and ours["patience"], "steps": durations(ours) if ours else {},
            "next": what_comes_next(ours) if ours else "", "message": message,
            "error": error if state == "failed" else None, "warnings": kept.get("warnings", [])}


def durations(journal):
    """{step: seconds it took}; null for the one that is under way, or that was cut off."""
    known = journal["steps"] or {}
    return {name: round(known[name][1] - known[name][0], 1) if len(known[name]) > 1 else None
            for name in STEPS if name in known}


def what_comes_next(journal):
    """Of a release that has not ended, for whoever looks at night."""
    if not journal.open:
        return ""
    if journal.reached("committed"):
        return "it is finished: users may have reached the new release, so nothing is rolled back"
    if journal["serverLacks"] and journal["trouble"]:
        return ("its data are back, and the server of the release before it is started again and again; another "
                "release that is sent comes in its place")
    if journal.rolling_back or journal["trouble"]:
        return "it is rolled back, again and again until that has worked; then the previous release serves"
    if not journal.reached("closed"):
        return "users notice nothing until it is closed; if it fails or is killed, the previous release goes on"
    return "if it fails or is killed, it is rolled back: nothing that users have written is lost"
