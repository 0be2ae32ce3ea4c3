"""Run on the host as `python3 -c <this file>` with root's rights and {"worker": {path: text}, "request": {…}} on
standard input.

Installs the worker beside earlier versions, points /usr/local/bin/odoo-ship and the systemd units at it, and hands the
request on.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys

HOME = "/opt/odoo-ship"


def install(files):
    version = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()[:12]
    target = f"{HOME}/versions/{version}"
    if not os.path.isdir(target):
        partial = f"{target}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        for name, text in files.items():
            path = os.path.join(partial, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        os.sync()
        os.rename(partial, target)
    if not os.path.islink(f"{HOME}/current") or os.readlink(f"{HOME}/current") != f"versions/{version}":
        link(f"versions/{version}", f"{HOME}/current")
    for name in os.listdir(f"{target}/systemd"):
        replace(f"/etc/systemd/system/{name}", open(f"{target}/systemd/{name}", encoding="utf-8").read(), 0o644)
    replace("/usr/local/bin/odoo-ship", f'#!/bin/sh\nexec python3 -B {HOME}/current/odoo_ship "$@"\n', 0o755)
    systemctl("daemon-reload")
    timers = ("odoo-ship-dump.timer", "odoo-ship-egress.timer")
    systemctl("enable", "--quiet", "odoo-ship.service", "odoo-ship-egress.service", *timers)
    systemctl("start", *timers)
    for old in sorted(os.listdir(f"{HOME}/versions"),
                      key=lambda name: os.path.getmtime(f"{HOME}/versions/{name}"))[:-3]:
        if old != version:
            shutil.rmtree(f"{HOME}/versions/{old}", ignore_errors=True)
    # A power cut must not leave an empty unit beside a journal that is open.
    os.sync()
    return target


def systemctl(*args):
    subprocess.run(["systemctl", *args], check=True, stdout=subprocess.DEVNULL, timeout=60)


def link(target, path):
    if os.path.islink(path + ".new"):
        os.unlink(path + ".new")
    os.symlink(target, path + ".new")
    os.replace(path + ".new", path)


def replace(path, text, mode):
    if os.path.exists(path) and open(path, encoding="utf-8").read() == text:
        return
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path + ".new", mode)
    os.replace(path + ".new", path)


bundle = json.load(sys.stdin)
os.umask(0o022)
worker = install(bundle["worker"])
answer = subprocess.run([sys.executable, "-B", f"{worker}/odoo_ship", "receive"],
                        input=json.dumps(bundle["request"]).encode(), timeout=120)
sys.exit(answer.returncode)
