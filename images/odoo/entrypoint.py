#!/usr/bin/env python3
"""Start of the Odoo container: settings in, one private configuration file out, then exec.

/etc/odoo/odoo.conf (baked or mounted) and the environment become /run/odoo/odoo.conf (mode 0600, named by ODOO_RC); the
environment wins, and in it a variable of its own over ODOO_OPTIONS. The secrets leave the environment before Odoo
starts and never enter an argument. Odoo does not start on a database that belongs to another release
(release_marker.py). Exit codes (sysexits.h): 78 for a setting that is missing or wrong and for another release's
database, 69 for a PostgreSQL that does not answer; either way one line says which.
"""

import http.client
import itertools
import json
import os
import signal
import sys
import time
from pathlib import Path

# -I leaves this directory out, so that no file in a working directory can take the place of a module.
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import command  # noqa: E402
import configuration  # noqa: E402
import release_marker  # noqa: E402
from configuration import EX_CONFIG, EX_UNAVAILABLE, Refusal, both_forms, warn  # noqa: E402

# libpq's variables that Odoo 19 reads itself, and prefers to its configuration file.
LIBPQ = ("PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE")
ITSELF = ("; here that is the container itself: for the machine that runs it, --add-host "
          "host.docker.internal:host-gateway -e DB_HOST=host.docker.internal")
#: `odoo` and others as people type them in a container that runs: by_hand.py.
BY_HAND = "/opt/odoo/bin"


def connection_target(options):
    return {key: options["db_" + key] for key in ("host", "port", "user", "password", "sslmode")
            if options.get("db_" + key)}


def unused_addons(options, root):
    """Modules that somebody has mounted where this image does not look (docs/adr/0001). Ours are links there."""
    if "/mnt/extra-addons" in options["addons_path"].split(","):
        return []
    return sorted(manifest.parent.name for manifest in (root / "mnt/extra-addons").glob("*/__manifest__.py")
                  if not manifest.parent.is_symlink())


def wait_seconds(environ):
    seconds = environ.get("DB_WAIT_SECONDS") or "60"
    try:
        return int(configuration.whole(0, 3600)(seconds))
    except ValueError as expected:
        raise Refusal(f"DB_WAIT_SECONDS must be {expected}, got {seconds!r}") from None


def obstacle(target):
    """Why PostgreSQL does not let this user in; None where it does."""
    import psycopg2  # only the image has it, and only this needs it

    try:
        psycopg2.connect(dbname="postgres", connect_timeout=3, **target).close()
    except psycopg2.OperationalError as error:
        return " ".join(str(error).split())
    return None


def wait_for_postgresql(target, limit):
    """Returns once PostgreSQL lets this user in; refuses after `limit` seconds, with the last reason."""
    # As PID 1 this process has no default reaction to SIGTERM, and a wait must be interruptible.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    where = f"PostgreSQL at {target['host']}:{target['port']} (user {target['user']})"
    deadline = time.monotonic() + limit
    for attempt in itertools.count():
        reason = obstacle(target)
        if reason is None:
            return
        if time.monotonic() >= deadline:
            hint = ITSELF if target["host"] in ("localhost", "127.0.0.1", "::1") else ""
            raise Refusal(f"{where} did not let Odoo in within {limit} s: {reason}{hint}", "DATABASE_CONNECTION_ERROR",
                          EX_UNAVAILABLE)
        if attempt == 0:
            warn(f"waiting up to {limit} s for {where}")
        # A release that has just let it in has users waiting.
        time.sleep(min(0.25, max(0, deadline - time.monotonic())))


def is_task(environ):
    """Whether this is a program of a release that is not committed."""
    return environ.get("ODOO_RELEASE_TASK") == "1"


def check_release(target, argv, options, environ):
    """Refuses a start on a database that another release's code has changed, or that a deployment is changing."""
    if is_task(environ):
        return warn("ODOO_RELEASE_TASK=1: the release marker is not looked at")
    if found := release_marker.objection(target, release_marker.databases(argv, options["db_name"])):
        code, text = found
        raise Refusal(text, code, EX_UNAVAILABLE if code == "DATABASE_CONNECTION_ERROR" else EX_CONFIG)


def child_environment(environ, options, rc, for_odoo):
    """The environment of the started program: no secret, and for Odoo nothing that would outvote its configuration
    file.
    """
    dropped = {form for name in configuration.PASSWORDS for form in both_forms(name)}
    if for_odoo:
        # Odoo 19 reads ODOO_<OPTION> for every option, and a Service named odoo-http makes Kubernetes set
        # ODOO_HTTP_PORT.
        dropped |= set(LIBPQ) | {"ODOO_" + option.upper() for option in options}
        environ = unwrapped(environ)
    return {**{name: value for name, value in environ.items() if name not in dropped}, "ODOO_RC": str(rc)}


def unwrapped(environ):
    """The environment in which `odoo` is Odoo itself, and so on."""
    places = environ.get("PATH", os.defpath).split(os.pathsep)
    return {**environ, "PATH": os.pathsep.join(place for place in places if place != BY_HAND)}


def execute(argv, environ):
    # tini as PID 1 reaps orphans and forwards signals. It comes this late so that its environment, too, is without
    # secrets.
    argv = ["tini", "--", *argv] if os.getpid() == 1 else argv
    try:
        os.execvpe(argv[0], argv, environ)
    except OSError as error:
        raise Refusal(f"{argv[0]!r} cannot be started: {error.strerror}", status=127) from None


def beginning_with(program, words):
    """A program of this image in Odoo's place, which becomes Odoo or starts it."""
    return [sys.executable, "-I", str(Path(__file__).with_name(program)), *words]


def start(argv, environ, root):
    mounted, rc = root / "etc/odoo.conf", root / "run/odoo/odoo.conf"
    origin = mounted if mounted.exists() else root / "etc/odoo/odoo.conf"
    # As the official image reads its arguments: options alone, or `--` before them, mean `odoo`.
    argv = argv[1:] if argv[:1] == ["--"] else argv
    argv = ["odoo", *argv] if not argv or argv[0].startswith("-") else argv
    for_odoo = command.is_odoo(argv)
    argv = command.understood(argv) if for_odoo else argv
    if for_odoo and command.is_standalone(argv):
        execute(argv, child_environment(environ, {}, origin, for_odoo))
    options = {}
    try:
        parser = configuration.from_file(origin)
        configuration.add_options(parser, environ)
        options = configuration.merge(parser, environ, origin)
        configuration.write_private(parser, rc, origin)
    except Refusal as refusal:
        # A shell in the image is for looking at exactly such a problem.
        if for_odoo:
            raise
        warn(f"no configuration was written for {argv[0]!r}: {refusal}")
    if for_odoo and (unused := unused_addons(options, root)):
        warn(f"/mnt/extra-addons has modules of its own ({', '.join(unused[:3])}), and they are not used: build them "
             "into an image, or for development type `docker compose up` in the project's folder")
    if for_odoo and environ.get("ODOO_GUARD") == "1":
        argv = beginning_with("guard.py", ["run", *argv])
    elif for_odoo:
        target, limit = connection_target(options), wait_seconds(environ)
        if is_task(environ):
            wait_for_postgresql(target, limit)
            check_release(target, argv[1:], options, environ)
            argv = beginning_with("quiet.py", argv[1:])
        elif obstacle(target):
            argv = beginning_with("waiting.py", argv[1:])
        else:
            check_release(target, argv[1:], options, environ)
    execute(argv, child_environment(environ, options, rc, for_odoo))


def health(root):
    """Health check of the container: 0 if Odoo answers on the port of the written configuration. It touches no
    database.
    """
    port = configuration.from_file(root / "run/odoo/odoo.conf").getint("options", "http_port", fallback=8069)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=8)
    try:
        connection.request("GET", "/web/health")
        answer = json.loads(connection.getresponse().read(1000)).get("status")
    except (OSError, ValueError, AttributeError, http.client.HTTPException) as error:
        answer = error
    print(answer if answer == "pass" else f"HEALTH_CHECK_FAIL: /web/health answered {answer!r}")
    return int(answer != "pass")


def main(argv, environ, root=Path("/")):
    """`argv`: the command after the entrypoint; `root` is another directory in tests only. Returns only the exit status
    of a refusal.
    """
    try:
        if argv == ["healthcheck"]:
            return health(root)
        start(argv, environ, root)
    except Refusal as refusal:
        print(refusal, file=sys.stderr)
        return refusal.status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
