"""What nothing can be rolled back to any more is removed: restore points, evidence, releases, images, logs."""

import re

import ledger
import next_data
import outcomes
import points
import rehearsal
import staged
from files import LOGS
from journal import ATTEMPT_NAME

#: How many ends of requests are kept.
OUTCOMES = 100
#: How the first version called what an attempt has left.
EVIDENCE = re.compile(f"(failed|replaced)-{ATTEMPT_NAME}")


def prune(host, request, say):
    """After a commit: restore points beyond the newest N, and all evidence."""
    host.remove_tasks()
    known, kept = ledger.points(), request["release"]["keepPoints"]
    for point in known[: max(0, len(known) - kept)]:
        say(f"removing the restore point {point['id']}: {kept} newer ones are kept")
        points.drop(host.data, point["database"], point["id"])
    prune_evidence(host.data, request["database"])
    sweep(host)


def prune_by_hand(host, database, keep):
    """What no release needs, and restore points beyond the newest `keep`. Answers what was removed."""
    gone = left_behind(host.data, database)
    host.data.postgres.drop(points.restoring(database))
    store = host.data.filestore()
    store.remove(store.live(points.restoring(database)))
    next_data.drop(host.data, database)
    rehearsal.forget(host, database)
    prune_evidence(host.data, database)
    known = ledger.points()
    whole = {point["id"] for point in known
             if host.data.postgres.exists(point["database"]) and store.exists(store.kept(point["id"]))}
    for number, point in enumerate(reversed(known)):
        # Where none is whole, something of the host is missing, and may come back.
        if number >= keep or (whole and point["id"] not in whole):
            points.drop(host.data, point["database"], point["id"])
            gone.append(point["id"])
    sweep(host)
    return gone


def prune_evidence(data, database):
    for point in ledger.withdrawn():
        points.drop(data, point["database"], point["id"])
    for name in evidence(data, database):
        data.postgres.drop(name)
    store = data.filestore()
    for name in store.kept_names():
        if EVIDENCE.fullmatch(name):
            store.remove(store.kept(name))


def left_behind(data, database):
    """Databases that only a release or a restore under way has, and those of points that are not offered any more."""
    own = {next_data.database_of(database), rehearsal.database_of(database), points.restoring(database)}
    own |= {point["database"] for point in ledger.withdrawn()}
    return sorted([name for name in databases(data) if name in own] + evidence(data, database))


def evidence(data, database):
    """Databases that attempts of the first version have left; names of others that begin alike are none of those."""
    begin = f"{database}-"
    return [name for name in databases(data) if name.startswith(begin) and EVIDENCE.fullmatch(name[len(begin):])]


def databases(data):
    return [name for (name,) in data.postgres.sql("SELECT datname FROM pg_database ORDER BY 1")]


def sweep(host):
    """Releases and images that nothing can be rolled back to, failed ones among them, and old logs."""
    previous = ledger.previous()
    needed = {entry["release"] for entry in ledger.releases()[-3:]} | {point["release"] for point in ledger.points()}
    needed |= {previous["release"]} if previous else set()
    needed.discard(None)
    images = {name: staged.images_of(name) for name in staged.names()}
    kept = {image for name in needed for image in images.get(name, ())}
    live = ledger.live()
    for name in needed - {live and live["release"]}:
        staged.forget_secrets(name)
    outcomes.prune(OUTCOMES)
    for name in images.keys() - needed:
        staged.forget(name)
        for image in images[name] - kept:
            host.remove_image(image)
    host.keep_images(kept)
    for log in sorted(LOGS.glob("*.log"), key=lambda path: path.stat().st_mtime)[:-20]:
        log.unlink()
