"""The command line of Odoo, as people type it from other installations."""

import os

from configuration import Refusal

ODOO_COMMANDS = ("odoo", "odoo-bin", "odoo.py")
#: The configuration of this container by its usual names; what Odoo reads is made of it, and named by ODOO_RC.
OWN_FILES = ("/etc/odoo.conf", "/etc/odoo/odoo.conf")
# Options anywhere, subcommands in the first place, that need neither configuration nor database.
STANDALONE_OPTIONS = {"-h", "--help", "--version"}
STANDALONE_COMMANDS = {"help", "scaffold", "genproxytoken", "tsconfig"}
#: A server beside the one that serves: no port, none of its jobs, no further processes.
BESIDE = ("--no-http", "--workers=0", "--max-cron-threads=0")


def is_odoo(argv):
    return os.path.basename(argv[0]) in ODOO_COMMANDS


def is_standalone(argv):
    return bool(STANDALONE_OPTIONS & set(argv[1:]) or STANDALONE_COMMANDS & set(argv[1:2]))


def understood(argv):
    """The same command for this image: its Odoo is called `odoo`, and has been told its configuration already."""
    program, *words = argv
    if "--list-db" in words:
        raise Refusal("Odoo has no --list-db, and this image serves one database, DB_NAME; `psql -l` in the container "
                      "lists all", status=64)
    kept, following = [], iter(words)
    for word in following:
        option, separator, value = word.partition("=")
        if option in ("-c", "--config"):
            value = value if separator else next(following, "")
            kept += [] if value in OWN_FILES else [word] if separator else [word, value]
        elif word.startswith("-c") and word[2:] in OWN_FILES:
            continue
        else:
            kept.append(word)
    return ["odoo" if program in ODOO_COMMANDS else program, *kept]


def beside(argv):
    """The command while the port is taken by the container's own server. What is typed counts, as it comes later."""
    program, *words = argv
    if not words or words[0].startswith("-"):
        return [program, *BESIDE, *words]
    return [program, words[0], *BESIDE, *words[1:]] if words[0] in ("server", "shell") else argv
