"""Images on a host with Docker: pulled by their digests, and asked what is in them."""

import base64
import json
import re

from failures import Failure, tail
from files import STATE, write
from shell import QUICK, must, run

DOCKER_LOGIN = STATE / "docker"
# Of the one container that is no service of the project: it reads files and prints, and can do no more.
READER = ["--network", "none", "--read-only", "--user", "100:101", "--cap-drop", "ALL",
          "--security-opt", "no-new-privileges", "--memory", "512m", "--cpus", "1", "--pids-limit", "64",
          # In the container's own memory.
          "--tmpfs", "/tmp:rw,noexec,nosuid,nodev,size=16m"]  # nosec B108


def log_in(registry):
    """Keeps the pull credentials where only root reads them; `docker login` itself would want to reach the
    registry.
    """
    if registry is None:
        return
    pair = base64.b64encode(f"{registry['username']}:{registry['password']}".encode()).decode()
    write(DOCKER_LOGIN / "config.json", json.dumps({"auths": {registry["server"]: {"auth": pair}}}))


def has_image(image):
    return run(["docker", "image", "inspect", image], QUICK).ok


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
    known = (("IMAGE_NOT_FOUND", ("not found", "manifest unknown", "does not exist")),
             ("REGISTRY_AUTH_FAILURE", ("unauthorized", "denied", "authentication required")),
             ("DISK_SPACE_LOW", ("no space left",)))
    code = next((code for code, words in known if any(word in text for word in words)), "NETWORK_TIMEOUT")
    raise Failure(code, f"the image cannot be pulled: {image}", found=tail(result.text, 3) or "no answer in time",
                  expected="an image that the registry has and this host may pull",
                  remedy="check the digest (`pulumi stack output imageDigest`) and the pull credentials' end, then "
                         "update again")


def series_and_modules(image):
    """{"series", "modules": {name: {"version", "hash"}}} as the image itself tells."""
    args = ["docker", "run", "--rm", *READER, "--entrypoint", "python3", image, "-I", "/opt/odoo/modules.py"]
    result = run(args, 120)
    if not result.ok:
        raise Failure("CONTAINER_START_FAILURE", "the image does not say which modules it has",
                      found=tail(result.text, 5),
                      expected="an image that was built by this product",
                      remedy="deploy a digest that staging has released",
                      log=tail(result.text))
    return json.loads(result.output)


def postgres_major(image):
    text = must(["docker", "image", "inspect", "--format", "{{json .Config.Env}}", image], QUICK,
                "reading the PostgreSQL image")
    return dict(line.split("=", 1) for line in json.loads(text)).get("PG_MAJOR")


def collation_version(image):
    """What PostgreSQL of this image calls the version of its text order: that of its C library. None where it has
    another library than glibc, of which PostgreSQL keeps no version.
    """
    args = ["docker", "run", "--rm", *READER, "--entrypoint", "ldd", image, "--version"]
    found = re.search(r"(?m)^ldd \(.*\) (\d+(?:\.\d+)+)$", run(args, 120).output)
    return found and found[1]


def remove_image(image):
    run(["docker", "image", "rm", image], QUICK)
