"""Odoo's configuration file, written anew at each start: from a file that is baked or mounted, and the environment.

The environment wins. Whatever is wrong is said at once, on one line, and no password ever enters a message.
"""

import base64
import configparser
import hashlib
import json
import os
import pwd
import re
import socket
import sys
from pathlib import Path

EX_UNAVAILABLE, EX_CONFIG = 69, 78
SECRETS = ("DB_PASSWORD", "ADMIN_PASSWD")
# Those of the official image, then those of PostgreSQL's: each yields to what is before it. POSTGRES_DB is none: beside
# Odoo it names the server's first database, which is not Odoo's.
ALIASES = ({"HOST": "DB_HOST", "PORT": "DB_PORT", "USER": "DB_USER", "DB": "DB_NAME",
            "PASSWORD": "DB_PASSWORD", "PASSWORD_FILE": "DB_PASSWORD_FILE"},
           {"POSTGRES_HOST": "DB_HOST", "POSTGRES_PORT": "DB_PORT", "POSTGRES_USER": "DB_USER",
            "POSTGRES_PASSWORD": "DB_PASSWORD", "POSTGRES_PASSWORD_FILE": "DB_PASSWORD_FILE"})
#: Variables that hold a password, and leave the environment before Odoo starts; each also with _FILE.
PASSWORDS = (*SECRETS, "PASSWORD", "POSTGRES_PASSWORD")
INSECURE_DEFAULTS = {"DB_PASSWORD": "odoo", "ADMIN_PASSWD": "admin"}

PBKDF2_HASH = re.compile(r"\$pbkdf2-sha512\$[0-9]+\$[A-Za-z0-9./]+\$[A-Za-z0-9./]{86}")
PBKDF2_ROUNDS = 600_000  # what Odoo itself uses
# Whoever reads the hash of a password from a file can read that file: more would only keep each start waiting.
FILE_ROUNDS = 1_000


#: Who starts the image alone, for a look, needs a database first.
TRY = "; for a try, with a database beside it: `docker compose up` in the project's folder"


class Refusal(Exception):
    """A start that must not go on: one line for the operator, with a stable code, and the exit status."""

    def __init__(self, text, code="ENTRYPOINT_ERROR", status=EX_CONFIG):
        super().__init__(f"{code}: {text}")
        self.status = status


def whole(low, high=10**15):
    def check(value):
        if not re.fullmatch("[0-9]{1,18}", value) or not low <= int(value) <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return str(int(value))
    return check


def flag(value):
    word = value.lower()
    if word not in ("true", "1", "yes", "on", "false", "0", "no", "off"):
        raise ValueError("True or False")
    return str(word in ("true", "1", "yes", "on"))


def database(value):
    # One database: a comma would name two, and the name becomes part of dbfilter.
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}", value):
        raise ValueError("the name of one database (letters, digits, '_', '.', '-')")
    return value


def sslmode(value):
    modes = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
    if value not in modes:
        raise ValueError(f"one of {', '.join(modes)}")
    return value


def text(value):
    if not value:
        raise ValueError("set: by this variable, by its _FILE form, or in the configuration file")
    # Odoo's configuration file strips values, and reads these words as something else.
    if not value.isprintable() or value != value.strip() or value.lower() in ("true", "false", "none"):
        raise ValueError("one printable line, without white space at its ends, and none of the words True, False, None")
    return value


# Variable: option of odoo.conf, default (None: required), check.
SETTINGS = {
    "DB_HOST": ("db_host", "db", text),
    "DB_PORT": ("db_port", "5432", whole(1, 65535)),
    "DB_USER": ("db_user", "odoo", text),
    "DB_PASSWORD": ("db_password", None, text),
    "DB_SSLMODE": ("db_sslmode", "prefer", sslmode),
    "DB_NAME": ("db_name", "odoo", database),
    "ADMIN_PASSWD": ("admin_passwd", None, text),
    "WORKERS": ("workers", "4", whole(0)),
    "MAX_CRON_THREADS": ("max_cron_threads", "2", whole(0)),
    "DB_MAXCONN": ("db_maxconn", "64", whole(1)),
    "LIMIT_MEMORY_HARD": ("limit_memory_hard", "2684354560", whole(0)),
    "LIMIT_MEMORY_SOFT": ("limit_memory_soft", "2147483648", whole(0)),
    "PROXY_MODE": ("proxy_mode", "True", flag),
    "ODOO_PORT": ("http_port", "8069", whole(1, 65535)),
}
# Not variables, but needed also with a mounted file that does not mention them.
OTHER_DEFAULTS = {"addons_path": "/opt/odoo/extra-addons,/mnt/oca-addons", "data_dir": "/var/lib/odoo",
                  # Of its own container.
                  "http_interface": "0.0.0.0",  # nosec B104
                  "gevent_port": "8072"}


def warn(message):
    print(f"odoo entrypoint: {message}", file=sys.stderr, flush=True)


def read_secret(name, path):
    if not path.startswith("/"):  # not shown: a password put into the wrong variable looks like this
        raise Refusal(f"{name}_FILE must be an absolute path")
    try:
        value = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", "it is not UTF-8 text")
        raise Refusal(f"{name}_FILE: {path!r} cannot be read by uid {os.getuid()}: {reason}") from None
    if not value:
        raise Refusal(f"{name}_FILE: {path!r} is empty")
    return value


def both_forms(name):
    plain = name.removesuffix("_FILE")
    return {plain, plain + "_FILE"}


def from_environment(environ):
    """The variables of SETTINGS that are set, aliases resolved and secret files read. An empty variable counts as
    unset.
    """
    # Kubernetes and `docker --link` describe a neighbour ("db", "odoo", "postgres") in variables of our names; a shell
    # sets USER to the login name and HOST to the machine's own. None of these is a setting.
    foreign = {"DB_PORT": "tcp://", "ODOO_PORT": "tcp://", "POSTGRES_PORT": "tcp://", "DB_NAME": "/"}
    login = {"USER": [user.pw_name for user in pwd.getpwall() if user.pw_uid == os.getuid()],
             "HOST": [socket.gethostname()]}
    found = {name: value for name, value in environ.items()
             if value and not value.startswith(foreign.get(name, "\n")) and value not in login.get(name, [])}
    for aliases in ALIASES:
        found |= {name: found[alias] for alias, name in aliases.items() if alias in found
                  and not found.keys() & both_forms(name)}
    for name in SECRETS:
        if name in found and name + "_FILE" in found:
            raise Refusal(f"{name} and {name}_FILE are both set: set one of them")
        if name + "_FILE" in found:
            found[name] = read_secret(name, found[name + "_FILE"])
    return {name: found[name] for name in SETTINGS if name in found}


def from_file(path):
    """The parsed configuration file, or an empty one if there is none. Its text never enters a message: it may hold a
    password.
    """
    parser = configparser.RawConfigParser()
    parser.add_section("options")
    try:
        if path.exists():
            parser.read_string(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise Refusal(f"{path} cannot be read by uid {os.getuid()}: {error.strerror}") from None
    except (configparser.Error, ValueError) as error:
        line = getattr(error, "lineno", None) or [number for number, _ in getattr(error, "errors", [])]
        raise Refusal(f"{path} is no valid configuration file" + (f": see line {line}" if line else "")) from None
    return parser


def add_options(parser, environ):
    """Puts the options of ODOO_OPTIONS, and of the file that ODOO_SECRET_OPTIONS_FILE names, over those of the
    configuration file. Each is JSON, {"<option>" or "<section>.<option>": "<value>"}.
    """
    given = {"ODOO_OPTIONS": environ.get("ODOO_OPTIONS")}
    if path := environ.get("ODOO_SECRET_OPTIONS_FILE"):
        given["ODOO_SECRET_OPTIONS_FILE"] = read_secret("ODOO_SECRET_OPTIONS", path)
    for name, content in given.items():
        for option, value in parsed_options(name, content or "{}").items():
            section, _, own = option.rpartition(".")
            if section and not parser.has_section(section):
                parser.add_section(section)
            parser.set(section or "options", own, value)


def parsed_options(name, content):
    expected = f"{name} must be a JSON object of options and one-line texts"
    try:
        options = json.loads(content)
    except ValueError:
        raise Refusal(expected) from None
    if not isinstance(options, dict):
        raise Refusal(expected)
    for option, value in options.items():
        if not re.fullmatch(r"(?!options\.)([a-z][a-z0-9_]*\.)?[a-z_][a-z0-9_]*", option):
            raise Refusal(f"{expected}: {option!r} is no name of an option")
        # In Odoo's file another line would be another option. The value is not shown: it may be secret.
        if not isinstance(value, str) or not value.isprintable() or not value.strip():
            raise Refusal(f"{expected}: {option} is none")
    return options


def merge(parser, environ, origin):
    """Puts the settings into `parser` ([options]), each checked. Everything that is wrong is said at once, on one line.
    """
    options = parser["options"]
    given = from_environment(environ)
    insecure = environ.get("ODOO_INSECURE_DEFAULTS") == "1"
    problems = []
    for name, (option, default, check) in SETTINGS.items():
        in_file = options.get(option, "")
        if in_file == "False" and check is not flag:
            in_file = ""  # how Odoo writes "not set"
        value = given.get(name) or in_file or (insecure and INSECURE_DEFAULTS.get(name)) or default
        try:
            options[option] = check(value or "")
        except ValueError as expected:
            where = f" (`{option}` in {origin})" if in_file and name not in given else ""
            shown = "" if name in SECRETS or not value else f", got {value!r}"
            problems.append(f"{name}{where} must be {expected}{shown}")
    if not problems and int(options["limit_memory_soft"]) > int(options["limit_memory_hard"]) > 0:
        problems.append("LIMIT_MEMORY_SOFT must not exceed LIMIT_MEMORY_HARD")
    if problems:
        raise Refusal("; ".join(problems) + (TRY if nothing_given(given, options) else ""))
    if insecure:
        warn("!! ODOO_INSECURE_DEFAULTS=1: well-known passwords are in use. For a try on your own machine only, never "
             "in production. !!")
    from_file = bool(environ.get("ADMIN_PASSWD_FILE")) and not environ.get("ADMIN_PASSWD")
    options["admin_passwd"] = hashed(options["admin_passwd"], FILE_ROUNDS if from_file else PBKDF2_ROUNDS)
    options["list_db"] = "False"
    options["dbfilter"] = f"^{re.escape(options['db_name'])}$"
    for option, default in OTHER_DEFAULTS.items():
        options.setdefault(option, default)
    return options


def nothing_given(given, options):
    return not given.keys() & set(SECRETS) and not any(options.get(SETTINGS[name][0]) for name in SECRETS)


def hashed(password, rounds):
    """`password` as passlib's pbkdf2_sha512 writes it, which Odoo verifies; one that is such a hash already is kept."""
    if PBKDF2_HASH.fullmatch(password):
        return password
    salt = os.urandom(16)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, rounds)
    # passlib's base64: '.' for '+', no padding.
    encoded = [base64.b64encode(raw, b"./").decode().rstrip("=") for raw in (salt, digest)]
    return "$".join(["", "pbkdf2-sha512", str(rounds), *encoded])


def write_private(parser, path, origin):
    """Writes the configuration where only this user reads it, and whole: a task may be waiting for it."""
    partial = path.with_suffix(".partial")
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        partial.unlink(missing_ok=True)
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(f"; written at start from {origin} and the environment: do not edit\n")
            parser.write(file)
        os.replace(partial, path)
    except OSError as error:
        raise Refusal(f"{path} cannot be written by uid {os.getuid()}: {error.strerror}; mount a tmpfs on /run and "
                      "/tmp: --tmpfs /run:mode=1777 --tmpfs /tmp:mode=1777") from None
