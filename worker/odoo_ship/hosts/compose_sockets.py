"""Connections with Odoo's ports, as the kernel shows them."""

from pathlib import Path

PORTS = (8069, 8072)
#: States of a socket: one that listens, whose queue has what no worker has taken yet; and those that a process still
#: answers, that wait in that queue, or whose answer is on its way yet.
WAITING, OPEN = ("0A",), ("01", "04", "08", "09", "0B")


def connections(pid, states):
    """How many there are in the network of a process."""
    count = 0
    for name in ("tcp", "tcp6"):
        try:
            lines = Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]
        except OSError:
            continue
        for local, _, state, queues in (line.split()[1:5] for line in lines):
            if state in states and int(local.split(":")[1], 16) in PORTS:
                count += int(queues.split(":")[1], 16) if state in WAITING else 1
    return count
