"""Why the worker has ended and is not started again: whoever waits for a release hears it, and need not wait."""

import contextlib

import files
from failures import Failure

NAME = "stopped.json"


def note(failure):
    """A full disk keeps nobody from reading the same in the log."""
    with contextlib.suppress(OSError):
        files.write_json(_path(), failure.as_json())


def read():
    """The error, or None."""
    with contextlib.suppress(Failure):
        return files.read_json(_path())
    return None


def forget():
    """Whoever starts the worker wants it tried again."""
    _path().unlink(missing_ok=True)


def _path():
    return files.STATE / NAME
