"""Rolls back a release that a worker of the protocol's first version began: it upgraded the live database itself, and
kept a clone to go back to.
"""

import ledger
import points


def roll_back_data(data, journal, database):
    attempt = journal["attempt"]
    changed = journal.reached("upgraded") and journal["mode"] != "rolling"
    if journal["mode"] == "install":
        # It has nothing to go back to: what it made is removed, and nothing else.
        if journal["made"]:
            data.postgres.drop(database)
            store = data.filestore()
            store.remove(store.live(database))
    elif changed and journal["touched"]:
        roll_back_to_point(data, database, attempt)
    elif journal["mode"] == "maintenance":
        # Users may have been at the live database since the point was taken: it stays.
        if journal["marker"]:
            data.postgres.mark(database, **journal["marker"])
        points.drop(data, points.database_of(database, attempt), attempt)


def roll_back_to_point(data, database, attempt):
    """The point itself becomes live, by renames; what failed is kept until the next release."""
    postgres, store = data.postgres, data.filestore()
    point, failed = points.database_of(database, attempt), f"{database}-failed-{attempt}"
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
