"""What an operator types, by the kind of host: a remedy names commands that exist there."""

import os

from hosts.here import KUBERNETES

NAMESPACE = os.environ.get("ODOO_SHIP_NAMESPACE", "odoo")


def kubectl(command):
    return f"kubectl -n {NAMESPACE} {command}"


VPS = {
    "room": "`docker system df` and `odoo-ship points` show what takes space; free some, or enlarge the disk",
    "back": "`odoo-ship revert --with-data` on the host puts the data back as they were when a release was left; "
            "`odoo-ship points` lists them",
    "memory": "`dmesg | grep -i oom` on the host says whether it was; give the host more (vps:size, or vps:memoryMiB "
              "of an adopted one), then deploy again",
    "resume": "`odoo-ship resume` goes on; to give the new data up, `odoo-ship revert --with-data`",
    "lost": "`odoo-ship points` lists restore points; `odoo-ship restore` puts one into a new database",
}
CLUSTER = {
    "room": "enlarge the volume: doks:filestoreGiB for /data, doks:databaseGiB for the database's, then `pulumi up`; "
            "fewer release:keepPoints need less",
    "back": 'docs/doks.md, "Going back", tells how the data are put back as they were when a release was left; '
            f"`{kubectl('logs -l app=odoo-upgrade --tail=-1')}` ends with the restore points",
    "memory": f"`{kubectl('describe pods -l app=odoo-upgrade')}` says OOMKilled of the container odoo-task if it was; "
              "raise doks:odooMemoryMiB, then `pulumi up`",
    "resume": 'the Job\'s next pod goes on, or else `pulumi up`; to give the new data up: docs/doks.md, "Going back"',
    "lost": 'if odoo:database, doks:databaseMode or the cluster was changed, set it back and update again: the data '
            'are where they were. '
            'To move them, or if they are lost: docs/doks.md, "A database that was moved or lost"',
}
HERE = CLUSTER if KUBERNETES else VPS
