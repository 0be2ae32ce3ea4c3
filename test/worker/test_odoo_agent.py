import subprocess
import sys
from unittest import mock

from support import WorkerCase, request

from failures import Failure
from odoo_agent import LATE, Conversation, OdooAgent, demo_options, server
from plan import Plan
from shell import Result


class JudgingTest(WorkerCase):
    def judge(self, result):
        host = mock.Mock()
        host.data.postgres.unfinished_modules.return_value = []
        host.data.postgres.modules.return_value = {"sale": "1"}
        OdooAgent(host, request(), "a", print).judge(result, "odoo", Plan("maintenance", upgrade=["sale"]))

    def test_an_upgrade_that_was_killed_is_told_as_that_and_names_the_memory(self):
        with self.assertRaises(Failure) as caught:
            self.judge(Result(137, "loading module sale"))
        self.assertEqual(caught.exception.code, "DEPLOY_FAILED")
        self.assertIn("memory", caught.exception.found)
        self.assertIn("vps:size", caught.exception.remedy)

    def test_one_that_fails_is_told_by_its_log(self):
        with self.assertRaises(Failure) as caught:
            self.judge(Result(1, "ValueError: raised by a migration"))
        self.assertEqual(caught.exception.code, "MODULE_LOAD_ERROR")

    def test_a_good_one_passes(self):
        self.judge(Result(0, ""))

    def test_one_whose_log_alone_says_that_modules_are_not_loaded_fails(self):
        with self.assertRaises(Failure) as caught:
            self.judge(Result(0, "2026-11-21 12:00:00,000 7 ERROR odoo odoo.modules.loading: Some modules are not "
                                 "loaded, some dependencies may be missing: ['sale']"))
        self.assertEqual(caught.exception.code, "MODULE_LOAD_ERROR")

    def test_demo_data_are_asked_for_as_the_series_understands_it(self):
        said = [demo_options(demo, series) for series in ("18.0", "19.0") for demo in (True, False)]
        self.assertEqual(said, [[], ["--without-demo=all"], ["--with-demo"], []])


class ChangingTest(WorkerCase):
    def test_a_job_runner_that_odoo_loads_for_the_whole_server_does_not_run_in_an_upgrade(self):
        host = mock.Mock()
        host.data.postgres.unfinished_modules.return_value = []
        host.data.postgres.modules.return_value = {"sale": "1"}
        agent = OdooAgent(host, request(), "a", print)
        orders = []

        class Loaded:
            def __enter__(self):
                return self

            def __exit__(self, *_):
                pass

            def say(self, order, _limit):
                orders.append(order)
                return None, {"status": 0}
        agent.loaded, agent.log = Loaded(), self.root / "log"
        agent.log.write_text("")
        agent.series = "19.0"
        agent.change_modules("odoo-next", Plan("maintenance", upgrade=["sale"]))
        self.assertIn("--load=base,web", orders[0]["command"])
        self.assertIn("--max-cron-threads=0", orders[0]["command"])


    def test_nor_does_it_in_a_server_that_is_only_tried(self):
        self.assertEqual([server(series)[-1] for series in ("18.0", "19.0")], ["--load=base,web",
                                                                               "--load=base,rpc,web"])


class ConversationTest(WorkerCase):
    def talk(self, program, order=None):
        errors = open(self.log, "wb") if self.log else subprocess.PIPE
        child = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 stderr=errors, text=True)
        if self.log:
            errors.close()
        return Conversation(child, order or {"do": "x"}, self.log)

    def setUp(self):
        super().setUp()
        self.log = None

    def test_a_program_with_much_to_say_beside_its_answers_does_not_stand_still(self):
        with self.talk("""if True:
                import sys
                for line in sys.stdin:
                    sys.stderr.write("noise\\n" * 50_000)
                    print('{"ok": 7}', flush=True)""") as talk:
            self.assertEqual(talk.answer, 7)
            self.assertEqual(talk.say({}, 60), (None, 7))

    def test_one_that_ends_without_an_answer_is_told_by_its_words(self):
        for self.log in (None, self.root / "log"):
            with self.assertRaises(Failure) as caught:
                self.talk("import sys; sys.exit('ModuleNotFoundError: no module')")
            self.assertEqual((caught.exception.code, caught.exception.found),
                             ("IMPORT_ERROR", "ModuleNotFoundError: no module"))

    def test_later_its_end_is_a_status_and_a_program_that_takes_too_long_is_ended(self):
        for program, limit, status in (("raise SystemExit(9)", 60, 9), ("import time; time.sleep(600)", 0.2, LATE)):
            with self.talk(f"print('{{\"ok\": true}}', flush=True); input(); input(); {program}") as talk:
                self.assertEqual(talk.say({}, limit), (status, None))
