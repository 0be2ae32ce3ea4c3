"""Programs of a release in another container: here in another process, with the real socket between."""

import os
import subprocess
import sys
import time

from support import SOURCES, WorkerCase

import tasks
from failures import Failure
from tasks import Task


class TasksTest(WorkerCase):
    def setUp(self):
        super().setUp()
        path = str(self.root / "socket")
        before = tasks.SOCKET
        tasks.SOCKET = path
        self.addCleanup(setattr, tasks, "SOCKET", before)
        environment = {"PATH": "/usr/bin:/bin", "OWN": "of this container"}
        self.agent = subprocess.Popen([sys.executable, "-I", "-B", str(SOURCES / "task_agent.py"), path],
                                      env=environment)
        self.addCleanup(self.end_agent)

    def end_agent(self):
        self.agent.kill()
        self.agent.wait()

    def start(self, source, **options):
        task = Task([sys.executable, "-I", "-c", source], **options)
        self.addCleanup(task.kill)
        self.addCleanup(lambda: [stream.close() for stream in (task.stdin, task.stdout, task.stderr) if stream])
        return task

    def test_a_program_has_the_environment_of_its_own_container_and_what_it_is_given(self):
        task = self.start("import os; print(os.environ['OWN'], os.environ['GIVEN'], 'HOME' in os.environ)",
                          env={"GIVEN": "by the worker"})
        self.assertEqual(task.run(30)[:2], (0, b"of this container by the worker False\n"))

    def test_what_it_is_told_and_says_goes_through_pipes_and_its_status_comes_back(self):
        task = self.start("import sys; print(sys.stdin.read().upper()); print('no', file=sys.stderr); sys.exit(3)",
                          stdin=subprocess.PIPE)
        self.assertEqual(task.run(30, "yes"), (3, b"YES\n", b"no\n"))

    def test_output_goes_to_a_file(self):
        with open(self.root / "log", "wb") as log:
            task = self.start("import sys; print('out', flush=True); print('err', file=sys.stderr)", stdout=log,
                              stderr=subprocess.STDOUT)
            self.assertEqual(task.wait(30), 0)
        self.assertEqual((self.root / "log").read_text(), "out\nerr\n")

    def test_a_talk_goes_on_by_lines(self):
        task = self.start("import sys\nfor line in sys.stdin: print(line.strip() + '!', flush=True)",
                          stdin=subprocess.PIPE, text=True)
        for word in ("a", "b"):
            task.stdin.write(f"{word}\n")
            task.stdin.flush()
            self.assertEqual(task.stdout.readline(), f"{word}!\n")
        self.assertIsNone(task.poll())
        task.stdin.close()
        self.assertEqual(task.wait(30), 0)

    def test_the_container_ends_when_the_worker_wants_no_more_of_it_and_one_that_is_gone_keeps_nobody_waiting(self):
        self.start("print('x', flush=True)", stdout=subprocess.PIPE).run(30)
        tasks.end_container()
        self.assertEqual(self.agent.wait(60), 0)
        tasks.end_container()

    def test_at_its_limit_it_is_ended_with_all_that_it_has_started(self):
        started = ("import subprocess, sys, time; "
                   "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)']); "
                   "print('begun', flush=True); time.sleep(300)")
        status, output, errors = self.start(started).run(1)
        self.assertEqual((status, output.startswith(b"begun") or output == b""), (124, True))
        self.assertIn(b"ended after 1 s", errors)

    def test_it_ends_with_the_worker_whatever_it_does_about_signals(self):
        task = self.start("import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('x', flush=True); "
                          "time.sleep(300)")
        task.stdout.read(2)
        task.kill()
        # Its end closes the pipe.
        self.assertEqual(task.stdout.read(), b"")

    def test_one_that_is_killed_has_ended_before_the_next_begins_at_its_port(self):
        source = "import os, time; print(os.getpid(), flush=True); time.sleep(300)"
        for _ in range(5):
            task = self.start(source)
            pid = int(task.stdout.readline())
            task.kill()
            self.assertRaises(ProcessLookupError, os.kill, pid, 0)
            self.assertEqual(task.poll(), 137)

    def test_a_container_that_ends_takes_it_along(self):
        task = self.start("import time; print('x', flush=True); time.sleep(300)")
        task.stdout.read(1)
        self.end_agent()
        self.assertEqual(task.wait(30), 137)

    def test_a_program_that_is_not_there_has_an_end_too(self):
        task = Task(["/no/such/program"])
        self.addCleanup(lambda: [stream.close() for stream in (task.stdout, task.stderr)])
        self.assertEqual(task.wait(30), 127)
        task.kill()

    def test_a_container_that_does_not_answer_is_told(self):
        self.end_agent()
        clock = [0.0]
        before, sleep = tasks.time.monotonic, tasks.time.sleep
        tasks.time.monotonic, tasks.time.sleep = lambda: clock[0], lambda seconds: clock.__setitem__(0, clock[0] + 20)
        self.addCleanup(setattr, time, "monotonic", before)
        self.addCleanup(setattr, time, "sleep", sleep)
        with self.assertRaises(Failure) as caught:
            Task(["true"])
        self.assertEqual(caught.exception.code, "CONTAINER_START_FAILURE")
