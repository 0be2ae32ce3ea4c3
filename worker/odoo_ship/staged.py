"""Releases that are kept on this host, each as it was asked for: any of them can be put in place at any time."""

import json

from failures import Failure
from files import STATE, read_json, remove_tree, write

RELEASES = STATE / "releases"


def keep(request):
    directory = RELEASES / request["id"]
    for name, text in request["files"].items():
        write(directory / "files" / name, text, mode=0o600)
    write(directory / "request.json", json.dumps(request, indent=2, sort_keys=True))


def read(release):
    request = read_json(RELEASES / release / "request.json")
    if request is None:
        raise Failure("RELEASE_INCOMPLETE", f"release {release} is not kept on this host any more",
                      expected="one of the last three, or that of a restore point",
                      remedy="deploy it again from Pulumi, which sends its files")
    return request


def image_of(release):
    """None where a power cut or a full disk has left a part of it."""
    request = read_json(RELEASES / release / "request.json")
    return request and request["image"]


def names():
    return sorted(path.name for path in RELEASES.iterdir()) if RELEASES.exists() else []


def forget(release):
    remove_tree(RELEASES / release)
