"""Docker and Compose on this host, as the protocol needs them."""

import base64
import json
import re
import secrets
import subprocess
import sys
import threading
import time
from pathlib import Path

import egress
import project
from failures import Failure, code_from_log, tail
from files import LOGS, PROJECT, STATE, Reserve, free_bytes, write
from filestore import Filestore
from postgres import Postgres, QUICK
from shell import must, run

CONTAINERS = {"odoo": "odoo-ce", "db": "odoo-db", "proxy": "odoo-proxy"}
TASK_PREFIX = "odoo-ship-"
TASKS_PASSWORD = "odoo-tasks-password"
# Inside of its container only; see the rendered proxy configuration.
PROXY_HEALTH = "http://127.0.0.1:2020/"
DOCKER_LOGIN = STATE / "docker"
FIRST_LOGIN = STATE / "first-login"
HERE = Path(__file__).parents[1]
# Of the one container that is no service of the project: it reads files and prints, and can do no more.
READER = ["--network", "none", "--read-only", "--user", "100:101", "--cap-drop", "ALL",
          "--security-opt", "no-new-privileges", "--memory", "512m", "--cpus", "1", "--pids-limit", "64",
          # In the container's own memory.
          "--tmpfs", "/tmp:rw,noexec,nosuid,nodev,size=16m"]  # nosec B108


class ComposeHost:
    job = None

    def __init__(self):
        self.postgres = Postgres.in_container(CONTAINERS["db"], lambda: project.generated(TASKS_PASSWORD))
        self.cron = None
        self.receding = False

    # Images

    def log_in(self, registry):
        """Keeps the pull credentials where only root reads them; `docker login` itself would want to reach the
        registry.
        """
        if registry is None:
            return
        pair = base64.b64encode(f"{registry['username']}:{registry['password']}".encode()).decode()
        write(DOCKER_LOGIN / "config.json", json.dumps({"auths": {registry["server"]: {"auth": pair}}}))

    def has_image(self, image):
        return run(["docker", "image", "inspect", image], QUICK).ok

    def fetch(self, request):
        """The release's images, here. Answers what the one of Odoo says of itself: {"series", "modules": {name:
        {"version", "hash"}}}.
        """
        egress.check(request.get("network"))
        egress.begin(request.get("network"))
        self.log_in(request["registry"])
        for image in sorted(set(self.service_images(request))):
            if not re.search(r"@sha256:[0-9a-f]{64}$", image):
                raise Failure("DEPLOY_FAILED", "an image is not named by its digest", found=image,
                              expected="repository@sha256:…",
                              remedy="deploy from Pulumi, which renders it so")
            self.pull(image, 1800)
        if project.PROJECT.exists():
            # What the release runs before it is in place reads its own, which an earlier version has not made.
            project.place_secrets(request, only_new=True)
        facts = self.series_and_modules(request["image"])
        self.refuse_postgres_mismatch(request)
        return facts

    def refuse_postgres_mismatch(self, request):
        if not self.has_volume("odoo-db-data"):
            return
        found = project.first_line(project.volume_path("odoo-db-data") / "PG_VERSION")
        if found is None:
            return
        major = self.postgres_major(self.service_image(request, "db"))
        if major is not None and found != major:
            raise Failure("POSTGRES_MISMATCH", "the PostgreSQL image does not fit the data directory",
                          found=f"data of PostgreSQL {found}, image of {major}", expected="the same major version",
                          remedy="keep the older image in the images record; a new major version needs a dump and a "
                                 "restore")

    def pull(self, image, limit):
        """By digest, so what comes is what was asked for."""
        if self.has_image(image):
            return
        result = run(["docker", "--config", str(DOCKER_LOGIN), "pull", "--quiet", image], limit)
        if result.ok:
            return
        text = result.text.lower()
        known = (("IMAGE_NOT_FOUND", ("not found", "manifest unknown", "does not exist")),
                 ("REGISTRY_AUTH_FAILURE", ("unauthorized", "denied", "authentication required")),
                 ("DISK_SPACE_LOW", ("no space left",)))
        code = next((code for code, words in known if any(word in text for word in words)), "NETWORK_TIMEOUT")
        raise Failure(code, f"the image cannot be pulled: {image}", found=tail(result.text, 3) or "no answer in time",
                      expected="an image that the registry has and this host may pull",
                      remedy="check the digest (`pulumi stack output imageDigest`) and the pull credentials' end, then "
                             "update again")

    def series_and_modules(self, image):
        """{"series", "modules": {name: {"version", "hash"}}} as the image itself tells."""
        args = ["docker", "run", "--rm", *READER, "--entrypoint", "python3", image, "-I", "/opt/odoo/modules.py"]
        result = run(args, 120)
        if not result.ok:
            raise Failure("CONTAINER_START_FAILURE", "the image does not say which modules it has",
                          found=tail(result.text, 5),
                          expected="an image that was built by this product",
                          remedy="deploy a digest that staging has released",
                          log=tail(result.text))
        return json.loads(result.output)

    def postgres_major(self, image):
        text = must(["docker", "image", "inspect", "--format", "{{json .Config.Env}}", image], QUICK,
                    "reading the PostgreSQL image")
        return dict(line.split("=", 1) for line in json.loads(text)).get("PG_MAJOR")

    def remove_image(self, image):
        run(["docker", "image", "rm", image], QUICK)

    def has_volume(self, name):
        return name in must(["docker", "volume", "ls", "--quiet", "--filter", f"name={name}"], QUICK,
                            "listing volumes").split()

    def filestore(self):
        """Odoo has the whole volume. What is kept lies beside it, on its disk, below a directory that only root enters.
        """
        root = project.volume_path("odoo-filestore")
        owner = project.VOLUMES["odoo-filestore"]
        project.refuse_foreign_parent(root)
        store = Filestore(root, root.parent / "odoo-ship", owner)
        store.adopt(lambda text: print(text, file=sys.stderr))
        return store

    def reserve(self):
        """Where space is set aside: the state and, once it is there, the disk of the attachments."""
        aside = [self.filestore().aside] if self.has_volume("odoo-filestore") else []
        return Reserve([STATE, *(path for path in aside if path.exists())])

    def free(self):
        """Free bytes: {place: bytes} for images and for the data."""
        root = must(["docker", "info", "--format", "{{.DockerRootDir}}"], QUICK,
                    "asking Docker where it keeps images").strip()
        places = {root: free_bytes(root)}
        for name in project.VOLUMES:
            if self.has_volume(name):
                path = project.volume_path(name)
                places[str(path)] = free_bytes(path)
        return places

    def database_disk(self):
        """Where copies of the database take space."""
        path = project.volume_path("odoo-db-data")
        return str(path), free_bytes(path)

    # What a release does to the host, in the order in which it does it

    def prepare(self, request):
        """What the first release needs before there is a database."""
        project.prepare(request)
        self.start_database(request, 120)
        self.postgres.prepare_role(project.generated("odoo-db-password"))
        self.postgres.prepare_task_roles()

    def first_password(self):
        """The administrator's, for `odoo-ship first-login` to show once."""
        password = secrets.token_urlsafe(15)
        write(FIRST_LOGIN, f"user: admin\npassword: {password}\n", mode=0o400)
        return password

    def must_close(self, request):
        """Whether the release cannot be made while users work, whatever its modules."""
        return self.changes(request, "db")

    def changes_odoo(self, request):
        return self.changes(request, "odoo")

    def close(self, request):
        """No new request from here on; those under way are finished; then Odoo is stopped, and with it cron."""
        project.close()
        self.stop_odoo()
        if self.changes(request, "db"):
            self.start_database(request, 120)

    def refresh(self, request):
        """A release that concerns neither Odoo nor the database."""
        project.activate(request)
        self.start_proxy(request)

    def swap(self, request, between):
        """The release's files in place and its real server started, on a port that only the proxy reaches, with every
        job held.
        """
        project.activate(request)
        project.hold()
        self.stop_odoo()
        between()
        self.cron = CronHold(self.postgres, request["database"])
        self.start_odoo(request)
        self.wait_ready(CONTAINERS["odoo"], request["release"]["readySeconds"])
        self.start_proxy(request)

    def open(self, request):
        """Users in. May be done again: after a crash the server that was ready is gone with the host."""
        project.activate(request)
        if not self.odoo_runs(request["image"]):
            self.start_database(request, 120)
            self.start_odoo(request)
            self.wait_ready(CONTAINERS["odoo"], request["release"]["readySeconds"])
            self.start_proxy(request)
        self.keep_odoo()
        project.open_again()

    def let_go(self):
        """The jobs that were held."""
        if self.cron is not None:
            self.cron.let_go()
            self.cron = None

    def uninterrupted(self):
        pass

    def still_alone(self):
        """Nobody starts a container here but this worker, which holds a lock that nobody can end."""

    def recede(self, previous, failed, changed, closed):
        """Nobody works on the database, and whoever starts something by hand starts the previous release. `changed`:
        the failed one was started.
        """
        self.receding = True
        if previous:
            project.hold()
        if changed:
            self.stop_odoo(10)
        # The files first: should anyone start the project by hand meanwhile, it is the previous release that is refused
        # or runs.
        if previous:
            project.activate(previous)
        self.start_database(previous or failed, 120)

    def serve_again(self, request):
        """The previous release, ready, before anyone is let in."""
        self.start_odoo(request)
        self.wait_ready(CONTAINERS["odoo"], request["release"]["readySeconds"])
        self.keep_odoo()
        self.start_proxy(request)
        project.open_again()

    # Services

    def compose(self, request, *args, limit=300, release=False, what="docker compose", log=None):
        """Compose with the release's own files, whether they are in place or not."""
        files = project.RELEASES / request["id"] / "files"
        names = ["docker-compose.prod.yml"] + (["docker-compose.release.yml"] if release else [])
        command = ["docker", "compose", "--project-name", "odoo", "--project-directory", str(PROJECT), "--env-file",
                   str(files / ".env")]
        for name in names:
            command += ["-f", str(files / name)]
        env = {"COMPOSE_FILE": "", "COMPOSE_IGNORE_ORPHANS": "true"}
        if log is not None:
            return run([*command, *args], limit, log=log, env=env)
        return must([*command, *args], limit, what, code="CONTAINER_START_FAILURE", env=env)

    def service_images(self, request):
        return self.compose(request, "config", "--images", what="reading the Compose file").split()

    def service_image(self, request, service):
        config = json.loads(self.compose(request, "config", "--format", "json", what="reading the Compose file"))
        return config["services"][service]["image"]

    def changes(self, request, service):
        """Whether starting the service by the release's file would replace its container."""
        container = CONTAINERS[service]
        now = run(["docker", "inspect", "--format",
                   '{{index .Config.Labels "com.docker.compose.config-hash"}} {{.State.Running}}', container], QUICK)
        wanted = self.compose(request, "config", "--hash", service, what="reading the Compose file").split()[-1]
        return not now.ok or now.output.split() != [wanted, "true"]

    def start_database(self, request, seconds):
        self.compose(request, "up", "-d", "--no-deps", "db", what="starting PostgreSQL")
        self.fence(request)
        self.postgres.wait(seconds)

    def start_proxy(self, request):
        """Started, and read its configuration: one with a broken certificate would keep everyone out of a good release.
        """
        self.compose(request, "up", "-d", "--no-deps", "proxy", what="starting the proxy")
        # Its address is known now, by which it is told from Odoo.
        self.fence(request)
        end = time.monotonic() + 60
        while not run(["docker", "exec", CONTAINERS["proxy"], "wget", "-q", "-O", "/dev/null", PROXY_HEALTH], 20).ok:
            if time.monotonic() > end:
                log = self.logs(CONTAINERS["proxy"])
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
        self.fence(request)
        must(["docker", "update", "--restart=no", CONTAINERS["odoo"]], QUICK, "holding Odoo's restart policy")
        must(["docker", "start", CONTAINERS["odoo"]], 120, "starting Odoo", code="CONTAINER_START_FAILURE")

    def fence(self, request):
        """Where the containers may go. Should a release that serves again not get its rules, those in place stay."""
        try:
            egress.place(request.get("network"))
        except Failure:
            if not self.receding:
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

    def wait_ready(self, container, seconds):
        """Until the login page is answered with exactly 200: /web/health passes without a database."""
        end = time.monotonic() + seconds
        probe = ("import urllib.request as u; "
                 "print(u.build_opener(u.ProxyHandler({})).open('http://127.0.0.1:8069/web/login', timeout=20).status)")
        answer = "nothing"
        while time.monotonic() < end:
            result = run(["docker", "exec", container, "python3", "-I", "-c", probe], 30)
            if result.ok and result.output.strip() == "200":
                return
            answer = tail(result.text, 1) or "nothing"
            state = run(["docker", "inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", container], QUICK)
            if state.ok and state.output.split()[0] == "exited":
                log = self.logs(container)
                raise Failure(code_from_log(log, "CONTAINER_START_FAILURE"), "Odoo's container exited",
                              found=f"exit status {state.output.split()[1]}",
                              expected="a server that answers",
                              remedy="the log below says why; mend the release, then deploy again", log=tail(log))
            time.sleep(0.3)
        log = self.logs(container)
        raise Failure("HEALTH_CHECK_FAIL", "Odoo does not become ready",
                      found=f"/web/login answered {answer} for {seconds} s",
                      expected="status 200", remedy="the log below may say why; mend the release, then deploy again",
                      log=tail(log))

    def logs(self, container):
        return run(["docker", "logs", "--tail", "200", container], QUICK).text

    # One-off containers of a release: the same hardening, no way out but to PostgreSQL, cron off

    def task(self, request, name, command, limit, database, attempt):
        """Runs to its end; the whole output is in the attempt's log."""
        self.remove_task(name)
        log = LOGS / f"{attempt}-{name}.log"
        args = ["run", "--rm", "-T", "--no-deps", "--name", TASK_PREFIX + name, "-e", f"DB_NAME={database}",
                "odoo-task", *command]
        result = self.compose(request, *args, limit=limit, release=True, log=log)
        self.remove_task(name)
        return result

    def start_task(self, request, name, command, database):
        self.remove_task(name)
        self.compose(request, "run", "-d", "-T", "--no-deps", "--name", TASK_PREFIX + name, "-e", f"DB_NAME={database}",
                     "odoo-task", *command,
                     release=True, what="starting a container of the release")
        return TASK_PREFIX + name

    def remove_task(self, name):
        run(["docker", "rm", "--force", "--volumes", TASK_PREFIX + name], QUICK)

    def remove_tasks(self):
        """Those that a killed worker has left: they go on without it."""
        found = must(["docker", "ps", "--all", "--quiet", "--filter", f"name=^{TASK_PREFIX}"], QUICK,
                     "listing containers").split()
        if found:
            must(["docker", "rm", "--force", "--volumes", *found], 120, "removing what an interrupted release has left")

    def script(self, container, name, given, limit):
        """Runs a file of this directory with the container's own Python; `given` goes to its standard input."""
        source = (HERE / name).read_text(encoding="utf-8")
        # The file is the argument and holds no secret; what may be secret comes by standard input.
        return run(["docker", "exec", "-i", container, "python3", "-I", "-c", source], limit, given=given)

    def conversation(self, container, name):
        """A file of this directory run by the container's Python, that talks by lines on standard input and output."""
        source = (HERE / name).read_text(encoding="utf-8")
        return subprocess.Popen(["docker", "exec", "-i", container, "python3", "-I", "-c", source],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


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


class CronHold:
    """Holds every scheduled job's row, so that cron workers skip them all: a release that is not committed sends no
    mail and books nothing.
    """

    def __init__(self, postgres, database):
        self.child = postgres.start(postgres.psql(database), postgres.TASKS)
        # Odoo itself takes its jobs with FOR NO KEY UPDATE SKIP LOCKED.
        self.child.stdin.write("BEGIN; SET LOCAL lock_timeout = '30s'; SELECT count(*) FROM (SELECT FROM "
                               "public.ir_cron FOR NO KEY UPDATE) AS held;\n")
        self.child.stdin.flush()
        timer = threading.Timer(60, self.child.kill)
        timer.start()
        answer = self.child.stdout.readline().strip()
        timer.cancel()
        if not answer.isdigit():
            self.child.kill()
            raise Failure("DATABASE_CONNECTION_ERROR", "the scheduled jobs cannot be held", found=answer or "no answer",
                          expected="their number",
                          remedy="docker logs odoo-db shows why; then deploy again")

    def let_go(self):
        try:
            self.child.stdin.close()
            self.child.wait(10)
        except (OSError, subprocess.TimeoutExpired):
            self.child.kill()


