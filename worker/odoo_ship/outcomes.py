"""How each request ended, for whoever asks later."""

from files import STATE, read_json, write_json
from journal import now

OUTCOMES = STATE / "outcomes"


def record(request_id, state, error=None, warnings=()):
    write_json(_path(request_id), {"state": state, "error": error, "warnings": list(warnings), "at": now()})


def read(request_id):
    """{"state", "error", "warnings", "at"}; None where no attempt has ended, or the next one has begun."""
    return read_json(_path(request_id))


def forget(request_id):
    _path(request_id).unlink(missing_ok=True)


def _path(request_id):
    return OUTCOMES / f"{request_id}.json"
