"""What people expect of a host with Docker Compose: root's Docker may pull, and ~/odoo-prod leads somewhere."""

import json
import pwd
from pathlib import Path

from files import write

ROOT = Path(pwd.getpwuid(0).pw_dir)
SIGNPOST = """# Put here by odoo-ship: the project is in /opt/odoo.
name: "${ODOO_IS:?in /opt/odoo; type: cd /opt/odoo, then the same command again}"
services: {}
"""


def log_root_in(server, pair, before):
    """Keeps root's Docker logged in as this worker is. A login of its own, and one that a program keeps, stays.

    `before`: what this worker's login was, which may be there still.
    """
    path = ROOT / ".docker" / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        auths = config.setdefault("auths", {})
        kept = {"credsStore", "credHelpers"} & config.keys() or auths.get(server) not in (None, before)
    except (OSError, ValueError, AttributeError):
        return
    if not kept and auths.get(server) != {"auth": pair}:
        auths[server] = {"auth": pair}
        write(path, json.dumps(config, indent="\t"))


def put_signpost():
    folder = ROOT / "odoo-prod"
    if not folder.exists():
        write(folder / "docker-compose.prod.yml", SIGNPOST, mode=0o644)
