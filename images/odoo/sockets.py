"""Connections with Odoo, as the kernel's tables have them: one reading of them for the guard, which stops Odoo in its
own container, for the worker, which stops it from the host, and for what people type.

Both let a request end before they kill an idle Odoo, so both count alike. Connections of the other port, of live
messages, are not counted: a websocket never ends by itself, and would hold each stop until its limit. Nothing is lost
with one, since Odoo kills that process the moment that it is told to end, and browsers connect again.
"""

import socket
from pathlib import Path

#: The kernel's tables, and how they write an address of this container itself: in groups of four bytes, each reversed.
TABLES = {"tcp": ("0100007F",), "tcp6": ("00000000000000000000000001000000", "0000000000000000FFFF00000100007F")}
LISTENS = "0A"
#: Of both ends; the other end has closed it; and three whose answer may be on its way yet: with the container goes what
#: the kernel still sends. One that was idle, kept for a next request, counts as well: nobody can tell it from another.
OPEN = ("01", "08", "04", "09", "0B")


def accepts(port):
    """Whether a server of this container takes connections there."""
    try:
        socket.create_connection(("127.0.0.1", port), 3).close()
        return True
    except OSError:
        return False


def clients(port, proc=Path("/proc/net")):
    """Other machines' ends of connections to a port here, as the kernel writes them. For a minute after its end, a
    connection that the server has closed is still one of them.
    """
    own = {address for addresses in TABLES.values() for address in addresses}
    return {there for there, state, _ in connections(port, proc) if state != LISTENS and there.split(":")[0] not in own}


def under_way(port, proc=Path("/proc/net")):
    """How many requests of a port are under way, or wait for somebody to take them. Those that the container itself
    makes count: a job runner asks its own Odoo for each job.
    """
    return sum(state in OPEN for _, state, _ in connections(port, proc))


def queued(port, proc=Path("/proc/net")):
    """How many connections no process has taken yet: they are reset when the server ends, while others are answered."""
    return sum(received for _, state, received in connections(port, proc) if state == LISTENS)


def connections(port, proc):
    """(other end, state, what waits to be received) of each socket of a port.

    `proc`: folder of the tables, such as /proc/PID/net for those of another process.
    """
    for table in TABLES:
        try:
            lines = (proc / table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            # A kernel without IPv6, or a process that has ended.
            continue
        for _, here, there, state, queues, *_ in map(str.split, lines):
            if int(here.rsplit(":", 1)[1], 16) == port:
                yield there, state, int(queues.rsplit(":", 1)[1], 16)
