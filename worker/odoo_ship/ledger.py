"""Which releases this host has run, newest last, and the restore points taken when they were left."""

from files import STATE, read_json, write_json
from journal import now

LEDGER = STATE / "ledger.json"
POINTS = STATE / "points"


def releases():
    return read_json(LEDGER, [])


def live():
    """The release that users reach; None before the first install."""
    known = releases()
    return known[-1] if known else None


def previous():
    """The release before the live one that ran another image; None if there is none."""
    known = releases()
    return next((entry for entry in reversed(known[:-1]) if entry["digest"] != known[-1]["digest"]), None)


def record(request, modules, lineage):
    """Notes that users have reached this release; noting it twice is the same as once.

    `lineage`: the digests that the data have gone through, newest last. Going back to a restore point goes back in it
    too.
    """
    known = releases()
    if known and known[-1]["release"] == request["id"] and known[-1]["image"] == request["image"]:
        return
    if known:
        known[-1]["left"] = now()
    known.append({"release": request["id"], "image": request["image"], "digest": digest_of(request["image"]),
                  "modules": modules,
                  "lineage": lineage, "restored": request.get("restore"), "since": now()})
    write_json(LEDGER, known)


def lineage_after(request, point=None):
    """The lineage once this release is live: its own digest after those of the live one, or of the restore point that
    it puts back.
    """
    before = (point["lineage"] if point else live()["lineage"] if live() else [])
    digest = digest_of(request["image"])
    return before if before[-1:] == [digest] else [*before, digest]


def digest_of(image):
    return image.split("@")[1]


def points():
    """Restore points, oldest first."""
    return [read_json(path) for path in sorted(POINTS.glob("*.json"))]


def point(name):
    return next((point for point in points() if point["id"] == name), None)


def newest_point():
    """The newest one that a release was left by; going back to what a revert has kept would be going forward again."""
    return next((point for point in reversed(points()) if not point.get("revert")), None)


def record_point(point):
    path = POINTS / f"{point['id']}.json"
    if not path.exists():
        write_json(path, point)


def forget_point(name):
    (POINTS / f"{name}.json").unlink(missing_ok=True)
