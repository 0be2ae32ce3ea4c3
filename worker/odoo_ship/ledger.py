"""Which releases this host has run, newest last, and the restore points taken when they were left."""

from files import STATE, read_json, remove_tree, sync_directory, write_json
from journal import now

LEDGER = STATE / "ledger.json"
POINTS = STATE / "points"


def releases():
    return read_json(LEDGER, [])


def live():
    """The release that users reach; None before the first install."""
    known = releases()
    return known[-1] if known else None


def is_live(request):
    current = live()
    return bool(current) and current["release"] == request["id"] and current["image"] == request["image"]


def previous():
    """The release that the live one came after, by the lineage of the data; None if there is none.

    After a rollback that is never the release that was left.
    """
    current = live()
    earlier = current["lineage"][:-1] if current else []
    return next((entry for digest in reversed(earlier) for entry in reversed(releases())
                 if entry["digest"] == digest), None)


def record(request, modules, lineage, writes=None, door=None):
    """Notes that users have reached this release; noting it twice is the same as once.

    `lineage`: the digests that the data have gone through, newest last; a rollback to a restore point shortens it.
    `writes`: what PostgreSQL had counted when users were let in. `door`: seconds for which they were kept out. Of a
    rollback by hand `instead` is the digest that was left. A release that is carried out again, on a dump that somebody
    has restored, has the modules that it found there.
    """
    known = releases()
    if is_live(request):
        known[-1].update(modules=modules, lineage=lineage)
        write_json(LEDGER, known)
        return
    if known:
        known[-1]["left"] = now()
    known.append({"release": request["id"], "image": request["image"], "digest": digest_of(request["image"]),
                  "modules": modules, "lineage": lineage, "restored": request.get("restore"),
                  "instead": request.get("instead"), "since": now(), "writes": writes, "door": door})
    write_json(LEDGER, known)


def lineage_after(request, point=None):
    """The lineage once this release is live: its own digest after those of the live one, or of the restore point that
    it rolls back to. What the data came from already is come back to: what was after it is not part of it any more.
    """
    before = (point["lineage"] if point else live()["lineage"] if live() else [])
    digest = digest_of(request["image"])
    return [*(before[:before.index(digest)] if digest in before else before), digest]


def digest_of(image):
    return image.split("@")[1]


def points():
    """Restore points, oldest first."""
    return [point for point in recorded() if not point.get("withdrawn")]


def withdrawn():
    """What is left of points that are being removed, or were when a worker was killed: nobody is offered them."""
    return [point for point in recorded() if point.get("withdrawn")]


def recorded():
    return [read_json(path) for path in sorted(POINTS.glob("*.json"))]


def point(name):
    return next((point for point in points() if point["id"] == name), None)


def newest_point():
    """The newest one that a release was left by. What a rollback has kept is newer still, and rolls nothing back."""
    return next((point for point in reversed(points()) if not is_of_rollback(point)), None)


def is_of_rollback(point):
    """A worker of before called that `revert`."""
    return bool(point.get("rollback") or point.get("revert"))


def keep_points_in(folder):
    """Records lie with the data: a host that gets the volume of another one has its points. May end anywhere."""
    if POINTS.is_symlink() and POINTS.readlink() == folder:
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if POINTS.is_symlink():
        # Of a volume that was there before.
        POINTS.unlink()
    for path in POINTS.glob("*.json"):
        write_json(folder / path.name, read_json(path))
    remove_tree(POINTS)
    POINTS.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    POINTS.symlink_to(folder)
    sync_directory(POINTS.parent)


def record_point(point):
    path = POINTS / f"{point['id']}.json"
    if not path.exists():
        write_json(path, point)


def withdraw_point(name):
    path = POINTS / f"{name}.json"
    if path.exists():
        write_json(path, {**read_json(path), "withdrawn": True})


def forget_point(name):
    (POINTS / f"{name}.json").unlink(missing_ok=True)
