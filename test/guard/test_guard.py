"""The guard with a child of its own, and a PostgreSQL that does what the test says."""

import json
import signal
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "images" / "odoo"))

import guard  # noqa: E402

# Odoo: the file in the first argument says that it can be told to end.
WELL_BEHAVED = """
import pathlib, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
pathlib.Path(sys.argv[1]).write_text("ready")
time.sleep(3600)
"""
STUBBORN = "trap '' TERM; sleep 3600 & echo $! > \"$0\"; while :; do wait; done"
DRAIN_SECONDS = 0.3
HANGS_AFTER_SECONDS = 300


class Lost(Exception):
    pass


class Server:
    """What PostgreSQL answers now, and who holds *life*."""

    def __init__(self):
        self.up, self.fence, self.deployment_alone, self.holders, self.objection = True, False, False, 0, None
        self.sessions = 0
        self.others_run = False
        # Odoo that does something is given its time.
        self.transaction = True


class Locks:
    def __init__(self, server):
        server.sessions += 1
        if not server.up:
            raise Lost("connection refused")
        self.server, self.held = server, False

    def live(self):
        self.check()
        if self.server.deployment_alone:
            return False
        self.server.holders += not self.held
        self.held = True
        return True

    def fenced(self):
        self.check()
        return self.server.fence

    def others_run(self):
        self.check()
        return self.server.others_run

    def in_transaction(self):
        self.check()
        return self.server.transaction

    def check(self):
        if not self.server.up:
            self.held = False
            self.server.holders = 0
            raise Lost("server closed the connection")

    def close(self):
        self.server.holders -= self.held
        self.held = False


class GuardTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.server = Server()
        self.clients, self.waiting = set(), 0
        for owner, name, value in ((guard.probes, "STATUS", Path(directory.name) / "guard.json"),
                                   (guard.probes, "HEARD", Path(directory.name) / "heard"),
                                   (guard, "LOOK_SECONDS", 0.1), (guard, "LOST_SECONDS", 1),
                                   (guard, "WAITING_LOOK_SECONDS", 0.1),
                                   (guard, "PROBE_SECONDS", 0.1), (guard.probes, "port", lambda: 8069),
                                   (guard.sockets, "clients", lambda _: set(self.clients)),
                                   (guard.sockets, "under_way", lambda _: self.waiting),
                                   (guard.release_marker, "objection", lambda *_, **__: self.server.objection)):
            self.addCleanup(setattr, owner, name, getattr(owner, name))
            setattr(owner, name, value)
        self.guard = None
        # Of each sign of life: the state, whether Odoo runs, who holds *life*.
        self.signs = []
        self.drains_since = None
        self.looks = 0
        self.ready = Path(directory.name) / "ready"

    def begin(self, command=None, grace_seconds=HANGS_AFTER_SECONDS, answers=True):
        """Runs a guard beside the test, as the main thread of a container would; `answers`: Odoo serves its pages."""
        command = command or [sys.executable, "-c", WELL_BEHAVED, str(self.ready)]
        self.guard = guard.Guard(command, {}, "odoo", drain_seconds=DRAIN_SECONDS, grace_seconds=grace_seconds)
        tell, sleep = self.guard.tell, self.guard.sleep

        def told(state, reason):
            self.signs.append((state, self.is_running(), self.server.holders))
            if state == "draining":
                self.drains_since = self.drains_since or time.monotonic()
            tell(state, reason)

        def slept(seconds):
            self.looks += 1
            sleep(seconds)
        self.guard.tell, self.guard.sleep = told, slept
        self.guard.connect = lambda: Locks(self.server)
        self.guard.errors = lambda: Lost
        self.guard.serves = lambda: self.answers
        self.answers = answers
        self.status = None
        self.addCleanup(setattr, guard.signal, "signal", guard.signal.signal)
        guard.signal.signal = lambda *_: None
        thread = threading.Thread(target=lambda: setattr(self, "status", self.guard.run()))
        thread.start()

        def finish():
            self.guard.end()
            self.join()
        self.addCleanup(finish)
        self.thread = thread

    def join(self):
        self.thread.join(HANGS_AFTER_SECONDS)
        self.assertFalse(self.thread.is_alive())

    def wait(self, condition, what):
        end = time.monotonic() + HANGS_AFTER_SECONDS
        while not condition():
            self.assertLess(time.monotonic(), end, what)
            time.sleep(0.02)

    def state(self):
        try:
            return json.loads(guard.probes.STATUS.read_text())["state"]
        except (OSError, ValueError):
            return None

    def is_running(self):
        return self.guard.child is not None and self.guard.child.poll() is None

    def until(self, state):
        self.wait(lambda: self.state() == state, f"it is not {state}")

    def until_served(self):
        """Returns what serves, once it can be told to end."""
        self.until("serving")
        self.wait(lambda: self.ready.exists() and self.ready.read_text(), "Odoo is not ready")
        return self.guard.child

    def assert_drained(self):
        self.assertIn(("draining", True, 1), self.signs)
        self.assertGreaterEqual(time.monotonic() - self.drains_since, DRAIN_SECONDS)

    def let_it_look(self, times=3):
        end = self.looks + times
        self.wait(lambda: self.looks > end, "it does not look any more")

    def test_odoo_runs_while_the_guard_holds_life(self):
        self.begin()
        self.until("serving")
        self.assertEqual((self.is_running(), self.server.holders), (True, 1))

    def test_a_fence_drains_and_stops_it_and_only_then_gives_life_back(self):
        self.begin()
        child = self.until_served()
        self.server.fence = True
        self.until("waiting")
        self.assert_drained()
        self.assertEqual((child.poll(), self.server.holders), (0, 0))

    def test_behind_the_fence_it_refuses_those_that_it_has_served_until_the_odoo_of_another_pod_runs(self):
        self.begin()
        self.until_served()
        self.assertFalse(self.is_closed())
        self.server.fence = True
        self.until("waiting")
        self.assert_refuses(True)
        # Odoo's role may not log in any more; then the data are another release's, whose pod is to come.
        self.server.up = False
        self.let_it_look()
        self.assert_refuses(True)
        self.server.up, self.server.fence, self.server.objection = True, False, ("RELEASE_MISMATCH", "newer")
        self.let_it_look()
        self.assert_refuses(True)
        self.server.others_run = True
        self.let_it_look()
        self.assert_refuses(False)
        # It does not come back when that one stops.
        self.server.others_run = False
        self.let_it_look()
        self.assert_refuses(False)

    def test_who_serves_again_refuses_nobody(self):
        self.begin()
        self.until_served()
        self.server.fence = True
        self.until("waiting")
        self.server.fence = False
        self.until_served()
        self.assertFalse(self.is_closed())

    def test_a_pod_of_scheduled_jobs_has_nobody_to_refuse(self):
        self.begin([sys.executable, "-c", WELL_BEHAVED, str(self.ready), "--no-http"])
        self.until_served()
        self.server.fence = True
        self.until("waiting")
        self.let_it_look()
        self.assert_refuses(False)

    def test_who_waits_from_the_start_is_in_front_of_no_door(self):
        self.server.fence = True
        self.begin()
        self.until("waiting")
        self.let_it_look()
        self.assertFalse(self.is_closed())

    def test_nor_is_who_has_served_nobody_yet(self):
        self.begin(answers=False)
        self.until("starting")
        self.server.fence = True
        self.until("waiting")
        self.let_it_look()
        self.assertFalse(self.is_closed())

    def assert_refuses(self, refuses):
        self.assertEqual((self.is_closed(), guard.probes.probe("ready")[0]), (refuses, refuses))

    def is_closed(self):
        return json.loads(guard.probes.STATUS.read_text())["closed"]

    def begin_to_drain(self, **begun):
        """Fences what serves, with a limit of its drain that no test meets."""
        guard.PROBE_SECONDS = HANGS_AFTER_SECONDS
        self.addCleanup(setattr, guard, "QUIET_SECONDS", guard.QUIET_SECONDS)
        guard.QUIET_SECONDS = 0.2
        self.begin(**begun)
        child = self.until_served()
        self.server.fence = True
        return child

    def test_a_fence_lets_it_serve_until_kubernetes_has_heard_of_it(self):
        self.begin_to_drain()
        self.until("draining")
        time.sleep(1)
        self.assertTrue(self.is_running())
        guard.probes.probe("live")
        time.sleep(1)
        self.assertTrue(self.is_running())
        self.assertFalse(guard.probes.probe("ready")[0])
        self.until("waiting")

    def test_a_fence_lets_it_serve_until_nobody_comes_any_more(self):
        looks = 0

        def come(_):
            nonlocal looks
            looks += 1
            # Who came before and is still there keeps nobody waiting; somebody new does.
            return {f"0A01A8C0:{number:04X}" for number in range(min(looks, 20))}
        guard.sockets.clients = come
        self.begin_to_drain()
        self.until("draining")
        guard.probes.probe("ready")
        self.until("waiting")
        self.assertGreaterEqual(looks, 20)

    def test_what_a_probe_heard_of_the_fence_before_does_not_count(self):
        guard.probes.HEARD.touch()
        self.begin_to_drain()
        self.until("draining")
        time.sleep(1)
        self.assertTrue(self.is_running())
        guard.probes.probe("ready")
        self.until("waiting")

    def test_cron_alone_has_nobody_to_wait_for(self):
        command = [sys.executable, "-c", WELL_BEHAVED, str(self.ready), "--no-http"]
        self.begin_to_drain(command=command)
        self.until("waiting")

    def test_what_waits_asks_postgresql_once_a_look(self):
        self.begin()
        self.until("serving")
        self.server.fence = True
        self.until("waiting")
        before, looks = self.server.sessions, self.looks
        self.let_it_look(10)
        asked = self.server.sessions - before
        self.assertLessEqual(asked, self.looks - looks + 1)

    def test_users_come_once_a_first_page_was_served(self):
        self.begin(answers=False)
        self.until("starting")
        self.let_it_look()
        self.assertEqual(self.state(), "starting")
        self.answers = True
        self.until("serving")
        self.answers = False
        self.let_it_look()
        self.assertEqual(self.state(), "serving")

    def test_odoo_comes_back_when_the_fence_goes(self):
        self.server.fence = True
        self.begin()
        self.until("waiting")
        self.assertIsNone(self.guard.child)
        self.server.fence = False
        self.until("serving")

    def test_nobody_starts_while_a_deployment_is_alone(self):
        self.server.deployment_alone = True
        self.begin()
        self.until("waiting")
        self.let_it_look()
        self.assertIsNone(self.guard.child)

    def test_a_marker_of_another_release_keeps_it_from_starting(self):
        self.server.objection = ("RELEASE_MISMATCH", "another release")
        self.begin()
        self.until("waiting")
        self.assertEqual(self.server.holders, 0)
        self.assertEqual(json.loads(guard.probes.STATUS.read_text())["reason"], "RELEASE_MISMATCH: another release")

    def test_a_short_loss_of_postgresql_does_not_stop_it(self):
        guard.LOST_SECONDS = HANGS_AFTER_SECONDS
        self.begin()
        self.until("serving")
        child = self.guard.child
        self.server.up = False
        self.wait(lambda: self.guard.locks is None, "the loss is not seen")
        self.let_it_look()
        self.server.up = True
        self.wait(lambda: self.server.holders == 1, "life is not held again")
        self.assertIs(self.guard.child, child)
        self.assertIsNone(child.poll())

    def test_a_long_one_does(self):
        self.begin()
        self.until("serving")
        child = self.guard.child
        self.server.up = False
        self.until("waiting")
        self.assertIsNotNone(child.poll())

    def test_a_deployment_that_came_meanwhile_stops_it_at_once(self):
        guard.LOST_SECONDS = HANGS_AFTER_SECONDS
        self.begin(["sh", "-c", STUBBORN, str(self.ready)])
        child = self.until_served()
        self.server.up = False
        self.wait(lambda: self.guard.locks is None, "the loss is not seen")
        # Its time to end by itself has no end here: at once means without it.
        self.server.deployment_alone = self.server.up = True
        self.wait(lambda: child.poll() is not None, "it runs beside the deployment")
        self.assertEqual(child.returncode, -signal.SIGKILL)

    def test_told_to_end_it_drains_first(self):
        self.begin()
        child = self.until_served()
        self.guard.end()
        self.join()
        self.assert_drained()
        self.assertEqual((self.status, child.poll(), self.server.holders), (0, 0, 0))

    def test_odoo_that_ends_by_itself_ends_the_container(self):
        self.begin([sys.executable, "-c", "raise SystemExit(7)"])
        self.join()
        self.assertEqual((self.status, self.server.holders), (7, 0))

    def test_odoo_that_does_not_end_has_its_time_until_nobody_waits_for_it(self):
        self.begin(["sh", "-c", STUBBORN, str(self.ready)])
        child = self.until_served()
        self.waiting, self.server.transaction = 1, False
        self.server.fence = True
        self.until("draining")
        time.sleep(1)
        self.assertIsNone(child.poll())
        self.waiting, self.server.transaction = 0, True
        time.sleep(1)
        self.assertIsNone(child.poll())
        # The limit of its time is one that no test meets.
        self.server.transaction = False
        self.until("waiting")
        self.assertEqual(child.returncode, -signal.SIGKILL)

    def test_odoo_that_does_not_end_is_killed_with_its_children(self):
        self.begin(["sh", "-c", STUBBORN, str(self.ready)], grace_seconds=0.3)
        child = self.until_served()
        self.server.fence = True
        self.until("waiting")
        self.assertEqual(child.returncode, -signal.SIGKILL)
        grandchild = int(self.ready.read_text())
        self.wait(lambda: not lives(grandchild), "it lives on")


def lives(pid):
    """Whether a process runs; a zombie that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False
