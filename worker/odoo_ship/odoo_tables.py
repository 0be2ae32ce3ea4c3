"""What stands in Odoo's own databases: its modules and parameters, and beside them the release's marker."""

import json
import re

from failures import Failure
from postgres_server import Server, strange
from statements import fill

MODULE_NAME = re.compile(r"[A-Za-z0-9_.]{1,128}")


class OdooTables(Server):
    # Odoo's role may have put anything in their place.

    def tables(self, database):
        return self.fact("SELECT to_jsonb(count(*)) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
                         "WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'm', 'f')", database)

    def modules(self, database):
        """{installed module: version as the database knows it}; None if this is no Odoo database yet.

        Without those that somebody has imported in Odoo (base_import_module): they live in the database alone, and
        Odoo itself looks for no files of theirs.
        """
        if not self.fact("to_jsonb(to_regclass('public.ir_module_module') IS NOT NULL)", database):
            return None
        found = self.fact("SELECT coalesce(jsonb_object_agg(name, coalesce(latest_version, '')), '{}') FROM "
                          "public.ir_module_module m WHERE state IN ('installed', 'to upgrade', 'to remove') "
                          # The column is there once something can be imported.
                          "AND coalesce(to_jsonb(m) ->> 'imported', '') <> 'true'", database)
        if not isinstance(found, dict) or not all(MODULE_NAME.fullmatch(name) and isinstance(version, str) for name,
                                                  version in found.items()):
            raise strange(database, json.dumps(found))
        return found

    def unfinished_modules(self, database):
        return self._names(database, "WHERE state IN ('to install', 'to upgrade', 'to remove')")

    def settle_modules(self, database):
        """What an upgrade that was killed has left marked waits for nothing any more, as after one that fails in Odoo.
        """
        self.sql("UPDATE public.ir_module_module SET state = CASE state WHEN 'to install' THEN 'uninstalled' "
                 "ELSE 'installed' END WHERE state IN ('to install', 'to upgrade', 'to remove')",
                 database, what="settling the modules of an upgrade that was cut off", role=self.TASKS)

    def listed_modules(self, database):
        """Those that Odoo shows, installed or not."""
        return self._names(database, "")

    def _names(self, database, where):
        found = self.fact("SELECT coalesce(jsonb_agg(name ORDER BY name), '[]') FROM public.ir_module_module " + where,
                          database)
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
                ON CONFLICT (only_row) DO UPDATE SET state = excluded.state, digest = excluded.digest,
                    modules = excluded.modules, changed = now()""",
                      state=state, digest=digest, modules=json.dumps(modules, sort_keys=True)), database,
                      what="writing the release's marker")

    def pair(self, database):
        """The word that the database and its attachments share; None where no release has said one."""
        if not self.fact("to_jsonb(to_regclass('odoo_ship.pair') IS NOT NULL)", database):
            return None
        return self.fact("SELECT to_jsonb(word) FROM odoo_ship.pair", database)

    def set_pair(self, database, word):
        if not self._marker_is_there(database):
            self._prepare_marker(database)
        self.sql(fill("""CREATE TABLE IF NOT EXISTS odoo_ship.pair (only_row boolean PRIMARY KEY DEFAULT true
                    CHECK (only_row), word text NOT NULL);
                GRANT SELECT ON odoo_ship.pair TO :"role";
                INSERT INTO odoo_ship.pair (word) VALUES (:'word')
                    ON CONFLICT (only_row) DO UPDATE SET word = excluded.word""", role=self.ROLE, word=word), database,
                 what="noting which attachments belong to the database")

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
            CREATE TABLE odoo_ship.marker (only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
                state text NOT NULL, digest text NOT NULL, modules jsonb NOT NULL,
                changed timestamptz NOT NULL DEFAULT now());
            GRANT USAGE ON SCHEMA odoo_ship TO :"role";
            GRANT SELECT ON odoo_ship.marker TO :"role";
            COMMIT;""", role=self.ROLE), database, what="making the place of the release's marker")

    def _marker_is_there(self, database):
        """Whether it is, and is this worker's own: Odoo's role may have made a schema of that name before it."""
        found = self.fact(fill("""SELECT jsonb_build_object(
                    'foreign', n.nspowner <> a.oid OR bool_or(c.relowner <> a.oid),
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
