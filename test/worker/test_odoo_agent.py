import contextlib
import json
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

    def test_a_line_of_a_million_words_is_read_once(self):
        """What it tells may come from the database: read anew from each of them, it would take days."""
        line = "1 " + " ERROR " * 1_000_000
        self.judge(Result(0, f"{line}\nmodules are not loaded\n INFO invalid module names"))
        with self.assertRaises(Failure):
            self.judge(Result(0, f"{line} modules are not loaded"))

    def test_demo_data_are_asked_for_as_the_series_understands_it(self):
        said = [demo_options(demo, series) for series in ("18.0", "19.0") for demo in (True, False)]
        self.assertEqual(said, [[], ["--without-demo=all"], ["--with-demo"], []])


class ChangingTest(WorkerCase):
    def setUp(self):
        super().setUp()
        self.host, self.orders = mock.Mock(), []
        self.host.data.postgres.unfinished_modules.return_value = []
        self.host.data.postgres.modules.return_value = {"sale": "1"}

    def change(self, ends):
        """`ends`: (exit status, answer) of the program that upgrades."""
        agent = OdooAgent(self.host, request(), "a", print)
        agent.loaded, agent.log = mock.MagicMock(), self.root / "log"
        agent.loaded.__enter__.return_value.say = lambda order, _limit: self.orders.append(order) or ends
        agent.container, agent.series = "odoo-ship-upgrade", "19.0"
        agent.log.write_text("loading module sale")
        agent.change_modules("odoo-next", Plan("maintenance", upgrade=["sale"]))

    def test_a_job_runner_that_odoo_loads_for_the_whole_server_does_not_run_in_an_upgrade(self):
        self.change((None, {"status": 0}))
        self.assertIn("--load=base,web", self.orders[0]["command"])
        self.assertIn("--max-cron-threads=0", self.orders[0]["command"])

    def test_it_may_take_all_the_memory_that_its_container_has(self):
        self.change((None, {"status": 0}))
        self.assertIn("--limit-memory-hard=0", self.orders[0]["command"])

    def test_one_that_was_ended_for_want_of_memory_is_told_as_that_before_its_container_goes(self):
        self.host.memory_ran_out.return_value = 2**30
        with self.assertRaises(Failure) as caught:
            self.change((137, None))
        self.assertEqual(caught.exception.code, "OUT_OF_MEMORY")
        self.assertIn("1,024 MiB", caught.exception.found)
        self.assertIn("vps:size", caught.exception.remedy)
        names = [call[0] for call in self.host.method_calls]
        self.assertLess(names.index("memory_ran_out"), names.index("remove_task"))

    def test_one_that_somebody_has_killed_is_not_said_to_have_wanted_memory(self):
        self.host.memory_ran_out.return_value = None
        with self.assertRaises(Failure) as caught:
            self.change((137, None))
        self.assertEqual(caught.exception.code, "DEPLOY_FAILED")
        self.assertIn("dmesg", caught.exception.remedy)

    def test_nor_does_it_in_a_server_that_is_only_tried(self):
        self.assertEqual([server(series)[-1] for series in ("18.0", "19.0")], ["--load=base,web",
                                                                               "--load=base,rpc,web"])


    def test_a_module_that_starts_something_as_it_is_loaded_is_told_once_and_remembered(self):
        plan, agent = Plan("maintenance"), OdooAgent(self.host, request(), "a", print)
        for _ in range(2):
            agent.note_restless(["poller"], plan)
        self.assertEqual((agent.restless, len(plan.warnings)), ({"poller"}, 1))
        self.assertIn("poller", plan.warnings[0])


class RehearsalTest(WorkerCase):
    def setUp(self):
        super().setUp()
        self.host = mock.Mock()
        self.host.data.postgres.unfinished_modules.return_value = []
        self.host.data.postgres.modules.return_value = {"sale": "1"}
        self.host.data.postgres.size.return_value = 10**6
        self.host.script.return_value = Result(0, '{"passed": []}')
        self.host.tries_next = False
        self.agent = OdooAgent(self.host, request(), "a", print)
        self.agent.series, self.agent.log = "19.0", self.root / "log"
        self.agent.log.write_text("ValueError: no such column")

    def talk(self, *answers):
        talk = mock.MagicMock(**{"say.side_effect": answers, "words.return_value": "ValueError: no such column"})
        talk.__enter__.return_value = talk
        self.agent.loaded = talk
        return talk

    def asked(self):
        return json.loads(self.host.script.call_args.args[2])

    def test_a_copy_is_used_as_a_person_who_was_made_with_the_upgrade_and_live_as_one_who_was_there(self):
        plan = Plan("maintenance", upgrade=["sale"])
        talk = self.talk((None, {"status": 0, "models": ["sale"], "websocket": True}))
        self.agent.rehearse("copy", plan)
        user = {name: self.asked()[name] for name in ("login", "password")}
        self.assertEqual(user, talk.say.call_args.args[0]["user"])
        self.assertTrue(self.asked()["websocket"])
        self.talk((None, {"status": 0, "session": {"id": "s"}, "models": [], "websocket": True}))
        self.agent.change_modules("next", plan)
        self.agent.try_out("live", plan, "odoo-ce")
        self.assertEqual((self.asked()["session"], self.asked().get("login")), ({"id": "s"}, None))
        # What the rehearsal has seen keeps nobody waiting behind the door.
        self.assertFalse(self.asked()["websocket"])

    def test_what_was_not_rehearsed_is_tried_whole_on_live(self):
        plan = Plan("maintenance", upgrade=["sale"])
        for self.host.tries_next in (False, True):
            talk = self.talk((None, {"status": 0, "session": {"id": "s"}, "models": [], "websocket": True}))
            self.agent.change_modules("next", plan)
            self.agent.try_out("live", plan, "odoo-ce")
            self.assertFalse(talk.say.call_args.args[0]["serve"])
            self.assertEqual((self.asked()["database"], self.asked()["websocket"]), ("live", True))

    def test_without_a_server_of_its_own_the_program_that_upgrades_is_tried_once(self):
        plan = Plan("maintenance", upgrade=["sale"])
        self.host.tries_next, self.agent.container = True, "task"
        self.talk((None, {"status": 0, "models": [], "websocket": True}))
        self.agent.rehearse("copy", plan)
        for answer, code in (('{"passed": []}', None), ('{"failed": "login", "found": "x", "passed": []}',
                                                        "HEALTH_CHECK_FAIL")):
            self.agent.used = False
            self.host.script.reset_mock()
            self.host.script.return_value = Result(0, answer)
            talk = self.talk((None, {"status": 0, "session": {"id": "s"}, "models": [], "websocket": True}))
            with self.assertRaises(Failure) if code else contextlib.nullcontext() as caught:
                self.agent.change_modules("next", plan)
            order = talk.say.call_args.args[0]
            self.assertEqual((order["serve"], order["live"]), (True, "next"))
            self.assertEqual(caught and caught.exception.code, code)
            self.assertEqual((self.asked()["database"], self.asked()["websocket"]), ("next", False))
            if not code:
                self.agent.try_out("live", plan)
                self.host.script.assert_called_once()

    def test_a_copy_that_cannot_be_neutralised_is_not_used(self):
        self.talk((1, None))
        with self.assertRaises(Failure) as caught:
            self.agent.neutralise("copy")
        self.assertEqual((caught.exception.code, caught.exception.found),
                         ("DEPLOY_FAILED", "ValueError: no such column"))


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
