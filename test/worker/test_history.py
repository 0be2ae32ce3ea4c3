"""What a host tells of the releases that it has run, and of its points."""

import contextlib
import importlib.util
import io
import json
from types import SimpleNamespace
from unittest import mock

from support import SOURCES, WorkerCase, request

import history
import ledger
import staged
from failures import Failure
from journal import Journal

A, B, C = ("registry/odoo@sha256:" + letter * 64 for letter in "abc")


def command():
    spec = importlib.util.spec_from_file_location("command", SOURCES / "__main__.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def databases(installed, accepted, writes=100):
    return SimpleNamespace(postgres=SimpleNamespace(
        marker=lambda _: {"modules": accepted}, modules=lambda _: dict.fromkeys(installed, ""), writes=lambda _: writes))


class HistoryTest(WorkerCase):
    def serve(self, name, image, modules, writes=None, door=None):
        asked = request(id=name, image=image)
        staged.keep(asked)
        ledger.record(asked, modules, ledger.lineage_after(asked), writes, door)

    def setUp(self):
        super().setUp()
        self.serve("r1", A, {"base": "1", "sale": "1"})
        self.serve("r2", B, {"base": "1", "sale": "2"}, 40, 12.5)
        ledger.record_point({"id": "20261121t120000z", "image": A, "from": ledger.digest_of(A), "at": "2026-11-21T12:00:00Z",
                             "to": ledger.digest_of(B), "bytes": 7})

    def digests(self, told, key="releases"):
        return [one["digest"][7] for one in told[key]]

    def test_releases_are_told_newest_first_each_once_with_what_it_came_after(self):
        self.serve("r3", C, {"base": "1", "sale": "2"})
        self.serve("r4", B, {"base": "1", "sale": "2"})
        told = history.tell()
        self.assertEqual(self.digests(told), ["b", "c", "a"])
        self.assertEqual([one["before"] and one["before"][7] for one in told["releases"]], ["a", "b", None])
        self.assertEqual([digest[7] for digest in told["lineage"]], ["a", "b"])
        self.assertEqual((told["live"]["digest"], told["live"]["restored"]), (ledger.digest_of(B), None))

    def test_modules_that_may_not_run_and_those_installed_since_are_named(self):
        told = history.tell(databases(["base", "sale", "stock"], {"base": ["1"], "sale": ["2"]}))
        self.assertEqual(told["releases"][1]["changed"], ["sale"])
        self.assertEqual(told["releases"][1]["added"], ["stock"])
        self.assertEqual((told["releases"][0]["changed"], told["releases"][0]["door"]), ([], 12.5))
        self.assertEqual(told["installed"], ["base", "sale", "stock"])

    def test_after_an_additive_release_nothing_keeps_the_code_before(self):
        told = history.tell(databases(["base", "sale"], {"base": ["1"], "sale": ["2", "1"]}))
        self.assertEqual(told["releases"][1]["changed"], [])

    def test_a_point_says_whose_data_it_has_and_how_much_was_written_since(self):
        with mock.patch("journal.time.time", lambda: 1795267800.0):
            point, = history.tell(databases(["base"], {}))["points"]
        self.assertEqual((point["digest"], point["minutes"], point["rows"]), (ledger.digest_of(A), 90, 60))
        self.assertIsNone(history.tell()["points"][0]["rows"])

    def test_where_postgresql_does_not_answer_it_tells_what_is_noted_and_why(self):
        def silent(_):
            raise Failure("DATABASE_CONNECTION_ERROR", "PostgreSQL does not answer", found="refused", remedy="-")
        told = history.tell(SimpleNamespace(postgres=SimpleNamespace(marker=silent)))
        self.assertEqual(told["problem"], "PostgreSQL does not answer: refused")
        self.assertEqual((told["installed"], told["releases"][1]["changed"]), (["base", "sale"], ["sale"]))

    def test_a_host_without_a_release_says_so(self):
        ledger.LEDGER.unlink()
        self.assertIsNone(history.tell()["live"])

    def test_the_command_prints_one_line_of_it(self):
        with contextlib.redirect_stdout(io.StringIO()) as printed, mock.patch("hosts.here.host") as host:
            host.return_value = SimpleNamespace(data=databases(["base"], {}))
            command().releases(None)
        self.assertEqual(json.loads(printed.getvalue())["installed"], ["base"])
        self.assertEqual(printed.getvalue().count("\n"), 1)

    def test_how_long_users_were_kept_out_is_noted_where_they_were(self):
        journal = Journal({"steps": {"closed": [100, 101], "committed": [112.25]}})
        self.assertEqual(journal.door_seconds, 12.2)
        self.assertIsNone(Journal({"steps": {"committed": [1]}}).door_seconds)
        self.assertIsNone(Journal({}).door_seconds)
