"""What Kubernetes asks the guard of an Odoo, and how: by HTTP at a port of its own, which costs a node next to nothing
where a program in the container costs it an eighth of a second of a processor; or by `guard.py started | ready | live`,
for people, and for pods of a Deployment that does not know of the port.

    GET /started | /ready | /live     200 or 503, and one line

The guard itself leaves its state in a file. Nobody but the node can reach the port (the network policies), and the
answers tell no secret.
"""

import configparser
import http.server
import json
import os
import threading
import time
from pathlib import Path

import ready
import sockets

#: The image says it in its label io.odoo.probe-port.
PORT = 8070
KINDS = ("started", "ready", "live")
# A probe that finds no sign of life for this long calls for a new container.
SILENT_SECONDS = 60
START_SECONDS = float(os.environ.get("ODOO_GUARD_START_SECONDS") or 300)
STATUS = Path("/run/odoo/guard.json")
# Written by the probe that has told Kubernetes that no more requests are wanted.
HEARD = Path("/run/odoo/guard-heard")


def probe(kind):
    """(passed, line). Ready: users may come, since they are served, or refused at once behind a closed door; busy is no
    reason to send them away. Live: no new container would do better; a guard that waits is well. Started: so is it, and
    Odoo has served, or may not start now.
    """
    try:
        status = json.loads(STATUS.read_text(encoding="utf-8"))
        silent = time.time() - STATUS.stat().st_mtime
    except (OSError, ValueError) as error:
        return False, f"the guard has not begun: {error}"
    if silent > SILENT_SECONDS:
        return False, f"the guard has said nothing for {silent:.0f} s"
    state, line = status["state"], f"{status['state']} {status['reason']}".strip()
    if state == "draining" and kind == "ready":
        HEARD.touch()
    if state == "starting":
        late = time.time() - status["since"] > START_SECONDS
        return kind == "live" and not late, f"starting for more than {START_SECONDS:.0f} s" if late else line
    if state == "waiting" and status["closed"]:
        return True, line
    if state != "serving" or not status["http"] or kind == "started":
        return state == "serving" or kind != "ready", line
    if kind == "ready":
        passed = sockets.accepts(port())
        return passed, f"its port takes {'' if passed else 'no '}connections"
    code, text, _ = ready.get("/web/health", 8, port())
    return code == 200, f"/web/health answered {code} {text}"


def port():
    return options().getint("http_port", fallback=8069)


def options():
    parser = configparser.RawConfigParser()
    parser.read(os.environ["ODOO_RC"], encoding="utf-8")
    return parser["options"]


class Answer(http.server.BaseHTTPRequestHandler):
    # Whoever connects and says nothing keeps no thread for longer.
    timeout = 10
    server_version, sys_version = "odoo-guard", ""

    def do_GET(self):
        kind = self.path.lstrip("/")
        status, line = 404, f"asked are /{', /'.join(KINDS)}"
        if kind in KINDS:
            passed, line = probe(kind)
            status = 200 if passed else 503
        text = f"{line}\n".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        """Once a second is too often for the log; what a probe found is in the pod's events."""


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """Who asked has gone."""


def serve(where=("", PORT)):
    """Answers from now on, in threads that end with the process. Raises OSError if the port is taken."""
    server = Server(where, Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
