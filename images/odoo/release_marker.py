"""Whether the code of this image may run on a database: the release marker, which the deployment leaves in each
(docs/adr/0003).

The one row of `odoo_ship.marker` holds a state, the digest of the release that the data belongs to, and for each
installed module the content hashes that may run on it. The deployment's worker writes it as another role; Odoo's role
may only read it.
"""

import json
import re
from pathlib import Path

import modules

SECONDS = 5
UNDEFINED_TABLE, UNDEFINED_SCHEMA = "42P01", "3F000"
# One image for every target: a command of one of them is named as such.
STATUS = "see `odoo-ship status` on a VPS, the log of the Job odoo-upgrade-… in a cluster"
WAY_OUT = f"deploy the release that the database belongs to; {STATUS}"
MOUNTS = Path("/proc/self/mountinfo")
# Where Odoo looks for a release's modules.
ADDONS = ("/opt/odoo/extra-addons", "/mnt/oca-addons")
UNFINISHED = "no release has come to its end here yet; deploy one"


def databases(argv, configured):
    """The databases that Odoo may use with these arguments: the configured one, which `dbfilter` serves in any case,
    and those of -d.
    """
    named = [configured]
    for index, word in enumerate(argv):
        option, separator, value = word.partition("=")
        following = "".join(argv[index + 1:index + 2])
        # Odoo's parser takes `--datab` as well; shorter is ambiguous with --data-dir.
        if option.startswith("--datab") and "--database".startswith(option):
            named += (value if separator else following).split(",")
        elif word.startswith("-d"):
            named += (word[2:] or following).split(",")
    return [name for name in dict.fromkeys(named) if name]


def objection(target, names, required=False):
    """(code, text) of the first reason not to start on the databases `names`, None if there is none. `target`:
    arguments of psycopg2.connect.

    `required`: a database that is not there, or has no marker, is a reason too: a deployment makes both before anyone
    serves them.
    """
    import psycopg2  # only the image has it, and only this needs it

    for name in names:
        try:
            connection = psycopg2.connect(dbname=name, connect_timeout=SECONDS, **target)
        except psycopg2.OperationalError as error:
            if not exists(psycopg2, target, name):
                if required:
                    return "RELEASE_INCOMPLETE", f"there is no database {name!r}: {UNFINISHED}"
                continue  # Odoo says so itself, or makes it
            return "DATABASE_CONNECTION_ERROR", (f"database {name!r} does not let Odoo in, so its release marker is "
                                                 f"unknown: {one_line(error)}")
        try:
            marker = read(connection)
        except psycopg2.Error as error:
            if error.pgcode in (UNDEFINED_TABLE, UNDEFINED_SCHEMA):
                marker = None
            else:
                return "RELEASE_UNKNOWN", (f"the release marker of database {name!r} cannot be read: "
                                           f"{one_line(error)}; {STATUS}")
        finally:
            connection.close()
        if not marker and required:
            return "RELEASE_INCOMPLETE", f"database {name!r} has no release marker: {UNFINISHED}"
        if marker and (found := mismatch(name, *marker)):
            return found
    return None


def exists(psycopg2, target, name):
    """Asked elsewhere: the reason of a refused connection is a text, in the server's language."""
    try:
        connection = psycopg2.connect(dbname="postgres", connect_timeout=SECONDS, **target)
    except psycopg2.OperationalError:
        return True  # the caller has the better reason
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
            return cursor.fetchone() is not None
    finally:
        connection.close()


def read(connection):
    with connection.cursor() as cursor:
        # LOCAL: a pooler hands the session on. Whoever changes the marker may hold its lock for long.
        cursor.execute(f"SET LOCAL statement_timeout = '{SECONDS}s'")
        cursor.execute("SELECT state, digest, modules FROM odoo_ship.marker")
        return cursor.fetchone()


def mismatch(name, state, digest, accepted):
    database = f"database {name!r} (release {one_line(digest)})"
    if state == "upgrading":
        return "RELEASE_IN_PROGRESS", f"{database} is being changed by a deployment: wait until it has ended; {STATUS}"
    if state != "ready" or not isinstance(accepted, dict) or not all(isinstance(hashes, list)
                                                                     for hashes in accepted.values()):
        return "RELEASE_UNKNOWN", (f"{database} has a release marker that this image does not understand "
                                   f"(state {one_line(state)}): {WAY_OUT}")
    if place := mounted():
        # What is there was not checked, tried or named by the digest, and a way back would not bring it back.
        return "RELEASE_MISMATCH", (f"something is mounted at {place}, and {database} runs the modules of its image "
                                    "alone: take the mount away, and bake them in (image:ocaAddons, image:addons)")
    try:
        release, own = modules.read()
    except (OSError, ValueError, KeyError, TypeError) as error:
        return "RELEASE_UNKNOWN", (f"the modules of this image cannot be read ({one_line(error)}), and {database} has "
                                   f"a release marker: {WAY_OUT}")
    wrong = [(module, own.get(module, {}).get("hash")) for module, hashes in sorted(accepted.items())
             if own.get(module, {}).get("hash") not in hashes]
    if not wrong:
        return None
    module, found = wrong[0]
    there = " or ".join(one_line(hash)[:12] for hash in accepted[module])
    what = f"is {found[:12]} here and {there} there" if found else "is not in this image"
    more = f", and {len(wrong) - 1} more modules differ" if len(wrong) > 1 else ""
    image = f"this image (release {one_line(release.get('version'))})"
    which = f"module {one_line(module)} {what}{more}"
    return "RELEASE_MISMATCH", f"{database} does not belong to {image}: {which}: {WAY_OUT}"


def mounted():
    """The first place at or below the image's addons where something else is mounted; None if there is none."""
    try:
        lines = MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    # The fifth word is the place; a space in it is \\040.
    places = [re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), line.split(" ")[4]) for line in lines]
    return next((place for place in places if any(f"{place}/".startswith(f"{folder}/") for folder in ADDONS)), None)


def one_line(value):
    text = value if isinstance(value, str) else str(value) if isinstance(value, Exception) else json.dumps(value)
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())[:300]
