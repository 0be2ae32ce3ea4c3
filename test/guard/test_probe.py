"""The guard's probes, and the keys of its locks."""

import json
import os
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "images" / "odoo"))

import guard  # noqa: E402


class ProbeTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.answers, self.open = {"/web/health": (200, "")}, True
        for owner, name, value in ((guard, "STATUS", Path(directory.name) / "guard.json"),
                                   (guard, "HEARD", Path(directory.name) / "heard"),
                                   (guard.ready, "get", lambda path, *_: (*self.answers[path], "")),
                                   (guard, "port", lambda: 8069), (guard.sockets, "accepts", lambda _: self.open)):
            self.addCleanup(setattr, owner, name, getattr(owner, name))
            setattr(owner, name, value)

    def say(self, state, http=True, since=0.0, written=0.0):
        status = {"state": state, "reason": "why", "since": time.time() - since, "http": http}
        guard.STATUS.write_text(json.dumps(status))
        os.utime(guard.STATUS, (time.time() - written,) * 2)

    def assert_probe(self, ready, live):
        self.assertEqual((guard.probe("ready")[0], guard.probe("live")[0]), (ready, live))

    def test_it_has_started_when_odoo_has_served_or_may_not_start_now(self):
        for state, started in (("starting", False), ("serving", True), ("waiting", True), ("draining", True)):
            for http in (True, False):
                self.say(state, http)
                self.assertEqual(guard.probe("started")[0], started, state)

    def test_a_server_that_answers_is_ready_and_live(self):
        self.say("serving")
        self.assert_probe(True, True)

    def test_a_guard_that_waits_is_live_but_not_ready(self):
        for state in ("waiting", "draining"):
            self.say(state)
            self.assert_probe(False, True)

    def test_only_a_probe_of_what_drains_tells_that_it_was_heard(self):
        for state, kind, heard in (("serving", "ready", False), ("waiting", "ready", False),
                                   ("draining", "live", False), ("draining", "ready", True)):
            with self.subTest(state, kind=kind):
                self.say(state)
                guard.probe(kind)
                self.assertEqual(guard.HEARD.exists(), heard)

    def test_a_server_that_starts_is_not_ready_and_has_its_time(self):
        self.say("starting", since=5)
        self.assert_probe(False, True)
        self.say("starting", since=guard.START_SECONDS + 5)
        self.assert_probe(False, False)

    def test_a_server_that_is_busy_is_ready_and_one_that_hangs_is_not_live(self):
        self.answers = {"/web/health": (0, "timed out")}
        self.say("serving")
        self.assert_probe(True, False)

    def test_a_server_without_its_port_is_not_ready(self):
        self.open = False
        self.say("serving")
        self.assert_probe(False, True)

    def test_a_guard_that_is_silent_or_has_not_begun_is_not_live(self):
        self.assert_probe(False, False)
        self.say("serving", written=guard.SILENT_SECONDS + 5)
        self.assert_probe(False, False)

    def test_cron_alone_has_no_pages(self):
        self.answers = {}
        self.say("serving", http=False)
        self.assert_probe(True, True)
