"""SQL as text: no value of anybody's gets into a statement but through these."""

import base64
import hashlib
import hmac
import os
import re

# Settings that hold a list, each element quoted by itself; everything else is one value.
LISTS = {"search_path", "temp_tablespaces", "session_preload_libraries", "local_preload_libraries",
         "shared_preload_libraries", "unix_socket_directories"}
QUOTED = re.compile(r'\s*"((?:[^"]|"")*)"')


def quoted(name):
    """An identifier in SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text):
    return "'" + text.replace("'", "''") + "'"


def fill(statement, **values):
    """A statement with values in their places, written as in psql: `:'name'` is a text in SQL, `:"name"` an identifier.
    No other way leads into one.
    """
    return re.sub(r""":(['"])(\w+)\1""", lambda found: (literal if found[1] == "'" else quoted)(values[found[2]]),
                  statement)


def scram(password):
    """The verifier that PostgreSQL stores: with it no password is in a statement, so none can be in a log."""
    salt, rounds = os.urandom(16), 4096
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, rounds)
    client = hmac.new(salted, b"Client Key", "sha256").digest()
    stored, server = hashlib.sha256(client).digest(), hmac.new(salted, b"Server Key", "sha256").digest()
    encoded = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${rounds}:{encoded[0]}${encoded[1]}:{encoded[2]}"


def elements(value):
    """A list as PostgreSQL stores it: names apart by commas, some of them in double quotes, which are doubled within.
    Odoo's role can make it as long as it likes: it is read once.
    """
    found, at = [], 0
    while at < len(value):
        if name := QUOTED.match(value, at):
            found.append(name[1].replace('""', '"'))
            at = name.end()
        comma = value.find(",", at)
        end = len(value) if comma < 0 else comma
        if name is None and (plain := value[at:end].strip()):
            found.append(plain)
        at = end + 1
    return found


def setting_statement(database, name, value):
    named = ".".join(quoted(part) for part in name.split("."))
    values = [literal(element) for element in elements(value)] if name.lower() in LISTS else [literal(value)]
    return " ".join(("ALTER DATABASE", quoted(database), "SET", named, "TO", ", ".join(values) or literal("")))


def grant_statement(database, privilege, role):
    """`role`: None for everybody."""
    words = {"CREATE", "CONNECT", "TEMPORARY"}
    if privilege not in words:
        raise ValueError(f"no privilege on a database: {privilege!r}")
    return " ".join(("GRANT", privilege, "ON DATABASE", quoted(database), "TO", "PUBLIC" if role is None
                     else quoted(role)))
