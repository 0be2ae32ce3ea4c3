"""Runs inside a container of the image: installs modules, runs the tests of a team's own ones, and counts their lines.

Standard input: JSON {"install", "own", "series", "coverage": base64 of a zip with coverage.py, or ""}. The last line of
standard output: JSON {"status", "tests", "failed": [text], "skipped": [text], "lines": {module: [reached, all]}}; the
status is that of Odoo's command line, "tests" null if Odoo never said how many it ran. Only Python's own library, and
Odoo.
"""

import base64
import json
import logging
import os
import re
import sys

ADDONS = "/opt/odoo/extra-addons"
#: What no test of a module can reach, or is no code.
LEFT_OUT = ("*/tests/*", "*/migrations/*", "*/upgrades/*", "*/__manifest__.py")
MOST, LONGEST = 50, 2000
SUMMARY = re.compile(r"(\d+) failed, (\d+) error\(s\) of (\d+) tests when loading database")


class Listener(logging.Handler):
    """What Odoo's test runner says of its tests, which it says in the log alone."""

    def __init__(self):
        super().__init__()
        self.tests, self.failed, self.skipped = None, [], []

    def emit(self, record):
        try:
            text = record.getMessage()
        except Exception:
            # A line of a module that does not fit its values; Odoo's own handler says so.
            return
        if found := SUMMARY.match(text):
            self.tests = int(found[3])
        elif record.levelno >= logging.ERROR and text.startswith(("FAIL: ", "ERROR: ")):
            self.failed.append(text[:LONGEST])
        elif text.startswith("skipped "):
            self.skipped.append(text[len("skipped "):LONGEST])


def begin_coverage(packed, own):
    if not packed:
        return None
    path = "/tmp/coverage.zip"
    with open(path, "wb") as file:
        file.write(base64.b64decode(packed))
    sys.path.insert(0, path)
    if sys.version_info >= (3, 12):
        # Without it, and without a compiled part, each line of all of Odoo would be looked at.
        os.environ["COVERAGE_CORE"] = "sysmon"
    import coverage

    sources = [os.path.join(ADDONS, name) for name in own]
    measure = coverage.Coverage(data_file=None, config_file=False, source=sources, omit=LEFT_OUT, messages=False)
    measure.start()
    return measure


def count_lines(measure, own):
    """{module: [lines that tests have reached, all of its lines]} of the modules that were loaded."""
    loaded = [name for name in own if f"odoo.addons.{name}" in sys.modules]
    if measure is None or not loaded:
        return {}
    measure.stop()
    path = "/tmp/coverage.json"
    measure.json_report(outfile=path, ignore_errors=True, include=[f"{ADDONS}/{name}/*" for name in loaded])
    with open(path, encoding="utf-8") as file:
        files = json.load(file)["files"]
    lines = {name: [0, 0] for name in loaded}
    for path, found in files.items():
        name = os.path.relpath(os.path.abspath(path), ADDONS).split(os.sep)[0]
        if name in lines:
            lines[name][0] += found["summary"]["covered_lines"]
            lines[name][1] += found["summary"]["num_statements"]
    return lines


def command(order):
    demo = [] if float(order["series"]) >= 19 else ["--without-demo=all"]
    # Not what odoo.conf loads for the whole server: a job runner would run jobs. The container's memory is the limit.
    load = "base,rpc,web" if float(order["series"]) >= 19 else "base,web"
    return ["odoo", "-d", os.environ["DB_NAME"], "-i", ",".join(order["install"]), *demo, "--test-enable",
            "--test-tags", ",".join(f"/{name}" for name in order["own"]), "--stop-after-init", "--workers=0",
            "--max-cron-threads=0", "--limit-memory-hard=0", "--limit-memory-soft=0", f"--load={load}"]


def run(argv):
    import odoo.cli

    sys.argv = argv
    try:
        odoo.cli.main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        logging.exception("Odoo's command failed")
        return 1
    return 0


def main():
    order = json.loads(sys.stdin.read())
    listener = Listener()
    logging.getLogger().addHandler(listener)
    measure = begin_coverage(order["coverage"], order["own"])
    status = run(command(order))
    answer = {"status": status, "tests": listener.tests, "failed": listener.failed[:MOST],
              "skipped": listener.skipped[:MOST], "lines": {}}
    try:
        answer["lines"] = count_lines(measure, order["own"])
    except Exception as error:
        answer["uncounted"] = f"{type(error).__name__}: {error}"[:LONGEST]
    print("\n" + json.dumps(answer), flush=True)
    # Threads that a module has left behind need not end.
    os._exit(0)


if __name__ == "__main__":
    main()
