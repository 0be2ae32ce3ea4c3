"""Files that survive a crash: written beside, synced, renamed, and the directory synced too."""

import fcntl
import json
import os
import shutil
import time
from pathlib import Path

import words
from failures import Failure

STATE = Path(os.environ.get("ODOO_SHIP_STATE", "/var/lib/odoo-ship"))
PROJECT = Path("/opt/odoo")
LOGS = STATE / "logs"
#: Held by whoever makes a dump, and by a release.
DUMPS = STATE / "dump.lock"
#: The administrator's first password, until somebody has read it.
FIRST_LOGIN = STATE / "first-login"


def write(path, text, mode=0o600, owner=(0, 0)):
    """Replaces the file as a whole: a reader sees the old content or the new one, also after a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if os.geteuid() == 0:
            os.chown(partial, *owner)
        os.chmod(partial, mode)
        os.replace(partial, path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def sync_directory(path):
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_json(path, value):
    write(path, json.dumps(value, indent=2, sort_keys=True) + "\n")


def read_json(path, default=None):
    """Raises Failure for a file that is there and cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return default
    except ValueError as error:
        raise Failure("STATE_DAMAGED", "a file in which the worker keeps what it has done is damaged",
                      found=f"{path}: {error}", expected="the file as it was written",
                      remedy=words.HERE["damaged"]) from None


def remove_tree(path):
    if path.exists():
        shutil.rmtree(path)


def wait_to_take(take, seconds, say, what, refusal):
    """Until `take` has what somebody else has now; `what` is said once. Raises `refusal` after so many seconds."""
    end, told = time.monotonic() + seconds, False
    while not take():
        if not told:
            say(f"waiting for {what}")
            told = True
        if time.monotonic() > end:
            raise refusal
        time.sleep(1)


class Lock:
    """One worker at a time on a host; the kernel lets go when its holder dies."""

    def __init__(self, path=STATE / "lock"):
        self.path = path
        self.handle = None

    def take(self, wait=False):
        """Whether this process holds it now."""
        if self.handle is not None:
            return True
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self.handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            os.close(self.handle)
            self.handle = None
            return False
        return True

    def release(self):
        if self.handle is not None:
            os.close(self.handle)
            self.handle = None

    def __enter__(self):
        self.take(wait=True)
        return self

    def __exit__(self, *_):
        self.release()


class Reserve:
    """Disk space set aside, so that a full disk cannot keep the worker from a rollback."""

    BYTES = 64 * 1024 * 1024

    def __init__(self, directories):
        self.paths = [directory / ".odoo-ship-reserve" for directory in directories]

    def keep(self):
        """Takes the space where it is not held yet; a disk that has none for it is told by the checks, not here."""
        for path in self.paths:
            if path.exists() and path.stat().st_size == self.BYTES:
                continue
            try:
                handle = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
            except OSError:
                continue
            try:
                os.posix_fallocate(handle, 0, self.BYTES)
            except OSError:
                path.unlink(missing_ok=True)
            finally:
                os.close(handle)

    def give_back(self):
        for path in self.paths:
            path.unlink(missing_ok=True)


def free_bytes(path):
    stat = os.statvfs(path)
    return stat.f_bavail * stat.f_frsize
