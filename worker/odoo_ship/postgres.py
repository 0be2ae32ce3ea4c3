"""PostgreSQL, as one of four roles: Odoo's, that of a release's tasks, the reader of facts, and the admin who copies,
renames and drops databases.

Whoever has Odoo's role can put triggers, views, functions and operators of their own into its databases, and settings
on them. So:

- Odoo's tables are read and written in sessions that *logged in* as a member of Odoo's role, never in one of the
admin's, not even by SET ROLE: that can be reset by what it meets. - A session of the admin in such a database touches
the system's catalogs and the release marker, which the admin owns, and looks at who owns it first. - Every session
names its search_path and all else that a database can set behind its back, and every value is quoted.
"""

import json
import subprocess
import time

import limits
from failures import Failure
from odoo_tables import OdooTables
from shell import LONG, pipe
from statements import fill, grant_statement, setting_statement

# A superuser ends every session; who may signal others, those of all but superusers; else those of one's own roles.
MAY_END = """(pg_has_role(usesysid, 'USAGE') OR pg_has_role('pg_signal_backend', 'USAGE')
    AND NOT (SELECT rolsuper FROM pg_roles r WHERE r.oid = usesysid))"""
# Nobody new, and everyone out whom this user may send out: autovacuum goes by itself when the database is wanted, and
# only a superuser may end it. -2: what an interrupted DROP has left, which cannot be altered any more.
CLOSE = f"""SELECT format('ALTER DATABASE %I ALLOW_CONNECTIONS false', :'name')
WHERE EXISTS (SELECT FROM pg_database WHERE datname = :'name' AND datconnlimit <> -2) \\gexec
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = :'name' AND {MAY_END} \\g /dev/null
"""


class Postgres(OdooTables):
    """Databases as a whole: made, copied, renamed and dropped, by the admin."""

    def exists(self, database):
        return self.value(fill("SELECT 1 FROM pg_database WHERE datname = :'name'", name=database)) == "1"

    def size(self, database):
        return int(self.value(fill("SELECT pg_database_size(:'name')", name=database)))

    def lost_directories(self):
        """[(name, bytes)] of the server's files that belong to no database; none where only a superuser may look."""
        if self.value("SELECT rolsuper FROM pg_roles WHERE rolname = current_user") != "t":
            return []
        return self.sql("""SELECT d, coalesce(sum((pg_stat_file(concat('base/', d, '/', f), true)).size), 0)
            FROM pg_ls_dir('base') d LEFT JOIN LATERAL pg_ls_dir(concat('base/', d)) f ON true
            WHERE d ~ '^[0-9]+$' AND d::oid NOT IN (SELECT oid FROM pg_database) GROUP BY d ORDER BY d""")

    def writes(self, database):
        """Rows that were inserted, changed or deleted since the database was made, as far as PostgreSQL has counted."""
        return int(self.value(fill("SELECT tup_inserted + tup_updated + tup_deleted FROM pg_stat_database "
                                   "WHERE datname = :'name'", name=database)) or 0)

    def collation_version(self, database):
        """Of the C library whose order the database's text has; None where PostgreSQL keeps none, or there is none."""
        if self.version() < 15:
            return None
        rows = self.sql(fill("SELECT datcollversion FROM pg_database WHERE datname = :'name' AND datlocprovider = 'c' "
                             "AND datcollversion IS NOT NULL", name=database))
        return rows[0][0] if rows else None

    def refuse_changed_collation(self, database):
        """PostgreSQL 15 and newer copy no database whose collation library has changed: better known before anything is
        closed.
        """
        if self.version() < 15:
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

    def refuse_what_stays(self, database):
        """What keeps a database from being copied or renamed, and this worker may not end: better known before anything
        is closed.
        """
        rows = self.sql(fill(f"""SELECT format('the prepared transaction %s of %s', gid, owner) FROM pg_prepared_xacts
                WHERE database = :'name'
            UNION ALL
            SELECT format('a session of %s (%s), process %s', usename, application_name, pid)
                FROM pg_stat_activity WHERE datname = :'name' AND usesysid IS NOT NULL AND NOT {MAY_END}""",
                             name=database))
        if rows:
            raise Failure("DATABASE_UNFIT", "somebody is in the database whom this worker may not send out",
                          found="; ".join(row[0] for row in rows), expected="nobody, while it is copied and renamed",
                          remedy="end it by hand (ROLLBACK PREPARED; close the program), then deploy again")

    def create(self, database, extensions=()):
        """Empty, with the place for the marker, and `extensions`: [name, schema, version or None for the usual one]
        each. It is Odoo's only then: until that nobody else can put anything there that the admin would meet.
        """
        self.sql(fill("""CREATE DATABASE :"name" ENCODING 'UTF8' TEMPLATE template0""", name=database),
                 what=f"creating the database {database}")
        self._prepare_marker(database)
        for name, schema, version in extensions:
            which = fill(" VERSION :'version'", version=version) if version else ""
            self.sql(fill("""CREATE SCHEMA IF NOT EXISTS :"schema"; CREATE EXTENSION :"name" SCHEMA :"schema" """,
                          schema=schema, name=name) + which + " CASCADE", database,
                     what=f"making the extension {name} in the new database")
        for schema in sorted({schema for _, schema, _ in extensions} - {"public", "pg_catalog"}):
            self.sql(fill("""ALTER SCHEMA :"schema" OWNER TO :"role" """, schema=schema, role=self.ROLE), database)
        self.own(database, self.ROLE)

    def drop(self, database):
        self.leave(database)
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
        # The other strategy, the usual one, writes each page to the log as well.
        how = " STRATEGY file_copy" if self.version() >= 15 else ""
        try:
            self._without_sessions(source, fill("""CREATE DATABASE :"target" TEMPLATE :"source" OWNER :"owner" """,
                                                target=target, source=source, owner=owner) + how)
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
        return pipe(self.dump(source, "--exclude-schema=odoo_ship"), command, self.patience(source), env)

    def dump(self, database, *options):
        """A process that writes the whole database to its standard output, in PostgreSQL's own format."""
        child = self.start(["pg_dump", "-Fc", *options, database], self.FACTS, subprocess.PIPE)
        child.stdin.close()
        return child

    def extensions(self, database):
        return [row[0] for row in self.sql("SELECT extname FROM pg_extension", database)]

    def offered_extensions(self):
        """{name: whether whoever owns a database may make it there}"""
        rows = self.sql("SELECT e.name, v.trusted FROM pg_available_extensions e "
                        "JOIN pg_available_extension_versions v ON v.name = e.name AND v.version = e.default_version")
        return {name: trusted == "t" for name, trusted in rows}

    def make_extensions(self, database, names):
        """By Odoo's own role: with no more rights than whoever has that has anyway."""
        for name in names:
            self.sql(fill("""CREATE EXTENSION IF NOT EXISTS :"name" SCHEMA public CASCADE""", name=name), database,
                     what=f"making the extension {name}", role=self.TASKS)

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

    def patience(self, database):
        """How long a copy may take; seconds."""
        return limits.copying(self.size(database))

    def _without_sessions(self, database, statement):
        self.leave(database)
        # A backend that was told to end needs a moment.
        for attempt in range(20):
            self.sql(fill(CLOSE, name=database))
            result = self._psql(statement, "postgres", self.patience(database))
            if result.ok:
                return
            if "is being accessed by other users" not in result.text:
                break
            time.sleep(0.25)
        raise self._failure(f"copying or renaming {database}", result)

    def limit(self, database, connections):
        """-1: no limit. 0: the superuser only."""
        self.sql(fill("""ALTER DATABASE :"name" CONNECTION LIMIT """, name=database) + str(int(connections)))

    def copy_limit(self, source, target):
        """A clone has no limit of its own, and a restore point lets nobody in."""
        self.limit(target, self.value(fill("SELECT datconnlimit FROM pg_database WHERE datname = :'name'",
                                           name=source)))

    def own(self, database, owner):
        self.sql(fill("""ALTER DATABASE :"name" OWNER TO :"owner" """, name=database, owner=owner))

    def copy_settings(self, source, target):
        """A clone has neither the grants on the database nor its ALTER DATABASE … SET. Odoo's role may say both of its
        own database: each is quoted anew.
        """
        settings = json.loads(self.value(fill("""SELECT coalesce(jsonb_agg(c), '[]') FROM pg_db_role_setting s
            JOIN pg_database d ON d.oid = s.setdatabase, unnest(s.setconfig) c
            WHERE d.datname = :'name' AND s.setrole = 0""", name=source)))
        grants = json.loads(self.value(fill("""
            SELECT coalesce(jsonb_agg(jsonb_build_array(a.privilege_type, r.rolname)), '[]')
            FROM pg_database d, aclexplode(d.datacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
            WHERE d.datname = :'name' AND a.grantee <> d.datdba AND (a.grantee = 0 OR r.oid IS NOT NULL)""",
            name=source)))
        statements = [setting_statement(target, *setting.split("=", 1)) for setting in settings]
        statements += [grant_statement(target, privilege, role) for privilege, role in grants]
        if statements:
            self.sql(";\n".join(statements))
