"""What went wrong, for people and for programs: a stable code, what was found, what was expected, the remedy."""


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
    ("DATABASE_CONNECTION_ERROR", ("server closed the connection", "terminating connection", "Connection refused",
                                   "could not translate host name", "the database system is",
                                   "connection already closed")),
    ("IMPORT_ERROR", ("Couldn't load module", "ImportError", "ModuleNotFoundError", "SyntaxError", "IndentationError")),
)


def code_from_log(log, otherwise):
    for code, words in LOG_CODES:
        if any(word in log for word in words):
            return code
    return otherwise


def tail(text, lines=25):
    return "\n".join(text.strip().splitlines()[-lines:])
