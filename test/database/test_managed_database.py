"""The worker's own operations, as the admin of a managed PostgreSQL: no superuser, and a member of nothing but what it
has made.
"""

import time
import unittest
from types import SimpleNamespace
from unittest import mock

from support import FAILED, LIVE, NEXT, POINT, DatabaseCase, Session, psql

import extensions
import next_data
from failures import Failure
from hosts import compose_tasks
from hosts.compose_tasks import CronHold


class HoldTest(DatabaseCase):
    """What a server may begin before its release is committed, on a real PostgreSQL."""

    #: As a job runner of a team takes its next task.
    TAKE = ("UPDATE background_task SET state = 'started' WHERE id = (SELECT id FROM background_task WHERE state = "
            "'pending' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)")

    def test_a_runner_of_any_name_takes_nothing_until_it_is_let_go_and_waits_for_nobody(self):
        self.with_a_task()
        hold = CronHold(self.postgres, LIVE, {"background_runner", "absent"})
        self.addCleanup(hold.let_go)
        # As one in Odoo's first process does, which Odoo waits for as it starts.
        self.as_odoo(f"SET lock_timeout = '60s'; {self.TAKE};")
        self.as_odoo("SET lock_timeout = '60s'; INSERT INTO res_users VALUES (1);")
        refused = psql("odoo", LIVE, "SET lock_timeout = '300ms'; UPDATE background_task SET state = 'started';")
        self.assertIn("lock timeout", refused.stderr)
        self.assertEqual(self.as_odoo("SELECT state FROM background_task"), "pending")
        hold.let_go()
        self.as_odoo(self.TAKE)
        self.assertEqual(self.as_odoo("SELECT state FROM background_task"), "started")

    def test_of_a_large_table_nobody_takes_anything_either(self):
        self.with_a_task()
        with mock.patch.object(compose_tasks, "SMALL", 0):
            hold = CronHold(self.postgres, LIVE, {"background_runner"})
        self.addCleanup(hold.let_go)
        refused = psql("odoo", LIVE, f"SET lock_timeout = '300ms'; {self.TAKE};")
        self.assertIn("lock timeout", refused.stderr)
        self.assertEqual(self.as_odoo("SELECT state FROM background_task"), "pending")

    def with_a_task(self):
        self.installed()
        self.postgres.prepare_task_roles()
        self.as_odoo("""CREATE TABLE ir_cron (id int);
                        CREATE TABLE ir_model (id int, model varchar);
                        CREATE TABLE ir_model_data (id int, module varchar, model varchar, res_id int);
                        CREATE TABLE res_users (id int);
                        CREATE TABLE background_task (id int, state varchar);
                        INSERT INTO background_task VALUES (1, 'pending');
                        INSERT INTO ir_model VALUES (1, 'res.users'), (2, 'background.task');
                        INSERT INTO ir_model_data VALUES (1, 'base', 'ir.model', 1),
                            (2, 'background_runner', 'ir.model', 1), (3, 'background_runner', 'ir.model', 2);""")


class ManagedDatabaseTest(DatabaseCase):
    def test_the_admin_here_is_no_superuser(self):
        self.assertEqual(self.postgres.value("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"), "f")

    def test_the_role_of_odoo_is_made_and_made_again_with_another_password(self):
        self.postgres.prepare_role("first")
        verifier = "SELECT rolpassword FROM pg_authid WHERE rolname = 'odoo'"
        before = self.as_superuser(verifier)
        self.postgres.prepare_role("second")
        self.assertNotEqual(self.as_superuser(verifier), before)
        self.assertEqual(self.postgres.sql("SELECT rolcanlogin, rolsuper, rolcreatedb, rolcreaterole FROM pg_roles "
                                           "WHERE rolname = 'odoo'"), [["t", "f", "f", "f"]])

    def test_odoo_owns_its_database_and_can_make_no_other(self):
        self.installed()
        self.as_odoo("CREATE TABLE more ()")
        self.assertIn("permission denied to create database", psql("odoo", LIVE, "CREATE DATABASE other").stderr)

    def test_odoo_reads_the_marker_and_cannot_change_or_remove_it(self):
        self.installed()
        self.assertEqual(self.as_odoo("SELECT state FROM odoo_ship.marker"), "ready")
        for statement in ("DELETE FROM odoo_ship.marker", "DROP TABLE odoo_ship.marker",
                          "DROP SCHEMA odoo_ship CASCADE"):
            self.assertNotEqual(psql("odoo", LIVE, statement).returncode, 0, statement)
        self.postgres.mark(LIVE, "upgrading", "sha256:b", {})
        self.assertEqual(self.postgres.marker(LIVE)["state"], "upgrading")

    def test_a_new_database_has_the_extensions_that_are_wanted_before_it_is_odoos(self):
        self.postgres.prepare_role("first")
        self.postgres.create(LIVE, extensions.of_new_database({"extensions": ["uuid-ossp", "unaccent"]}))
        self.assertLessEqual({"uuid-ossp", "unaccent"}, set(self.postgres.extensions(LIVE)))
        self.assertEqual(self.as_odoo("SELECT unaccent('\u00e9'), uuid_nil()"),
                         "e|00000000-0000-0000-0000-000000000000")

    def test_a_database_of_odoos_gets_the_trusted_ones_by_odoos_role_and_no_others(self):
        self.installed()
        request = {"extensions": ["pg_trgm", "unaccent"]}
        lacking = extensions.lacking(self.postgres, LIVE, request)
        self.assertEqual(lacking, ["unaccent"])
        self.postgres.make_extensions(LIVE, lacking)
        self.assertEqual(extensions.lacking(self.postgres, LIVE, request), [])
        self.assertEqual(self.as_odoo("SELECT r.rolname FROM pg_extension e JOIN pg_roles r ON r.oid = e.extowner "
                                      "WHERE extname = 'unaccent'"), "odoo")
        with self.assertRaises(Failure) as caught:
            extensions.lacking(self.postgres, LIVE, {"extensions": ["dblink"]})
        self.assertEqual(caught.exception.code, "DATABASE_UNFIT")
        with self.assertRaises(Failure) as caught:
            self.postgres.make_extensions(LIVE, ["dblink"])
        self.assertIn("permission denied to create extension", caught.exception.found)
        with self.assertRaises(Failure) as caught:
            extensions.lacking(self.postgres, LIVE, {"extensions": ["no_such"]})
        self.assertEqual(caught.exception.code, "POSTGRES_MISMATCH")

    def test_a_parameter_of_odoo_is_set(self):
        self.installed()
        self.postgres.set_parameter(LIVE, "web.base.url", "after", replace=True)
        self.assertEqual(self.as_odoo("SELECT value FROM ir_config_parameter"), "after")

    def test_modules_that_were_imported_in_odoo_need_no_files_and_count_as_listed(self):
        self.installed()
        before = self.postgres.modules(LIVE)
        listed = self.postgres.listed_modules(LIVE)
        self.as_odoo("""ALTER TABLE ir_module_module ADD COLUMN imported boolean;
            INSERT INTO ir_module_module (name, state, latest_version, imported)
                VALUES ('office_data', 'installed', '19.0.1.0', true), ('stock', 'installed', '19.0.1.0', false),
                       ('hr', 'uninstalled', null, null)""")
        self.assertEqual(self.postgres.modules(LIVE), {**before, "stock": "19.0.1.0"})
        self.assertEqual(self.postgres.listed_modules(LIVE), sorted([*listed, "stock", "hr", "office_data"]))

    def test_a_point_is_taken_while_somebody_is_connected_and_lets_odoo_in_nowhere(self):
        self.installed()
        session = Session("odoo", LIVE)
        self.postgres.clone(LIVE, POINT, self.postgres.admin)
        self.postgres.limit(POINT, 0)
        self.assertIn("terminating connection", session.end())
        self.assertIn("too many connections", psql("odoo", POINT, "SELECT 1").stderr)
        self.as_odoo("SELECT 1")

    def test_a_point_is_taken_while_autovacuum_works(self):
        self.installed()
        # An autovacuum that takes long, as after the upgrade of a large module.
        self.as_odoo("""CREATE TABLE large WITH (autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1,
                            autovacuum_vacuum_threshold = 1, autovacuum_vacuum_insert_threshold = 1,
                            autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_insert_scale_factor = 0)
                        AS SELECT n, repeat('x', 500) FROM generate_series(1, 20000) n;""")
        self.until_autovacuum_works()
        self.postgres.clone(LIVE, POINT, self.postgres.admin)
        self.postgres.rename(LIVE, FAILED)
        self.postgres.drop(FAILED)
        self.assertTrue(self.postgres.exists(POINT))

    def until_autovacuum_works(self):
        """Its launcher was once seen to sleep for minutes: a changed table and a reload of the settings wake it."""
        working = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{LIVE}' AND usesysid IS NULL"
        for _ in range(30):
            self.as_odoo("UPDATE large SET n = -n")
            self.as_superuser("SELECT pg_reload_conf()")
            end = time.monotonic() + 20
            while time.monotonic() < end:
                if self.postgres.value(working) != "0":
                    return
                time.sleep(0.1)
        self.fail("no autovacuum came: " + self.as_superuser(
            "SELECT now(), backend_type, datname, state, wait_event, backend_start FROM pg_stat_activity"))

    def test_a_release_is_taken_back_to_its_point(self):
        self.installed()
        self.postgres.clone(LIVE, POINT, self.postgres.admin)
        self.postgres.limit(POINT, 0)
        self.as_odoo("DELETE FROM ir_config_parameter")
        session = Session("odoo", LIVE)
        self.postgres.rename(LIVE, FAILED)
        self.postgres.limit(FAILED, 0)
        self.postgres.own(POINT, self.postgres.ROLE)
        self.postgres.limit(POINT, -1)
        self.postgres.rename(POINT, LIVE)
        self.postgres.copy_settings(FAILED, LIVE)
        session.end()
        self.assertEqual(self.as_odoo("INSERT INTO ir_config_parameter (key) VALUES ('x'); SELECT count(*) FROM "
                                      "ir_config_parameter; SHOW timezone;").split()[-2:],
                         ["2", "Europe/Vienna"])
        self.assertIn("too many connections", psql("odoo", FAILED, "SELECT 1").stderr)

    def test_the_data_of_a_point_become_live_and_belong_to_odoo(self):
        self.installed()
        self.postgres.clone(LIVE, POINT, self.postgres.admin)
        self.postgres.limit(POINT, 0)
        self.postgres.clone(POINT, "odoo-incoming", self.postgres.ROLE)
        self.postgres.limit("odoo-incoming", -1)
        self.postgres.rename(LIVE, FAILED)
        self.postgres.rename("odoo-incoming", LIVE)
        self.as_odoo("CREATE TABLE more ()")

    def test_a_copy_for_the_rehearsal_is_made_beside_its_users(self):
        self.installed()
        session = Session("odoo", LIVE, "SELECT pg_sleep(1), 'stayed'")
        result = self.postgres.copy(LIVE, "odoo-rehearsal")
        self.assertTrue(result.ok, result.text)
        self.assertIn("stayed", session.end())
        self.as_odoo("INSERT INTO ir_config_parameter (key) VALUES ('x'); DROP VIEW keys; DROP FUNCTION one;",
                     "odoo-rehearsal")
        self.assertEqual(self.postgres.marker("odoo-rehearsal"), self.postgres.marker(LIVE))

    def test_a_database_is_dropped_with_whoever_is_connected(self):
        self.installed()
        session = Session("odoo", LIVE)
        self.postgres.drop(LIVE)
        session.end()
        self.assertFalse(self.postgres.exists(LIVE))

    def test_what_a_killed_worker_has_ordered_is_ended_and_nothing_else(self):
        self.installed()
        odoo = Session("odoo", LIVE, "SELECT pg_sleep(1), 'stayed'")
        left = self.postgres.start(self.postgres.psql("postgres"), text=True)
        left.stdin.write("SELECT 'here';\n")
        left.stdin.flush()
        self.assertEqual(left.stdout.readline(), "here\n")
        self.postgres.end_what_was_left()
        left.stdin.write("SELECT 'still';\n")
        self.assertIn("terminating connection", left.communicate(timeout=300)[0])
        self.assertIn("stayed", odoo.end())

    def test_a_clone_becomes_live_and_the_one_before_it_the_point_and_back(self):
        """With sessions of Odoo, of the reader and of the tasks, and a limit of its own."""
        self.installed()
        self.postgres.limit(LIVE, 30)
        folders = mock.MagicMock()
        folders.exists.return_value = False
        data = SimpleNamespace(postgres=self.postgres, filestore=lambda: folders, require_room=lambda *_: None)
        self.postgres.modules(LIVE)
        self.postgres.set_parameter(LIVE, "report.url", "x", replace=True)
        session = Session("odoo", LIVE)
        self.postgres.lock_out()
        self.assertIn("terminating connection", session.end())
        self.assertIn("not permitted to log in", psql("odoo", LIVE, "SELECT 1").stderr)
        next_data.clone(data, LIVE)
        self.postgres.set_pair(NEXT, "a")
        self.postgres.set_parameter(NEXT, "web.base.url", "after", replace=True)
        self.assertTrue(next_data.swap(data, LIVE, "a"))
        limits = ("SELECT datname, datconnlimit, pg_get_userbyid(datdba) FROM pg_database WHERE datname ~ '^odoo' "
                  "ORDER BY 1")
        self.assertEqual(self.postgres.sql(limits), [[LIVE, "30", "odoo"], [POINT, "0", self.ADMIN]])
        self.postgres.let_in()
        url = "SELECT value FROM ir_config_parameter WHERE key = 'web.base.url'; SHOW timezone"
        self.assertEqual(self.as_odoo(url).split(), ["after", "Europe/Vienna"])
        self.assertEqual((self.postgres.pair(LIVE), self.postgres.marker(LIVE)["digest"]), ("a", "sha256:a"))
        for _ in range(2):
            next_data.swap_back(data, LIVE, "a", False)
            self.assertEqual(self.postgres.sql(limits), [[LIVE, "30", "odoo"], [NEXT, "30", "odoo"]])
            self.assertEqual(self.as_odoo(url).split(), ["before", "Europe/Vienna"])
        self.assertIsNone(self.postgres.pair(LIVE))

    def test_whoever_could_not_be_sent_out_is_named_before_anything_is_closed(self):
        self.installed()
        self.postgres.refuse_what_stays(LIVE)
        with self.assertRaises(Failure) as caught:
            session = Session("postgres", LIVE)
            try:
                self.postgres.refuse_what_stays(LIVE)
            finally:
                self.as_superuser(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{LIVE}'")
                session.end()
        self.assertIn("a session of postgres", caught.exception.found)
        self.as_odoo("BEGIN; INSERT INTO ir_config_parameter (key) VALUES ('y'); PREPARE TRANSACTION 'of the BI tool'")
        try:
            with self.assertRaises(Failure) as caught:
                self.postgres.refuse_what_stays(LIVE)
            self.assertIn("the prepared transaction of the BI tool of odoo", caught.exception.found)
        finally:
            self.as_odoo("ROLLBACK PREPARED 'of the BI tool'")
        self.postgres.refuse_what_stays(LIVE)

    def test_a_role_that_somebody_else_has_made_is_refused_and_told(self):
        # From PostgreSQL 16 on CREATEROLE reaches only those that its holder has made: a user of DigitalOcean's API is
        # none of them.
        self.as_superuser("CREATE ROLE odoo LOGIN")
        with self.assertRaises(Failure) as caught:
            self.postgres.prepare_role("first")
        self.assertIn("preparing the database role of Odoo", caught.exception.summary)


if __name__ == "__main__":
    unittest.main()
