#!/usr/bin/env python3
"""Runs a command, and starts it anew when Python code changes. For development only (docker-compose.yml); not part of
the image.

    reload.py DIRECTORY… -- COMMAND…

Odoo's own `--dev=reload` needs the package watchdog, which not every base has, and file events, which do not always
come through to a container from macOS and Windows. This looks at the files once a second. Its exit status is the
command's.
"""

import os
import signal
import subprocess
import sys
import time

SECONDS = 1
STOP_SECONDS = 8  # below the 10 s that Docker gives


def say(text):
    print(f"reload: {text}", file=sys.stderr, flush=True)


def snapshot(directories):
    """Date and size of each Python file."""
    found = {}
    for top in directories:
        for directory, folders, files in os.walk(top, followlinks=True):
            folders[:] = [name for name in folders if name != "__pycache__" and not name.startswith(".")]
            for path in (os.path.join(directory, name) for name in files if name.endswith(".py")):
                try:
                    status = os.stat(path)
                except FileNotFoundError:
                    continue
                found[path] = status.st_mtime_ns, status.st_size
    return found


def broken(paths):
    """What Python cannot compile: Odoo would start without it. An editor that saves half a line should not cost a
    restart.
    """
    for path in paths:
        try:
            with open(path, "rb") as file:
                compile(file.read(), path, "exec", dont_inherit=True)
        except FileNotFoundError:
            continue
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None) or "?"
            return f"{path}:{line}: {error.__class__.__name__}: {getattr(error, 'msg', error)}"
    return None


def settled(directories, before):
    """The files once they differ from `before` and have not changed for a moment; None while they are as before."""
    now = snapshot(directories)
    if now == before:
        return None
    while True:
        time.sleep(0.2)
        later = snapshot(directories)
        if later == now:
            return now
        now = later


def stop(child):
    child.terminate()
    try:
        child.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def main(directories, command):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    running = snapshot(directories)  # what the child has loaded
    seen = running
    child = subprocess.Popen(command)
    try:
        while True:
            try:
                return child.wait(SECONDS)
            except subprocess.TimeoutExpired:
                pass
            if (files := settled(directories, seen)) is None:
                continue
            seen = files
            changed = sorted(path for path in files.keys() | running.keys() if files.get(path) != running.get(path))
            if not changed:
                continue
            if reason := broken(changed):
                say(f"Odoo goes on with the old code: {reason}")
                continue
            say(f"{changed[0]}{f' and {len(changed) - 1} more files' if len(changed) > 1 else ''} changed: starting "
                "anew")
            stop(child)
            running = files
            child = subprocess.Popen(command)
    finally:
        stop(child)


if __name__ == "__main__":
    if "--" not in sys.argv[2:-1]:
        sys.exit("usage: reload.py DIRECTORY… -- COMMAND…")
    split = sys.argv.index("--")
    status = main(sys.argv[1:split], sys.argv[split + 1:])
    sys.exit(status if status >= 0 else 128 - status)
