"""What a release asks of Docker and PostgreSQL on a host, and when. What they do of it is not shown here."""

import shutil
import subprocess
import sys
from unittest import mock

from support import SOURCES, WorkerCase, request

import egress
from failures import Failure
from files import Lock
from hosts import compose, compose_services
from hosts.compose import ComposeHost
from hosts.compose_tasks import CronHold
from shell import Result

OPEN = {"odoo": [{"cidr": "0.0.0.0/0", "except": []}], "authority": None}


class ReleaseTest(WorkerCase):
    def setUp(self):
        super().setUp()
        self.done = []
        self.fails = False

        def place(network):
            self.done.append("rules")
            if self.fails:
                raise Failure("HOST_UNFIT", "no")
        fakes = ((egress, "place", place), (compose_services, "must", self.must),
                 (compose_services, "run", lambda *_, **__: Result(0, "")))
        for owner, name, value in fakes:
            before = getattr(owner, name)
            setattr(owner, name, value)
            self.addCleanup(setattr, owner, name, before)
        self.host = ComposeHost()
        self.services = self.host.services
        self.services.compose = lambda request, *args, **_: self.done.append(" ".join(args))
        self.services.changes = lambda *_: True
        self.host.data.postgres.wait = lambda _: None

    def must(self, args, *_, **__):
        self.done.append(" ".join(args[1:]))
        return ""

    def test_odoo_starts_with_the_rules_of_its_networks(self):
        self.services.start_odoo(request(network=OPEN))
        self.assertLess(self.done.index("up --no-start odoo"), self.done.index("rules"))
        self.assertLess(self.done.index("rules"), self.done.index("start odoo-ce"))

    def test_no_task_of_a_first_release_runs_without_them(self):
        self.services.start_database(request(network=OPEN), 1)
        self.services.start_proxy(request(network=OPEN))
        self.assertEqual(self.done, ["up -d --no-deps db", "rules", "up -d --no-deps proxy", "rules"])

    def test_a_release_without_them_ends_and_the_one_before_it_serves_nevertheless(self):
        self.fails = True
        with self.assertRaises(Failure):
            self.services.start_odoo(request(network=OPEN))
        self.host.begin_rollback(None, request(), False, False)
        self.services.start_odoo(request())
        self.assertIn("start odoo-ce", self.done)


class RollbackTest(WorkerCase):
    def test_a_server_of_the_previous_release_that_may_just_be_starting_is_not_stopped_by_another_try(self):
        for runs, stops in ((True, 0), (False, 1)):
            host = ComposeHost()
            host.services = mock.Mock()
            host.services.odoo_is_of.return_value = runs
            with mock.patch.object(compose, "project"):
                host.begin_rollback(request(id="r1"), request(), True, True)
            self.assertEqual(host.services.stop_odoo.call_count, stops)


class CollationTest(WorkerCase):
    def refusal(self, made, image, answers=True, changes=True):
        host = ComposeHost()
        host.services = mock.Mock()
        host.services.changes.return_value = changes
        host.data.postgres = mock.Mock()
        host.data.postgres.answers.return_value = answers
        host.data.postgres.collation_version.return_value = made
        with mock.patch.object(compose.images, "collation_version", return_value=image) as asked:
            try:
                host.refuse_other_collation(request())
            except Failure as failure:
                return failure.code
            return None if asked.called else "nobody was asked"

    def test_an_image_with_another_text_order_is_refused_before_it_runs(self):
        self.assertEqual(self.refusal("2.36", "2.41"), "POSTGRES_MISMATCH")
        self.assertIsNone(self.refusal("2.36", "2.36"))

    def test_what_keeps_no_version_is_no_reason(self):
        self.assertIsNone(self.refusal(None, "2.41"))
        self.assertIsNone(self.refusal("2.36", None))

    def test_nobody_is_asked_where_postgresql_stays_or_is_not_there_yet(self):
        self.assertEqual(self.refusal("2.36", "2.41", changes=False), "nobody was asked")
        self.assertEqual(self.refusal("2.36", "2.41", answers=False), "nobody was asked")

    def test_the_version_is_read_as_glibc_says_it(self):
        texts = {"ldd (Debian GLIBC 2.36-9+deb12u10) 2.36\nCopyright": "2.36", "ldd (GNU libc) 2.41": "2.41",
                 "musl libc (x86_64)\nVersion 1.2.5": None, "": None}
        for text, version in texts.items():
            with mock.patch.object(compose.images, "run", return_value=Result(0, text)):
                self.assertEqual(compose.images.collation_version("postgres"), version)


class DumpTest(WorkerCase):
    def test_a_release_waits_for_the_end_of_a_dump_and_none_begins_until_it_is_over(self):
        dump, host, said = Lock(self.root / "dump.lock"), ComposeHost(), []
        host.dumps = Lock(self.root / "dump.lock")
        self.assertTrue(dump.take())
        with mock.patch("time.sleep", lambda _: dump.release()):
            host.keep_dumps_away(said.append)
        self.assertEqual(said, ["waiting for the dump that is under way"])
        self.assertFalse(dump.take())
        host.let_go()
        self.assertTrue(dump.take())

    def test_but_not_for_ever(self):
        dump, host = Lock(self.root / "dump.lock"), ComposeHost()
        host.dumps = Lock(self.root / "dump.lock")
        dump.take()
        with (mock.patch.object(compose, "DUMP_SECONDS", 0), mock.patch("time.sleep", lambda _: None),
              self.assertRaises(Failure) as caught):
            host.keep_dumps_away(lambda _: None)
        self.assertEqual(caught.exception.code, "RELEASE_IN_PROGRESS")


class CronHoldTest(WorkerCase):
    def test_a_release_is_not_committed_once_its_hold_on_scheduled_jobs_is_gone(self):
        session, host = mock.Mock(), ComposeHost()
        session.ask.return_value = Result(0, "")
        host.cron = CronHold(mock.Mock(session=lambda *_: session), "odoo")
        host.still_alone()
        session.ask.return_value = Result(2, "", "terminating connection due to administrator command")
        with self.assertRaises(Failure) as caught:
            host.still_alone()
        self.assertEqual(caught.exception.code, "DATABASE_CONNECTION_ERROR")


    def test_queued_jobs_are_held_where_there_are_any(self):
        for there, held in (("t\n", ["ir_cron", "queue_job"]), ("f\n", ["ir_cron"])):
            session = mock.Mock()
            session.ask.return_value = Result(0, there)
            CronHold(mock.Mock(session=lambda *_, one=session: one), "odoo")
            asked = [call.args[0] for call in session.ask.call_args_list if "FOR NO KEY UPDATE" in call.args[0]]
            self.assertEqual([next(name for name in ("ir_cron", "queue_job") if name in text) for text in asked], held)


class ScriptsTest(WorkerCase):
    def test_a_worker_at_work_runs_its_own_scripts_when_another_version_has_taken_their_place(self):
        sources = self.root / "odoo_ship"
        shutil.copytree(SOURCES, sources)
        shutil.copy(SOURCES.parents[1] / "images" / "odoo" / "ready.py", sources)
        code = """if True:
            import pathlib, shutil, sys
            sys.path.insert(0, sys.argv[1])
            from hosts import compose_services, compose_tasks
            shutil.rmtree(sys.argv[1])
            print(compose_tasks.python("odoo-ce", "in_odoo.py")[-1])
            print(compose_tasks.python("odoo-ce", "smoke.py")[-1], compose_services.READY)
        """
        done = subprocess.run([sys.executable, "-B", "-c", code, str(sources)], capture_output=True, text=True)
        self.assertIn("do = smoke-user", done.stdout, done.stderr)
