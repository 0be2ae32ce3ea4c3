"""The data that a rehearsal works on: a copy beside the live ones, which go on serving."""

from failures import Failure, code_from_log, tail


def database_of(database):
    return f"{database}-rehearsal"


def copy(data, database):
    """Answers the name of the copy."""
    name = database_of(database)
    result = data.postgres.copy(database, name)
    if not result.ok:
        expected, remedy = "room for a second database", "free some disk, or set release:rehearse to false"
        if "permission denied" in result.text:
            # Somebody has made a table by another role. The nightly dump, which reads as this does, fails by it, too.
            expected = "tables that Odoo's role may read; without them no dump can be made either"
            remedy = f"as the one who made it: GRANT SELECT ON <table> TO {data.postgres.ROLE}; or drop it"
        raise Failure(code_from_log(result.text, "DATABASE_CONNECTION_ERROR"),
                      "the copy for the rehearsal cannot be made", found=tail(result.text, 3), expected=expected,
                      remedy=remedy, log=tail(result.text))
    store = data.filestore()
    store.link(store.live(database), store.live(name), serving=True)
    return name


def forget(host, database):
    """With the programs that are at it."""
    host.remove_tasks()
    name = database_of(database)
    host.data.postgres.drop(name)
    store = host.data.filestore()
    store.remove(store.live(name))
