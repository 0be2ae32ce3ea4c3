"""What went wrong, for people and for programs: a stable code, what was found, what was expected, the remedy."""

import errno
import re
import traceback


class Failure(Exception):
    """Ends a release. `log`: the last lines of the log that shows why."""

    def __init__(self, code, summary, found="", expected="", remedy="", log=""):
        super().__init__(f"{code}: {summary}")
        self.code = code
        self.summary = summary
        self.found = found
        self.expected = expected
        self.remedy = remedy
        self.log = log

    def as_json(self):
        return {"code": self.code, "summary": self.summary, "found": self.found, "expected": self.expected,
                "remedy": self.remedy, "log": self.log}

    def as_text(self):
        return text_of(self.as_json())


def text_of(error):
    """The error as it reads on a terminal."""
    lines = [f"{error['code']}: {error['summary']}"]
    for name in ("found", "expected", "remedy"):
        if error.get(name):
            lines.append(f"  {name + ':':<10}" + error[name].replace("\n", "\n            "))
    if error.get("log"):
        lines += ["  log:"] + [f"    {line}" for line in error["log"].splitlines()]
    return "\n".join(lines)


# What a log says, and the code that fits best: the first that matches wins.
LOG_CODES = (
    ("DISK_SPACE_LOW", ("No space left on device", "could not extend file", "Disk quota exceeded")),
    # As PostgreSQL's client says it: a module's own connection to somewhere else may be refused as well.
    ("DATABASE_CONNECTION_ERROR", ("server closed the connection", "terminating connection",
                                   "could not connect to server", "failed: Connection refused",
                                   "failed: Connection timed out", "could not translate host name",
                                   "the database system is", "connection already closed")),
    ("IMPORT_ERROR", ("Couldn't load module", "ImportError", "ModuleNotFoundError", "SyntaxError", "IndentationError")),
)


def code_from_log(log, otherwise):
    for code, words in LOG_CODES:
        if any(word in log for word in words):
            return code
    return otherwise


# What a program says that may reach PostgreSQL alone: where names are not found, where packets are refused, and in a
# cluster, where they are dropped.
NO_WAY_OUT = ("Temporary failure in name resolution", "Name or service not known", "Network is unreachable",
              "No route to host", "Could not connect to the endpoint URL", "Connect timeout on endpoint URL",
              "urlopen error timed out", "Connection timed out", "ConnectTimeout", "Connection refused")
NO_EXTENSION = re.compile(r"permission denied to create extension \"([\w-]+)\"|extension \"([\w-]+)\" is not available")


def remedy_from_log(log, otherwise):
    """The remedy of what a module wants that a release's own programs do not have: a way out, or PostgreSQL's admin."""
    missing = NO_EXTENSION.search(log)
    if missing:
        return (f"PostgreSQL's admin has to make the extension {missing[1] or missing[2]}, which a module wants: name "
                "it in odoo:extensions, or see why it is none of those (docs/addons.md, \"An extension of PostgreSQL "
                f"that it needs\"). Otherwise: {otherwise}")
    if code_from_log(log, "") != "DATABASE_CONNECTION_ERROR" and any(words in log for words in NO_WAY_OUT):
        return ("what a release runs reaches PostgreSQL alone, and a module wants to reach something else, such as an "
                f"object store: name it in release:egress (docs/attachments-elsewhere.md). Otherwise: {otherwise}")
    return otherwise


def as_failure(error):
    return error if isinstance(error, Failure) else unexpected(error)


def unexpected(error):
    code = "DISK_SPACE_LOW" if getattr(error, "errno", None) == errno.ENOSPC else "DEPLOY_FAILED"
    return Failure(code, "the release ended unexpectedly", found=f"{type(error).__name__}: {error}",
                   expected="a known outcome", remedy="see the log; the release is rolled back",
                   log=tail(traceback.format_exc()))


def quietly(action, say):
    """What may fail without hurting anybody: it is told, and left for the next release."""
    try:
        action()
    except Exception as error:
        say(f"put off: {error}")


def tail(text, lines=25):
    return "\n".join(text.strip().splitlines()[-lines:])
