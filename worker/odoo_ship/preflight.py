"""What is looked at before a release touches anything: each function reads, and refuses what the release would fail at.
"""

import extensions
import ledger
import limits
import plan as planning
import points
import words
from failures import Failure
from hosts.base import SPARE_BYTES, disk_low


def refuse_small_disk(host, request):
    wanted = SPARE_BYTES + host.image_room(request["image"], (ledger.live() or {}).get("image"))
    for place, free in host.data.free().items():
        if free < wanted:
            raise disk_low(place, free, wanted)


def foresee(data, database, settings, upgraded, rehearsed):
    """What a release needs and takes: {"forecast": for people, "large": whether it is worth their while, "patience":
    seconds that it may take}. What does not fit is refused while users still work. `database`: the one that is cloned.
    """
    # Of the rehearsal or of next, and what an upgrade adds to it.
    wanted, free = data.require_room(2 if upgraded else 1, database)
    size, minutes = data.postgres.size(database), settings["upgradeSeconds"] / 60 if upgraded else None
    return {"forecast": limits.forecast(size, wanted, free, rehearsed, minutes), "large": size > limits.LARGE,
            "patience": limits.release(size, settings)}


def refuse_unfit_database(postgres, database):
    postgres.wait(60)
    postgres.end_what_was_left()
    postgres.prepare_task_roles()
    postgres.refuse_changed_collation(database)
    postgres.refuse_what_stays(database)


def refuse_lost_database(postgres, database):
    if not postgres.exists(database):
        raise Failure("DATABASE_CONNECTION_ERROR", f"the database {database} is gone",
                      found=f"PostgreSQL has no {database}",
                      expected="the live database", remedy=words.HERE["lost"])


def refuse_other_attachments(data, database):
    """A database whose attachments were lost goes on without them, and nobody notices until somebody opens one."""
    store = data.filestore()
    wanted, found = data.postgres.pair(database), None
    if store.exists(store.live(database)):
        found = store.pair(store.live(database))
    if wanted is not None and found != wanted:
        raise Failure("FILESTORE_UNFIT", "these are not the attachments of the database",
                      found=f"{store.path(store.live(database))}: " + (f"those of {found}" if found else
                                                                       "none that a release has left"),
                      expected=f"those of {wanted}",
                      remedy="attach the volume that has them, or restore them from the dump that the database came "
                             f"from. If they are the right ones: {data.postgres.by_hand} psql -U {data.postgres.admin} "
                             f'-d {database} -c "DELETE FROM odoo_ship.pair"')


def refuse_lost_point(postgres, point):
    if not postgres.exists(point["database"]):
        raise Failure("RELEASE_MISMATCH", "the restore point is not there any more",
                      found=f"PostgreSQL has no {point['database']}", expected="the data of the point",
                      remedy=f"choose {points.known(without=point['id'])}")


def make_plan(data, request, image):
    """What the release does to the live database as it is now."""
    postgres, database = data.postgres, request["database"]
    exists = postgres.exists(database)
    installed = postgres.modules(database) if exists else None
    if installed is None:
        refuse_what_is_not_ours(data, database, exists)
    elif pending := postgres.unfinished_modules(database):
        raise Failure("DATABASE_UNFIT", "modules wait to be installed, upgraded or removed in Odoo itself",
                      found=", ".join(pending),
                      expected="none: an upgrade would carry out what somebody has only marked",
                      remedy="finish or cancel it in Odoo (Apps, Apply Scheduled Upgrades), then deploy again")
    marker = postgres.marker(database) if installed else None
    plan = planning.plan_release(request, image, installed, marker)
    plan.extensions = extensions.lacking(postgres, database if exists else None, request)
    if installed:
        plan.unlisted = sorted(set(image["modules"]) - set(postgres.listed_modules(database)))
    return plan


def refuse_what_is_not_ours(data, database, exists):
    """A first install makes everything itself: what is there already may be a restore that somebody is at."""
    found, store = "", data.filestore()
    if exists and data.postgres.tables(database):
        found = f"a database {database} with tables, that Odoo does not know"
    if store.has_content(store.live(database)):
        found = f"attachments in {store.path(store.live(database))}"
    if found:
        raise Failure("RELEASE_MISMATCH", "there are data that no first install may touch", found=found,
                      expected="nothing, or a whole Odoo database",
                      remedy="finish the restore that they belong to, or move them away; then deploy again")
