"""Who listens in this container and who has come: asked by the guard, its probe, and by what people type."""

import socket
from pathlib import Path

#: The kernel's tables, and how they write an address of this container itself: in groups of four bytes, each reversed.
TABLES = {"tcp": ("0100007F",), "tcp6": ("00000000000000000000000001000000", "0000000000000000FFFF00000100007F")}
LISTENS = "0A"
#: Of both ends, or the other end has closed it: it may wait for an answer, or for somebody to take it.
OPEN = ("01", "08")


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
    return {there for there, _ in connections(port, proc)}


def waiting(port, proc=Path("/proc/net")):
    """How many of them are open: of requests that are under way, or that nobody has taken yet."""
    return sum(state in OPEN for _, state in connections(port, proc))


def connections(port, proc):
    """(other end, state) of each that is another machine's."""
    for table, own in TABLES.items():
        try:
            lines = (proc / table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            # A kernel without IPv6.
            continue
        for _, here, there, state, *_ in map(str.split, lines):
            if int(here.rsplit(":", 1)[1], 16) == port and state != LISTENS and there.split(":")[0] not in own:
                yield there, state
