"""Memory of a release's containers: what they get, and how it is known that it was too little."""

from unittest import mock

from support import WorkerCase, request

from failures import Failure
from hosts import compose_memory as memory
from hosts import compose_services, engine
from hosts.compose import ComposeHost
from shell import Result

MiB = 2**20


class Docker:
    """One container by its label and limit; `free`: megabytes on the host."""

    def __init__(self, label, limit, counts=""):
        self.label, self.limit, self.counts, self.updates = label, limit, counts, []

    def run(self, args, *_):
        if args[1] == "update":
            self.updates.append(args[2:])
        return Result(1, self.counts)

    def container(self, _):
        labels = {} if self.label is None else {memory.ALONE: self.label}
        return {"HostConfig": {"Memory": self.limit}, "Config": {"Labels": labels}}


class WidenTest(WorkerCase):
    def widened(self, label, limit, free):
        docker, meminfo = Docker(label, limit * MiB), self.root / "meminfo"
        meminfo.write_text(f"MemTotal:  9999999 kB\nMemAvailable:   {free * 1024} kB\n")
        with (mock.patch.object(memory, "run", docker.run), mock.patch.object(memory, "MEMINFO", meminfo),
              mock.patch.object(engine, "container", docker.container)):
            memory.widen("odoo-ship-upgrade")
        return docker.updates

    def test_it_gets_what_odoo_leaves(self):
        self.assertEqual(self.widened("3072", 1024, 8000),
                         [[f"--memory={3072 * MiB}", f"--memory-swap={6144 * MiB}", "odoo-ship-upgrade"]])

    def test_but_no_more_than_is_free(self):
        self.assertEqual(self.widened("3072", 1024, 2256)[0][0], f"--memory={2000 * MiB}")

    def test_and_never_less_than_it_has(self):
        self.assertEqual(self.widened("3072", 1024, 1000), [])
        self.assertEqual(self.widened("3072", 4096, 9000), [])

    def test_one_of_an_earlier_program_keeps_its_own(self):
        self.assertEqual(self.widened(None, 1024, 9000), [])


class RanOutTest(WorkerCase):
    def test_the_kernel_counts_whom_it_has_ended(self):
        version1 = "oom_kill_disable 0\nunder_oom 0\noom_kill {}\n"
        version2 = "low 0\nhigh 0\nmax 12\noom 1\noom_kill {}\noom_group_kill 0\n"
        for text in (version1, version2):
            for number, found in ((0, None), (2, 512 * MiB)):
                docker = Docker(None, 512 * MiB, text.format(number))
                with (mock.patch.object(memory, "run", docker.run),
                      mock.patch.object(engine, "container", docker.container)):
                    self.assertEqual(memory.ran_out("odoo-ship-upgrade"), found)


class StartTest(WorkerCase):
    def test_a_server_that_is_ended_as_it_starts_is_told_as_that(self):
        for ended, code in ((True, "OUT_OF_MEMORY"), (False, "CONTAINER_START_FAILURE")):
            state = {"State": {"Status": "exited", "ExitCode": 137, "OOMKilled": ended}}
            with (mock.patch.object(compose_services, "run", lambda *_: Result(1, "")),
                  mock.patch.object(engine, "container", lambda _, state=state: state),
                  self.assertRaises(Failure) as caught):
                compose_services.wait_ready("odoo-ce", 60)
            self.assertEqual(caught.exception.code, code)


class WhenTest(WorkerCase):
    def test_the_host_is_a_release_s_own_from_the_closed_door_until_its_server_starts(self):
        host, done = ComposeHost(), []
        host.services, host.tasks, host.before = mock.Mock(), mock.Mock(), mock.Mock()
        host.services.stop_odoo = lambda: done.append("stopped")
        host.services.changes.return_value = False
        host.tasks.have_the_host = lambda alone: done.append(alone)
        host.start_and_wait = lambda _: done.append("started")
        with mock.patch("hosts.compose.project"), mock.patch("hosts.compose.CronHold"):
            host.data.postgres.let_in = lambda: None
            host.close(request())
            host.swap(request(), lambda: done.append("between"))
        self.assertEqual(done, ["stopped", True, "stopped", "between", False, "started"])

    def test_the_program_that_was_loaded_before_it_closes_gets_it_and_one_that_starts_behind_it(self):
        tasks = ComposeHost().tasks
        tasks.compose = mock.Mock()
        with mock.patch("hosts.compose_tasks.run"), mock.patch.object(memory, "widen") as widen:
            tasks.start(request(), "upgrade", ["sleep"], "odoo-next")
            self.assertEqual(widen.call_args_list, [])
            tasks.have_the_host(True)
            tasks.start(request(), "list", ["sleep"], "odoo-next")
        self.assertEqual([call.args[0] for call in widen.call_args_list], ["odoo-ship-upgrade", "odoo-ship-list"])

    def test_and_is_so_no_more_for_the_release_after_one_that_was_rolled_back(self):
        tasks = ComposeHost().tasks
        with mock.patch.object(engine, "containers", lambda _: []):
            tasks.have_the_host(True)
            tasks.remove_all()
        tasks.compose = mock.Mock()
        with mock.patch("hosts.compose_tasks.run"), mock.patch.object(memory, "widen") as widen:
            tasks.start(request(), "smoke", ["odoo"], "odoo-rehearsal")
        widen.assert_not_called()
