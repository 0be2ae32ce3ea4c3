"""Docker and Compose on this host, as a release needs them."""

import contextlib
from concurrent.futures import ThreadPoolExecutor

import egress
import passwords
import project
import server_wide
from failures import Failure
from files import DUMPS, FIRST_LOGIN, Lock, write
from hosts import compose_images as images
from hosts import compose_memory as memory
from hosts import compose_services as services
from hosts import compose_signature as signature
from hosts import compose_tasks as tasks
from hosts import habits
from hosts.base import Serving, keep_dumps_away
from hosts.compose_before import Before
from hosts.compose_data import ComposeData, has_volume
from hosts.compose_packages import Packages
from hosts.compose_services import CONTAINERS, Services
from hosts.compose_tasks import CronHold, Tasks


class ComposeHost(Serving):
    def __init__(self):
        self.data = ComposeData(CONTAINERS["db"])
        self.services = Services(self.data.postgres)
        self.tasks = Tasks(self.services.compose)
        self.before = Before(self.services)
        self.cron = self.ahead = None
        #: Modules that the release's own server loads for the whole of itself.
        self.server_wide = []
        self.dumps = Lock(DUMPS)
        self.packages = Packages()

    # Images

    def image_room(self, image, before):
        return images.room(image, before)

    def remove_image(self, image):
        images.remove_image(image)

    def keep_images(self, names):
        images.keep(names)

    def fetch(self, request):
        self.services.rolling_back = False
        egress.check(request.get("network"))
        egress.begin(request.get("network"))
        images.log_in(request["registry"])
        habits.put_signpost()
        signature.refuse_unsigned(request)
        for image in sorted(set(self.services.images(request))):
            images.refuse_tag(image)
            images.pull(image, 1800)
        if project.PROJECT.exists():
            # What the release runs before it is in place reads its own, which an earlier version has not made.
            project.place_secrets(request, only_new=True)
        facts = images.series_and_modules(request["image"])
        self.refuse_postgres_mismatch(request)
        self.refuse_other_collation(request)
        self.server_wide = server_wide.beyond(self.services.option(request, "server_wide_modules")
                                              or facts.get("serverWide"))
        return facts

    def refuse_postgres_mismatch(self, request):
        if not has_volume("odoo-db-data"):
            return
        found = project.first_line(project.volume_path("odoo-db-data") / "PG_VERSION")
        if found is None:
            return
        major = images.postgres_major(self.services.image(request, "db"))
        if major is not None and found != major:
            raise Failure("POSTGRES_MISMATCH", "the PostgreSQL image does not fit the data directory",
                          found=f"data of PostgreSQL {found}, image of {major}", expected="the same major version",
                          remedy="keep the older image in the images record. Data change the major version on another "
                                 "host, from a dump: docs/backup.md, Another PostgreSQL")

    def refuse_other_collation(self, request):
        """The server that runs is asked, before one of another image takes its place: text would be sorted in another
        order than the indexes have, and what is there would not be found.
        """
        if not self.data.postgres.answers() or not self.services.changes(request, "db"):
            return
        made, image = (self.data.postgres.collation_version(request["database"]),
                       images.collation_version(self.services.image(request, "db")))
        if None not in (made, image) and made != image:
            raise Failure("POSTGRES_MISMATCH", "the PostgreSQL image sorts text differently than the one before it",
                          found=f"a database that was made with version {made} of the C library, an image with {image}",
                          expected="the same version: a text index in another order finds less than there is",
                          remedy="keep the older image in the images record (a tag such as 17-bookworm stays with one "
                                 "Debian); to change it, restore a dump into a new database: docs/backup.md")

    # The way forward

    def prepare(self, request):
        project.prepare(request)
        self.services.start_database(request, 120)
        self.data.postgres.prepare_role(project.generated("odoo-db-password"))
        self.data.postgres.prepare_task_roles()

    def first_password(self):
        """The administrator's, for `odoo-ship first-login` to show once."""
        password = passwords.of_a_user(15)
        write(FIRST_LOGIN, f"user: admin\npassword: {password}\n", mode=0o400)
        return password

    def must_close(self, request):
        return self.services.changes(request, "db")

    def changes_odoo(self, request):
        return self.services.changes(request, "odoo")

    def runs(self, request):
        """Whether the host is as the request wants it: nothing stopped, replaced or edited by hand."""
        return (project.has_files_of(request) and self.is_open()
                and all(self.services.runs(request, service) for service in CONTAINERS))

    def close(self, request):
        project.close()
        # One that a release has left which was given up: users are there.
        self.before.stop()
        self.services.stop_odoo()
        self.tasks.have_the_host(True)
        if self.services.changes(request, "db"):
            self.services.start_database(request, 120)

    def start_ahead(self, request):
        """In the entrypoint of its container, which ends if that takes too long: then `swap` starts it again."""
        project.activate(request)
        self.ahead = ThreadPoolExecutor(1).submit(self.services.start_odoo, request)

    def end_ahead(self):
        """Whether a server was started ahead; nothing of that goes on from here."""
        ahead, self.ahead = self.ahead, None
        if ahead is not None:
            ahead.result()
        return ahead is not None

    def swap(self, request, between, aside=True, restless=()):
        """On a port that only the proxy reaches. Where the door is open, users are on a second server of the release
        before meanwhile, or else they wait.
        """
        ahead = self.end_ahead()
        if not (aside and project.is_open() and self.before.start()):
            project.hold()
        project.activate(request)
        # One that was started by hand meanwhile is another.
        if not ahead or not self.services.odoo_is_of(request):
            self.services.stop_odoo()
        between()
        self.tasks.have_the_host(False)
        self.cron = CronHold(self.data.postgres, request["database"], {*self.server_wide, *restless})
        self.data.postgres.let_in()
        self.start_and_wait(request)
        return CONTAINERS["odoo"]

    def refresh(self, request):
        project.activate(request)
        self.services.start_proxy(request)

    def open(self, request):
        """After a crash the server that was ready is gone with the host."""
        if not project.has_files_of(request):
            project.activate(request)
        if not self.services.odoo_runs(request["image"]):
            self.services.start_database(request, 120)
            self.start_and_wait(request)
        self.services.keep_odoo()
        project.open_again()

    def start_and_wait(self, request):
        """The proxy first: releases of before have given Odoo a port of the host that is the proxy's now."""
        self.services.start_proxy(request)
        if not self.services.odoo_is_of(request):
            self.services.start_odoo(request)
        self.wait_ready(CONTAINERS["odoo"], request["release"]["readySeconds"])

    def let_go(self):
        """The jobs that were held."""
        self.dumps.release()
        if self.cron is not None:
            self.cron.let_go()
            self.cron = None

    # The way of a rollback

    def is_open(self):
        return project.is_open() and project.held() == ""

    def begin_rollback(self, previous, failed, changed, closed, replaced):
        # Whatever kept it from its end, the rollback goes on.
        with contextlib.suppress(Exception):
            self.end_ahead()
        self.services.rolling_back = True
        # One that is back already, or was never stopped, and may just be starting, is left alone. A failed release of
        # the same files looks like it, and keeps in memory what it has read of its own data.
        if changed and (replaced or not (previous and self.services.odoo_is_of(previous))):
            if previous and not self.before.serves():
                project.hold()
            self.services.stop_odoo(10)
        # The files first: should anyone start the project by hand meanwhile, it is the previous release that is refused
        # or runs.
        if previous:
            project.activate(previous)
        self.services.start_database(previous or failed, 120)

    def end_rollback(self, previous):
        self.start_and_wait(previous)
        self.services.keep_odoo()
        project.open_again()

    def keep_others_away(self, say):
        self.packages.keep(say)
        keep_dumps_away(self.dumps, say)

    def still_alone(self):
        """Nobody starts a container here but this worker, which holds a lock that nobody can end."""
        if self.cron is not None:
            self.cron.still_there()

    def uninterrupted(self):
        """Nobody tells this worker to stop."""

    # Programs of the release

    def start_task(self, request, name, command, database):
        return self.tasks.start(request, name, command, database)

    def remove_task(self, name):
        self.tasks.remove(name)

    def remove_tasks(self):
        self.tasks.remove_all()
        self.before.end()

    def settle(self, live):
        egress.begin((live or {}).get("network"))

    def memory_ran_out(self, name):
        return memory.ran_out(name)

    def wait_ready(self, name, seconds):
        services.wait_ready(name, seconds)

    def logs(self, name):
        return services.logs(name)

    def script(self, name, file, given, limit):
        return tasks.script(name, file, given, limit)

    def conversation(self, name, file, log=None):
        return tasks.conversation(name, file, log)
