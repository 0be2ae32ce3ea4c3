"""What Docker is asked at its socket, by a server that answers as its engine does."""

import json
import socketserver
import threading
from http.server import BaseHTTPRequestHandler
from unittest import mock

from support import WorkerCase

from failures import Failure
from hosts import engine


class Engine(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        status, value = self.server.answers.get(self.path, (404, {"message": "no such thing"}))
        text = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def address_string(self):
        return "socket"

    def log_message(self, *_):
        """Nobody reads it."""


class EngineTest(WorkerCase):
    def setUp(self):
        super().setUp()
        place = str(self.root / "docker.sock")
        self.server = socketserver.ThreadingUnixStreamServer(place, Engine)
        self.server.answers, self.server.asked = {}, []
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        patch = mock.patch.object(engine, "SOCKET", place)
        patch.start()
        self.addCleanup(patch.stop)

    def test_what_is_not_there_is_none(self):
        found = [engine.container("odoo-ce"), engine.image("registry:5000/team/odoo@sha256:ab"), engine.volume("data")]
        self.assertEqual(found, [None] * 3)
        self.assertEqual(self.server.asked, ["/containers/odoo-ce/json",
                                             "/images/registry:5000/team/odoo@sha256:ab/json", "/volumes/data"])

    def test_what_is_there_is_told(self):
        self.server.answers = {"/info": (200, {"DockerRootDir": "/var/lib/docker"})}
        self.assertEqual(engine.information(), {"DockerRootDir": "/var/lib/docker"})

    def test_names_and_labels_are_one_word_each(self):
        name, label = "%7B%22name%22%3A%20%5B%22%5Eodoo-ship-%22%5D%7D", "%7B%22label%22%3A%20%5B%22a%3Db%22%5D"
        self.server.answers = {f"/containers/json?all=1&filters={name}": (200, [{"Id": "1"}]),
                               f"/networks?filters={label}%2C%20%22driver%22%3A%20%5B%22bridge%22%5D%7D": (200, [])}
        self.assertEqual((engine.containers("^odoo-ship-"), engine.networks("a=b")), (["1"], []))
        self.assertIsNone(engine.container("../images"))
        self.assertEqual(self.server.asked[-1], "/containers/..%2Fimages/json")

    def refusal(self):
        with self.assertRaises(Failure) as caught:
            engine.container("odoo-ce")
        self.assertIn("systemctl status docker", caught.exception.remedy)
        return caught.exception.found

    def test_an_engine_that_fails_or_is_away_is_not_taken_for_one_that_has_nothing(self):
        self.server.answers = {"/containers/odoo-ce/json": (500, {"message": "context canceled"})}
        self.assertIn("context canceled", self.refusal())
        with mock.patch.object(engine, "SOCKET", str(self.root / "none")):
            self.assertIn("none: FileNotFoundError", self.refusal())
