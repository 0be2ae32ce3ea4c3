"""How each request ended, for whoever asks later."""

import contextlib

from failures import Failure
from files import STATE, read_json, write_json
from journal import now

OUTCOMES = STATE / "outcomes"


def record(request_id, state, error=None, warnings=()):
    write_json(_path(request_id), {"state": state, "error": error, "warnings": list(warnings), "at": now()})


def read(request_id):
    """{"state", "error", "warnings", "at"}; None where no attempt has ended, or the next one has begun, or nobody can
    read it any more.
    """
    with contextlib.suppress(Failure):
        return read_json(_path(request_id))
    return None


def forget(request_id):
    _path(request_id).unlink(missing_ok=True)


def prune(number):
    """All but the newest so many."""
    for path in sorted(OUTCOMES.glob("*.json"), key=lambda path: path.stat().st_mtime)[:-number]:
        path.unlink()


def _path(request_id):
    return OUTCOMES / f"{request_id}.json"
