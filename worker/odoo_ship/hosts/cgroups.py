"""The kernel's own words about a container's memory, by either version of its control groups."""

import re

#: Counts of whom it has ended there for want of memory.
COUNTS = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")
#: Bytes that all programs there may take together.
LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def ended(counts):
    """How many programs that was, by the text of such a file."""
    found = re.search(r"(?m)^oom_kill (\d+)$", counts)
    return int(found[1]) if found else 0
