"""What nothing can be rolled back to any more is removed: restore points, evidence, releases, images, logs."""

import re

import ledger
import points
import staged
from files import LOGS


def prune(host, request, say):
    """After a commit: restore points beyond the newest N, and all evidence."""
    known, kept = ledger.points(), request["release"]["keepPoints"]
    for point in known[: max(0, len(known) - kept)]:
        say(f"removing the restore point {point['id']}: {kept} newer ones are kept")
        points.drop(host.data, point["database"], point["id"])
    prune_evidence(host.data, request["database"])
    sweep(host)


def prune_evidence(data, database, keep=None):
    """The data of failed attempts, but those of the attempt `keep`, for whoever wants to know why."""
    for (name,) in data.postgres.sql("SELECT datname FROM pg_database ORDER BY 1"):
        if re.fullmatch(re.escape(database) + r"-(failed|replaced)-.+", name) and not is_of(name, keep):
            data.postgres.drop(name)
    store = data.filestore()
    for name in store.kept_names():
        if re.fullmatch("(failed|replaced)-.+", name) and not is_of(name, keep):
            store.remove(store.kept(name))


def is_of(name, attempt):
    return attempt is not None and name.endswith(attempt)


def sweep(host):
    """Releases and images that nothing can be rolled back to, failed ones among them, and old logs."""
    previous = ledger.previous()
    needed = {entry["release"] for entry in ledger.releases()[-3:]} | {point["release"] for point in ledger.points()}
    needed |= {previous["release"]} if previous else set()
    images = {staged.read(name)["image"] for name in staged.names() if name in needed}
    for name in staged.names():
        if name not in needed:
            image = staged.read(name)["image"]
            staged.forget(name)
            if image not in images:
                host.remove_image(image)
    for log in sorted(LOGS.glob("*.log"), key=lambda path: path.stat().st_mtime)[:-20]:
        log.unlink()
