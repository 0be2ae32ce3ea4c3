"""What a release asks of Docker and PostgreSQL on a host, and when. What they do of it is not shown here."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path
from unittest import mock

from support import SOURCES, WorkerCase, request

import egress
import sockets
from failures import Failure
from files import Lock
from hosts import base, compose, compose_images, compose_packages, compose_services, engine
from hosts.base import keep_dumps_away
from hosts.compose import ComposeHost
from hosts.compose_packages import Packages
from hosts.compose_services import Services
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
        self.host.begin_rollback(None, request(), False, False, False)
        self.services.start_odoo(request())
        self.assertIn("start odoo-ce", self.done)


class StopTest(WorkerCase):
    """Odoo's processes take seconds to end that have nothing to do any more."""

    def stop(self, open_connections, in_transaction):
        """What Docker was told; each look takes the next word of the lists, and then the last one. Odoo ends by itself
        at the tenth look.
        """
        host, told, ended, looks = ComposeHost(), [], threading.Event(), []

        def run(args, *_, **__):
            told.append(args[1])
            if args[1] == "stop":
                self.assertTrue(ended.wait(60))
            if args[1] == "kill":
                ended.set()
            return Result(0, "")

        def container(_):
            return {"State": {"Running": not ended.is_set(), "Pid": 77}}

        def take(words):
            return words.pop(0) if len(words) > 1 else words[0]

        def under_way(*place):
            self.assertEqual(place, (8069, Path("/proc/77/net")))
            looks.append(None)
            if len(looks) == 10:
                ended.set()
            return take(open_connections)
        host.services.postgres = mock.Mock(in_transaction=lambda: take(in_transaction))
        with (mock.patch.object(compose_services, "run", run),
              mock.patch.object(engine, "container", container),
              mock.patch.object(compose_services.sockets, "queued", lambda *_: 0),
              mock.patch.object(compose_services.sockets, "under_way", under_way)):
            host.services.stop_odoo()
        return told

    def test_it_is_told_to_end_and_killed_once_it_is_idle(self):
        self.assertEqual(self.stop([0], [False]), ["stop", "kill"])
        self.assertEqual(self.stop([2, 1, 0], [True, True, False]), ["stop", "kill"])

    def test_it_is_not_killed_while_a_request_or_a_transaction_is_open(self):
        self.assertEqual(self.stop([1], [False]), ["stop"])
        self.assertEqual(self.stop([0], [True]), ["stop"])
        # A look at the end of one request and the beginning of another.
        self.assertEqual(self.stop([0, 1] * 5, [False]), ["stop"])

    def test_it_is_told_to_end_once_nobody_waits_in_its_queue(self):
        queue = [3, 1, 0, 1, 0, 0]

        def queued(*place):
            self.assertEqual(place, (8069, Path("/proc/77/net")))
            return queue.pop(0)
        with mock.patch.object(compose_services.sockets, "queued", queued):
            compose_services.drain("77", 60)
        self.assertEqual(queue, [])

    def test_the_queue_of_a_real_server_is_seen_from_outside_of_its_process(self):
        with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
            port, place = server.getsockname()[1], compose_services.network_of(os.getpid())
            self.assertEqual((sockets.queued(port, place), sockets.under_way(port, place)), (1, 1))
            taken, _ = server.accept()
            with taken:
                self.assertEqual((sockets.queued(port, place), sockets.under_way(port, place)), (0, 1))
        # A process that has ended has no requests.
        self.assertEqual(sockets.under_way(port, compose_services.network_of(2 ** 30)), 0)


class AheadTest(WorkerCase):
    """The release's server is started while its database is made ready."""

    def setUp(self):
        super().setUp()
        self.host = ComposeHost()
        self.services = self.host.services = mock.Mock()
        self.host.data.postgres = mock.Mock()
        for name in ("project", "CronHold"):
            patch = mock.patch.object(compose, name)
            patch.start()
            self.addCleanup(patch.stop)
        self.host.wait_ready = mock.Mock()

    def swap(self, ours):
        self.services.odoo_is_of.return_value = ours
        self.host.swap(request(), lambda: None)
        return [call[0] for call in self.services.method_calls if call[0] in ("start_odoo", "stop_odoo")]

    def test_it_is_not_started_twice(self):
        self.host.start_ahead(request())
        self.assertEqual(self.swap(ours=True), ["start_odoo"])

    def test_one_that_has_ended_or_that_somebody_has_replaced_is_started_anew(self):
        self.host.start_ahead(request())
        self.assertEqual(self.swap(ours=False), ["start_odoo", "stop_odoo", "start_odoo"])

    def test_without_it_the_server_is_stopped_before_anything_is_set(self):
        self.assertEqual(self.swap(ours=False), ["stop_odoo", "start_odoo"])

    def test_a_second_server_of_the_release_before_is_had_only_where_it_is_wanted(self):
        self.host.before = mock.Mock()
        for aside in (True, False):
            self.host.before.start.reset_mock()
            self.host.swap(request(), lambda: None, aside=aside)
            self.assertEqual(self.host.before.start.called, aside)

    def test_one_that_cannot_be_made_fails_the_release_and_no_rollback(self):
        self.services.start_odoo.side_effect = Failure("CONTAINER_START_FAILURE", "no")
        self.host.start_ahead(request())
        with self.assertRaises(Failure):
            self.swap(ours=True)
        for obstacle in (Failure("CONTAINER_START_FAILURE", "no"), OSError("no space")):
            self.services.start_odoo.side_effect = obstacle
            self.host.start_ahead(request())
            self.host.begin_rollback(request(), request(), True, True, False)


class RollbackTest(WorkerCase):
    def test_a_server_of_the_previous_release_that_may_just_be_starting_is_not_stopped_by_another_try(self):
        for runs, stops in ((True, 0), (False, 1)):
            host = ComposeHost()
            host.services = mock.Mock()
            host.services.odoo_is_of.return_value = runs
            with mock.patch.object(compose, "project"):
                host.begin_rollback(request(id="r1"), request(), True, True, False)
            self.assertEqual(host.services.stop_odoo.call_count, stops)

    def test_one_that_was_at_other_data_is_stopped_although_it_has_the_same_files(self):
        host = ComposeHost()
        host.services = mock.Mock()
        host.services.odoo_is_of.return_value = True
        with mock.patch.object(compose, "project"):
            host.begin_rollback(request(id="r1"), request(), True, True, True)
        host.services.stop_odoo.assert_called_once()


class PortTest(WorkerCase):
    def test_a_port_of_the_host_is_let_go_by_one_of_odoo_and_proxy_before_the_other_takes_it(self):
        """Which of them has it differs between releases; Odoo is stopped by then, so the proxy can be first."""
        host, done = ComposeHost(), []
        host.services = mock.Mock()
        for name in ("stop_odoo", "start_proxy", "start_odoo"):
            getattr(host.services, name).side_effect = lambda *_, name=name: done.append(name)
        host.services.odoo_is_of.return_value = False
        host.data.postgres = mock.Mock()
        with (mock.patch.object(compose, "project"), mock.patch.object(compose, "CronHold"),
              mock.patch.object(host, "wait_ready")):
            host.swap(request(), lambda: None)
            self.assertEqual(done, ["stop_odoo", "start_proxy", "start_odoo"])
            done.clear()
            host.services.odoo_is_of.return_value = False
            host.begin_rollback(request(id="r1"), request(), True, True, False)
            host.end_rollback(request(id="r1"))
        self.assertEqual(done, ["stop_odoo", "start_proxy", "start_odoo"])


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


class PullTest(WorkerCase):
    IMAGE = "docker.io/library/postgres@sha256:" + "c" * 64

    def refusal(self, words):
        with (mock.patch.object(compose_images, "run", lambda *_: Result(1, "", words)),
              mock.patch.object(engine, "image", lambda _: None), self.assertRaises(Failure) as caught):
            compose_images.pull(self.IMAGE, 60)
        return caught.exception

    def test_each_cause_of_a_failed_pull_has_a_code_and_a_remedy_of_its_own(self):
        causes = {
            "PULL_LIMIT_REACHED": (
                "Error response from daemon: toomanyrequests: You have reached your unauthenticated pull rate limit. "
                "https://www.docker.com/increase-rate-limit",
                "error pulling image configuration: unexpected status code 429 Too Many Requests - denied"),
            "IMAGE_NOT_FOUND": ("manifest unknown: manifest unknown",),
            "REGISTRY_AUTH_FAILURE": ("pull access denied", "unauthorized: authentication required"),
            "DISK_SPACE_LOW": ("write /var/lib/docker/tmp/x: no space left on device",),
            "NETWORK_TIMEOUT": ("dial tcp: i/o timeout", ""),
        }
        remedies = set()
        for code, texts in causes.items():
            for text in texts:
                failure = self.refusal(text)
                self.assertEqual(failure.code, code, text)
                remedies.add(failure.remedy)
        self.assertEqual(len(remedies), len(causes))


class DumpTest(WorkerCase):
    def test_a_release_waits_for_the_end_of_a_dump_and_none_begins_until_it_is_over(self):
        dump, host, said = Lock(self.root / "dump.lock"), ComposeHost(), []
        host.dumps = Lock(self.root / "dump.lock")
        self.assertTrue(dump.take())
        with mock.patch("time.sleep", lambda _: dump.release()):
            keep_dumps_away(host.dumps, said.append)
        self.assertEqual(said, ["waiting for the dump that is under way"])
        self.assertFalse(dump.take())
        host.let_go()
        self.assertTrue(dump.take())

    def test_but_not_for_ever(self):
        dump, host = Lock(self.root / "dump.lock"), ComposeHost()
        host.dumps = Lock(self.root / "dump.lock")
        dump.take()
        with (mock.patch.object(base, "DUMP_SECONDS", 0), mock.patch("time.sleep", lambda _: None),
              self.assertRaises(Failure) as caught):
            keep_dumps_away(host.dumps, lambda _: None)
        self.assertEqual(caught.exception.code, "RELEASE_IN_PROGRESS")


class PackagesTest(WorkerCase):
    def setUp(self):
        super().setUp()
        self.path = self.root / "lock-frontend"
        self.path.touch()

    def taken(self):
        """Whether another process gets the lock, as apt asks for it."""
        code = "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'r+'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
        return subprocess.run([sys.executable, "-c", code, self.path], capture_output=True).returncode == 0

    def test_nobody_installs_a_package_while_a_release_works(self):
        self.assertTrue(self.taken())
        kept = Packages(self.path)
        kept.keep(self.fail)
        kept.keep(self.fail)
        self.addCleanup(kept.file.close)
        self.assertFalse(self.taken())

    def test_an_upgrade_that_is_under_way_is_waited_for_and_not_for_ever(self):
        code = ("import fcntl, sys; f = open(sys.argv[1], 'r+'); fcntl.lockf(f, fcntl.LOCK_EX); print(flush=True); "
                "sys.stdin.read()")
        said = []
        with subprocess.Popen([sys.executable, "-c", code, self.path], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE) as apt:
            apt.stdout.readline()
            with (mock.patch.object(compose_packages, "SECONDS", 0), mock.patch("time.sleep", lambda _: None),
                  self.assertRaises(Failure) as caught):
                Packages(self.path).keep(said.append)
            self.assertEqual(caught.exception.code, "HOST_UNFIT")
            kept = Packages(self.path)

            def end(_):
                apt.stdin.close()
                apt.wait()
            with mock.patch("time.sleep", end):
                kept.keep(said.append)
        self.addCleanup(kept.file.close)
        self.assertEqual(len(said), 2)
        self.assertFalse(self.taken())

    def test_a_host_without_that_lock_has_none(self):
        Packages(self.root / "none").keep(self.fail)


class ComposeVersionTest(WorkerCase):
    """By what is read of the database's container, and what Compose says of the release's file."""

    def runs(self, made_by, label="hash", image="postgres@sha256:1", running=True, version="2.40.3"):
        host, wanted = ComposeHost(), request()
        services = host.services
        services.hashes = {(wanted["id"], "db"): "hash"}
        services.image = lambda *_: "postgres@sha256:1"

        labels = {"com.docker.compose.config-hash": label, "com.docker.compose.version": made_by}
        made = {"State": {"Running": running}, "Config": {"Image": image, "Labels": labels}}
        with (mock.patch.object(compose_services, "run", lambda *_: Result(0, version + "\n")),
              mock.patch.object(engine, "container", lambda _: made)):
            return services.runs(wanted, "db")

    def test_another_version_of_compose_is_no_reason_to_replace_the_database(self):
        self.assertTrue(self.runs("2.26.1", label="another"))
        self.assertTrue(self.runs("2.26.1", label="another", version="v2.26.2-1"))

    def test_another_file_another_image_and_one_that_is_stopped_are(self):
        self.assertTrue(self.runs("2.40.3"))
        self.assertFalse(self.runs("2.40.3", label="another"))
        self.assertFalse(self.runs("2.40.3", label="another", version="v2.40.3-1ubuntu1"))
        self.assertFalse(self.runs("2.26.1", label="another", image="postgres@sha256:2"))
        self.assertFalse(self.runs("2.26.1", label="another", running=False))


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

    def test_the_tables_of_modules_that_may_have_begun_to_work_are_held_and_no_name_can_be_more_than_a_name(self):
        session = mock.Mock()
        session.ask.return_value = Result(0, "")
        CronHold(mock.Mock(session=lambda *_: session), "odoo", {"background_runner", "it's"})
        last = session.ask.call_args.args[0]
        self.assertIn("string_to_array('background_runner,it''s', ',')", last)
        self.assertIn("EXCLUSIVE MODE", last)


class ServerWideTest(WorkerCase):
    """What a release's server loads for the whole of itself is held from its start to its commit."""

    def held(self, option, baked, restless=()):
        host = ComposeHost()
        host.data.postgres = host.wait_ready = mock.Mock()
        options = {} if option is None else {"ODOO_OPTIONS": json.dumps({"server_wide_modules": option})}
        config = {"services": {"odoo": {"image": "x", "environment": options}}}
        host.services = mock.Mock(images=lambda _: [], option=Services(None).option)
        host.services.option.__self__.compose = lambda *_, **__: json.dumps(config)
        for name in ("refuse_postgres_mismatch", "refuse_other_collation"):
            setattr(host, name, lambda _: None)
        facts = {"series": "19.0", "modules": {}, **({} if baked is None else {"serverWide": baked})}
        with (mock.patch.multiple(compose, project=mock.DEFAULT, egress=mock.DEFAULT, signature=mock.DEFAULT,
                                  habits=mock.DEFAULT),
              mock.patch.object(compose.images, "log_in"),
              mock.patch.object(compose.images, "series_and_modules", lambda _: facts),
              mock.patch.object(compose, "CronHold") as hold):
            host.fetch(request())
            host.swap(request(), lambda: None, True, restless)
        return sorted(hold.call_args.args[2])

    def test_it_is_what_the_settings_say_or_else_what_is_baked(self):
        baked = "base,rpc,web,background_runner"
        self.assertEqual(self.held(None, baked), ["background_runner"])
        self.assertEqual(self.held("base,web,queue_job", baked), ["queue_job"])
        self.assertEqual(self.held("base,web", None), [])

    def test_an_image_from_before_says_nothing_of_it(self):
        self.assertEqual(self.held(None, None), [])

    def test_so_is_what_was_seen_to_start_something_in_the_upgrade(self):
        self.assertEqual(self.held("base,web,queue_job", None, {"poller"}), ["poller", "queue_job"])


class ScriptsTest(WorkerCase):
    def test_a_worker_at_work_runs_its_own_scripts_when_another_version_has_taken_their_place(self):
        sources = self.root / "odoo_ship"
        shutil.copytree(SOURCES, sources)
        for name in ("ready.py", "sockets.py"):
            shutil.copy(SOURCES.parents[1] / "images" / "odoo" / name, sources)
        code = """if True:
            import pathlib, shutil, sys
            sys.path.insert(0, sys.argv[1])
            from hosts import compose_services, compose_tasks
            shutil.rmtree(sys.argv[1])
            print(compose_tasks.python("odoo-ce", "in_odoo.py")[-1])
            print(compose_tasks.python("odoo-ce", "smoke.py")[-1], compose_services.READY)
        """
        done = subprocess.run([sys.executable, "-B", "-c", code, str(sources)], capture_output=True, text=True)
        self.assertIn("do = upgrade", done.stdout, done.stderr)
