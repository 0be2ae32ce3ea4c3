"""Memory of the container beside this one: whether the kernel has ended one of its programs for want of more.

The kubelet would know, and tells nobody in a pod. With it the kernel ends all programs of a container at once, and the
next container of the pod counts anew. So the file that counts is opened there and read here: it can be read for as long
as the kubelet has not cleared that container away, which takes it longer than this worker takes to see the end.
"""

import contextlib
import os

import tasks
from hosts.cgroups import COUNTS, LIMITS, ended

LONGEST = 64 * 1024


class Memory:
    """Of the container as it is now."""

    def __init__(self):
        found = tasks.open_files([*COUNTS, *LIMITS])
        self.files = list(found.values())
        self.counts = next((found[path] for path in COUNTS if path in found), None)
        self.limit = next((read(found[path]).strip() for path in LIMITS if path in found), "")
        self.before = self._ended()

    def ran_out(self):
        """Its limit in bytes, if the kernel has ended a program there since this was made; else None."""
        return int(self.limit) if self.limit.isdigit() and self._ended() > self.before else None

    def _ended(self):
        return 0 if self.counts is None else ended(read(self.counts))

    def close(self):
        for number in self.files:
            os.close(number)
        self.files, self.counts = [], None


def read(number):
    """Empty where there is nothing to read any more. Only files have places: a pipe in their stead keeps nobody."""
    with contextlib.suppress(OSError):
        return os.pread(number, LONGEST, 0).decode("utf-8", "replace")
    return ""
