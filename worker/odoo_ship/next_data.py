"""*Next*: the copy of the live data that a release upgrades and tries, and that becomes the live data by renames.

Until then nothing but PostgreSQL's own clone has read the live database. After it the old one is the restore point.
Each function may be called again after a crash: what is done already is told by what exists.
"""

import points


def database_of(database):
    return f"{database}-next"


def link_ahead(data, database, point=None):
    """The attachments' first pass, while users work: what they write meanwhile comes with :func:`catch_up`."""
    store, copy = data.filestore(), database_of(database)
    if data.postgres.exists(database):
        store.make(store.live(database))
    if point:
        store.link(store.kept(point["id"]), store.live(copy), required=True)
    else:
        store.link(store.live(database), store.live(copy), serving=True)


def catch_up(data, database, point=None):
    """What users have written while the first pass, and what came after it, took its time: what is left for the pass
    behind the door is what they write in a moment.
    """
    if not point:
        store = data.filestore()
        store.add(store.live(database), store.live(database_of(database)))


def clone(data, database, point=None, extensions=()):
    """Of the live database, of a point, or an empty one where nothing is live yet, with `extensions`. Nobody may work
    on the live data.
    """
    postgres, store, copy = data.postgres, data.filestore(), database_of(database)
    source = point["database"] if point else database
    if point or postgres.exists(database):
        data.require_room(1, source)
        postgres.clone(source, copy, postgres.ROLE)
        postgres.copy_limit(database, copy)
    else:
        postgres.drop(copy)
        postgres.create(copy, extensions)
    catch_up(data, database, point)


def pair(data, database, word):
    """Says in both that they belong together. `word`: another one for each attempt."""
    copy, store = database_of(database), data.filestore()
    data.postgres.set_pair(copy, word)
    store.set_pair(store.live(copy), word)


def drop(data, database):
    copy, store = database_of(database), data.filestore()
    data.postgres.drop(copy)
    store.remove(store.live(copy))


def swap(data, database, attempt):
    """Live becomes the point `attempt`, next becomes live; answers whether there is a point."""
    postgres, store = data.postgres, data.filestore()
    copy, point = database_of(database), points.database_of(database, attempt)
    if postgres.exists(copy):
        if postgres.exists(database):
            postgres.rename(database, point)
        postgres.rename(copy, database)
    there = postgres.exists(point)
    if there:
        postgres.own(point, postgres.admin)
        postgres.limit(point, 0)
    if store.exists(store.live(copy)):
        if store.exists(store.live(database)):
            store.move(store.live(database), store.kept(attempt))
        store.move(store.live(copy), store.live(database))
    return there


def swap_back(data, database, attempt, first):
    """As before :func:`swap`, wherever that got to. `first`: nothing was live before."""
    postgres, store = data.postgres, data.filestore()
    copy, point = database_of(database), points.database_of(database, attempt)
    if postgres.exists(point):
        if postgres.exists(database):
            postgres.rename(database, copy)
        if postgres.exists(copy):
            postgres.copy_limit(copy, point)
        postgres.own(point, postgres.ROLE)
        postgres.rename(point, database)
    elif first and postgres.exists(database) and not postgres.exists(copy):
        postgres.rename(database, copy)
    if store.exists(store.kept(attempt)):
        store.clear()
        if store.exists(store.live(database)):
            set_aside(store, store.live(copy), attempt)
            store.move(store.live(database), store.live(copy))
        store.move(store.kept(attempt), store.live(database))
    elif first and store.exists(store.live(database)) and not store.exists(store.live(copy)):
        store.move(store.live(database), store.live(copy))


def set_aside(store, place, attempt):
    """What Odoo's user may have put where nothing is expected must not keep users out: evidence, for a while."""
    if not store.exists(place):
        return
    evidence = store.kept(f"failed-{attempt}")
    if store.exists(evidence):
        store.remove(place)
    else:
        store.move(place, evidence)
