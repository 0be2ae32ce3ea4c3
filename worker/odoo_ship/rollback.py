"""The rollback of a release that failed or was killed: data and server become what they were before it began."""

import points
import rehearsal
import staged
import tidying
from failures import quietly
from files import STATE, Reserve


def roll_back(host, journal, say):
    """Everything is as it was before the release began; may be done again after a crash, wherever that was."""
    say("rolling the release back")
    failed = staged.read(journal["to"])
    database = failed["database"]
    host.uninterrupted()
    give_reserve_back(host, say)
    journal.note(rollback=True)
    if not journal.reached("closed"):
        # Nothing was touched. What a rehearsal has left goes now or, with PostgreSQL away, at the next release.
        quietly(host.remove_tasks, say)
        quietly(lambda: rehearsal.forget(host, database), say)
        return
    host.remove_tasks()
    previous = journal["from"] and staged.read(journal["from"])
    changed = journal.reached("upgraded") and journal["mode"] != "rolling"
    host.begin_rollback(previous, failed, changed, journal.reached("closed", "end"))
    host.data.postgres.end_what_was_left()
    roll_back_data(host.data, journal, database, changed)
    if previous:
        open_previous(host, previous, failed)
    quietly(lambda: rehearsal.forget(host, database), say)
    quietly(lambda: tidying.prune_evidence(host.data, database, keep=journal["attempt"]), say)


def roll_back_data(data, journal, database, changed):
    attempt = journal["attempt"]
    if journal["mode"] == "install":
        # It has nothing to go back to: what it made is removed, and nothing else.
        if journal["made"]:
            data.postgres.drop(database)
            store = data.filestore()
            store.remove(store.live(database))
    elif changed and journal["touched"]:
        points.roll_back_to(data, database, attempt)
    elif journal["mode"] == "maintenance":
        # Users may have been at the live database since the point was taken: it stays.
        if journal["marker"]:
            data.postgres.mark(database, **journal["marker"])
        points.drop(data, points.database_of(database, attempt), attempt)


def open_previous(host, previous, failed):
    host.data.postgres.open(previous["database"])
    if failed["url"] != previous["url"]:
        host.data.postgres.set_parameter(previous["database"], "web.base.url", previous["url"], replace=True)
    host.end_rollback(previous)


def give_reserve_back(host, say):
    """First of all, and without Docker where it can: a full disk must not keep anything from being rolled back."""
    Reserve([STATE]).give_back()
    quietly(lambda: host.data.reserve().give_back(), say)
