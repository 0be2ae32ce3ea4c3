"""The host's packages: while a release works nobody installs any, for an upgrade of Docker restarts every container.
Debian's and Ubuntu's own lock is taken, which apt, dpkg and unattended-upgrades respect. Elsewhere there is none.
"""

import fcntl
from pathlib import Path

from failures import Failure
from files import wait_to_take

LOCK = Path("/var/lib/dpkg/lock-frontend")
#: How long an upgrade that is under way is waited for.
SECONDS = 1800


class Packages:
    """The kernel lets go of the lock when this worker ends, whatever ends it."""

    def __init__(self, path=LOCK):
        self.path, self.file = path, None

    def keep(self, say):
        """Nobody else gets the lock until this process ends."""
        if self.file is not None or not self.path.exists():
            return
        self.file = open(self.path, "rb+")
        try:
            wait_to_take(self._take, SECONDS, say, "the packages that are being installed on the host", Failure(
                "HOST_UNFIT", "packages are being installed on the host, which may restart Docker",
                found=f"{self.path} is held for {SECONDS} s", expected="an end of it before a release",
                remedy=f"`fuser -v {self.path}` on the host shows by whom; end it, then deploy again"))
        except Failure:
            self.file.close()
            self.file = None
            raise

    def _take(self):
        # As dpkg does: flock would not be seen by it.
        try:
            fcntl.lockf(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except OSError:
            return False
