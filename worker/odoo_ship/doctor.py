"""Looks for what has been left behind and for what would fail the next release. Changes nothing."""

import re
from typing import NamedTuple

import certificate
import dump
import egress
import ledger
import points
import preflight
import project
import staged
import stopped
import tidying
import words
from failures import Failure, as_failure
from files import read_json
from hosts import here
from journal import ATTEMPT_NAME, Journal, seconds_since

#: Dumps are made each night: one that is older than this is missing one.
DUMP_SECONDS = 50 * 3600


class Finding(NamedTuple):
    """`found` is empty where nothing is wrong; `remedy` says what to type; `told` is worth knowing all the same."""

    what: str
    found: str = ""
    remedy: str = ""
    told: str = ""


def look(host):
    """[Finding]. What cannot be looked at is a finding, too."""
    live = ledger.live()
    if live is None:
        return [Finding("live release", "nothing is installed", "run `pulumi up`")]
    database = staged.read(live["release"])["database"]
    answers = []
    for what, question in QUESTIONS + (() if here.KUBERNETES else ON_A_HOST):
        try:
            answers.append(Finding(what, *(question(host.data, database) or ())))
        except (Failure, OSError) as error:
            failure = as_failure(error)
            answers.append(Finding(what, f"{failure.summary}: {failure.found}", failure.remedy))
    return answers


def unfinished_release(_data, _database):
    journal = Journal.read()
    if journal and journal.open:
        trouble = journal["trouble"]
        return (f"{journal['step']}" + (f", trouble since {trouble.get('since', '?')}: {trouble['code']}: "
                                        f"{trouble['found']}" if trouble else ""), "`odoo-ship status` says more; "
                + words.HERE["resume"])
    return None


def worker_goes_on(_data, _database):
    ended = stopped.read()
    return (f"it has ended: {ended['code']}: {ended['found']}", ended["remedy"]) if ended else None


def door(data, _database):
    if under_way():
        return None
    if not project.is_open():
        return "users see the maintenance page, and no release is under way", words.HERE["resume"]
    if project.held():
        return "users are on a second server of an earlier release, and no release is under way", "`odoo-ship deploy`"
    if not data.postgres.may_log_in():
        return "Odoo's role may not log in, and no release is under way", words.HERE["resume"]
    return None


def ways_out(_data, _database):
    """What a release's own containers may reach stays open where one has failed and its end has been cut off."""
    known = read_json(egress.kept())
    asked = (staged.read(ledger.live()["release"]).get("network") or {}).get("tasks", [])
    left = [way for way in known["network"].get("tasks", []) if way not in asked] if known and not under_way() else []
    named = ", ".join(f"{way['cidr']}:{way['port']}" for way in left)
    return (f"those of a release that has ended are open: {named}", "`odoo-ship resume` closes them") if left else None


def database_is_there(data, database):
    if not data.postgres.exists(database):
        return f"PostgreSQL has no {database}", words.HERE["lost"]
    store = data.filestore()
    if not store.exists(store.live(database)):
        return (f"there is no {store.path(store.live(database))}",
                "attach the volume that has it, or restore it from a dump")
    preflight.refuse_other_attachments(data, database)
    return None


def nobody_stays(data, database):
    data.postgres.refuse_what_stays(database)


def collation(data, database):
    data.postgres.refuse_changed_collation(database)


def room(data, database):
    data.require_room(2, database)


def points_are_whole(data, _database):
    store = data.filestore()
    lost = [point["id"] for point in ledger.points()
            if not data.postgres.exists(point["database"]) or not store.exists(store.kept(point["id"]))]
    return (f"data are gone: {', '.join(lost)}", f"they are forgotten by {words.HERE['prune']}") if lost else None


def orphans(data, database):
    if under_way():
        return None
    found = tidying.left_behind(data, database)
    known = {point["database"] for point in ledger.points()}
    unknown = [name for name in tidying.databases(data) if is_point(name, database) and name not in known]
    if found:
        return f"databases of releases that have ended: {', '.join(found)}", f"{words.HERE['prune']} removes them"
    if unknown:
        return (f"restore points without a record: {', '.join(unknown)}",
                "they came with a volume of another host, or from a dump: keep them, or drop them by hand")
    return None


def lost_files(data, _database):
    """A server that was killed in the middle of a clone leaves files that belong to no database."""
    rows = data.postgres.lost_directories()
    if rows:
        return (", ".join(f"base/{name} ({int(size) / 1e6:.0f} MB)" for name, size in rows),
                "with PostgreSQL stopped, look at them, and remove the folders by hand")
    return None


def last_dump(_data, _database):
    if not dump.configured():
        return "dumps to another host are not configured", "backup:destination: docs/backup.md"
    result = dump.last()
    if result is None:
        return "none was made yet", words.HERE["dump"]
    if "error" in result:
        return f"the one of {result['at']} was not made: {result['error']['found']}", result["error"]["remedy"]
    late = seconds_since(result["at"]) > DUMP_SECONDS
    return (f"the last one is of {result['at']}", words.HERE["dump"]) if late else None


def files_as_released(_data, _database):
    """Whoever edits them runs something else than was tried, and until the next release only."""
    live = ledger.live()
    if under_way() or project.has_files_of(staged.read(live["release"])):
        return None
    return (f"a file in {project.PROJECT} is not as it was released",
            f"`odoo-ship deploy` puts back what serves ({live['image']}); another image: `odoo-ship deploy --image "
            "REPOSITORY@sha256:…`; a setting: Pulumi")


def site_certificate(_data, _database):
    return None if under_way() else certificate.look(staged.read(ledger.live()["release"]))


QUESTIONS = (("release", unfinished_release), ("worker", worker_goes_on), ("door", door),
             ("ways out of a release", ways_out), ("database and attachments", database_is_there),
             ("sessions", nobody_stays), ("collation", collation), ("room for a release", room),
             ("restore points", points_are_whole), ("orphans", orphans), ("PostgreSQL's files", lost_files),
             ("Compose files", files_as_released), ("dump", last_dump))
#: In a cluster the worker does not reach the proxy.
ON_A_HOST = (("certificate", site_certificate),)


def under_way():
    journal = Journal.read()
    return bool(journal and journal.open)


def is_point(name, database):
    return re.fullmatch(re.escape(points.database_of(database, "")) + ATTEMPT_NAME, name) is not None
