"""A restore point's data in a new database, beside the live one: to look at, never to serve by accident."""

import contextlib
import re
import time

import ledger
import points
import staged
import waiting
import words
from failures import Failure, quietly
from files import Lock
from hosts import here
from journal import Journal, attempt_name
from odoo_agent import OdooAgent

# Old restore points are dropped, with their files.
TIDYING_SECONDS = 600


def into(point_name, database, exact):
    """`exact`: as they were. Else neutralised: no mail leaves, no job runs."""
    point = ledger.point(point_name)
    if point is None:
        raise Failure("RELEASE_MISMATCH", "there is no such restore point", found=point_name,
                      expected="one of `odoo-ship points`", remedy="odoo-ship points")
    live = ledger.live()
    if live is None:
        raise Failure("RELEASE_INCOMPLETE", "nothing is installed on this host", found="no release in the ledger",
                      expected="a live release, whose image reads the data",
                      remedy="run `pulumi up`")
    request = staged.read(live["release"])
    # `<live>-…` are the worker's own: points, evidence, rehearsals.
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,40}",
                        database) or database == request["database"] or database.startswith(f"{request['database']}-"):
        raise Failure("RELEASE_MISMATCH", "a point is restored into a new database", found=database,
                      expected=f"lower-case letters, digits, '_' and '-', neither {request['database']} nor beginning "
                               f"with {request['database']}-",
                      remedy="`odoo-ship rollback --with-data` is what makes a point the live database")
    host = here.host()
    with alone(host, request):
        restore(host, request, point, database, exact)
    print(f"{database}: the data of {point['at']}" + ("" if exact else ", neutralised"))


@contextlib.contextmanager
def alone(host, request):
    """No worker is at the data, and none has left a release in the middle."""
    if here.KUBERNETES:
        with host.beside_releases(request):
            refuse_open_release()
            yield
        return
    lock = Lock()
    take(lock)
    try:
        refuse_open_release()
        yield
    finally:
        lock.release()
        # What was asked for meanwhile found the lock taken.
        waiting.start_service()


def refuse_open_release():
    journal = Journal.read()
    if journal and journal.open:
        raise Failure("RELEASE_IN_PROGRESS", "a release is neither finished nor rolled back",
                      found=f"request {journal['request']}", expected="none", remedy=words.HERE["resume"])


def take(lock):
    """A worker whose release has ended holds its lock while it tidies up, and that is waited for; one that is at a
    release is not.
    """
    end = time.monotonic() + TIDYING_SECONDS
    while not lock.take():
        journal = Journal.read()
        if (journal and journal.open) or time.monotonic() > end:
            raise Failure("RELEASE_IN_PROGRESS", "a release is under way", found="the worker holds its lock",
                          expected="none",
                          remedy="wait: odoo-ship status")
        time.sleep(0.5)


def restore(host, request, point, database, exact):
    data, partial = host.data, points.restoring(request["database"])
    postgres, store = data.postgres, data.filestore()
    if postgres.exists(database) or store.exists(store.live(database)):
        raise Failure("RELEASE_MISMATCH", f"the database {database} exists",
                      found="it is there, or its attachments are", expected="a new name",
                      remedy="choose another name")
    data.require_room(1, point["database"])
    try:
        postgres.clone(point["database"], partial, postgres.ROLE)
        postgres.limit(partial, -1)
        store.link(store.kept(point["id"]), store.live(partial), required=True)
        if not exact:
            try:
                OdooAgent(host, request, attempt_name(), print).neutralise(partial)
            finally:
                host.remove_tasks()
        # It gets its name when it is complete, the attachments first: without a database they are found by nobody.
        store.move(store.live(partial), store.live(database))
        postgres.rename(partial, database)
    except BaseException:
        quietly(lambda: postgres.drop(partial), print)
        quietly(lambda: store.remove(store.live(partial)), print)
        if not postgres.exists(database):
            quietly(lambda: store.remove(store.live(database)), print)
        raise
