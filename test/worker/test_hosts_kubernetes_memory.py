"""Memory of the container beside the worker's: here of another process, with files in the place of the kernel's."""

import errno
import os
import subprocess
import sys
from unittest import mock

from support import SOURCES, WorkerCase, request

import tasks
from failures import Failure
from hosts import kubernetes_memory, kubernetes_tasks
from hosts.kubernetes_tasks import Tasks
from odoo_agent import OdooAgent
from plan import Plan
from words import CLUSTER

MiB = 2**20
VERSION_1 = "oom_kill_disable 0\nunder_oom 0\noom_kill {}\n"
VERSION_2 = "low 0\nhigh 0\nmax 12\noom 1\noom_kill {}\noom_group_kill 0\n"


class RanOutTest(WorkerCase):
    def setUp(self):
        super().setUp()
        self.counts, self.limit = self.root / "counts", self.root / "limit"
        self.limit.write_text(f"{512 * MiB}\n")
        for patch in (mock.patch.object(tasks, "SOCKET", str(self.root / "socket")),
                      mock.patch.object(kubernetes_tasks, "LOGS", self.root),
                      mock.patch.object(kubernetes_tasks.sources, "text", lambda _: "import time; time.sleep(300)"),
                      mock.patch.object(kubernetes_memory, "COUNTS", (str(self.counts), "/no/such/file")),
                      mock.patch.object(kubernetes_memory, "LIMITS", ("/no/such/file", str(self.limit)))):
            patch.start()
            self.addCleanup(patch.stop)
        self.agent = subprocess.Popen([sys.executable, "-I", "-B", str(SOURCES / "task_agent.py"), tasks.SOCKET])
        self.addCleanup(self.end_container)
        self.tasks = Tasks({})
        self.addCleanup(self.tasks.remove_all)

    def end_container(self):
        self.agent.kill()
        self.agent.wait()

    def count(self, number, text=VERSION_2):
        self.counts.write_text(text.format(number))

    def talk(self):
        child = self.tasks.conversation("upgrade", "in_odoo.py")
        self.addCleanup(lambda: [child.kill(), child.stdin.close(), child.stdout.close(), child.stderr.close()])
        return child

    def test_a_count_that_has_grown_since_the_program_began_is_why_and_the_limit_is_the_containers(self):
        for text in (VERSION_1, VERSION_2):
            self.count(1, text)
            self.talk()
            self.assertIsNone(self.tasks.memory_ran_out("upgrade"), "it was another program of the container")
            self.count(2, text)
            self.assertEqual(self.tasks.memory_ran_out("upgrade"), 512 * MiB)
            self.talk()
            self.assertIsNone(self.tasks.memory_ran_out("upgrade"), "it was the program before this one")

    def test_it_is_seen_when_all_programs_of_the_container_were_ended_with_it(self):
        self.count(0)
        child = self.talk()
        self.count(3)
        self.end_container()
        self.assertEqual(child.wait(60), 137)
        self.assertEqual(self.tasks.memory_ran_out("upgrade"), 512 * MiB)

    def test_nobody_knows_once_the_container_is_cleared_away_or_where_nothing_counts(self):
        self.count(0)
        self.talk()
        self.count(3)
        with mock.patch.object(kubernetes_memory.os, "pread", side_effect=OSError(errno.ENODEV, "gone")):
            self.assertIsNone(self.tasks.memory_ran_out("upgrade"))
        self.counts.unlink()
        self.talk()
        self.assertIsNone(self.tasks.memory_ran_out("upgrade"))
        self.assertIsNone(self.tasks.memory_ran_out("list"))

    def test_no_file_stays_open(self):
        self.count(0)
        before = os.listdir("/proc/self/fd")
        for _ in range(5):
            self.talk()
        self.tasks.remove_all()
        opened = [os.readlink(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")
                  if os.path.lexists(f"/proc/self/fd/{number}")]
        self.assertFalse([name for name in opened if name in (str(self.counts), str(self.limit))], before)


class ToldTest(WorkerCase):
    """As the upgrade of a host is told, with what an operator of a cluster types."""

    def test_an_upgrade_that_was_ended_for_want_of_memory(self):
        host = mock.Mock(tries_next=True)
        host.memory_ran_out.return_value = 512 * MiB
        agent = OdooAgent(host, request(), "a", lambda _: None)
        agent.loaded, agent.container, agent.log = mock.MagicMock(), "upgrade", self.root / "log"
        agent.loaded.__enter__.return_value.say.return_value = (137, None)
        agent.log.write_text("loading module sale")
        agent.series = "19.0"
        with mock.patch("words.HERE", CLUSTER), self.assertRaises(Failure) as caught:
            agent.change_modules("odoo-next", Plan("maintenance", upgrade=["sale"]))
        self.assertEqual(caught.exception.code, "OUT_OF_MEMORY")
        self.assertIn("512 MiB", caught.exception.found)
        self.assertIn("doks:odooMemoryMiB", caught.exception.remedy)
