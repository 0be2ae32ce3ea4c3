"""Which of the wanted extensions are made, and by whom."""

import unittest
from unittest import mock

from support import WorkerCase, request

import extensions
import next_data
from failures import Failure
from plan import Plan
from release import Release

OFFERED = {"unaccent": True, "pg_trgm": True, "postgis": False}


def postgres(there=()):
    return mock.Mock(admin="postgres", by_hand="docker exec -i odoo-db",
                     **{"extensions.return_value": list(there), "offered_extensions.return_value": OFFERED})


def asking(*names):
    return {**request(), "extensions": list(names)}


class LackingTest(unittest.TestCase):
    def test_a_request_without_any_asks_nothing(self):
        server = postgres()
        self.assertEqual(extensions.lacking(server, "odoo", request()), [])
        self.assertEqual(extensions.of_new_database(request()), [])
        server.assert_not_called()

    def test_a_new_database_gets_all_of_them_from_the_admin(self):
        self.assertEqual(extensions.lacking(postgres(), None, asking("postgis", "unaccent")), [])
        self.assertEqual(extensions.of_new_database(asking("postgis", "unaccent")),
                         [["postgis", "public", None], ["unaccent", "public", None]])

    def test_one_that_the_server_does_not_bring_is_told_before_anything_is_made(self):
        for database in (None, "odoo"):
            with self.assertRaises(Failure) as caught:
                extensions.lacking(postgres(), database, asking("unaccent", "vector"))
            self.assertEqual((caught.exception.code, caught.exception.found), ("POSTGRES_MISMATCH", "no vector"))

    def test_in_a_database_of_odoos_the_trusted_ones_are_left_to_odoos_role(self):
        server = postgres(["plpgsql", "pg_trgm"])
        self.assertEqual(extensions.lacking(server, "odoo", asking("pg_trgm", "unaccent")), ["unaccent"])

    def test_in_a_database_of_odoos_the_admin_makes_none(self):
        with self.assertRaises(Failure) as caught:
            extensions.lacking(postgres(), "odoo", asking("postgis"))
        self.assertEqual(caught.exception.code, "DATABASE_UNFIT")
        self.assertIn('psql -U postgres -d odoo -c "CREATE EXTENSION postgis SCHEMA public"', caught.exception.remedy)
        self.assertEqual(extensions.lacking(postgres(["postgis"]), "odoo", asking("postgis")), [])


class ReleaseTest(WorkerCase):
    def release(self, mode):
        release = Release(mock.MagicMock(), asking("unaccent"), mock.MagicMock(), mock.Mock())
        release.plan, release.odoo, release.mark_ready = Plan(mode), mock.Mock(), mock.Mock()
        release.plan.extensions = ["unaccent"]
        return release

    def test_one_that_is_lacking_is_a_change_of_the_data(self):
        self.assertTrue(self.release("rolling").changes_data())

    def test_it_is_made_in_what_becomes_the_live_database(self):
        for mode, database in (("rolling", "odoo"), ("maintenance", "odoo-next")):
            release = self.release(mode)
            release.upgrade()
            release.postgres.make_extensions.assert_called_once_with(database, ["unaccent"])

    def test_it_is_made_in_the_rehearsal_before_anything_runs_there(self):
        release = self.release("maintenance")
        calls = mock.Mock()
        calls.attach_mock(release.postgres.make_extensions, "make")
        calls.attach_mock(release.odoo.neutralise, "neutralise")
        with mock.patch("release.rehearsal.copy", return_value="odoo-rehearsal"), \
                mock.patch("release.rehearsal.forget"):
            release.rehearse()
        self.assertEqual(calls.mock_calls[:2], [mock.call.make("odoo-rehearsal", ["unaccent"]),
                                                mock.call.neutralise("odoo-rehearsal")])

    def test_a_first_install_begins_with_them(self):
        data = mock.Mock()
        data.postgres.exists.return_value = False
        next_data.clone(data, "odoo", None, extensions.of_new_database(asking("unaccent")))
        data.postgres.create.assert_called_once_with("odoo-next", [["unaccent", "public", None]])
