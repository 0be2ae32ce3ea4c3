"""Releases that are kept on this host, each as it was asked for: any of them can be put in place at any time."""

import contextlib
import json
import re

from failures import Failure
from files import STATE, read_json, remove_tree, write

RELEASES = STATE / "releases"
#: A service's image in the Compose file, as components/vps/compose-file.ts renders it.
IMAGE = re.compile(r"(?m)^    image: (\S+@sha256:[0-9a-f]{64})$")


def keep(request):
    directory = RELEASES / request["id"]
    for name, text in request["files"].items():
        write(directory / "files" / name, text, mode=0o600)
    write(directory / "request.json", json.dumps(request, indent=2, sort_keys=True))


def mend(request):
    """Keeps it anew where what was kept of it is damaged: who sends it has it whole."""
    if (RELEASES / request["id"] / "request.json").exists() and _whole(request["id"]) is None:
        keep(request)


def read(release):
    request = read_json(RELEASES / release / "request.json")
    if request is None:
        raise Failure("RELEASE_INCOMPLETE", f"release {release} is not kept on this host any more",
                      expected="one of the last three, or that of a restore point",
                      remedy="deploy it again from Pulumi, which sends its files")
    return request


def images_of(release):
    """Those of Odoo, of what runs beside it and of what verifies it; none where a power cut or a full disk has left a
    part of it.
    """
    request = _whole(release)
    if request is None:
        return set()
    verifier = (request.get("signature") or {}).get("cosign")
    beside = IMAGE.findall(request.get("files", {}).get("docker-compose.prod.yml", ""))
    return {request["image"], *beside, *([verifier] if verifier else [])}


def forget_secrets(release):
    """Credentials that were sent with it, which may be others by now: only the release that is live needs any, and what
    goes back to an earlier one goes with those of the live one.
    """
    request = _whole(release)
    if request is None:
        return
    made_here = [secret for secret in request.get("secrets", []) if secret.get("generate")]
    kept = {**request, **{name: value for name, value in (("registry", None), ("dump", None), ("secrets", made_here))
                          if name in request}}
    if kept != request:
        write(RELEASES / release / "request.json", json.dumps(kept, indent=2, sort_keys=True))


def _whole(release):
    with contextlib.suppress(Failure):
        return read_json(RELEASES / release / "request.json")
    return None


def names():
    return sorted(path.name for path in RELEASES.iterdir()) if RELEASES.exists() else []


def forget(release):
    remove_tree(RELEASES / release)
