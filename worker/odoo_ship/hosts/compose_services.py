"""The services of the Compose project on this host: started, looked at and stopped as a release's own files say."""

import inspect
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import egress
import ready
import sockets
import staged
import words
from failures import Failure, code_from_log, tail
from files import PROJECT
from hosts import engine
from shell import QUICK, must, run

#: How often in a row, a twentieth of a second apart, Odoo has to be idle before it is killed.
IDLE_LOOKS = 4
CONTAINERS = {"odoo": "odoo-ce", "db": "odoo-db", "proxy": "odoo-proxy"}
# Inside of its container only; see the rendered proxy configuration.
PROXY_HEALTH = "http://127.0.0.1:2020/"
#: Read at the start: another version may be put in place while this one is at a release.
READY = inspect.getsource(ready)


class Services:
    def __init__(self, postgres):
        self.postgres = postgres
        #: {(request, service): what Compose calls the content of its container}
        self.hashes = {}
        #: {request: its file as Compose reads it}; what is staged for a request stays as it is.
        self.configs = {}
        #: Once a rollback has begun, rules that cannot be placed keep nobody out.
        self.rolling_back = False

    def compose(self, request, *args, limit=300, release=False, what="docker compose"):
        """Compose with the release's own files, whether they are in place or not."""
        files = staged.RELEASES / request["id"] / "files"
        names = ["docker-compose.prod.yml"] + (["docker-compose.release.yml"] if release else [])
        command = ["docker", "compose", "--project-name", "odoo", "--project-directory", str(PROJECT), "--env-file",
                   str(files / ".env")]
        for name in names:
            command += ["-f", str(files / name)]
        env = {"COMPOSE_FILE": "", "COMPOSE_IGNORE_ORPHANS": "true"}
        return must([*command, *args], limit, what, code="CONTAINER_START_FAILURE", env=env)

    def images(self, request):
        return [service["image"] for service in self.config(request)["services"].values()]

    def image(self, request, service):
        return self.service(request, service)["image"]

    def option(self, request, name):
        """What the settings say of an option of Odoo's configuration file; None: nothing."""
        return json.loads(self.service(request, "odoo")["environment"].get("ODOO_OPTIONS", "{}")).get(name)

    def service(self, request, name):
        return self.config(request)["services"][name]

    def config(self, request):
        """As Compose reads it."""
        if request["id"] not in self.configs:
            text = self.compose(request, "config", "--format", "json", what="reading the Compose file")
            self.configs[request["id"]] = json.loads(text)
        return self.configs[request["id"]]

    def changes(self, request, service):
        """Whether starting the service by the release's file would replace its container."""
        now = engine.container(CONTAINERS[service])
        return (now is None or not now["State"]["Running"]
                or engine.label_of(now, "com.docker.compose.config-hash") != self.hash_of(request, service))

    def runs(self, request, service):
        """Whether the service runs as the release's file says. Another version of Compose may find another hash in the
        same file; a container of its predecessor is told by its image, and not replaced for that alone.
        """
        if not self.changes(request, service):
            return True
        made = engine.container(CONTAINERS[service])
        version = re.match(r"v?([0-9.]+)", run(["docker", "compose", "version", "--short"], QUICK).output)
        return (bool(version) and runs_image(made, self.image(request, service))
                and engine.label_of(made, "com.docker.compose.version") not in (None, version[1]))

    def hash_of(self, request, service):
        """Of all services at once: Compose takes its time, and behind the door that is everybody's."""
        if (request["id"], service) not in self.hashes:
            lines = self.compose(request, "config", "--hash", "*", what="reading the Compose file").splitlines()
            self.hashes.update({(request["id"], name): text for name, text in map(str.split, lines)})
        return self.hashes[request["id"], service]

    def odoo_is_of(self, request):
        """Whether Odoo's container is the one of this release, and runs."""
        return not self.changes(request, "odoo")

    def start_database(self, request, seconds):
        self.compose(request, "up", "-d", "--no-deps", "db", what="starting PostgreSQL")
        self.place_rules(request)
        self.postgres.wait(seconds)

    def start_proxy(self, request):
        """Started, and read its configuration: one with a broken certificate would keep everyone out of a good release.
        """
        if self.changes(request, "proxy"):
            self.compose(request, "up", "-d", "--no-deps", "proxy", what="starting the proxy")
        # Its address is known now, by which it is told from Odoo.
        self.place_rules(request)
        end = time.monotonic() + 60
        while not run(["docker", "exec", CONTAINERS["proxy"], "wget", "-q", "-O", "/dev/null", PROXY_HEALTH], 20).ok:
            if time.monotonic() > end:
                log = logs(CONTAINERS["proxy"])
                raise Failure("HEALTH_CHECK_FAIL", "the proxy does not start", found=tail(log, 1),
                              expected="a proxy that answers within 60 s",
                              remedy="the log below says why: most often the certificate or the domain", log=tail(log))
            time.sleep(0.3)

    def start_odoo(self, request):
        """Started, but not by a reboot: until it is committed, only this worker starts it. :meth:`keep_odoo` ends that.
        """
        # Not --no-deps: Compose hashes a service without what it depends on otherwise, and would make it anew by hand.
        self.compose(request, "up", "--no-start", "odoo", what="making Odoo's container", limit=180)
        # Its networks are there now, and it does not run yet.
        self.place_rules(request)
        must(["docker", "update", "--restart=no", CONTAINERS["odoo"]], QUICK, "holding Odoo's restart policy")
        must(["docker", "start", CONTAINERS["odoo"]], 120, "starting Odoo", code="CONTAINER_START_FAILURE")

    def place_rules(self, request):
        """Where the containers may go. A rollback that cannot place them keeps
        those that are in place.
        """
        try:
            egress.place(request.get("network"))
        except Failure:
            if not self.rolling_back:
                raise

    def keep_odoo(self):
        must(["docker", "update", "--restart=unless-stopped", CONTAINERS["odoo"]], QUICK,
             "setting Odoo's restart policy")

    def stop_odoo(self, seconds=60):
        """Nobody starts it again, a reboot included."""
        self.stop(CONTAINERS["odoo"], seconds)

    def stop(self, container, seconds):
        """Requests that are under way are finished. The proxy must send no new ones any more."""
        pid = pid_of(container)
        drain(pid, 30)
        stopping = ThreadPoolExecutor(1).submit(run, ["docker", "stop", "--time", str(seconds), container],
                                                seconds + 60)
        self._cut_short(container, pid, stopping)
        if is_running(container):
            run(["docker", "kill", container], QUICK)
        if is_running(container):
            raise Failure("DEPLOY_FAILED", "Odoo cannot be stopped",
                          found=f"{container} runs after docker stop and docker kill",
                          expected="a stopped server, before its database is touched",
                          remedy="`systemctl restart docker`, then deploy again")

    def _cut_short(self, container, pid, stopping):
        """Odoo, which was told to end, needs seconds to take its idle processes apart. Once none has a request or a
        transaction, nothing is lost if they are killed.
        """
        idle = 0
        while pid and not stopping.done():
            at_work = sockets.under_way(ready.PORT, network_of(pid)) > 0 or self._in_transaction()
            idle = 0 if at_work else idle + 1
            # The first looks may be from before the signal. Right after the last one.
            if idle == IDLE_LOOKS:
                run(["docker", "kill", container], QUICK)
                break
            time.sleep(0.05)
        stopping.result()

    def _in_transaction(self):
        try:
            return self.postgres.in_transaction()
        except Failure:
            # Nobody can tell.
            return True

    def odoo_runs(self, image):
        return runs_image(engine.container(CONTAINERS["odoo"]), image)


def runs_image(container, image):
    """Whether there is one, of this image, and runs."""
    return container is not None and container["State"]["Running"] and container["Config"]["Image"] == image


def is_running(container):
    known = engine.container(container)
    return known is not None and known["State"]["Running"]


def is_there(container):
    """Running or not."""
    return engine.container(container) is not None


def wait_ready(container, seconds):
    """Until Odoo serves its database (ready.py)."""
    end = time.monotonic() + seconds
    answer = "nothing"
    while time.monotonic() < end:
        left = max(1, end - time.monotonic())
        result = run(["docker", "exec", container, "python3", "-I", "-c", READY, str(left)], left + 60)
        if result.ok:
            return
        answer = tail(result.text, 1) or "nothing"
        state = (engine.container(container) or {}).get("State", {})
        if state.get("Status") == "exited":
            log = logs(container)
            if state["OOMKilled"]:
                raise Failure("OUT_OF_MEMORY", "Odoo needs more memory than its container has",
                              found="the kernel has ended it as it started", expected="one that fits into its limit",
                              remedy=words.HERE["memory"], log=tail(log))
            raise Failure(code_from_log(log, "CONTAINER_START_FAILURE"), "Odoo's container exited",
                          found=f"exit status {state['ExitCode']}",
                          expected="a server that answers",
                          remedy="the log below says why; mend the release, then deploy again", log=tail(log))
        time.sleep(0.3)
    log = logs(container)
    raise Failure("HEALTH_CHECK_FAIL", "Odoo does not become ready",
                  found=f"/web/login answered {answer} for {seconds} s",
                  expected="the login page", remedy="the log below may say why; mend the release, then deploy again",
                  log=tail(log))


def logs(container):
    return run(["docker", "logs", "--tail", "200", container], QUICK).text


def pid_of(container):
    """As a string; None where it does not run."""
    known = engine.container(container)
    pid = known["State"]["Pid"] if known else 0
    return str(pid) if pid else None


def network_of(pid):
    """Folder with the kernel's tables of a process's connections."""
    return Path(f"/proc/{pid}/net")


def drain(pid, seconds):
    """Until no connection waits in Odoo's queue: those would be reset, while a taken one is finished."""
    end, empty = time.monotonic() + seconds, 0
    while pid and empty < 2 and time.monotonic() < end:
        empty = empty + 1 if sockets.queued(ready.PORT, network_of(pid)) == 0 else 0
        time.sleep(0.1)
