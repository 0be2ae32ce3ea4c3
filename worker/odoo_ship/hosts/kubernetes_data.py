"""The data of a cluster: the attachments' volume at /data, PostgreSQL by the network."""

import os
import secrets
from pathlib import Path

import words
from files import STATE, Reserve, free_bytes
from filestore import Filestore
from hosts.base import Data
from postgres import Postgres
from shell import QUICK

DATA = Path("/data")
# Files of one secret each: the user who may copy databases, the password of Odoo's own role, the administrator's first
# one.
SECRETS = Path("/run/secrets/odoo-ship")


def secret(name):
    return (SECRETS / name).read_text(encoding="utf-8").rstrip("\n")


class KubernetesData(Data):
    def __init__(self):
        address = {"PGHOST": os.environ["DB_HOST"], "PGPORT": os.environ.get("DB_PORT", "5432"),
                   "PGSSLMODE": os.environ.get("PGSSLMODE", "prefer")}
        admin = {"PGUSER": os.environ["ODOO_SHIP_ADMIN"], "PGPASSWORD": secret("admin-password")}
        story = os.environ.get("ODOO_SHIP_DATABASE_STORY", words.kubectl("logs statefulset/odoo-db"))
        by_hand = (words.kubectl("exec odoo-db-0 --") if address["PGHOST"] == "odoo-db"
                   else f"PGHOST={address['PGHOST']} PGPORT={address['PGPORT']}")
        # Of the role of the release's tasks; it ends with this pod, and the next one makes another.
        self.task_password = secrets.token_urlsafe(32)
        self.postgres = Postgres.at({**address, **admin}, story, by_hand, lambda: self.task_password)

    def filestore(self):
        return Filestore(DATA / "odoo", DATA / "odoo-ship")

    def reserve(self):
        return Reserve([STATE])

    def free(self):
        return {str(DATA): free_bytes(DATA)}

    def database_disk(self):
        """Only a superuser may ask PostgreSQL for its disk; a managed server grows or refuses by itself."""
        result = self.postgres.run([*self.postgres.psql("postgres"), "-c", "CREATE TEMP TABLE disk (free text)",
                                    "-c", "COPY pg_temp.disk FROM PROGRAM 'df -B1 --output=avail \"$PGDATA\" | tail -n "
                                          "1'",
                                    "-c", "SELECT trim(free) FROM pg_temp.disk"], QUICK)
        answer = result.output.strip()
        return "the database's volume", int(answer) if result.ok and answer.isdigit() else float("inf")
