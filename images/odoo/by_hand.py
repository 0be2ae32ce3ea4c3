#!/usr/bin/env -S python3 -I
"""`odoo`, `odoo-bin`, `psql` and `pg_dump` as people type them in a container that runs (docker exec, kubectl exec).

Links of these names in /opt/odoo/bin lead here; what the entrypoint starts does not find them. They use the
configuration of the container's own start. Odoo runs beside the server without its port, and only on a database that
may have this image's code (release_marker.py).
"""

import os
import re
import sys
from pathlib import Path

# -I leaves this directory out, so that no file in a working directory can take the place of a module.
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import command  # noqa: E402
import configuration  # noqa: E402
import entrypoint  # noqa: E402
import sockets  # noqa: E402
from configuration import Refusal, warn  # noqa: E402

#: libpq's variable: option of odoo.conf.
CONNECTION = {"PGHOST": "db_host", "PGPORT": "db_port", "PGUSER": "db_user", "PGPASSWORD": "db_password",
              "PGDATABASE": "db_name", "PGSSLMODE": "db_sslmode"}
#: An argument that names a server: -h, or a connection string.
SERVER = re.compile(r"(?s)(-h|--host=?).*|(-d|--dbname=)?(postgres(ql)?://|(\w+ *= *\S+ +)*host(addr)? *=).*")


def login(options, words, environ):
    """Variables of a connection to the container's database. Who names a server is given no password for it."""
    if any(map(SERVER.fullmatch, words)) or environ.keys() & {"PGHOST", "PGHOSTADDR", "PGSERVICE"}:
        return {}
    return {name: options[option] for name, option in CONNECTION.items() if options.get(option) and name not in environ}


def odoo(argv, options, environ, rc):
    if not command.is_standalone(argv):
        entrypoint.check_release(entrypoint.connection_target(options), argv[1:], options, environ)
        if sockets.accepts(int(options.get("http_port", "8069"))) and command.beside(argv) != argv:
            argv = command.beside(argv)
            warn(f"beside the server that runs: {' '.join(command.BESIDE)}")
    entrypoint.execute(argv, entrypoint.child_environment(environ, options, rc, for_odoo=True))


def main(argv, environ, root=Path("/")):
    """`argv`: as typed; `root` is another directory in tests only. Returns only the exit status of a refusal."""
    rc = root / "run/odoo/odoo.conf"
    argv = [os.path.basename(argv[0]), *argv[1:]]
    try:
        if not rc.exists() and command.is_odoo(argv):
            return entrypoint.main(argv, environ, root)
        options = configuration.from_file(rc)["options"]
        if command.is_odoo(argv):
            odoo(command.understood(argv), options, environ, rc)
        entrypoint.execute(argv, entrypoint.unwrapped({**environ, **login(options, argv[1:], environ)}))
    except Refusal as refusal:
        print(refusal, file=sys.stderr)
        return refusal.status


if __name__ == "__main__":
    sys.exit(main(sys.argv, os.environ))
