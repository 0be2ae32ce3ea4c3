"""How long a release may take, and what it needs, by how much data there is.

A limit ends what stands still; it is no promise. What a release is expected to take is told before users are kept out.
"""

from shell import LONG

#: Bytes in a second that the slowest disk or line gets on with, indexes and all.
SLOWEST = 2_000_000
#: Bytes in a second of a table that Odoo reads through, in a neutralisation or a try.
READ = 20_000_000
#: From here on a release takes so long that whoever waits for it is told.
LARGE = 1_000_000_000
#: What usual disks do in a second: PostgreSQL's own clone, and a dump that is restored at once.
CLONED, RESTORED = 200_000_000, 15_000_000


def copying(size):
    """Seconds that a copy of so many bytes may take, by clone, by dump or by way of a network."""
    return LONG + size // SLOWEST


def reading(size, least):
    """Seconds that a program of the release may take which looks at tables as a whole."""
    return least + size // READ


def release(size, settings):
    """Seconds that all steps of a release may take together: two copies, two upgrades, and an hour for the rest."""
    return 2 * (copying(size) + settings["upgradeSeconds"]) + LONG


def forecast(size, wanted, free, rehearsed, minutes):
    """One sentence for whoever waits. `wanted` and `free`: bytes of room; `minutes`: that the upgrade may take, or None
    where there is none.
    """
    parts = [f"the database has {size / 1e6:,.0f} MB: its copies need {wanted / 1e9:,.1f} GB"]
    if free != float("inf"):
        parts[0] += f" of the {free / 1e9:,.1f} that are free"
    if rehearsed:
        parts.append(f"the rehearsal's takes about {told(size / RESTORED)}, while users work")
    parts.append(f"users are kept out for about {told(size / CLONED)} of cloning" +
                 (f", and for the upgrade itself, {minutes:.0f} min at most" if minutes else ""))
    return "; ".join(parts)


def told(seconds):
    return f"{max(1, seconds):.0f} s" if seconds < 120 else f"{seconds / 60:,.0f} min"
