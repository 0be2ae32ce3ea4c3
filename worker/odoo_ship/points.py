"""Restore points: the data as they were when a release was left, the live database and attachments of then."""

import ledger
from failures import Failure
from journal import now


def database_of(database, attempt):
    return f"{database}-point-{attempt}"


def restoring(database):
    """What a point is restored into until it is whole and gets the name that was asked for."""
    return f"{database}-restoring"


def drop(data, database, name):
    """`database`: the point's own copy. From the first moment on nobody is offered it."""
    ledger.withdraw_point(name)
    data.postgres.drop(database)
    store = data.filestore()
    store.remove(store.kept(name))
    ledger.forget_point(name)


def keep(postgres, request, journal, rollback):
    """What a release has put aside becomes a point of the release that was left."""
    name, left = journal["attempt"], ledger.live() or {}
    database, (files, size) = database_of(request["database"], name), journal["files"]
    ledger.record_point({"id": name, "database": database, "bytes": postgres.size(database), "files": files,
                         "fileBytes": size, "at": now(), "rollback": rollback, "to": ledger.digest_of(request["image"]),
                         "from": left.get("digest"), "release": left.get("release"), "image": left.get("image"),
                         "modules": left.get("modules", {}), "lineage": left.get("lineage", [])})


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
    # A setting that was forgotten must not do it again. By hand it may be done as often as somebody says so, and so it
    # may once a release without the setting has come between.
    if not request.get("force") and (ledger.live() or {}).get("restored") == name:
        raise Failure("RELEASE_MISMATCH", "the data were rolled back to this restore point already",
                      found=f"release:restore is still {name}", expected="the setting gone once it was carried out",
                      remedy="pulumi config rm release:restore, then update again")
    return point


def known(without=None):
    names = [f"{point['id']} (data of {ledger.digest_of(point['image'])[:19]})" for point in ledger.points()
             if point["image"] and point["id"] != without]
    return f"one of {', '.join(names)}" if names else "a restore point: there is none yet"
