"""PostgreSQL as the user who may copy, rename and drop databases."""

import base64
import hashlib
import hmac
import json
import os
import subprocess
import time

from failures import Failure, code_from_log, tail
from shell import run

QUICK, LONG = 60, 3600


def quoted(name):
    """An identifier in SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text):
    return "'" + text.replace("'", "''") + "'"


def scram(password):
    """The verifier that PostgreSQL stores: with it no password is in a statement, so none can be in a log."""
    salt, rounds = os.urandom(16), 4096
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, rounds)
    client = hmac.new(salted, b"Client Key", "sha256").digest()
    stored, server = hashlib.sha256(client).digest(), hmac.new(salted, b"Server Key", "sha256").digest()
    encoded = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${rounds}:{encoded[0]}${encoded[1]}:{encoded[2]}"


class Postgres:
    ROLE = "odoo"
    NAME = "odoo-ship"

    def __init__(self, admin, command, env, story, by_hand=None):
        """`command` and `env`: what goes before and around PostgreSQL's own programs. `story`: where an operator finds why it does not answer.

        `by_hand`: how an operator calls its programs, where that is not as the worker does.
        """
        self.admin, self.command, self.env, self.story = admin, command, env, story
        self.by_hand = " ".join(command) if by_hand is None else by_hand

    @classmethod
    def in_container(cls, container):
        """As its superuser, through the socket in its own container: no password, and tools of the server's version."""
        return cls("postgres", ["docker", "exec", "-i", "-e", f"PGAPPNAME={cls.NAME}", container], {}, f"docker logs {container}")

    @classmethod
    def at(cls, env, story, by_hand=""):
        """By the network, with libpq's variables."""
        return cls(env["PGUSER"], [], {**env, "PGAPPNAME": cls.NAME}, story, by_hand)

    def place(self):
        """Which server it is, for people."""
        return f"PostgreSQL at {self.env['PGHOST']}" if "PGHOST" in self.env else "PostgreSQL"

    def run(self, args, limit, given=None):
        """One of PostgreSQL's programs."""
        return run([*self.command, *args], limit, given=given, env=self.env)

    def start(self, args):
        """One that is talked to."""
        return subprocess.Popen([*self.command, *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                env={**os.environ, **self.env})

    def psql(self, database):
        return ["psql", "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-U", self.admin, "-d", database]

    def sql(self, statements, database="postgres", limit=QUICK, what="asking PostgreSQL"):
        """Rows of the last statements, unaligned, fields apart by tabs."""
        result = self._psql(statements, database, limit)
        if not result.ok:
            raise self._failure(what, result)
        return [line.split("\t") for line in result.output.splitlines() if line]

    def value(self, statement, database="postgres"):
        rows = self.sql(statement, database)
        return rows[0][0] if rows else None

    def _psql(self, statements, database, limit):
        return self.run([*self.psql(database), "-f", "-"], limit, given=statements)

    def _failure(self, what, result):
        code = code_from_log(result.text, "DATABASE_CONNECTION_ERROR" if result.status != 3 else "DEPLOY_FAILED")
        return Failure(code, f"{what} failed", found=tail(result.text, 5) or f"exit status {result.status}",
                       expected="PostgreSQL that answers and has room", log=tail(result.text),
                       remedy=f"`{self.story}` shows why; when it runs again, deploy again")

    def end_what_was_left(self):
        """A copy that a killed worker has ordered goes on in the server."""
        self.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = {literal(self.NAME)} AND pid <> pg_backend_pid()")

    def refuse_changed_collation(self, database):
        """PostgreSQL 15 and newer copy no database whose collation library has changed: better known before anything is closed."""
        if int(self.value("SHOW server_version_num")) < 150000:
            return
        rows = self.sql("SELECT datcollversion, pg_database_collation_actual_version(oid) FROM pg_database WHERE datcollversion IS NOT NULL "
                        f"AND datname = {literal(database)} AND datcollversion <> pg_database_collation_actual_version(oid)")
        if rows:
            raise Failure("POSTGRES_MISMATCH", "the PostgreSQL image sorts text differently than the one that made the database",
                          found=f"collation version {rows[0][0]}, now {rows[0][1]}", expected="the same version, or rebuilt indexes",
                          remedy=f'{self.by_hand} psql -U {self.admin} -d {database} -c "REINDEX DATABASE {database}" '
                                 f'-c "ALTER DATABASE {database} REFRESH COLLATION VERSION", then deploy again')

    def tables(self, database):
        return int(self.value("SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'", database))

    def wait(self, seconds):
        """Until PostgreSQL takes connections."""
        end = time.monotonic() + seconds
        while True:
            # By TCP: during its first set-up PostgreSQL listens on the socket only.
            address = ["-h", "127.0.0.1"] if self.command else []
            if self.run(["pg_isready", "-q", *address, "-U", self.admin], QUICK).ok:
                return
            if time.monotonic() > end:
                raise Failure("DATABASE_CONNECTION_ERROR", "PostgreSQL does not answer", found=f"no connection within {seconds} s",
                              expected="a PostgreSQL that accepts connections", remedy=f"`{self.story}` shows why", log=self.last_words())
            time.sleep(0.3)

    def last_words(self):
        return tail(run([*self.story.split(), "--tail=25"], QUICK).text) if self.command else ""

    def exists(self, database):
        return self.value(f"SELECT 1 FROM pg_database WHERE datname = {literal(database)}") == "1"

    def size(self, database):
        return int(self.value(f"SELECT pg_database_size({literal(database)})"))

    def prepare_role(self, password):
        """The role that Odoo logs in with: it may not create databases, since Odoo would serve an empty one in place of a lost one.

        Who is no superuser, as the admin of a managed PostgreSQL, may not even say NOSUPERUSER, and gives databases only to a role that it is a member of.
        """
        role, named = quoted(self.ROLE), f"FROM pg_roles WHERE rolname = {literal(self.ROLE)}"
        self.sql(f"""SELECT 'CREATE ROLE {role}' WHERE NOT EXISTS (SELECT {named}) \\gexec
                     SELECT 'ALTER ROLE {role} NOSUPERUSER' WHERE (SELECT rolsuper {named}) \\gexec
                     ALTER ROLE {role} LOGIN NOCREATEDB NOCREATEROLE PASSWORD {literal(scram(password))};
                     SELECT 'GRANT {role} TO CURRENT_USER' WHERE NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) \\gexec""",
                 what="preparing the database role of Odoo")

    def create(self, database):
        self.sql(f"CREATE DATABASE {quoted(database)} OWNER {quoted(self.ROLE)} ENCODING 'UTF8' TEMPLATE template0",
                 what=f"creating the database {database}")

    def drop(self, database):
        # Not WITH (FORCE), which wants a superuser while autovacuum works there.
        self.sql(f"{self._close_sql(database)} DROP DATABASE IF EXISTS {quoted(database)}", limit=LONG, what=f"dropping {database}")

    def _close_sql(self, database):
        """Nobody new, and everyone out whom this user may send out: autovacuum goes by itself when the database is wanted, and only a superuser may end it.

        -2: what an interrupted DROP has left, which cannot be altered any more.
        """
        return (f"SELECT 'ALTER DATABASE {quoted(database)} ALLOW_CONNECTIONS false' "
                f"WHERE EXISTS (SELECT FROM pg_database WHERE datname = {literal(database)} AND datconnlimit <> -2) \\gexec\n"
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {literal(database)} AND pg_has_role(usesysid, 'USAGE') "
                "\\g /dev/null\n")

    def clone(self, source, target, owner):
        """A copy by the file system's means. Nobody may be connected to the source: it is closed meanwhile, and open again after it.

        A copy that a crash cut off is dropped first; connection limit 0 keeps everyone but the superuser out of a copy that is a restore point.
        """
        self.drop(target)
        try:
            self._without_sessions(source, f"CREATE DATABASE {quoted(target)} TEMPLATE {quoted(source)} OWNER {quoted(owner)}")
        finally:
            self.open(source)
        self.copy_settings(source, target)

    def copy(self, source, target):
        """A copy while the source is in use; the failure, if there is one, is the caller's to tell."""
        self.drop(target)
        self.create(target)
        script = 'pg_dump -U "$1" -Fc "$2" | pg_restore -U "$1" -d "$3" --exit-on-error'
        return self.run(["bash", "-o", "pipefail", "-c", script, "copy", self.admin, source, target], LONG)

    def rename(self, old, new):
        self._without_sessions(old, f"ALTER DATABASE {quoted(old)} RENAME TO {quoted(new)}")
        self.open(new)

    def open(self, database):
        self.sql(f"ALTER DATABASE {quoted(database)} ALLOW_CONNECTIONS true")

    def _without_sessions(self, database, statement):
        # A backend that was told to end needs a moment.
        for attempt in range(20):
            self.sql(self._close_sql(database))
            result = self._psql(statement, "postgres", LONG)
            if result.ok:
                return
            if "is being accessed by other users" not in result.text:
                break
            time.sleep(0.25)
        raise self._failure(f"copying or renaming {database}", result)

    def limit(self, database, connections):
        """-1: no limit. 0: the superuser only."""
        self.sql(f"ALTER DATABASE {quoted(database)} CONNECTION LIMIT {int(connections)}")

    def own(self, database, owner):
        self.sql(f"ALTER DATABASE {quoted(database)} OWNER TO {quoted(owner)}")

    def copy_settings(self, source, target):
        """A clone has neither the grants on the database nor its ALTER DATABASE … SET."""
        # Lists are stored as they are written, everything else as one value.
        lists = "('search_path', 'temp_tablespaces', 'session_preload_libraries', 'local_preload_libraries', 'DateStyle', 'datestyle')"
        rows = self.sql(f"""SELECT format(CASE WHEN split_part(c, '=', 1) IN {lists} THEN 'ALTER DATABASE %I SET %s TO %s'
                                          ELSE 'ALTER DATABASE %I SET %s TO %L' END,
                   {literal(target)}, split_part(c, '=', 1), substr(c, strpos(c, '=') + 1))
            FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase, unnest(s.setconfig) c
            WHERE d.datname = {literal(source)} AND s.setrole = 0
            UNION ALL
            SELECT format('GRANT %s ON DATABASE %I TO %s', a.privilege_type, {literal(target)},
                   CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(a.grantee::regrole::text) END)
            FROM pg_database d, aclexplode(d.datacl) a WHERE d.datname = {literal(source)} AND a.grantee <> d.datdba""")
        if rows:
            self.sql(";\n".join(row[0] for row in rows))

    def modules(self, database):
        """{installed module: version as the database knows it}; None if this is no Odoo database yet."""
        if self.value("SELECT to_regclass('public.ir_module_module') IS NOT NULL", database) != "t":
            return None
        rows = self.sql("SELECT name, coalesce(latest_version, '') FROM ir_module_module "
                        "WHERE state IN ('installed', 'to upgrade', 'to remove')", database)
        return {row[0]: row[1] if len(row) > 1 else "" for row in rows}

    def unfinished_modules(self, database):
        return [row[0] for row in self.sql("SELECT name FROM ir_module_module WHERE state IN ('to install', 'to upgrade', 'to remove') ORDER BY 1",
                                           database)]

    # The marker: which release the data belong to. Odoo's role may read it and not change it.

    def marker(self, database):
        if self.value("SELECT to_regclass('odoo_ship.marker') IS NOT NULL", database) != "t":
            return None
        text = self.value("SELECT json_build_object('state', state, 'digest', digest, 'modules', modules) FROM odoo_ship.marker", database)
        return None if text is None else json.loads(text)

    def mark(self, database, state, digest, modules):
        self.sql(f"""BEGIN;
            CREATE SCHEMA IF NOT EXISTS odoo_ship;
            CREATE TABLE IF NOT EXISTS odoo_ship.marker (only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row), state text NOT NULL,
                digest text NOT NULL, modules jsonb NOT NULL, changed timestamptz NOT NULL DEFAULT now());
            GRANT USAGE ON SCHEMA odoo_ship TO {quoted(self.ROLE)};
            GRANT SELECT ON odoo_ship.marker TO {quoted(self.ROLE)};
            INSERT INTO odoo_ship.marker (state, digest, modules)
                VALUES ({literal(state)}, {literal(digest)}, {literal(json.dumps(modules, sort_keys=True))})
                ON CONFLICT (only_row) DO UPDATE SET state = excluded.state, digest = excluded.digest, modules = excluded.modules, changed = now();
            COMMIT;""", database, what="writing the release's marker")

    def forget_uninstalled(self, database):
        """A module that users have uninstalled since is not part of the data any more, and keeps no code from starting."""
        marker, installed = self.marker(database), self.modules(database)
        if marker and set(marker["modules"]) - set(installed):
            self.mark(database, marker["state"], marker["digest"], {name: value for name, value in marker["modules"].items() if name in installed})

    def set_parameter(self, database, key, value, replace):
        """A system parameter of Odoo; the running server does not see it before its next start."""
        conflict = "UPDATE SET value = excluded.value" if replace else "NOTHING"
        self.sql(f"INSERT INTO ir_config_parameter (key, value) VALUES ({literal(key)}, {literal(value)}) ON CONFLICT (key) DO {conflict}", database)
