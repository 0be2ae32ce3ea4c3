"""A dump of the database and the filestore on another host: what is left when this one is not."""

import contextlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

from hosts import here
import ledger
import limits
import staged
import words
from failures import Failure, tail
from files import DUMPS, STATE, Lock, read_json, write_json
from journal import Journal, now
from shell import pipe, run

# Of a cluster: a file that the dump's own pod has, and no other one.
SETTINGS = Path(os.environ.get("ODOO_SHIP_DUMP", STATE / "dump.json"))
# What became of the last one: {"at", "name" | "error"}.
RESULT = STATE / "dump-result.json"


def configure(request):
    """Keeps where dumps go; without a destination there is nothing to keep."""
    if request.get("dump"):
        write_json(SETTINGS, request["dump"])
    else:
        SETTINGS.unlink(missing_ok=True)


def configured():
    """Whether dumps are made, as far as this pod or this host can know."""
    return SETTINGS.exists() or "ODOO_SHIP_DUMPS" in os.environ


def last():
    """What became of the last one; None where there was none, or nobody can read it any more."""
    with contextlib.suppress(Failure):
        return read_json(RESULT)
    return None


def take(settings, scheduled=False):
    if settings is None or ledger.live() is None:
        print("no dump: no destination is configured (backup:destination), or nothing is installed", file=sys.stderr)
        return 0 if scheduled else 1
    refuse_release_under_way()
    with Lock(DUMPS):
        try:
            name = send(settings)
        except (Failure, OSError) as error:
            failure = error if isinstance(error, Failure) else Failure("DEPLOY_FAILED", "the dump was not made",
                                                                       found=str(error), expected="a dump",
                                                                       remedy="see above")
            write_json(RESULT, {"at": now(), "error": failure.as_json()})
            raise failure from error
        write_json(RESULT, {"at": now(), "name": name})
    print(f"dumped to {settings['destination']}: {name}")
    return 0


def refuse_release_under_way():
    journal = Journal.read()
    if journal and journal.open:
        raise Failure("RELEASE_IN_PROGRESS", "there is no dump in the middle of a release",
                      found=f"request {journal['request']} at {journal['step']}",
                      expected="its end", remedy="the nightly dump tries again by itself; else "
                                                 f"{words.HERE['dump']} after it")


def send(settings):
    """Database and filestore as one moment's: {prefix}-{time}.dump, .filestore.tar, and last .json, which makes a dump
    of them.
    """
    # One that was killed let go of the lock, and is rolled back now.
    refuse_release_under_way()
    host = here.host()
    request = staged.read(ledger.live()["release"])
    prefix = f"{urlsplit(request['url']).hostname}-{request['database']}"
    name = f"{prefix}-{time.strftime('%Y%m%dt%H%M%Sz', time.gmtime())}"
    store = host.data.filestore()
    kept = store.kept("dump")
    with Destination(settings) as destination:
        try:
            # Linked before and after the database is read: no file that the dump names can be missing.
            store.link(store.live(request["database"]), kept, serving=True)
            postgres = host.data.postgres
            limit = limits.copying(postgres.size(request["database"]))
            database = destination.send(f"{name}.dump", postgres.dump(request["database"]), limit)
            store.add(store.live(request["database"]), kept)
            _, size = store.measure(kept)
            files = destination.send(f"{name}.filestore.tar", store.archive(kept), limits.copying(size))
        finally:
            store.remove(kept)
        facts = {"at": name, "image": request["image"], "database": database, "filestore": files}
        destination.write(f"{name}.json", json.dumps(facts, indent=2))
        destination.prune(prefix, settings.get("keep", 14), name)
    return name


class Destination:
    """`ssh://user@host[:port]/directory`, its host key pinned; the private key lies in a file only while it is used."""

    def __init__(self, settings):
        url = urlsplit(settings["destination"])
        self.directory = url.path.rstrip("/") or "."
        self.address, self.port, self.user = url.hostname, url.port or 22, url.username
        self.settings = settings

    def __enter__(self):
        # A pod's own is in memory, while STATE is on the volume of the attachments.
        self.files = tempfile.TemporaryDirectory(dir=None if here.KUBERNETES else STATE)
        base = Path(self.files.name)
        host = self.address if self.port == 22 else f"[{self.address}]:{self.port}"
        (base / "known_hosts").write_text(f"{host} {self.settings['hostKey']}\n")
        key = base / "key"
        key.touch(0o600)
        key.write_text(self.settings["privateKey"].rstrip("\n") + "\n")
        self.ssh = ["ssh", "-i", str(key), "-o", f"UserKnownHostsFile={base / 'known_hosts'}", "-o",
                    "StrictHostKeyChecking=yes", "-o", "BatchMode=yes",
                    "-o", "ConnectTimeout=20", "-o", "ServerAliveInterval=30", "-p", str(self.port),
                    f"{self.user}@{self.address}"]
        return self

    def __exit__(self, *_):
        self.files.cleanup()

    def send(self, name, producer, limit):
        """Streams a process's output there, within `limit` seconds; {"file", "sha256", "bytes"}. It has its name only
        when it is whole.
        """
        target = f"{self.directory}/{name}"
        remote = f"umask 077; mkdir -p '{self.directory}' && cat > '{target}.partial'"
        ssh = " ".join(quote(word) for word in [*self.ssh, remote])
        sums = Path(self.files.name) / "sum"
        script = f"tee >(sha256sum > '{sums}') >(wc -c > '{sums}.bytes') | {ssh}"
        result = pipe(producer, ["bash", "-o", "pipefail", "-c", script + "; status=$?; wait; exit $status"], limit)
        if not result.ok:
            raise Failure("DEPLOY_FAILED", "the dump did not reach its destination", found=tail(result.text, 3)
                          or f"exit status {result.status}",
                          expected=f"{self.settings['destination']} taking it",
                          remedy="check backup:destination, its host key, and the space there", log=tail(result.text))
        # The other side cannot tell a stream that ended from one that broke off: this side does.
        self.tell(f"mv '{target}.partial' '{target}'", "naming the dump")
        return {"file": name, "sha256": sums.read_text().split()[0], "bytes": int(Path(f"{sums}.bytes").read_text())}

    def write(self, name, text):
        target = f"{self.directory}/{name}"
        self.tell(f"umask 077; cat > '{target}.partial' && mv '{target}.partial' '{target}'",
                  "writing the dump's record", text)

    def prune(self, prefix, keep, made):
        """Dumps beyond the newest `keep`, and what broke off more than two days ago. What was `made` just now stays,
        also where a clock that was set back makes it the oldest by its name.
        """
        directory, pattern = quote(self.directory), f"{quote(prefix)}-[0-9]*t[0-9]*z"
        self.tell(f"cd {directory} && ls -1 {pattern}.json | grep -vxF {quote(made)}.json | sort -r | "
                  f"tail -n +{int(keep)} | while read -r record; do rm -f \"${{record%.json}}\".*; done; "
                  f"find . -maxdepth 1 -name {quote(prefix)}'-*.partial' -mtime +1 -delete", "removing old dumps")

    def tell(self, remote, what, given=None):
        result = run([*self.ssh, remote], 120, given=given)
        if not result.ok:
            raise Failure("DEPLOY_FAILED", f"{what} failed at its destination", found=tail(result.text, 3)
                          or f"exit status {result.status}",
                          expected=f"{self.settings['destination']} taking it",
                          remedy="check backup:destination and the space there")


def quote(word):
    return "'" + word.replace("'", "'\\''") + "'"
