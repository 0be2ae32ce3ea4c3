"""The services of the Compose project on this host: started, looked at and stopped as a release's own files say."""

import json
import time
from pathlib import Path

import egress
import ready
import staged
from failures import Failure, code_from_log, tail
from files import PROJECT
from shell import QUICK, must, run

CONTAINERS = {"odoo": "odoo-ce", "db": "odoo-db", "proxy": "odoo-proxy"}
# Inside of its container only; see the rendered proxy configuration.
PROXY_HEALTH = "http://127.0.0.1:2020/"
#: Read at the start: another version may be put in place while this one is at a release.
READY = Path(ready.__file__).read_text(encoding="utf-8")


class Services:
    def __init__(self, postgres):
        self.postgres = postgres
        #: {(request, service): what Compose calls the content of its container}
        self.hashes = {}
        #: Once a rollback has begun, rules that cannot be placed keep nobody out.
        self.rolling_back = False

    def compose(self, request, *args, limit=300, release=False, what="docker compose", log=None):
        """Compose with the release's own files, whether they are in place or not."""
        files = staged.RELEASES / request["id"] / "files"
        names = ["docker-compose.prod.yml"] + (["docker-compose.release.yml"] if release else [])
        command = ["docker", "compose", "--project-name", "odoo", "--project-directory", str(PROJECT), "--env-file",
                   str(files / ".env")]
        for name in names:
            command += ["-f", str(files / name)]
        env = {"COMPOSE_FILE": "", "COMPOSE_IGNORE_ORPHANS": "true"}
        if log is not None:
            return run([*command, *args], limit, log=log, env=env)
        return must([*command, *args], limit, what, code="CONTAINER_START_FAILURE", env=env)

    def images(self, request):
        return self.compose(request, "config", "--images", what="reading the Compose file").split()

    def image(self, request, service):
        config = json.loads(self.compose(request, "config", "--format", "json", what="reading the Compose file"))
        return config["services"][service]["image"]

    def changes(self, request, service):
        """Whether starting the service by the release's file would replace its container."""
        container = CONTAINERS[service]
        now = run(["docker", "inspect", "--format",
                   '{{index .Config.Labels "com.docker.compose.config-hash"}} {{.State.Running}}', container], QUICK)
        return not now.ok or now.output.split() != [self.hash_of(request, service), "true"]

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
        """Requests that are under way are finished; nobody starts it again, a reboot included. The proxy must send no
        new ones any more.
        """
        self._drain(30)
        run(["docker", "stop", "--time", str(seconds), CONTAINERS["odoo"]], seconds + 60)
        if self._running("odoo"):
            run(["docker", "kill", CONTAINERS["odoo"]], QUICK)
        if self._running("odoo"):
            raise Failure("DEPLOY_FAILED", "Odoo cannot be stopped",
                          found=f"{CONTAINERS['odoo']} runs after docker stop and docker kill",
                          expected="a stopped server, before its database is touched",
                          remedy="`systemctl restart docker`, then deploy again")

    def _running(self, service):
        names = must(["docker", "ps", "--quiet", "--filter", f"name=^{CONTAINERS[service]}$"], QUICK,
                     "listing containers")
        return names.strip() != ""

    def _drain(self, seconds):
        """Until no connection waits in Odoo's queue: those would be reset, while those that a worker has taken are
        finished.
        """
        pid = run(["docker", "inspect", "--format", "{{.State.Pid}}", CONTAINERS["odoo"]], QUICK).output.strip()
        end = time.monotonic() + seconds
        empty = 0
        while pid.isdigit() and pid != "0" and empty < 2 and time.monotonic() < end:
            empty = empty + 1 if waiting_connections(pid) == 0 else 0
            time.sleep(0.2)

    def odoo_runs(self, image):
        answer = run(["docker", "inspect", "--format", "{{.Config.Image}} {{.State.Running}}", CONTAINERS["odoo"]],
                     QUICK)
        return answer.ok and answer.output.split() == [image, "true"]


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
        state = run(["docker", "inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", container], QUICK)
        if state.ok and state.output.split()[0] == "exited":
            log = logs(container)
            raise Failure(code_from_log(log, "CONTAINER_START_FAILURE"), "Odoo's container exited",
                          found=f"exit status {state.output.split()[1]}",
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


def waiting_connections(pid):
    """Connections that the kernel has accepted for a listening socket of Odoo and no worker has taken yet."""
    waiting = 0
    for name in ("tcp", "tcp6"):
        try:
            lines = Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]
        except OSError:
            continue
        for local, _, state, queues in (line.split()[1:5] for line in lines):
            if state == "0A" and int(local.split(":")[1], 16) in (8069, 8072):
                waiting += int(queues.split(":")[1], 16)
    return waiting
