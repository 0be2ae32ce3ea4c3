"""Tells in which places of a host secrets can be read: {"place": ["name of the secret", ...]}.

Standard input: {"secrets": {"name": "value"}, "files": ["secret file of this host"]}. Nothing of it is ever an argument.
"""

import base64
import glob
import json
import os
import subprocess
import sys

WORLD = ["/etc", "/opt", "/var/lib/odoo-ship", "/var/log", "/var/lib/cloud", "/tmp", "/run", "/root", "/home", "/vps/machine"]
OTHERS_READ = 0o004


def spellings(value):
    """The value itself, as JSON has it, and what base64 makes of it at each offset within a longer text."""
    yield value.encode()
    yield json.dumps(value)[1:-1].encode()
    for offset in range(3):
        whole = base64.b64encode(b"x" * offset + value.encode())
        yield whole[offset and 4 : -4]


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""  # A process or a log that has ended meanwhile.


def said(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True).stdout


def of_each(list_command, *command):
    return b"".join(said(*command, name) for name in said(*list_command).decode().split())


def world_readable():
    for top in WORLD:
        for folder, _, names in os.walk(top):
            for name in names:
                path = os.path.join(folder, name)
                if os.path.isfile(path) and not os.path.islink(path) and os.stat(path).st_mode & OTHERS_READ:
                    yield path


def compose_project():
    """Without the folder of secrets, where they belong."""
    for folder, folders, names in os.walk("/opt/odoo"):
        folders[:] = [name for name in folders if name != "secrets"]
        yield from (os.path.join(folder, name) for name in names)


def main():
    asked = json.load(sys.stdin)
    secrets = dict(asked["secrets"])
    for path in asked["files"]:
        secrets[path] = read(path).decode().strip()
    assert all(len(value) >= 12 for value in secrets.values()), "too short to be looked for"
    containers = ("docker", "ps", "-aq")
    places = {
        "journal": said("journalctl", "--no-pager", "-o", "cat", "--all"),
        "container logs": of_each(containers, "docker", "logs"),
        "container descriptions": of_each(containers, "docker", "inspect"),
        "image histories": of_each(("docker", "images", "-q"), "docker", "history", "--no-trunc"),
        "arguments of processes": b"\n".join(map(read, glob.glob("/proc/[0-9]*/cmdline"))),
        "Compose project": b"\n".join(map(read, compose_project())),
        "world-readable files": b"\n".join(map(read, world_readable())),
        "their own files": b"\n".join(map(read, asked["files"])),
        "login to the registry": read("/var/lib/odoo-ship/docker/config.json"),
    }
    print(json.dumps({place: sorted(name for name, value in secrets.items() if any(form in content for form in spellings(value)))
                      for place, content in places.items()}))


main()
