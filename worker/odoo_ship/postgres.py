"""PostgreSQL, as one of four roles: Odoo's, that of a release's tasks, the reader of facts, and the admin who copies,
renames and drops databases.

Whoever has Odoo's role can put triggers, views, functions and operators of their own into its databases, and settings
on them. So:

- Odoo's tables are read and written in sessions that *logged in* as a member of Odoo's role, never in one of the
admin's, not even by SET ROLE: that can be reset by what it meets. - A session of the admin in such a database touches
the system's catalogs and the release marker, which the admin owns, and looks at who owns it first. - Every session
names its search_path and all else that a database can set behind its back, and every value is quoted.
"""

import base64
import hashlib
import hmac
import json
import os
import re
import secrets
import subprocess
import time

from failures import Failure, code_from_log, tail
from shell import pipe, run

QUICK, LONG = 60, 3600


def quoted(name):
    """An identifier in SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text):
    return "'" + text.replace("'", "''") + "'"


def fill(statement, **values):
    """A statement with values in their places, written as in psql: `:'name'` is a text in SQL, `:"name"` an identifier.
    No other way leads into one.
    """
    return re.sub(r""":(['"])(\w+)\1""", lambda found: (literal if found[1] == "'" else quoted)(values[found[2]]),
                  statement)


def scram(password):
    """The verifier that PostgreSQL stores: with it no password is in a statement, so none can be in a log."""
    salt, rounds = os.urandom(16), 4096
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, rounds)
    client = hmac.new(salted, b"Client Key", "sha256").digest()
    stored, server = hashlib.sha256(client).digest(), hmac.new(salted, b"Server Key", "sha256").digest()
    encoded = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${rounds}:{encoded[0]}${encoded[1]}:{encoded[2]}"


# What ALTER DATABASE … SET, which Odoo's role may say of its own database, must not decide for a session of this
# worker. A client's options win.
PINNED = {"search_path": "pg_catalog", "standard_conforming_strings": "on", "default_transaction_read_only": "off",
          "statement_timeout": "0",
          "lock_timeout": "0", "idle_in_transaction_session_timeout": "0", "role": "none"}
# Nobody new, and everyone out whom this user may send out: autovacuum goes by itself when the database is wanted, and
# only a superuser may end it. -2: what an interrupted DROP has left, which cannot be altered any more.
CLOSE = """SELECT format('ALTER DATABASE %I ALLOW_CONNECTIONS false', :'name')
WHERE EXISTS (SELECT FROM pg_database WHERE datname = :'name' AND datconnlimit <> -2) \\gexec
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :'name' AND pg_has_role(usesysid, 'USAGE') \\g /dev/null
"""
# Who is no superuser may not even say NOSUPERUSER, and gives databases only to a role that it is a member of.
MAKE_ROLE = """SELECT format('CREATE ROLE %I', :'role') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \\gexec
SELECT format('ALTER ROLE %I NOSUPERUSER', :'role') WHERE (SELECT rolsuper FROM pg_roles WHERE rolname = :'role') \\gexec
"""
GRANT_TO_ADMIN = """SELECT format('GRANT %I TO CURRENT_USER', :'role') WHERE NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) \\gexec
"""
# Settings that hold a list, each element quoted by itself; everything else is one value.
LISTS = {"search_path", "temp_tablespaces", "session_preload_libraries", "local_preload_libraries",
         "shared_preload_libraries", "unix_socket_directories"}
MODULE_NAME = re.compile(r"[A-Za-z0-9_.]{1,128}")


def pinned(**changes):
    return " ".join(f"-c {name}={value}" for name, value in {**PINNED, **changes}.items())


def elements(value):
    """A list as PostgreSQL stores it: names apart by commas, some of them in double quotes, which are doubled within.
    """
    found = re.findall(r'\s*(?:"((?:[^"]|"")*)"|([^",]+))\s*(?:,|$)', value)
    return [inner.replace('""', '"') if inner or not plain else plain.strip() for inner, plain in found]


class Postgres:
    ROLE = "odoo"
    #: What a release runs of Odoo: acts as Odoo's role, and has a password of its own.
    TASKS = "odoo_tasks"
    #: Reads what Odoo's role reads, and changes nothing.
    FACTS = "odoo_facts"
    NAME = "odoo-ship"

    def __init__(self, admin, story, container=None, env=None, by_hand=None, task_password=None):
        """Through the socket in the server's own `container`, without a password and with tools of its version; or by
        the network, with libpq's variables.

        `story`: where an operator finds why it does not answer. `by_hand`: how an operator calls its programs, where
        that is not as the worker does.
        `task_password`: answers the password of the tasks' role, which the host keeps where the tasks find it.
        """
        self.task_password = task_password
        self.admin, self.container, self.env, self.story = admin, container, env or {}, story
        self.by_hand = f"docker exec -i {container}" if by_hand is None else by_hand
        #: Of the roles that log in by the network; those through the socket need none.
        self.passwords = {}
        self.roles_are_there = False

    @classmethod
    def in_container(cls, container, task_password):
        return cls("postgres", f"docker logs {container}", container, task_password=task_password)

    @classmethod
    def at(cls, env, story, by_hand, task_password):
        return cls(env["PGUSER"], story, env=env, by_hand=by_hand, task_password=task_password)

    def place(self):
        """Which server it is, for people."""
        return f"PostgreSQL at {self.env['PGHOST']}" if "PGHOST" in self.env else "PostgreSQL"

    def program(self, role, args):
        """(arguments, variables) of one of PostgreSQL's programs as this role; the password of one is in the variables
        alone.
        """
        self._require(role)
        # A task acts as Odoo's role, so that what it makes is Odoo's.
        options = {self.TASKS: pinned(role=self.ROLE), self.FACTS: pinned(default_transaction_read_only="on")}.get(role,
                                                                                                                   pinned())
        own = {"PGAPPNAME": self.NAME, "PGOPTIONS": options}
        named = [args[0], "-U", role, *args[1:]]
        if self.container is not None:
            variables = [part for name, value in own.items() for part in ("-e", f"{name}={value}")]
            return ["docker", "exec", "-i", *variables, self.container, *named], {}
        return named, {**self.env, **own, "PGUSER": role, **({"PGPASSWORD": self.passwords[role]}
                                                             if role in self.passwords else {})}

    def run(self, args, limit, given=None, role=None):
        """One of PostgreSQL's programs."""
        command, env = self.program(role or self.admin, args)
        return run(command, limit, given=given, env=env)

    def start(self, args, role=None, errors=subprocess.STDOUT):
        """One that is talked to, or whose output is read."""
        command, env = self.program(role or self.admin, args)
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                                text=errors is subprocess.STDOUT,
                                env={**os.environ, **env}, start_new_session=True)

    @staticmethod
    def psql(database):
        return ["psql", "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-d", database]

    def sql(self, statements, database="postgres", limit=QUICK, what="asking PostgreSQL", role=None):
        """Rows of the last statements, unaligned, fields apart by tabs; as the admin if no role is named."""
        result = self._psql(statements, database, limit, role)
        if not result.ok:
            raise self._failure(what, result)
        return [line.split("\t") for line in result.output.splitlines() if line]

    def value(self, statement, database="postgres", role=None):
        rows = self.sql(statement, database, role=role)
        return rows[0][0] if rows else None

    def fact(self, query, database, what="reading Odoo's tables"):
        """What one expression of JSON says, read with no more rights than Odoo has; whoever has Odoo's role may have
        decided what that is.
        """
        result = self._psql("\n".join(("SELECT (", query, ")::text")), database, QUICK, self.FACTS)
        if not result.ok:
            raise self._failure(what, result)
        text = result.output.strip()
        try:
            return json.loads(text) if text else None
        except ValueError:
            raise strange(database, text) from None

    def _psql(self, statements, database, limit, role=None):
        return self.run([*self.psql(database), "-f", "-"], limit, given=statements, role=role)

    def _failure(self, what, result):
        code = code_from_log(result.text, "DATABASE_CONNECTION_ERROR" if result.status != 3 else "DEPLOY_FAILED")
        return Failure(code, f"{what} failed", found=tail(result.text, 5) or f"exit status {result.status}",
                       expected="PostgreSQL that answers and has room", log=tail(result.text),
                       remedy=f"`{self.story}` shows why; when it runs again, deploy again")

    def end_what_was_left(self):
        """A copy that a killed worker has ordered goes on in the server."""
        self.sql(fill("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = :'name' AND pid "
                      "<> pg_backend_pid()",
                      name=self.NAME))

    def refuse_changed_collation(self, database):
        """PostgreSQL 15 and newer copy no database whose collation library has changed: better known before anything is
        closed.
        """
        if int(self.value("SHOW server_version_num")) < 150000:
            return
        rows = self.sql(fill("SELECT datcollversion, pg_database_collation_actual_version(oid) FROM pg_database WHERE "
                             "datcollversion IS NOT NULL "
                             "AND datname = :'name' AND datcollversion <> pg_database_collation_actual_version(oid)",
                             name=database))
        if rows:
            raise Failure("POSTGRES_MISMATCH",
                          "the PostgreSQL image sorts text differently than the one that made the database",
                          found=f"collation version {rows[0][0]}, now {rows[0][1]}",
                          expected="the same version, or rebuilt indexes",
                          remedy=f'{self.by_hand} psql -U {self.admin} -d {database} -c "REINDEX DATABASE {database}" '
                                 f'-c "ALTER DATABASE {database} REFRESH COLLATION VERSION", then deploy again')

    def tables(self, database):
        return self.fact("SELECT to_jsonb(count(*)) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
                         "WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'm', 'f')", database)

    def wait(self, seconds):
        """Until PostgreSQL takes connections."""
        end = time.monotonic() + seconds
        while True:
            # By TCP: during its first set-up PostgreSQL listens on the socket only.
            address = ["-h", "127.0.0.1"] if self.container else []
            if self.run(["pg_isready", "-q", *address], QUICK).ok:
                return
            if time.monotonic() > end:
                raise Failure("DATABASE_CONNECTION_ERROR", "PostgreSQL does not answer",
                              found=f"no connection within {seconds} s",
                              expected="a PostgreSQL that accepts connections", remedy=f"`{self.story}` shows why",
                              log=self.last_words())
            time.sleep(0.3)

    def last_words(self):
        return tail(run(["docker", "logs", "--tail=25", self.container], QUICK).text) if self.container else ""

    def exists(self, database):
        return self.value(fill("SELECT 1 FROM pg_database WHERE datname = :'name'", name=database)) == "1"

    def size(self, database):
        return int(self.value(fill("SELECT pg_database_size(:'name')", name=database)))

    def prepare_role(self, password):
        """The role that Odoo logs in with: it may not create databases, since Odoo would serve an empty one in place of
        a lost one.

        Who is no superuser, as the admin of a managed PostgreSQL, may not even say NOSUPERUSER, and gives databases
        only to a role that it is a member of.
        """
        self.sql(fill("\n".join((MAKE_ROLE,
                                 """ALTER ROLE :"role" LOGIN NOCREATEDB NOCREATEROLE PASSWORD :'verifier';""",
                                 GRANT_TO_ADMIN)),
                      role=self.ROLE, verifier=scram(password)), what="preparing the database role of Odoo")
        self.roles_are_there = False

    def prepare_task_roles(self):
        """The roles of a release's tasks and of the reader, members of Odoo's and no more.

        By the network the reader gets a password as well, which nobody but this process knows.
        """
        secret = {self.TASKS: self.task_password(), self.FACTS: None if self.container else secrets.token_urlsafe(32)}
        usual = {self.TASKS: fill("""ALTER ROLE :"role" SET role = :'odoo';""", role=self.TASKS, odoo=self.ROLE),
                 self.FACTS: fill("""ALTER ROLE :"role" SET default_transaction_read_only = 'on';""", role=self.FACTS)}
        for role, word in secret.items():
            verifier = fill("PASSWORD :'verifier'", verifier=scram(word)) if word else "PASSWORD NULL"
            self.sql("\n".join((
                fill(MAKE_ROLE, role=role), fill("""ALTER ROLE :"role" LOGIN INHERIT NOCREATEDB NOCREATEROLE""",
                                                 role=role), verifier, ";",
                fill("""GRANT :"odoo" TO :"role";""", odoo=self.ROLE, role=role), fill(GRANT_TO_ADMIN, role=role),
                usual[role])),
                     what="preparing the database roles of the release's tasks and of its reader")
        self.passwords.update({role: word for role, word in secret.items() if word and not self.container})
        self.roles_are_there = True

    def lock_out(self):
        """Odoo's own role gets no session any more, and has none; that of the tasks does."""
        self.sql(fill("""ALTER ROLE :"role" NOLOGIN""", role=self.ROLE))
        self.sql(fill("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = :'role'", role=self.ROLE))

    def let_in(self):
        if self.value(fill("SELECT rolcanlogin FROM pg_roles WHERE rolname = :'role'", role=self.ROLE)) == "f":
            self.sql(fill("""ALTER ROLE :"role" LOGIN""", role=self.ROLE))

    def _require(self, role):
        """The roles are made by whoever uses them first, also on a server that an earlier version has set up."""
        if role in (self.TASKS, self.FACTS) and not self.roles_are_there:
            self.prepare_task_roles()

    def create(self, database, extensions=()):
        """Empty, with the place for the marker, and `extensions`: [name, schema, version] each. It is Odoo's only then:
        until that nobody else can put anything there that the admin would meet.
        """
        self.sql(fill("""CREATE DATABASE :"name" ENCODING 'UTF8' TEMPLATE template0""", name=database),
                 what=f"creating the database {database}")
        self._prepare_marker(database)
        for name, schema, version in extensions:
            self.sql(fill("""CREATE SCHEMA IF NOT EXISTS :"schema"; CREATE EXTENSION :"name" SCHEMA :"schema" VERSION :'version' CASCADE""",
                          schema=schema, name=name, version=version), database,
                          what=f"making the extension {name} in a copy")
        for schema in sorted({schema for _, schema, _ in extensions} - {"public", "pg_catalog"}):
            self.sql(fill("""ALTER SCHEMA :"schema" OWNER TO :"role" """, schema=schema, role=self.ROLE), database)
        self.own(database, self.ROLE)

    def drop(self, database):
        # Not WITH (FORCE), which wants a superuser while autovacuum works there.
        self.sql(fill(CLOSE + """DROP DATABASE IF EXISTS :"name" """, name=database), limit=LONG,
                 what=f"dropping {database}")

    def clone(self, source, target, owner):
        """A copy by the file system's means. Nobody may be connected to the source: it is closed meanwhile, and open
        again after it.

        A copy that a crash cut off is dropped first; connection limit 0 keeps everyone but the superuser out of a copy
        that is a restore point.
        """
        self.drop(target)
        try:
            self._without_sessions(source, fill("""CREATE DATABASE :"target" TEMPLATE :"source" OWNER :"owner" """,
                                                target=target, source=source, owner=owner))
        finally:
            self.open(source)
        self.copy_settings(source, target)

    def copy(self, source, target):
        """A copy while the source is in use; the failure, if there is one, is the caller's to tell."""
        self.drop(target)
        self.create(target, self._extensions_of_the_admin(source))
        marker = self.marker(source)
        if marker:
            self.mark(target, **marker)
        # Restoring runs what the dump holds, functions of indexes among it: with no more rights than Odoo has. The
        # marker is there already.
        command, env = self.program(self.TASKS, ["pg_restore", "-d", target, "--exit-on-error", "--no-owner",
                                                 "--no-privileges", "--no-comments"])
        return pipe(self.dump(source, "--exclude-schema=odoo_ship"), command, LONG, env)

    def dump(self, database, *options):
        """A process that writes the whole database to its standard output, in PostgreSQL's own format."""
        child = self.start(["pg_dump", "-Fc", *options, database], self.FACTS, subprocess.PIPE)
        child.stdin.close()
        return child

    def _extensions_of_the_admin(self, database):
        """Those that only an admin may make: [name, schema, version] each."""
        return self.fact("SELECT coalesce(jsonb_agg(jsonb_build_array(e.extname, n.nspname, e.extversion)), '[]') FROM "
                         "pg_extension e "
                         "JOIN pg_namespace n ON n.oid = e.extnamespace "
                         "JOIN pg_available_extension_versions v ON v.name = e.extname AND v.version = e.extversion "
                         "WHERE NOT v.trusted AND e.extname <> 'plpgsql'", database)

    def rename(self, old, new):
        self._without_sessions(old, fill("""ALTER DATABASE :"old" RENAME TO :"new" """, old=old, new=new))
        self.open(new)

    def open(self, database):
        self.sql(fill("""ALTER DATABASE :"name" ALLOW_CONNECTIONS true""", name=database))

    def _without_sessions(self, database, statement):
        # A backend that was told to end needs a moment.
        for attempt in range(20):
            self.sql(fill(CLOSE, name=database))
            result = self._psql(statement, "postgres", LONG)
            if result.ok:
                return
            if "is being accessed by other users" not in result.text:
                break
            time.sleep(0.25)
        raise self._failure(f"copying or renaming {database}", result)

    def limit(self, database, connections):
        """-1: no limit. 0: the superuser only."""
        self.sql(fill("""ALTER DATABASE :"name" CONNECTION LIMIT """, name=database) + str(int(connections)))

    def own(self, database, owner):
        self.sql(fill("""ALTER DATABASE :"name" OWNER TO :"owner" """, name=database, owner=owner))

    def copy_settings(self, source, target):
        """A clone has neither the grants on the database nor its ALTER DATABASE … SET. Odoo's role may say both of its
        own database: each is quoted anew.
        """
        settings = json.loads(self.value(fill("""SELECT coalesce(jsonb_agg(c), '[]') FROM pg_db_role_setting s
            JOIN pg_database d ON d.oid = s.setdatabase, unnest(s.setconfig) c WHERE d.datname = :'name' AND s.setrole = 0""", name=source)))
        grants = json.loads(self.value(fill("""SELECT coalesce(jsonb_agg(jsonb_build_array(a.privilege_type, r.rolname)), '[]')
            FROM pg_database d, aclexplode(d.datacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
            WHERE d.datname = :'name' AND a.grantee <> d.datdba AND (a.grantee = 0 OR r.oid IS NOT NULL)""",
            name=source)))
        statements = [setting_statement(target, *setting.split("=", 1)) for setting in settings]
        statements += [grant_statement(target, privilege, role) for privilege, role in grants]
        if statements:
            self.sql(";\n".join(statements))

    # What Odoo's tables say. Odoo's role may have put anything in their place.

    def modules(self, database):
        """{installed module: version as the database knows it}; None if this is no Odoo database yet."""
        if not self.fact("to_jsonb(to_regclass('public.ir_module_module') IS NOT NULL)", database):
            return None
        found = self.fact("SELECT coalesce(jsonb_object_agg(name, coalesce(latest_version, '')), '{}') FROM "
                          "public.ir_module_module "
                          "WHERE state IN ('installed', 'to upgrade', 'to remove')", database)
        if not isinstance(found, dict) or not all(MODULE_NAME.fullmatch(name) and isinstance(version, str) for name,
                                                  version in found.items()):
            raise strange(database, json.dumps(found))
        return found

    def unfinished_modules(self, database):
        found = self.fact("SELECT coalesce(jsonb_agg(name ORDER BY name), '[]') FROM public.ir_module_module "
                          "WHERE state IN ('to install', 'to upgrade', 'to remove')", database)
        if not isinstance(found, list) or not all(isinstance(name, str) and MODULE_NAME.fullmatch(name)
                                                  for name in found):
            raise strange(database, json.dumps(found))
        return found

    def set_parameter(self, database, key, value, replace):
        """A system parameter of Odoo; the running server does not see it before its next start."""
        conflict = "UPDATE SET value = excluded.value" if replace else "NOTHING"
        self.sql(fill("INSERT INTO public.ir_config_parameter (key, value) VALUES (:'key', :'value') ON CONFLICT (key) "
                      "DO ", key=key, value=value) + conflict,
                 database, what=f"setting Odoo's parameter {key}", role=self.TASKS)

    # The marker: which release the data belong to. It and its schema are the admin's; Odoo's role may read it and not
    # change it.

    def marker(self, database):
        if not self._marker_is_there(database):
            return None
        return self.fact("SELECT jsonb_build_object('state', state, 'digest', digest, 'modules', modules) FROM "
                         "odoo_ship.marker", database,
                         what="reading the release's marker")

    def mark(self, database, state, digest, modules):
        if not self._marker_is_there(database):
            self._prepare_marker(database)
        self.sql(fill("""INSERT INTO odoo_ship.marker (state, digest, modules) VALUES (:'state', :'digest', :'modules')
                ON CONFLICT (only_row) DO UPDATE SET state = excluded.state, digest = excluded.digest, modules = excluded.modules, changed = now()""",
                      state=state, digest=digest, modules=json.dumps(modules, sort_keys=True)), database,
                      what="writing the release's marker")

    def forget_uninstalled(self, database):
        """A module that users have uninstalled since is not part of the data any more, and keeps no code from starting.
        """
        marker, installed = self.marker(database), self.modules(database)
        if marker and set(marker["modules"]) - set(installed):
            self.mark(database, marker["state"], marker["digest"],
                      {name: value for name, value in marker["modules"].items() if name in installed})

    def _prepare_marker(self, database):
        """Fails where somebody else has made the schema."""
        self.sql(fill("""BEGIN;
            CREATE SCHEMA odoo_ship;
            CREATE TABLE odoo_ship.marker (only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row), state text NOT NULL,
                digest text NOT NULL, modules jsonb NOT NULL, changed timestamptz NOT NULL DEFAULT now());
            GRANT USAGE ON SCHEMA odoo_ship TO :"role";
            GRANT SELECT ON odoo_ship.marker TO :"role";
            COMMIT;""", role=self.ROLE), database, what="making the place of the release's marker")

    def _marker_is_there(self, database):
        """Whether it is, and is this worker's own: Odoo's role may have made a schema of that name before it."""
        found = self.fact(fill("""SELECT jsonb_build_object('foreign', n.nspowner <> a.oid OR bool_or(c.relowner <> a.oid),
                    'table', bool_or(c.relname = 'marker' AND c.relkind = 'r'))
                FROM pg_roles a, pg_namespace n LEFT JOIN pg_class c ON c.relnamespace = n.oid
                WHERE a.rolname = :'admin' AND n.nspname = 'odoo_ship' GROUP BY n.nspowner, a.oid""", admin=self.admin),
                          database, what="looking for the release's marker")
        if found is None:
            return False
        if found["foreign"] or not found["table"]:
            raise Failure("RELEASE_UNKNOWN", f"the release marker of the database {database} is not this worker's",
                          found="a schema odoo_ship that somebody else has made",
                          expected=f"one that belongs to {self.admin}, or none",
                          remedy="find out who made it: a restore by another user, or an intruder. Then drop it, and "
                                 "deploy again, which upgrades every module: "
                                 f'{self.by_hand} psql -U {self.ROLE} -d {database} -c "DROP SCHEMA odoo_ship CASCADE"')
        return True


def setting_statement(database, name, value):
    named = ".".join(quoted(part) for part in name.split("."))
    values = [literal(element) for element in elements(value)] if name.lower() in LISTS else [literal(value)]
    return " ".join(("ALTER DATABASE", quoted(database), "SET", named, "TO", ", ".join(values) or literal("")))


def grant_statement(database, privilege, role):
    """`role`: None for everybody."""
    words = {"CREATE", "CONNECT", "TEMPORARY"}
    if privilege not in words:
        raise ValueError(f"no privilege on a database: {privilege!r}")
    return " ".join(("GRANT", privilege, "ON DATABASE", quoted(database), "TO", "PUBLIC" if role is None
                     else quoted(role)))


def strange(database, text):
    return Failure("DATABASE_UNFIT", f"the database {database} does not say which modules it has as Odoo does",
                   found=text[:300],
                   expected="names and versions in the table ir_module_module",
                   remedy="look at that table, its views and triggers: somebody has changed how it answers; then "
                          "deploy again")
