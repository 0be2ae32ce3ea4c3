"""A restore point's data in a new database, beside the live one: to look at, never to serve by accident."""

import re

import ledger
import project
import protocol
from failures import Failure
from files import Lock
from host import ComposeHost
from journal import Journal


def into(point_name, database, exact):
    """`exact`: as they were. Else neutralised: no mail leaves, no job runs."""
    point = ledger.point(point_name)
    if point is None:
        raise Failure("RELEASE_MISMATCH", "there is no such restore point", found=point_name, expected="one of `odoo-ship points`", remedy="odoo-ship points")
    live = ledger.live()
    request = project.staged(live["release"])
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,40}", database) or database == request["database"]:
        raise Failure("RELEASE_MISMATCH", "a point is restored into a new database", found=database, expected="another name than the live one's",
                      remedy="`odoo-ship revert --with-data` is what makes it the live one")
    lock = Lock()
    if not lock.take():
        raise Failure("RELEASE_IN_PROGRESS", "a release is under way", found="the worker holds its lock", expected="none", remedy="wait: odoo-ship status")
    try:
        restore(ComposeHost(), request, point, database, exact)
    finally:
        lock.release()
    print(f"{database}: the data of {point['at']}" + ("" if exact else ", neutralised"))


def restore(host, request, point, database, exact):
    if host.postgres.exists(database):
        raise Failure("RELEASE_MISMATCH", f"the database {database} exists", found="it is there", expected="a new name", remedy="choose another name")
    release = protocol.Release(host, request, Journal({"attempt": protocol.attempt_name()}), print)
    partial = f"{database}-partial"
    store = release.filestore()
    host.postgres.clone(point["database"], partial, host.postgres.ROLE)
    host.postgres.limit(partial, -1)
    store.link(store.kept(point["id"]), store.live(partial))
    if not exact:
        release.neutralise(partial)
    # It gets its name when it is complete.
    store.move(store.live(partial), store.live(database))
    host.postgres.rename(partial, database)
