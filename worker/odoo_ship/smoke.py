"""Runs inside a container of the release: uses its server as a person would. Standard input: {"database", "models",
"websocket"}, and {"login", "password"} of a user made for this, who also writes; or {"session"} of somebody who was
there before, who only reads; or all three, with a session of the user made for this.

Prints one JSON line: {"passed": [what]} or {"failed": what, "found": why, "passed": […]}. Only Python's own library.
"""

import base64
import contextlib
import http.client
import json
import os
import re
import sys
import time


class Client:
    def __init__(self):
        self.cookie = ""
        # [database, uid, password] where no session is to be had.
        self.remote = None

    def ask(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", 8069, timeout=60)
        headers = {"Host": "127.0.0.1:8069", **({"Cookie": self.cookie} if self.cookie else {}), **(headers or {})}
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        for line in answer.headers.get_all("Set-Cookie") or []:
            if line.startswith("session_id="):
                self.cookie = line.split(";")[0]
        return answer, answer.read()

    def page(self, path):
        answer, body = self.ask("GET", path)
        if answer.status != 200:
            raise ValueError(f"{path} answered {answer.status}: {readable(body)}")
        return body.decode("utf-8", "replace")

    def rpc(self, path, params):
        body = json.dumps({"jsonrpc": "2.0", "method": "call", "id": 1, "params": params})
        answer, text = self.ask("POST", path, body, {"Content-Type": "application/json"})
        if answer.status != 200:
            raise ValueError(f"{path} answered {answer.status}: {readable(text)}")
        result = json.loads(text)
        if "error" in result:
            data = result["error"].get("data") or {}
            message = data.get("message") or result["error"].get("message")
            raise ValueError(f"{path}: {data.get('name', '')} {message}\n{data.get('debug', '')[-1500:]}")
        return result.get("result")

    def call(self, model, method, args=(), options=None):
        if self.remote:
            return self.rpc("/jsonrpc", {"service": "object", "method": "execute_kw",
                                         "args": [*self.remote, model, method, list(args), options or {}]})
        return self.rpc(f"/web/dataset/call_kw/{model}/{method}",
                        {"model": model, "method": method, "args": list(args), "kwargs": options or {}})


def readable(body):
    return re.sub(r"<[^>]+>|\s+", " ", body.decode("utf-8", "replace"))[:300].strip()


def login_page(client, order):
    answer, body = client.ask("GET", "/web/login")
    order["page"] = body.decode("utf-8", "replace")
    if 300 <= answer.status < 400:
        # Whose users log in elsewhere is sent there.
        return
    page = client.page("/web/login")
    if 'name="login"' not in page:
        raise ValueError("/web/login has no login form")
    order["page"] = page


def static_asset(client, order):
    assets = re.findall(r'(?:href|src)="(/web/(?:assets|content)/[^"]+|/web/static/[^"]+)"', order["page"])
    if not assets and 'name="login"' in order["page"]:
        raise ValueError("the login page names no asset")
    assets = assets or ["/web/static/img/logo.png"]
    client.page(assets[0].replace("&amp;", "&"))


def authenticated(client, order):
    if "login" in order:
        # A wrong password is an error. Where the answer names no user, the password was right, and a second factor is
        # asked for, as a policy may want it of everybody.
        answer = client.rpc("/web/session/authenticate", {"db": order["database"], "login": order["login"],
                                                          "password": order["password"]})
        if answer and answer.get("uid"):
            return
        if "session" not in order:
            log_in_as_a_program(client, order)
            return
    client.cookie = f"session_id={order['session']['id']}"
    if not client.rpc("/web/session/get_session_info", {}).get("uid"):
        raise ValueError("the session that was signed for this is not accepted")


def log_in_as_a_program(client, order):
    """A policy may want a second factor of people alone."""
    uid = client.rpc("/jsonrpc", {"service": "common", "method": "login",
                                  "args": [order["database"], order["login"], order["password"]]})
    if not uid:
        raise ValueError("the login was refused")
    client.remote = [order["database"], uid, order["password"]]


def create_and_read(client, order):
    if "login" not in order:
        return
    record = client.call("res.partner.category", "create", [{"name": "Smoke test of a release"}])
    record = record if isinstance(record, int) else record[0]
    found = client.call("res.partner.category", "read", [[record], ["name"]])
    client.call("res.partner.category", "unlink", [[record]])
    if [row["name"] for row in found] != ["Smoke test of a release"]:
        raise ValueError(f"read back {found}")


def form_views(client, order):
    for model in order["models"] or ["res.partner"]:
        try:
            views = client.call(model, "get_views", [], {"views": [[False, "form"]]})
        except ValueError as error:
            # A rule about who may see what is no fault of a release.
            if "odoo.exceptions.AccessError" in str(error):
                continue
            raise
        if "<form" not in views["views"]["form"]["arch"]:
            raise ValueError(f"no form of {model}")


def websocket(client, order):
    if not order["websocket"]:
        return
    config = open(os.environ["ODOO_RC"], encoding="utf-8").read()
    workers = re.search(r"(?m)^workers\s*=\s*(\d+)", config)
    port = 8072 if workers and int(workers[1]) > 0 else 8069
    key = base64.b64encode(os.urandom(16)).decode()
    # The process that has it starts beside those of the pages, and may come later.
    end = time.monotonic() + 60
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request("GET", "/websocket", headers={
                "Host": "127.0.0.1:8069", "Origin": "http://127.0.0.1:8069", "Connection": "Upgrade",
                "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": key,
                "Cookie": client.cookie})
            break
        except ConnectionRefusedError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
    status = connection.getresponse().status
    if status != 101:
        raise ValueError(f"/websocket answered {status}, not 101")


CHECKS = (("login page", login_page), ("static asset", static_asset), ("login", authenticated),
          ("create and read", create_and_read),
          ("form views", form_views), ("websocket", websocket))


class KeptSession:
    """The file of a session, where the server looks for it while this runs."""

    def __init__(self, session):
        config = open(os.environ["ODOO_RC"], encoding="utf-8").read()
        folder = re.search(r"(?m)^data_dir\s*=\s*(.+)$", config)[1].strip()
        self.path, self.text = os.path.join(folder, "sessions", session["path"]), session["text"]

    def __enter__(self):
        os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
        with open(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(self.text)

    def __exit__(self, *_):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)


def main():
    order = json.load(sys.stdin)
    with KeptSession(order["session"]) if "session" in order else contextlib.nullcontext():
        use(order)


def use(order):
    client, passed = Client(), []
    for name, check in CHECKS:
        try:
            check(client, order)
        except Exception as error:
            print(json.dumps({"failed": name, "found": f"{type(error).__name__}: {error}", "passed": passed}))
            return
        passed.append(name)
    print(json.dumps({"passed": passed}))


main()
