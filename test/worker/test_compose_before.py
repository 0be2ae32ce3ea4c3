"""A release that closes nothing: where users are while one server takes the other's place."""

from unittest import mock

from support import Killed, WorkerCase, request

import ledger
import project
import staged
from failures import Failure
from hosts import compose, compose_before, compose_memory, compose_services, engine
from hosts.compose import ComposeHost
from hosts.compose_before import NAME
from shell import Result

OLD, NEW = request(image="registry/odoo@sha256:" + "a" * 64, id="r1"), request(id="r2")
MiB = 2**20


class Docker:
    """Containers by name, as far as Odoo's servers go. `effects`: how many are left until the worker is killed."""

    def __init__(self):
        self.running = {"odoo-ce": OLD["image"]}
        self.limit, self.effects, self.unserved = 1000 * MiB, None, []

    def effect(self):
        if self.effects == 0:
            raise Killed()
        if self.effects is not None:
            self.effects -= 1

    def upstream(self):
        """The server that the proxy sends requests to."""
        return {"": "odoo-ce"}.get(project.held(), "odoo" + project.held())

    def look(self, what):
        if self.upstream() not in self.running:
            self.unserved.append(what)

    def run(self, args, *_, **__):
        words = args[1:]
        self.effect()
        if words[0] in ("stop", "rm"):
            self.running.pop(words[-1], None)
        self.look(words)
        return Result(0, "")

    def container(self, name):
        image = self.running.get(name)
        return image and {"State": {"Running": True, "Pid": 0}, "Config": {"Image": image, "Labels": {}},
                          "HostConfig": {"Memory": self.limit}}

    def must(self, args, *rest, **options):
        return self.run(args, *rest, **options).output

    def compose(self, wanted, *args, **_):
        self.effect()
        if args[0] == "run":
            self.running[NAME] = wanted["image"]
        elif args[:2] == ("up", "--no-start"):
            self.running["odoo-ce"] = wanted["image"]
        self.look(args)
        return ""


class RollingTest(WorkerCase):
    def setUp(self):
        super().setUp()
        for one in (OLD, NEW):
            one["files"] = {"docker-compose.prod.yml": one["id"]}
            staged.keep(one)
        ledger.record(OLD, {}, [])
        self.docker, self.said = Docker(), []
        meminfo = self.root / "meminfo"
        meminfo.write_text("MemAvailable: 4096000 kB\n")
        patches = [mock.patch.object(owner, name, getattr(self.docker, name))
                   for owner in (compose_services, compose_before, compose_memory) for name in ("run", "must")
                   if hasattr(owner, name)]
        patches += [mock.patch.object(compose_memory, "MEMINFO", meminfo),
                    mock.patch.multiple(engine, container=self.docker.container, containers=lambda _: []),
                    mock.patch.object(compose_services, "wait_ready", lambda *_: self.docker.look("ready")),
                    mock.patch.object(compose_before, "tell", self.said.append),
                    mock.patch.object(project, "prepare"), mock.patch.object(compose, "CronHold"),
                    mock.patch("hosts.compose_tasks.must", lambda *_, **__: "")]
        for patch in patches:
            patch.start()
            self.addCleanup(patch.stop)

    def host(self):
        host = ComposeHost()
        host.data.postgres = mock.Mock()
        host.services.compose = self.docker.compose
        host.services.changes = lambda one, service: self.docker.running.get("odoo-ce") != one["image"]
        host.services.start_proxy = host.services.start_database = host.services.place_rules = lambda *_: None
        return host

    def forward(self):
        host = self.host()
        host.remove_tasks()
        host.swap(NEW, lambda: None)
        self.assertEqual(self.docker.running.get("odoo-ce"), NEW["image"])
        host.open(NEW)
        host.remove_tasks()

    def back(self):
        host = self.host()
        host.remove_tasks()
        host.begin_rollback(OLD, NEW, True, False, False)
        host.end_rollback(OLD)
        host.remove_tasks()

    def test_there_is_always_a_server_for_a_request_and_the_second_one_is_gone_in_the_end(self):
        self.forward()
        self.assertEqual(self.docker.unserved, [])
        self.assertEqual(self.docker.running, {"odoo-ce": NEW["image"]})
        self.assertEqual(self.docker.upstream(), "odoo-ce")

    def left_behind(self):
        """Users on the second server of a release that was given up."""
        self.docker.running[NAME] = OLD["image"]
        project.hold(project.BEFORE)

    def test_a_second_server_that_users_are_on_already_is_left_to_them(self):
        self.left_behind()
        self.forward()
        self.assertEqual(self.docker.unserved, [])
        self.assertEqual(self.docker.running, {"odoo-ce": NEW["image"]})

    def test_behind_the_closed_door_it_is_stopped_as_well(self):
        self.left_behind()
        host = self.host()
        host.close(NEW)
        self.assertEqual(self.docker.running, {})

    def test_a_host_with_users_on_it_does_not_run_as_the_release_wants_it(self):
        host = self.host()
        host.services.runs = lambda *_: True
        with mock.patch.object(project, "has_files_of", lambda _: True):
            self.assertTrue(host.runs(NEW))
            self.left_behind()
            self.assertFalse(host.runs(NEW))

    def start_with(self, server_wide):
        self.said.clear()
        with mock.patch.object(compose_before, "run", lambda *_: Result(0, f"server_wide_modules = {server_wide}\n")):
            return self.host().before.start()

    def test_there_is_none_where_two_job_runners_would_take_the_same_jobs_whatever_their_names(self):
        for name in ("queue_job", "background_runner"):
            self.assertFalse(self.start_with(f"base, rpc,web,{name}"))
            self.assertIn(name, self.said[0])
        self.assertEqual(self.docker.running, {"odoo-ce": OLD["image"]})

    def test_what_odoo_itself_loads_for_the_whole_server_is_no_reason(self):
        self.assertTrue(self.start_with("web, base"))
        self.assertEqual(self.said, [])

    def test_users_are_on_the_new_release_only_once_it_is_opened(self):
        host = self.host()
        host.swap(NEW, lambda: None)
        self.assertEqual(self.docker.running[self.docker.upstream()], OLD["image"])

    def test_nor_does_one_go_unserved_where_the_release_is_killed_anywhere_and_rolled_back(self):
        effects = 0
        while True:
            self.docker.running = {"odoo-ce": OLD["image"]}
            project.open_again()
            self.docker.effects = effects
            try:
                self.forward()
                break
            except Killed:
                self.docker.effects = None
            with self.subTest(effects=effects):
                self.docker.unserved.clear()
                if project.held() or self.docker.running.get("odoo-ce") != NEW["image"]:
                    self.back()
                    self.assertEqual(self.docker.unserved, [])
                    self.assertEqual(self.docker.running, {"odoo-ce": OLD["image"]})
            effects += 1
        self.assertGreater(effects, 5)

    def test_where_memory_does_not_do_for_two_they_wait_and_it_says_so(self):
        self.docker.limit = 8000 * MiB
        self.forward()
        self.assertEqual(self.docker.running, {"odoo-ce": NEW["image"]})
        self.assertIn("8,000", self.said[0])

    def test_one_that_does_not_start_is_no_reason_to_fail(self):
        def refuse(name, *_):
            if name == NAME:
                raise Failure("HEALTH_CHECK_FAIL", "Odoo does not become ready")
        with mock.patch.object(compose_services, "wait_ready", refuse):
            self.forward()
        self.assertEqual(self.docker.running, {"odoo-ce": NEW["image"]})
        self.assertEqual(len(self.said), 1)

    def test_behind_a_closed_door_there_is_none(self):
        project.close()
        self.host().swap(NEW, lambda: None)
        self.assertNotIn(NAME, self.docker.running)
