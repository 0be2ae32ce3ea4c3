"""Images on a host with Docker: pulled by their digests, and asked what is in them."""

import base64
import contextlib
import json
import re

from failures import Failure, tail
from files import STATE, read_json, write
from hosts import engine, habits
from ledger import digest_of
from shell import QUICK, run

DOCKER_LOGIN = STATE / "docker"
# Of the one container that is no service of the project: it reads files and prints, and can do no more.
READER = ["--network", "none", "--read-only", "--user", "100:101", "--cap-drop", "ALL",
          "--security-opt", "no-new-privileges", "--memory", "512m", "--cpus", "1", "--pids-limit", "64",
          # In the container's own memory.
          "--tmpfs", "/tmp:rw,noexec,nosuid,nodev,size=16m"]  # nosec B108

# What Docker says, in lower case: the first that matches wins.
PULL_FAILURES = (
    ("PULL_LIMIT_REACHED", ("toomanyrequests", "too many requests", "pull rate limit"),
     "the registry has had too many pulls from this address, as Docker Hub counts them over six hours: wait, then "
     "update again. So that it does not come back, push the image to a registry of your own, and name it there in the "
     "file of vps:imagesRecord"),
    ("IMAGE_NOT_FOUND", ("not found", "manifest unknown", "does not exist"),
     "check the digest (`pulumi stack output imageDigest`), then update again"),
    ("REGISTRY_AUTH_FAILURE", ("unauthorized", "denied", "authentication required"),
     "update again, which brings new pull credentials; if they are your own, registry:pullPassword has ended"),
    ("DISK_SPACE_LOW", ("no space left",), "make room where Docker keeps its images, then update again"))
UNKNOWN_PULL_FAILURE = ("NETWORK_TIMEOUT", "look whether this host reaches the registry, then update again")


def log_in(registry):
    """Keeps the pull credentials where only root reads them; `docker login` itself would want to reach the
    registry.
    """
    if registry is None:
        (DOCKER_LOGIN / "config.json").unlink(missing_ok=True)
        return
    pair = base64.b64encode(f"{registry['username']}:{registry['password']}".encode()).decode()
    server, own = registry["server"], DOCKER_LOGIN / "config.json"
    habits.log_root_in(server, pair, read_json(own, {}).get("auths", {}).get(server))
    write(own, json.dumps({"auths": {server: {"auth": pair}}}))


#: A tag for each image that could be rolled back to: `docker image prune` removes those that have none.
KEPT = "odoo-ship/keep"
#: What images that were asked have told of themselves.
FACTS = STATE / "images"
#: Bytes of an image of which nothing is known yet.
USUAL_BYTES = 4_000_000_000


def has_image(image):
    return engine.image(image) is not None


def refuse_tag(image):
    if not re.search(r"@sha256:[0-9a-f]{64}$", image):
        raise Failure("DEPLOY_FAILED", "an image is not named by its digest", found=image,
                      expected="repository@sha256:…", remedy="deploy from Pulumi, which renders it so")


def pull(image, limit):
    """By digest, so what comes is what was asked for."""
    if has_image(image):
        return
    result = run(["docker", "--config", str(DOCKER_LOGIN), "pull", "--quiet", image], limit)
    if result.ok:
        return
    text = result.text.lower()
    code, remedy = next(((code, remedy) for code, words, remedy in PULL_FAILURES
                         if any(word in text for word in words)), UNKNOWN_PULL_FAILURE)
    raise Failure(code, f"the image cannot be pulled: {image}", found=tail(result.text, 3) or "no answer in time",
                  expected="an image that the registry has and this host may pull", remedy=remedy)


def series_and_modules(image):
    """{"series", "modules": {name: {"version", "hash"}}} as the image itself tells; of a digest it is asked once."""
    kept = FACTS / f"{digest_of(image)}.json"
    with contextlib.suppress(OSError, ValueError):
        return json.loads(kept.read_text(encoding="utf-8"))
    args = ["docker", "run", "--rm", *READER, "--entrypoint", "python3", image, "-I", "/opt/odoo/modules.py"]
    result = run(args, 120)
    if not result.ok:
        raise Failure("CONTAINER_START_FAILURE", "the image does not say which modules it has",
                      found=tail(result.text, 5),
                      expected="an image that was built by this product",
                      remedy="deploy a digest that staging has released",
                      log=tail(result.text))
    # For want of room it is asked again.
    with contextlib.suppress(OSError):
        write(kept, result.output)
    return json.loads(result.output)


def postgres_major(image):
    known = engine.image(image)
    return dict(line.split("=", 1) for line in known["Config"]["Env"] or ()).get("PG_MAJOR") if known else None


def collation_version(image):
    """What PostgreSQL of this image calls the version of its text order: that of its C library. None where it has
    another library than glibc, of which PostgreSQL keeps no version.
    """
    args = ["docker", "run", "--rm", *READER, "--entrypoint", "ldd", image, "--version"]
    found = re.search(r"(?m)^ldd \(.*\) (\d+(?:\.\d+)+)$", run(args, 120).output)
    return found and found[1]


def room(image, before):
    """As much as the one before it, unpacked and packed: what they share is not known before it comes."""
    if has_image(image):
        return 0
    known = engine.image(before) if before else None
    return int(1.4 * known["Size"]) if known else USUAL_BYTES


def keep(images):
    """With a tag for each of these that is here; the tags of others go, with the images if nobody else has them."""
    tags = {tag_of(image): image for image in images}
    there = run(["docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}", KEPT], QUICK).output.split()
    for tag in sorted(set(tags) - set(there)):
        run(["docker", "tag", tags[tag], tag], QUICK)
    for tag in sorted(set(there) - set(tags)):
        run(["docker", "image", "rm", tag, *((engine.image(tag) or {}).get("RepoDigests") or ())], QUICK)
    for file in set(FACTS.glob("*.json")) - {FACTS / f"{digest_of(image)}.json" for image in images}:
        file.unlink(missing_ok=True)


def tag_of(image):
    return f"{KEPT}:{digest_of(image).removeprefix('sha256:')[:16]}"


def remove_image(image):
    """The one that runs, or that somebody else has, stays: Docker refuses."""
    for name in (tag_of(image), image):
        run(["docker", "image", "rm", name], QUICK)
