"""Runs where the worker does, on a host under test or in the pod of a Job: stops the worker (SIGSTOP) at a point of a release, as if time stood still there.

Arguments: step, phase ("begin" or "end"), id of the request, seconds. Prints "watching", then "held <step> <phase> <pid>" or "missed".
A phase that lasts less than a look takes is passed over for the next one; what is printed is where the worker really stands.
"""

import json
import os
import signal
import sys
import time

JOURNAL = os.environ.get("ODOO_SHIP_STATE", "/var/lib/odoo-ship") + "/journal.json"
STEPS = ("preflight", "pulled", "rehearsed", "prepared", "closed", "cloned", "upgraded", "swapped", "tried",
         "committed")


def place(entry):
    return STEPS.index(entry["step"]), entry["phase"] == "end"


def worker():
    """Process of the unit's main program, or of the pod's."""
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = open(f"/proc/{name}/cmdline", encoding="utf-8").read().split("\0")
        except OSError:
            continue
        program = any(word.endswith(("/odoo_ship", "/odoo_ship.zip")) for word in words)
        if words[0].endswith("python3") and program and {"run", "job"} & set(words):
            return int(name)
    return None


def version():
    """Changes whenever the journal does; None while there is none."""
    try:
        stat = os.stat(JOURNAL)
        return stat.st_ino, stat.st_mtime_ns
    except FileNotFoundError:
        return None


def main(step, phase, request, seconds):
    wanted, end = place({"step": step, "phase": phase}), time.monotonic() + float(seconds)
    # What is there already may be an earlier attempt of the same request.
    seen = version()
    print("watching", flush=True)
    while time.monotonic() < end:
        now = version()
        if now == seen:
            time.sleep(0.0005)
            continue
        seen = now
        entry = json.load(open(JOURNAL, encoding="utf-8"))
        if entry.get("request") != request or entry.get("step") is None:
            continue
        if entry.get("rollback") or entry.get("reverting") or ("outcome" in entry and place(entry) < place({"step": "committed", "phase": "begin"})):
            break
        if place(entry) < wanted:
            continue
        pid = worker()
        if pid is not None:
            os.kill(pid, signal.SIGSTOP)
            # It may have come a step further before the signal did.
            entry = json.load(open(JOURNAL, encoding="utf-8"))
            print("held", entry["step"], entry["phase"], pid, flush=True)
            return
    print("missed", flush=True)


main(*sys.argv[1:])
