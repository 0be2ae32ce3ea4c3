"""Restore points: the data as they were when a release was left. A copy of the database, its attachments as hard links.

Each step may be done again after a crash: what is done already is told by what exists.
"""

import ledger
from failures import Failure


def database_of(database, attempt):
    return f"{database}-point-{attempt}"


def take(data, database, attempt):
    """Clones the database as it is; what the ledger notes of it is answered."""
    copy, store = database_of(database, attempt), data.filestore()
    data.require_room(1, database)
    data.postgres.clone(database, copy, data.postgres.admin)
    data.postgres.limit(copy, 0)
    store.link(store.live(database), store.kept(attempt))
    files, size = store.measure(store.kept(attempt))
    return {"database": copy, "bytes": data.postgres.size(copy), "files": files, "fileBytes": size}


def use_copy(data, database, attempt, point):
    """A copy of the point becomes live; the point itself stays. What was live is in the point that was just taken."""
    postgres, store, incoming = data.postgres, data.filestore(), f"{database}-incoming"
    postgres.clone(point["database"], incoming, postgres.ROLE)
    postgres.limit(incoming, -1)
    store.link(store.kept(point["id"]), store.kept("incoming"), required=True)
    postgres.rename(database, f"{database}-replaced-{attempt}")
    postgres.rename(incoming, database)
    store.move(store.live(database), store.kept(f"replaced-{attempt}"))
    store.move(store.kept("incoming"), store.live(database))


def roll_back_to(data, database, attempt):
    """The point itself becomes live, by renames; what failed is kept as evidence."""
    postgres, store = data.postgres, data.filestore()
    point, failed = database_of(database, attempt), f"{database}-failed-{attempt}"
    for name in (f"{database}-incoming", f"{database}-replaced-{attempt}"):
        if name.endswith("incoming") or postgres.exists(database):
            postgres.drop(name)
    if postgres.exists(point):
        if postgres.exists(database):
            postgres.rename(database, failed)
            postgres.limit(failed, 0)
        postgres.own(point, postgres.ROLE)
        postgres.limit(point, -1)
        postgres.rename(point, database)
        postgres.copy_settings(failed, database)
    store.remove(store.kept("incoming"))
    if store.exists(store.kept(attempt)):
        if store.exists(store.live(database)):
            store.remove(store.kept(f"failed-{attempt}"))
            store.move(store.live(database), store.kept(f"failed-{attempt}"))
        store.move(store.kept(attempt), store.live(database))
    ledger.forget_point(attempt)


def drop(data, database, name):
    """`database`: the point's own copy."""
    data.postgres.drop(database)
    store = data.filestore()
    store.remove(store.kept(name))
    ledger.forget_point(name)


def asked_for(request):
    """The point that the request rolls back to; None for an ordinary release.

    Raises Failure for one that is not there, belongs to another release, or was carried out already.
    """
    name = request.get("restore")
    if not name:
        return None
    point = ledger.point(name)
    if point is None or point["image"] is None:
        raise Failure("RELEASE_MISMATCH", "there is no such restore point", found=name, expected=known(),
                      remedy="set release:restore to one of them")
    if ledger.digest_of(point["image"]) != ledger.digest_of(request["image"]):
        raise Failure("RELEASE_MISMATCH", "the restore point belongs to another release",
                      found=f"{name} has data of {point['image']}",
                      expected=f"an update to that release, not to {request['image']}",
                      remedy=f"pulumi config set image:digest {ledger.digest_of(point['image'])}")
    # By hand it may be done as often as somebody says so; a setting that was forgotten must not do it again.
    if not request.get("force") and any(entry.get("restored") == name for entry in ledger.releases()):
        raise Failure("RELEASE_MISMATCH", "the data were rolled back to this restore point already",
                      found=f"release:restore is still {name}", expected="the setting gone once it was carried out",
                      remedy="pulumi config rm release:restore, then update again")
    return point


def known():
    names = [f"{point['id']} (data of {ledger.digest_of(point['image'])[:19]})" for point in ledger.points()
             if point["image"]]
    return f"one of {', '.join(names)}" if names else "a restore point: there is none yet"
