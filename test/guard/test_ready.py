"""When Odoo is taken to serve, by what it answers for its login page."""

import sys
import threading
import unittest
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "images" / "odoo"))

import ready  # noqa: E402


class Answers(BaseHTTPRequestHandler):
    answer = (200, None)

    def do_GET(self):
        status, location = self.answer
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.end_headers()

    def log_message(self, *_):
        pass


class ReadyTest(unittest.TestCase):
    def setUp(self):
        self.server = HTTPServer(("127.0.0.1", 0), Answers)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)

    def test_a_login_page_or_one_elsewhere_is_served_and_nothing_else(self):
        for answer, served in (((200, None), True), ((303, "https://login.example.com/authorize"), True),
                               ((303, "/web/database/selector"), False), ((303, None), False), ((500, None), False),
                               ((503, None), False), ((404, None), False)):
            with self.subTest(answer):
                Answers.answer = answer
                self.assertEqual(ready.ask(10, self.server.server_port)[0], served)

    def test_nobody_at_the_port_is_not(self):
        port = self.server.server_port
        self.server.shutdown()
        self.server.server_close()
        served, answer = ready.ask(10, port)
        self.assertEqual((served, answer != ""), (False, True))
