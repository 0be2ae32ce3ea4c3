"""Somebody has Odoo's role and its databases, and waits for the worker: whatever it does there, its roles stay what
they are.

Each test fails with a worker whose admin looks into Odoo's tables, or pastes a value into a statement.
"""

import unittest

from support import FAILED, LIVE, NEXT, POINT, DatabaseCase, psql

import extensions
from failures import Failure

# Tries all that makes more of a role, whoever runs it, and notes who that was. Nothing that it tries fails what it is
# called by.
EVIL = """
CREATE TABLE public.seen (login name, acting name);
CREATE FUNCTION public.evil() RETURNS text LANGUAGE plpgsql AS $$
DECLARE statement text;
BEGIN
    FOREACH statement IN ARRAY ARRAY[
        'RESET ROLE', 'RESET SESSION AUTHORIZATION',
        'ALTER ROLE odoo SUPERUSER', 'ALTER ROLE odoo CREATEDB', 'ALTER ROLE odoo CREATEROLE',
        'CREATE ROLE made_by_odoo LOGIN', 'GRANT doadmin TO odoo', 'GRANT pg_execute_server_program TO odoo',
        'INSERT INTO public.seen VALUES (session_user, current_user)',
        $x$COPY (SELECT 1) TO PROGRAM 'touch /tmp/made-by-odoo'$x$,
        $x$UPDATE odoo_ship.marker SET state = 'made by odoo'$x$]
    LOOP
        BEGIN
            EXECUTE statement;
        EXCEPTION WHEN OTHERS THEN
            NULL;
        END;
    END LOOP;
    RETURN 'base';
END $$;
CREATE FUNCTION public.evil_trigger() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM public.evil(); RETURN NEW; END $$;
"""
POWERS = """SELECT string_agg(rolname || ':' || rolsuper || rolcreatedb || rolcreaterole || rolreplication
                              || rolbypassrls, ' ' ORDER BY rolname)
            FROM pg_roles WHERE rolname IN ('odoo', 'odoo_tasks', 'odoo_facts', 'made_by_odoo');
            SELECT count(*) FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member WHERE r.rolname = 'odoo';
            SELECT count(*) FROM pg_ls_dir('/tmp') name WHERE name = 'made-by-odoo';"""
NONE = " ".join(f"{role}:falsefalsefalsefalsefalse" for role in ("odoo", "odoo_facts", "odoo_tasks")) + "\n0\n0"
NAMES = (("to_regclass(text)", "regclass"), ("now()", "timestamptz"), ("pg_database_size(name)", "bigint"),
         ("to_jsonb(boolean)", "jsonb"),
         ("jsonb_build_object(text, varchar)", "jsonb"), ("pg_has_role(oid, text)", "boolean"),
         ("quote_ident(text)", "text"))
SETTINGS = (
    """search_path = '"$user"', 'x; ALTER ROLE odoo SUPERUSER; --', 'pg_catalog'""",
    """search_path TO 'a" ; ALTER ROLE odoo SUPERUSER; --'""",
    "application_name TO $$x'; ALTER ROLE odoo SUPERUSER; --$$", "standard_conforming_strings TO off",
    "application_name TO $$\\'; ALTER ROLE odoo SUPERUSER; --$$", "default_transaction_read_only TO on",
    "statement_timeout TO '1ms'", "role TO odoo", "client_encoding TO 'SJIS'",
    "idle_in_transaction_session_timeout TO '1ms'")


class CompromisedOdooTest(DatabaseCase):
    ADMIN = "postgres"

    def setUp(self):
        super().setUp()
        self.installed()
        self.as_odoo(EVIL)

    def assert_nothing_gained(self, ran=None):
        """`ran`: who has met the attack; a test that nobody meets shows nothing."""
        self.assertEqual(self.as_superuser(POWERS), NONE)
        self.assertEqual(self.as_superuser("SELECT state FROM odoo_ship.marker", LIVE), "ready")
        if ran is not None:
            self.assertEqual(self.as_superuser("SELECT DISTINCT login FROM public.seen", LIVE).split(), ran)

    def release(self):
        """All that a release does with a database."""
        postgres = self.postgres
        postgres.modules(LIVE)
        postgres.unfinished_modules(LIVE)
        postgres.listed_modules(LIVE)
        postgres.tables(LIVE)
        postgres.set_parameter(LIVE, "web.base.url", "after", replace=True)
        postgres.forget_uninstalled(LIVE)
        postgres.settle_modules(LIVE)
        result = postgres.copy(LIVE, "odoo-rehearsal")
        self.assertTrue(result.ok, result.text)
        postgres.clone(LIVE, POINT, postgres.admin)
        postgres.limit(POINT, 0)
        postgres.mark(LIVE, "ready", "sha256:a", {"base": ["x"]})
        postgres.copy_settings(LIVE, POINT)
        postgres.rename(LIVE, FAILED)
        postgres.own(POINT, postgres.ROLE)
        postgres.rename(POINT, LIVE)
        postgres.copy_settings(FAILED, LIVE)
        postgres.limit(LIVE, -1)
        # And what the second version of the protocol does in the place of that.
        postgres.refuse_what_stays(LIVE)
        postgres.lock_out()
        postgres.clone(LIVE, NEXT, postgres.ROLE)
        postgres.copy_limit(LIVE, NEXT)
        postgres.set_pair(NEXT, "word")
        postgres.pair(NEXT)
        postgres.rename(LIVE, POINT)
        postgres.limit(POINT, 0)
        postgres.rename(NEXT, LIVE)
        postgres.let_in()

    def test_a_trigger_on_a_table_that_is_written_runs_as_odoo(self):
        self.as_odoo("CREATE TRIGGER evil BEFORE INSERT OR UPDATE ON ir_config_parameter FOR EACH ROW EXECUTE FUNCTION "
                     "evil_trigger()")
        self.release()
        self.assert_nothing_gained(["odoo_tasks"])

    def test_modules_that_a_killed_upgrade_has_left_wait_for_nothing(self):
        self.as_superuser("UPDATE ir_module_module SET state = 'to upgrade'; INSERT INTO ir_module_module "
                          "VALUES ('new', NULL, 'to install'), ('gone', NULL, 'uninstalled')", LIVE)
        self.postgres.settle_modules(LIVE)
        self.assertEqual(self.postgres.unfinished_modules(LIVE), [])
        states = self.as_superuser("SELECT string_agg(name || ' ' || state, ', ' ORDER BY name) FROM "
                                   "ir_module_module WHERE name IN ('base', 'gone', 'new')", LIVE)
        self.assertEqual(states, "base installed, gone uninstalled, new uninstalled")

    def test_a_view_in_the_place_of_a_table_that_is_read_runs_as_odoo(self):
        self.as_odoo("ALTER TABLE ir_module_module RENAME TO real; "
                     "CREATE VIEW ir_module_module AS SELECT evil()::varchar AS name, latest_version, state FROM real "
                     "WHERE name = 'base'")
        self.assertEqual(self.postgres.modules(LIVE), {"base": "19.0.1.3"})
        self.release()
        # Reading cannot even note who it was.
        self.assert_nothing_gained([])

    def test_functions_and_operators_of_the_names_that_are_used_are_not_met(self):
        self.as_odoo("".join(f"CREATE FUNCTION public.{name} RETURNS {kind} LANGUAGE sql AS $$ SELECT public.evil(); "
                             f"SELECT NULL::{kind} $$;"
                             for name, kind in NAMES)
                     + "".join(f"CREATE FUNCTION public.same({left}, text) RETURNS boolean LANGUAGE sql AS $$ SELECT "
                               "public.evil() IS NOT NULL $$;"
                               f"CREATE OPERATOR public.= (LEFTARG = {left}, RIGHTARG = text, FUNCTION = public.same);"
                               for left in ("varchar", "name"))
                     + "ALTER DATABASE odoo SET search_path = public, pg_catalog;")
        self.release()
        self.assert_nothing_gained([])

    def test_a_setting_of_the_database_is_a_value_and_no_statement(self):
        self.postgres.create(POINT)
        for setting in SETTINGS:
            with self.subTest(setting):
                self.as_superuser(f"ALTER DATABASE odoo RESET ALL; SET ROLE odoo; ALTER DATABASE odoo SET {setting}; "
                                  "RESET ROLE; "
                                  f'ALTER DATABASE "{POINT}" RESET ALL')
                wanted = self.settings(LIVE)
                self.assertTrue(wanted)
                self.postgres.mark(LIVE, "ready", "sha256:a", {"base": ["it's \\' "]})
                self.assertEqual(self.postgres.marker(LIVE)["modules"], {"base": ["it's \\' "]})
                self.postgres.copy_settings(LIVE, POINT)
                self.assertEqual(self.settings(POINT), wanted)
        self.as_superuser("ALTER DATABASE odoo RESET ALL")
        self.assert_nothing_gained([])

    def settings(self, database):
        return self.as_superuser("SELECT setconfig FROM pg_db_role_setting s JOIN pg_database d ON d.oid = "
                                 "s.setdatabase "
                                 f"WHERE datname = '{database}' AND setrole = 0")

    def test_what_a_copy_runs_while_it_is_made_runs_as_odoo(self):
        self.as_odoo("""CREATE FUNCTION public.indexed(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS
                            $$ BEGIN RETURN public.evil(); END $$;
                        CREATE TABLE indexed (value text CHECK (public.evil() IS NOT NULL));
                        INSERT INTO indexed VALUES ('x');
                        CREATE INDEX evil ON indexed (public.indexed(value));
                        CREATE MATERIALIZED VIEW evil_view AS SELECT public.evil();
                        TRUNCATE public.seen;""")
        self.release()
        self.assert_nothing_gained()
        self.assertEqual(self.as_superuser("SELECT DISTINCT login FROM public.seen", "odoo-rehearsal"), "odoo_tasks")

    def test_an_extension_that_is_wanted_gives_nobody_the_admins_rights(self):
        with self.assertRaises(Failure) as caught:
            extensions.lacking(self.postgres, LIVE, {"extensions": ["earthdistance"]})
        self.assertEqual(caught.exception.code, "DATABASE_UNFIT")
        self.postgres.make_extensions(LIVE, extensions.lacking(self.postgres, LIVE, {"extensions": ["unaccent"]}))
        self.assertIn("unaccent", self.postgres.extensions(LIVE))
        self.release()
        self.assert_nothing_gained()

    def test_the_place_of_the_marker_cannot_be_taken_before_or_after(self):
        self.as_superuser("DROP SCHEMA odoo_ship CASCADE", LIVE)
        trigger = "CREATE TRIGGER evil BEFORE INSERT ON odoo_ship.marker FOR EACH ROW EXECUTE FUNCTION evil_trigger()"
        self.as_odoo("CREATE SCHEMA odoo_ship; "
                     "CREATE TABLE odoo_ship.marker (only_row boolean PRIMARY KEY, state text, digest text, modules "
                     "jsonb, changed timestamptz);" + trigger)
        self.as_odoo("CREATE TABLE odoo_ship.pair (only_row boolean PRIMARY KEY DEFAULT true, word text);"
                     + trigger.replace("marker", "pair"))
        for action in (lambda: self.postgres.mark(LIVE, "ready", "sha256:a", {}), lambda: self.postgres.marker(LIVE),
                       lambda: self.postgres.set_pair(LIVE, "word")):
            with self.assertRaises(Failure) as caught:
                action()
            self.assertEqual(caught.exception.code, "RELEASE_UNKNOWN")
        self.as_odoo("DROP SCHEMA odoo_ship CASCADE")
        self.postgres.mark(LIVE, "ready", "sha256:a", {})
        for statement in ("DELETE FROM odoo_ship.marker", trigger, "DROP SCHEMA odoo_ship CASCADE",
                          "ALTER SCHEMA odoo_ship RENAME TO x",
                          "CREATE TABLE odoo_ship.more ()"):
            self.assertNotEqual(psql("odoo", LIVE, statement).returncode, 0, statement)
        self.assert_nothing_gained([])

    def test_names_of_modules_that_are_none_are_refused(self):
        for name in ("base,evil --load=x", "x\ny", ""):
            self.as_odoo(f"TRUNCATE ir_module_module; INSERT INTO ir_module_module VALUES ($${name}$$, '1', "
                         "'installed')")
            with self.assertRaises(Failure) as caught:
                self.postgres.modules(LIVE)
            self.assertEqual(caught.exception.code, "DATABASE_UNFIT")

    def test_the_reader_changes_nothing_and_the_tasks_have_a_password_of_their_own(self):
        reading = self.postgres.run([*self.postgres.psql(LIVE), "-c", "DELETE FROM public.ir_config_parameter"], 30,
                                    role="odoo_facts")
        self.assertIn("read-only transaction", reading.text)
        made = self.postgres.run([*self.postgres.psql(LIVE), "-c", "CREATE TABLE public.made ()"], 30,
                                 role="odoo_tasks")
        self.assertTrue(made.ok, made.text)
        self.assertEqual(self.as_superuser("SELECT tableowner FROM pg_tables WHERE tablename = 'made'", LIVE), "odoo")
        passwords = ("SELECT count(DISTINCT rolpassword), count(*) FROM pg_authid "
                     "WHERE rolname IN ('odoo', 'odoo_tasks', 'odoo_facts')")
        self.assertEqual(self.as_superuser(passwords), "2|3")


class CompromisedOdooOfAManagedServerTest(DatabaseCase):
    """The same worker, whose admin is no superuser there but more than Odoo: one of each kind."""

    def test_what_it_meets_runs_as_odoo(self):
        case = CompromisedOdooTest("test_what_a_copy_runs_while_it_is_made_runs_as_odoo")
        case.ADMIN = self.ADMIN
        case.setUp()
        case.as_odoo("CREATE TRIGGER evil BEFORE INSERT OR UPDATE ON ir_config_parameter FOR EACH ROW EXECUTE FUNCTION "
                     "evil_trigger()")
        case.test_what_a_copy_runs_while_it_is_made_runs_as_odoo()

    def test_the_place_of_the_marker_is_the_admins(self):
        case = CompromisedOdooTest("test_the_place_of_the_marker_cannot_be_taken_before_or_after")
        case.ADMIN = self.ADMIN
        case.setUp()
        case.test_the_place_of_the_marker_cannot_be_taken_before_or_after()


if __name__ == "__main__":
    unittest.main()
