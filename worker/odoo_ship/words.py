"""What an operator types, by the kind of host: a remedy names commands that exist there."""

import os

from hosts.here import KUBERNETES

NAMESPACE = os.environ.get("ODOO_SHIP_NAMESPACE", "odoo")


def kubectl(command):
    return f"kubectl -n {NAMESPACE} {command}"


VPS = {
    "room": "`odoo-ship prune` removes what no release needs, `odoo-ship prune --points 1` all restore points but the "
            "newest. `docker image prune` is safe, and with --all takes the images to go back to. Or enlarge the disk",
    "back": "`odoo-ship rollback --with-data` on the host makes the data what they were when a release was left; "
            "`odoo-ship points` lists them",
    "memory": "give the host more (vps:size, or vps:memoryMiB of an adopted one), then deploy again",
    "killed": "`dmesg | grep -i oom` on the host says whether it was; give the host more (vps:size, or vps:memoryMiB "
              "of an adopted one), then deploy again",
    "resume": "`odoo-ship resume` goes on; to give the new data up, `odoo-ship rollback --with-data`",
    "damaged": "take it from a backup or snapshot of the host, then `odoo-ship resume`; without one, see "
               "docs/when-up-failed.md before you remove it",
    "prune": "`odoo-ship prune`",
    "dump": "`odoo-ship dump`",
    "stop dump": "`systemctl stop odoo-ship-dump.service`",
    "lost": "`odoo-ship points` lists restore points; `odoo-ship restore` puts one into a new database",
}
CLUSTER = {
    "room": "enlarge the volume: doks:filestoreGiB for /data, doks:databaseGiB for the database's, then `pulumi up`; "
            "fewer release:keepPoints need less",
    "back": 'docs/doks.md, "Rollback", tells how the data become what they were when a release was left; '
            f"`{kubectl('logs -l app=odoo-upgrade --tail=-1')}` ends with the restore points",
    "memory": "raise doks:odooMemoryMiB, then `pulumi up`",
    "killed": f"`{kubectl('describe pods -l app=odoo-upgrade')}` says OOMKilled of the container odoo-task if it was; "
              "raise doks:odooMemoryMiB, then `pulumi up`",
    "resume": 'the Job\'s next pod goes on, or else `pulumi up`; to give the new data up: docs/doks.md, "Rollback"',
    "damaged": "take it from a snapshot of the volume, then `pulumi up`",
    "prune": f"`{kubectl('create job prune-1 --from=cronjob/odoo-ship-prune')}`",
    "dump": f"`{kubectl('create job dump-1 --from=cronjob/odoo-ship-dump')}`",
    "stop dump": f"`{kubectl('delete pod -l app=odoo-dump')}`",
    "lost": 'if odoo:database, doks:databaseMode or the cluster was changed, set it back and update again: the data '
            'are where they were. '
            'To move them, or if they are lost: docs/doks.md, "A database that was moved or lost"',
}
HERE = CLUSTER if KUBERNETES else VPS
