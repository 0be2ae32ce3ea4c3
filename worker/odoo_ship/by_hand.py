"""Releases that an operator asks for on the host: the live one again, with another image, or a rollback."""

import hashlib
import json
import time

import ledger
import staged
from failures import Failure
from journal import seconds_since

#: The files that name Odoo's image, each of them once, and the lines in which they do.
COMPOSE_FILES = ("docker-compose.prod.yml", "docker-compose.release.yml")
IMAGE_LINES = ("    image: {image}\n", '      ODOO_IMAGE_DIGEST: "{digest}"\n')


def rollback(to=None, with_data=False, writes=None):
    """The request for the release before, in code only, or with the data of a restore point; and the plan, for people.

    Code alone is possible where the database allows it, which the release finds out. The settings stay those of the
    live release, passwords and the proxy's rules among them. `writes`: what PostgreSQL has counted by now, if known.
    """
    request, live = live_request(), ledger.live()
    request["instead"] = live["digest"]
    if with_data or to:
        point = ledger.point(to) if to else ledger.newest_point()
        if point is None or point["image"] is None:
            raise Failure("RELEASE_MISMATCH", "there is no such restore point", found=to or "no point at all",
                          expected="one of `odoo-ship points`", remedy="`odoo-ship points` lists them")
        data = (f"the data become those of {point['at']}: {lost(point, live, writes)}. It is kept as a new point, and "
                "is not in use any more")
        return {**with_image(request, point["image"]), "restore": point["id"]}, plan(live, point["image"], data)
    previous = ledger.previous()
    if previous is None:
        raise Failure("RELEASE_MISMATCH", "there is no earlier release to roll back to",
                      found="no release before this one in the lineage of the data", expected="one",
                      remedy="deploy a release from Pulumi; `odoo-ship points` lists what there are data of")
    data = "the data stay as they are. Where they were changed for the live release it is refused: then --with-data"
    return with_image(request, previous["image"]), plan(live, previous["image"], data)


def plan(live, image, data):
    return f"from   {live['digest']}, live since {live['since']}\nto     {ledger.digest_of(image)}\ndata   {data}"


def lost(point, live, writes):
    """What users have written since the point, in minutes and rows."""
    minutes, number = seconds_since(point["at"]) / 60, rows_since(point, live, writes)
    rows = "an unknown number of rows" if number is None else f"about {number:,} rows"
    return f"what was written in the {minutes:,.0f} minutes since then ({rows}) is left out"


def rows_since(point, live, writes):
    """How many rows were written since the point; None where PostgreSQL's count does not say."""
    counted = point["to"] == live["digest"] and None not in (writes, live.get("writes"))
    return writes - live["writes"] if counted and writes >= live["writes"] else None


def live_request():
    """The live release as it would be asked for now: what was said about that one release only is left out."""
    live = ledger.live()
    if live is None:
        raise Failure("RELEASE_INCOMPLETE", "nothing is installed on this host", found="no release in the ledger",
                      expected="a first install by Pulumi", remedy="run `pulumi up`")
    request = staged.read(live["release"])
    kept = {name: value for name, value in request.items() if name not in ("restore", "force", "instead")}
    return {**kept, "release": {**request["release"], "additive": False}}


def with_image(request, image):
    """The same settings with another image. Each line that names it is there once, or nothing is changed.

    Raises Failure for files that were rendered in another way than this worker knows.
    """
    if "@sha256:" not in image:
        raise Failure("IMAGE_NOT_FOUND", "an image is deployed by its digest", found=image,
                      expected="repository@sha256:…, as a tag may be another image tomorrow",
                      remedy="`pulumi stack output imageReference` says it; of another tag the registry does: `doctl "
                             "registry repository list-tags <name>`")
    files, left = dict(request["files"]), request["image"]
    for name in COMPOSE_FILES:
        for line in IMAGE_LINES:
            old, new = (line.format(image=one, digest=ledger.digest_of(one)) for one in (left, image))
            if files.get(name, "").count(old) != 1:
                raise unknown_files(f"{name} has {files.get(name, '').count(old)} lines {json.dumps(old.strip())}")
            files[name] = files[name].replace(old, new)
    others = [name for name, text in files.items() if ledger.digest_of(left) in text]
    if others and ledger.digest_of(left) != ledger.digest_of(image):
        raise unknown_files(f"{', '.join(others)}: still {ledger.digest_of(left)}")
    return {**request, "image": image, "files": files}


def unknown_files(found):
    return Failure("RELEASE_MISMATCH", "the files of the live release do not name its image as this worker knows it",
                   found=found, expected=f"each line once in {' and '.join(COMPOSE_FILES)}, and nowhere else",
                   remedy="deploy the earlier digest from Pulumi: pulumi config set image:digest")


def fresh_id(image):
    """By hand it is always a release of its own, also where nothing differs."""
    return hashlib.sha256(f"{image} {time.time()}".encode()).hexdigest()[:16]
