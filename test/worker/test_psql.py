"""A session that is kept, with a program in the place of psql: what is asked again, what is not, and what is told."""

import subprocess
import sys

from support import WorkerCase

from postgres import Postgres
from psql import LATE, LOST, Session

#: Answers each question with its text, as psql would; `die` ends it with status 3, `hang` never answers, `loud` says
#: much on standard error.
PROGRAM = """
import sys, time
for line in sys.stdin:
    line = line.strip().rstrip(";")
    if line.startswith("SELECT '"):
        print(line[8:-1], flush=True)
    elif line == "die":
        print("half")
        sys.stderr.write("ERROR: of its own\\n")
        sys.exit(3)
    elif line == "gone":
        sys.exit(2)
    elif line == "hang":
        time.sleep(600)
    elif line == "loud":
        sys.stderr.write("noise\\n" * 50_000)
    elif line and not line.startswith("DISCARD ALL"):
        print(line, flush=True)
"""


def program():
    return subprocess.Popen([sys.executable, "-u", "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, start_new_session=True)


class SessionTest(WorkerCase):
    def setUp(self):
        super().setUp()
        self.session = Session(program())

    def tearDown(self):
        if self.session.child.poll() is None:
            self.session.close()

    def test_it_answers_many_questions(self):
        for text in ("one", "two"):
            result = self.session.ask(text, 60)
            self.assertEqual((result.ok, result.output), (True, f"{text}\n"))
        self.assertTrue(self.session.ready(60))

    def test_a_statement_that_fails_is_told_with_its_status_and_its_words(self):
        result = self.session.ask("die", 60)
        self.assertEqual((result.status, result.error), (3, "ERROR: of its own\n"))
        self.assertFalse(self.session.ready(60))

    def test_much_on_standard_error_is_in_nobodys_way(self):
        self.assertTrue(self.session.ask("loud", 60).ok)

    def test_it_ends_at_its_limit(self):
        self.assertEqual(self.session.ask("hang", 0.2).status, LATE)

    def test_a_lost_connection_is_no_success(self):
        self.assertEqual(self.session.ask("gone", 60).status, LOST)


class KeptTest(WorkerCase):
    def setUp(self):
        super().setUp()
        self.postgres = Postgres.in_container("odoo-db", lambda: "x")
        self.started = []

        def start(_args, role, *_, **__):
            self.started.append(role)
            return program()
        self.postgres.start = start
        self.addCleanup(self.postgres.leave)

    def test_one_program_for_each_role_and_database(self):
        for role, database in (("postgres", "postgres"), ("odoo_facts", "odoo"), ("postgres", "postgres")):
            self.postgres._psql("x", database, 60, role)
        self.assertEqual(self.started, ["postgres", "odoo_facts"])

    def test_one_that_was_lost_meanwhile_is_made_anew_before_the_question_is_sent(self):
        self.postgres._psql("x", "postgres", 60)
        self.postgres.sessions["postgres", "postgres"].child.kill()
        self.assertTrue(self.postgres._psql("x", "postgres", 60).ok)
        self.assertEqual(len(self.started), 2)

    def test_one_that_was_lost_with_a_question_is_not_asked_again(self):
        self.assertFalse(self.postgres._psql("gone", "postgres", 60).ok)
        self.assertEqual(len(self.started), 1)

    def test_tasks_act_as_odoos_role_again_after_each_question(self):
        cleaned = [self.postgres.session("odoo", role).clean for role in ("odoo_tasks", "odoo_facts", "postgres")]
        self.assertEqual(cleaned, ['DISCARD ALL; SET ROLE "odoo"', "DISCARD ALL", "DISCARD ALL"])

    def test_nobody_stays_in_a_database_that_is_to_be_renamed(self):
        for database in ("odoo", "postgres"):
            self.postgres._psql("x", database, 60)
        self.postgres.leave("odoo")
        self.assertEqual(list(self.postgres.sessions), [("postgres", "postgres")])
