"""Remedies name commands that exist where the worker runs."""

import re
import subprocess
import sys
from pathlib import Path
from unittest import mock

from support import WorkerCase, request

import ledger
import plan
import postgres
import service
import words
from failures import Failure
from hosts.base import disk_low

SOURCES = Path(words.__file__).parent
NEWER = {"series": "19.0", "modules": {"base": {"version": "19.0.1.3", "hash": "base1"},
                                       "sale": {"version": "19.0.1.0", "hash": "sale2"}}}
# What runs on a VPS alone, or says itself where it belongs.
VPS_ALONE = {"__main__.py", "by_hand.py", "certificate.py", "compose.py", "compose_images.py", "compose_services.py",
             "doctor.py", "dump.py", "intake.py", "project.py", "restore.py", "words.py"}


class WordsTest(WorkerCase):
    def remedies(self):
        installed, marker = {"base": "19.0.1.3", "sale": "19.0.1.5"}, {"modules": {"base": ["base1"],
                                                                                   "sale": ["sale1"]}}
        first = request()
        for wanted in (first, request(id="r3", image="registry/odoo@sha256:" + "c" * 64)):
            ledger.record(wanted, {}, ledger.lineage_after(wanted))
        refusals = [lambda: plan.plan_release(first, NEWER, installed, marker),
                    lambda: plan.plan_release(first, NEWER, {**installed, "sale": "19.0.1.0"}, marker)]
        found = [disk_low("/data", 1, 2), service.incomplete(Failure("X", "x"))]
        for refusal in refusals:
            with self.assertRaises(Failure) as caught:
                refusal()
            found.append(caught.exception)
        self.assertEqual([failure.code for failure in found],
                         ["DISK_SPACE_LOW", "RELEASE_INCOMPLETE", "MODULE_DOWNGRADE", "RELEASE_MISMATCH"])
        return [failure.remedy for failure in found]

    def test_on_a_vps_they_are_those_of_the_host(self):
        for remedy in self.remedies():
            self.assertIn("odoo-ship ", remedy)
            self.assertNotIn("kubectl", remedy)

    def test_in_a_cluster_there_is_neither_odoo_ship_nor_docker(self):
        with mock.patch.object(words, "HERE", words.CLUSTER):
            for remedy in [*self.remedies(), *words.CLUSTER.values()]:
                self.assertNotRegex(remedy, r"odoo-ship |docker |on the host")
                self.assertRegex(remedy, r"docs/doks\.md|pulumi up|^`kubectl -n odoo .*`$")

    def test_which_they_are_is_told_by_the_environment_and_so_is_the_namespace(self):
        code = (f"import sys; sys.path.insert(0, {str(SOURCES)!r}); import words; "
                "print(words.HERE is words.CLUSTER, words.kubectl('get pods'))")
        for env, said in (({"ODOO_SHIP_HOST": "kubernetes", "ODOO_SHIP_NAMESPACE": "books"},
                           "True kubectl -n books get pods"), ({}, "False kubectl -n odoo get pods")):
            done = subprocess.run([sys.executable, "-B", "-c", code], env=env, capture_output=True, text=True)
            self.assertEqual(done.stdout.strip(), said, done.stderr)

    def test_what_both_hosts_run_names_no_command_of_one_of_them(self):
        for path in SOURCES.rglob("*.py"):
            text = path.read_text()
            if path.name not in VPS_ALONE:
                self.assertNotRegex(text, r"`odoo-ship |`docker ", path.name)
            if path.name != "words.py":
                self.assertNotRegex(text, r'["`\']kubectl ', path.name)

    def test_guides_that_they_name_have_the_section(self):
        guide = (SOURCES.parents[1] / "docs" / "doks.md").read_text()
        named = re.findall(r'docs/doks\.md, "([^"]+)"', " ".join(words.CLUSTER.values()))
        self.assertTrue(named)
        for title in named:
            self.assertIn(f"\n## {title}\n", guide)

    def test_the_guide_says_where_each_command_looks(self):
        guide = (SOURCES.parents[1] / "docs" / "doks.md").read_text()
        cluster_wide = r"(get pv|patch pv|get nodes|describe node|delete node)\b"
        for command in re.findall(r"(?m)(?:^|`)kubectl ([a-z-][^`\n]*)", guide):
            self.assertRegex(command, rf"^(-n odoo |{cluster_wide})")

    def test_a_changed_collation_is_mended_by_what_an_operator_can_type(self):
        for server, typed in ((postgres.Postgres.in_container("odoo-db", str),
                               "docker exec -i odoo-db psql -U postgres -d odoo"),
                              (postgres.Postgres.at({"PGUSER": "postgres", "PGHOST": "odoo-db"}, "",
                                                    words.kubectl("exec odoo-db-0 --"), str),
                               "kubectl -n odoo exec odoo-db-0 -- psql -U postgres -d odoo")):
            server.value, server.sql = mock.Mock(return_value="170000"), mock.Mock(return_value=[["2.36", "2.41"]])
            with self.assertRaises(Failure) as caught:
                server.refuse_changed_collation("odoo")
            self.assertTrue(caught.exception.remedy.startswith(typed), caught.exception.remedy)
