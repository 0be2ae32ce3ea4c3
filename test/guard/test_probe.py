"""What the guard's probes find, and how they are asked."""

import http.client
import json
import os
import socket
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "images" / "odoo"))

import probes  # noqa: E402


class Probed(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.answers, self.open = {"/web/health": (200, "")}, True
        for owner, name, value in ((probes, "STATUS", Path(directory.name) / "guard.json"),
                                   (probes, "HEARD", Path(directory.name) / "heard"),
                                   (probes.ready, "get", lambda path, *_: (*self.answers[path], "")),
                                   (probes, "port", lambda: 8069), (probes.sockets, "accepts", lambda _: self.open)):
            self.addCleanup(setattr, owner, name, getattr(owner, name))
            setattr(owner, name, value)

    def say(self, state, http=True, since=0.0, written=0.0, closed=False):
        status = {"state": state, "reason": "why", "since": time.time() - since, "http": http, "closed": closed}
        probes.STATUS.write_text(json.dumps(status))
        os.utime(probes.STATUS, (time.time() - written,) * 2)


class ProbeTest(Probed):
    def assert_probe(self, ready, live):
        self.assertEqual((probes.probe("ready")[0], probes.probe("live")[0]), (ready, live))

    def test_it_has_started_when_odoo_has_served_or_may_not_start_now(self):
        for state, started in (("starting", False), ("serving", True), ("waiting", True), ("draining", True)):
            for http in (True, False):
                self.say(state, http)
                self.assertEqual(probes.probe("started")[0], started, state)

    def test_a_server_that_answers_is_ready_and_live(self):
        self.say("serving")
        self.assert_probe(True, True)

    def test_a_guard_that_waits_is_live_but_not_ready(self):
        for state in ("waiting", "draining"):
            self.say(state)
            self.assert_probe(False, True)

    def test_behind_a_closed_door_it_is_ready_once_nothing_listens_any_more(self):
        for state, ready in (("draining", False), ("waiting", True)):
            self.say(state, closed=True)
            self.assert_probe(ready, True)

    def test_only_a_probe_of_what_drains_tells_that_it_was_heard(self):
        for state, kind, heard in (("serving", "ready", False), ("waiting", "ready", False),
                                   ("draining", "live", False), ("draining", "ready", True)):
            with self.subTest(state, kind=kind):
                self.say(state)
                probes.probe(kind)
                self.assertEqual(probes.HEARD.exists(), heard)

    def test_a_server_that_starts_is_not_ready_and_has_its_time(self):
        self.say("starting", since=5)
        self.assert_probe(False, True)
        self.say("starting", since=probes.START_SECONDS + 5)
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
        self.say("serving", written=probes.SILENT_SECONDS + 5)
        self.assert_probe(False, False)

    def test_cron_alone_has_no_pages(self):
        self.answers = {}
        self.say("serving", http=False)
        self.assert_probe(True, True)


class AskedTest(Probed):
    """By HTTP, as the kubelet does, at a port of this machine."""

    def setUp(self):
        super().setUp()
        self.server = probes.serve(("127.0.0.1", 0))
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)

    def ask(self, path, method="GET"):
        connection = http.client.HTTPConnection(*self.server.server_address, timeout=60)
        self.addCleanup(connection.close)
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def test_it_is_answered_as_the_command_answers(self):
        self.say("serving")
        self.assertEqual([self.ask(f"/{kind}")[0] for kind in probes.KINDS], [200, 200, 200])
        self.say("waiting")
        self.assertEqual([self.ask(f"/{kind}") for kind in probes.KINDS],
                         [(200, "waiting why\n"), (503, "waiting why\n"), (200, "waiting why\n")])

    def test_nothing_else_is_answered(self):
        self.say("serving")
        self.assertEqual([self.ask(path)[0] for path in ("/", "/ready/..", "/../odoo.conf", "/READY")], [404] * 4)
        self.assertEqual(self.ask("/ready", "POST")[0], 501)

    def test_one_who_says_nothing_keeps_nobody_waiting(self):
        self.say("serving")
        silent = [socket.create_connection(self.server.server_address) for _ in range(20)]
        for one in silent:
            self.addCleanup(one.close)
        self.assertEqual(self.ask("/ready")[0], 200)

    def test_a_port_that_is_taken_is_told(self):
        with self.assertRaises(OSError):
            probes.serve(self.server.server_address)

    def test_the_image_says_where_it_is_asked_and_the_deployment_asks_there(self):
        dockerfile = (ROOT / "images" / "odoo" / "Dockerfile").read_text()
        self.assertIn(f'io.odoo.probe-port="{probes.PORT}"', dockerfile)
        program = (ROOT / "components" / "odoo" / "probe-port.ts").read_text()
        self.assertIn(f"probePort = {probes.PORT};", program)
