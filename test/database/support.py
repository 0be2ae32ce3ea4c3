"""A PostgreSQL in a container that has both a superuser and an administrator as a managed server's, who is none."""

import os
import subprocess
import sys
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "worker" / "odoo_ship"))

from postgres import Postgres  # noqa: E402

CONTAINER = os.environ["TEST_DATABASE"]
LIVE, NEXT, POINT, FAILED = "odoo", "odoo-next", "odoo-point-a", "odoo-failed-a"
ROLES = ("odoo_tasks", "odoo_facts", "odoo", "made_by_odoo")


def psql(user, database, statements):
    args = ["docker", "exec", "-i", CONTAINER, "psql", "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1",
            "-U", user, "-d", database]
    return subprocess.run(args, input=statements, capture_output=True, text=True, timeout=300)


class Session:
    """Somebody who stays connected."""

    def __init__(self, user, database, statement="SELECT 'here', pg_sleep(3600)"):
        args = ["docker", "exec", "-i", CONTAINER, "psql", "-X", "-A", "-t", "-h", "127.0.0.1", "-U", user, "-d",
                database]
        self.child = subprocess.Popen(args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                      text=True)
        self.child.stdin.write("SELECT 'here';\n")
        self.child.stdin.flush()
        assert self.child.stdout.readline() == "here\n"
        self.child.stdin.write(f"{statement};\n")
        self.child.stdin.close()

    def end(self):
        text = self.child.stdout.read()
        self.child.stdout.close()
        self.child.wait(300)
        return text


class DatabaseCase(unittest.TestCase):
    ADMIN = "doadmin"

    def setUp(self):
        self.postgres = Postgres(self.ADMIN, f"docker logs {CONTAINER}", CONTAINER,
                                 task_password=lambda: "of-the-tasks")
        databases = (LIVE, NEXT, POINT, FAILED, "odoo-rehearsal", "odoo-incoming")
        self.as_superuser("".join(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE);\n' for name in databases)
                          + "".join(f"DROP ROLE IF EXISTS {role};\n" for role in ROLES))

    def as_superuser(self, statements, database="template1"):
        done = psql("postgres", database, statements)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.strip()

    def as_odoo(self, statements, database=LIVE):
        done = psql("odoo", database, statements)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.strip()

    def installed(self):
        """A database as Odoo leaves it, with a setting of its own and a marker."""
        self.postgres.prepare_role("first")
        self.postgres.create(LIVE)
        self.as_odoo("""CREATE EXTENSION pg_trgm;
                        CREATE TABLE ir_config_parameter (id serial, key text UNIQUE, value text);
                        INSERT INTO ir_config_parameter (key, value) VALUES ('web.base.url', 'before');
                        CREATE TABLE ir_module_module (name varchar, latest_version varchar, state varchar);
                        INSERT INTO ir_module_module VALUES ('base', '19.0.1.3', 'installed'),
                            ('sale', '19.0.1.2', 'to upgrade'), ('crm', NULL, 'uninstalled');
                        CREATE VIEW keys AS SELECT key FROM ir_config_parameter;
                        CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1';""")
        self.postgres.sql(f"ALTER DATABASE {LIVE} SET timezone TO 'Europe/Vienna'")
        self.postgres.mark(LIVE, "ready", "sha256:a", {"base": ["x"]})
