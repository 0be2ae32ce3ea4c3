"""The Compose project on this host: its files, its secrets, its volumes."""

import os
import secrets
import stat
from pathlib import Path

from failures import Failure
from files import PROJECT, STATE, write
from hosts import engine
from shell import must

VOLUMES = {"odoo-filestore": (100, 101), "odoo-db-data": (999, 999), "odoo-proxy-data": (1000, 1000)}
GENERATED = STATE / "secrets"


def activate(request):
    """Puts the release's files in place: from here on a plain `docker compose up -d` runs it."""
    prepare(request)
    for name, text in request["files"].items():
        # What the proxy looks at is ours while a release is under way: users would be let in too early.
        if name.startswith("proxy/state/") and (PROJECT / name).exists():
            continue
        if name != "docker-compose.prod.yml":
            write(PROJECT / name, text, mode=0o644)
    # Last: a release is in place when its Compose file is.
    write(PROJECT / "docker-compose.prod.yml", request["files"]["docker-compose.prod.yml"], mode=0o644)


def has_files_of(request):
    """Whether the release's files are in place as it wants them, and nobody has edited one."""
    return all((PROJECT / name).exists() and (PROJECT / name).read_text(encoding="utf-8") == text
               for name, text in request["files"].items() if not name.startswith("proxy/state/"))


def prepare(request):
    """Directories, secrets and volumes that any container of the release needs. Changes nothing that runs."""
    for directory in (PROJECT, PROJECT / "proxy", PROJECT / "proxy" / "state"):
        directory.mkdir(parents=True, exist_ok=True)
        # Users of the containers read their configuration there.
        os.chmod(directory, 0o755)  # nosec B103
    place_secrets(request)
    make_volumes(request.get("dataDirectory"))


def place_secrets(request, only_new=False):
    """`only_new`: those that there are stay as they are, for the release that is in place reads them at its next start.
    """
    (PROJECT / "secrets").mkdir(exist_ok=True)
    # Each of its files is one user's, mode 0400.
    os.chmod(PROJECT / "secrets", 0o711)  # nosec B103
    for secret in request["secrets"]:
        path = PROJECT / secret["file"]
        if only_new and path.exists():
            continue
        text = generated(secret["file"]) if secret.get("generate") else secret["content"]
        # A file that is bind-mounted keeps its content for a container as long as it is not replaced.
        if not path.exists() or path.read_text(encoding="utf-8") != text or path.stat().st_uid != secret["uid"]:
            write(path, text, mode=0o400, owner=(secret["uid"], 0))


def generated(name):
    """A password that is made on this host and leaves it never."""
    path = GENERATED / Path(name).name
    if not path.exists():
        write(path, secrets.token_urlsafe(32))
    return path.read_text(encoding="utf-8")


def make_volumes(data_directory):
    for name, (uid, gid) in VOLUMES.items():
        if engine.volume(name) is not None:
            continue
        options = []
        if data_directory is not None:
            require_mounted(data_directory)
            path = Path(data_directory) / name
            path.mkdir(mode=0o700, exist_ok=True)
            os.chown(path, uid, gid)
            options = ["--opt", "type=none", "--opt", "o=bind", "--opt", f"device={path}"]
        must(["docker", "volume", "create", *options, name], 60, f"making the volume {name}")
        path = volume_path(name)
        if not any(path.iterdir()):
            os.chown(path, uid, gid)
            os.chmod(path, 0o700)


def require_mounted(directory):
    """Books on the host's own disk because their Volume was not mounted would be lost with the host."""
    if not os.path.ismount(directory):
        raise Failure("HOST_UNFIT", f"{directory} is not mounted", found="an ordinary directory, or none",
                      expected="the data Volume mounted there",
                      remedy=f"attach the Volume and run `mount {directory}`, then deploy again")


def volume_path(name):
    """Where a volume's content lies on the host."""
    volume = engine.volume(name)
    if volume is None:
        raise Failure("DEPLOY_FAILED", f"the volume {name} is gone", found="Docker has none of this name",
                      expected="the volume with the data",
                      remedy="deploy a release, which makes what is not there yet; where there were data, restore them "
                             "first: docs/backup.md")
    device = (volume.get("Options") or {}).get("device")
    return Path(device or volume["Mountpoint"])


def refuse_foreign_parent(path):
    """What lies beside a volume's directory is this worker's: nobody else may put something else there."""
    parent = os.stat(path.parent, follow_symlinks=False)
    if parent.st_uid != os.geteuid() or stat.S_IMODE(parent.st_mode) & 0o022:
        raise Failure("HOST_UNFIT", f"others than root can write beside {path}",
                      found=f"{path.parent} belongs to user {parent.st_uid}, mode {parent.st_mode & 0o7777:o}",
                      expected="a directory that only root can change",
                      remedy=f"`chown root {path.parent} && chmod go-w {path.parent}`, then deploy again")


def first_line(path):
    """Of a small file that a service has written; None if there is none. A link or a pipe in its place is none, and is
    not waited for.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        text = os.read(handle, 100) if stat.S_ISREG(os.fstat(handle).st_mode) else b""
        return text.decode("utf-8", "replace").partition("\n")[0].strip() or None
    finally:
        os.close(handle)


# What the proxy looks at for each request: no reload, and a restart of it, or of the host, changes nothing.
CLOSED = PROJECT / "proxy" / "state" / "closed"
HOLD = PROJECT / "proxy" / "state" / "hold"


def close():
    """From the next request on the proxy answers 503."""
    write(CLOSED, "closed for maintenance\n", mode=0o644)


#: What `hold` appends to the name of Odoo's server: one that is nowhere, and a second server of the release before.
HELD, BEFORE = "-held", "-before"


def hold(word=HELD):
    """From the next request on the proxy lets users wait, for up to half a minute: long enough to put one container in
    another's place. Or it sends them to another server.
    """
    write(HOLD, word, mode=0o644)


def held():
    """What the proxy appends; empty: users reach Odoo's own server."""
    return HOLD.read_text(encoding="utf-8") if HOLD.exists() else ""


def is_open():
    return not CLOSED.exists() and held() != HELD


def open_again():
    CLOSED.unlink(missing_ok=True)
    write(HOLD, "", mode=0o644)
