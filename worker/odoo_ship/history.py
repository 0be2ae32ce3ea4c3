"""The releases that these data have had and the points that are kept, for whoever chooses where to roll back to.

Reads alone. What is told here is read by components/odoo/history.ts.
"""

import by_hand
import ledger
import staged
from failures import Failure, as_failure
from journal import seconds_since

#: So many of the newest releases are told.
MOST = 50


def tell(data=None):
    """All of it, as JSON. `data`: where PostgreSQL is asked for what is installed, and how much was written; without
    it, and where it does not answer, what the last release has noted is told.
    """
    live = ledger.live()
    if live is None:
        return {"live": None, "lineage": [], "installed": [], "problem": "", "releases": [], "points": []}
    accepted, installed, writes, problem = facts(data, live)
    return {"live": {name: live.get(name) for name in ("digest", "since", "restored")}, "lineage": live["lineage"],
            "installed": sorted(installed), "problem": problem,
            "releases": [of_release(entry, accepted, installed) for entry in newest()],
            "points": [of_point(point, live, writes) for point in reversed(ledger.points()) if point["image"]]}


def facts(data, live):
    """({module: [content hashes that may run]}, installed modules, rows written, why PostgreSQL was not asked)."""
    noted = {name: [value] for name, value in live["modules"].items()}
    if data is None:
        return noted, set(noted), None, "PostgreSQL was not asked"
    try:
        database = staged.read(live["release"])["database"]
        marker, installed = data.postgres.marker(database), data.postgres.modules(database)
        writes = data.postgres.writes(database)
    except (Failure, OSError) as error:
        failure = as_failure(error)
        return noted, set(noted), None, f"{failure.summary}: {failure.found}"
    accepted = marker["modules"] if marker else noted
    return accepted, set(installed or accepted), writes, ""


def newest():
    """Each digest once, as it was live last; the newest first."""
    by_digest = {}
    for entry in ledger.releases():
        by_digest.pop(entry["digest"], None)
        by_digest[entry["digest"]] = entry
    return list(reversed(by_digest.values()))[:MOST]


def of_release(entry, accepted, installed):
    """`before`: the digest that it came after. `changed`: installed modules whose content of then may not run on the
    data of now. `added`: modules that were installed since. `door`: seconds for which users were kept out.
    """
    then, earlier = entry["modules"], entry["lineage"][:-1]
    return {"digest": entry["digest"], "since": entry["since"], "left": entry.get("left"),
            "before": earlier[-1] if earlier else None, "door": entry.get("door"),
            "changed": sorted(name for name in installed if name in then and then[name] not in accepted.get(name, ())),
            "added": sorted(installed - then.keys())}


def of_point(point, live, writes):
    """`digest`: of the release whose data it has. `rows`: written since, None where that is not known."""
    return {"id": point["id"], "digest": ledger.digest_of(point["image"]), "at": point["at"], "bytes": point["bytes"],
            "minutes": round(seconds_since(point["at"]) / 60), "rows": by_hand.rows_since(point, live, writes)}
