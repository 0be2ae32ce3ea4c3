"""Memory of the containers on a host with Docker: what is free, and who was ended for want of it."""

import re
from pathlib import Path

from hosts import engine
from hosts.cgroups import COUNTS, ended
from shell import QUICK, run

MEMINFO = Path("/proc/meminfo")
#: Of a release's own container: what it may take while Odoo does not run, as components/vps/size.ts has shared it out.
ALONE = "odoo-ship.memory-alone-mib"
#: Bytes that stay free for whoever else is on the host.
SPARE = 256 * 2**20


def available():
    """Bytes that programs may take before anything is swapped out."""
    found = re.search(r"(?m)^MemAvailable: +(\d+) kB$", MEMINFO.read_text(encoding="utf-8"))
    return int(found[1]) * 1024 if found else 0


def limit(container):
    """Bytes; 0 where there is none."""
    known = engine.container(container)
    return known["HostConfig"]["Memory"] if known else 0


def widen(container):
    """Gives it what its label names, or what of that is free; never less than it has. Where Docker cannot, it keeps
    that.
    """
    known = engine.container(container)
    label = engine.label_of(known, ALONE) if known else None
    if label is None:
        return
    wanted = min(int(label) * 2**20, available() - SPARE)
    if 0 < known["HostConfig"]["Memory"] < wanted:
        # Docker's own default for swap is as much again.
        run(["docker", "update", f"--memory={wanted}", f"--memory-swap={2 * wanted}", container], QUICK)


def ran_out(container):
    """Its limit in bytes, if the kernel has ended one of its programs for want of memory; else None."""
    counts = run(["docker", "exec", container, "cat", *COUNTS], QUICK).output
    return limit(container) if ended(counts) else None
