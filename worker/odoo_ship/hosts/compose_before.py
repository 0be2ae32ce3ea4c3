"""The release before, served once more while the new one takes its place: where nothing has to be closed, users are
sent to a second server of it until the new one has been tried. So no request waits for one server to end and another
to start. No scheduled job runs there.
"""

import sys

import ledger
import project
import server_wide
import staged
from failures import Failure
from hosts import compose_memory as memory
from hosts import compose_services as services
from shell import QUICK, must, run

#: What the proxy's file `hold` makes of the name "odoo".
NAME = "odoo" + project.BEFORE


class Before:
    """`services`: those of the project."""

    def __init__(self, services_of_project):
        self.services = services_of_project

    def start(self):
        """Whether users are there from now on. Where it cannot be had, they wait at the proxy instead."""
        live = ledger.live()
        if self.serves():
            # Left by a release that was given up.
            return True
        if live is None:
            return False
        try:
            previous = staged.read(live["release"])
            if not self.services.odoo_runs(previous["image"]):
                return False
            refuse_runners()
            refuse_little_memory()
            self._run(previous)
        except Failure as failure:
            tell(f"requests wait while the servers change, for no second one can stand beside: {failure.summary}: "
                 f"{failure.found}")
            remove()
            return False
        project.hold(project.BEFORE)
        return True

    def _run(self, previous):
        remove()
        self.services.compose(previous, "run", "-d", "-T", "--no-deps", "--name", NAME, "-e", "MAX_CRON_THREADS=0",
                              "odoo", what="starting a second server of the release before")
        # After a reboot the worker comes first.
        must(["docker", "update", "--restart=no", NAME], QUICK, "holding the second server's restart policy")
        services.wait_ready(NAME, previous["release"]["readySeconds"])

    def serves(self):
        """Whether users are there."""
        return project.held() == project.BEFORE and services.is_running(NAME)

    def end(self):
        """As soon as nobody is sent there any more; requests that are under way are finished."""
        if project.held() != project.BEFORE:
            self.stop()

    def stop(self):
        if services.is_there(NAME):
            self.services.stop(NAME, 60)
            remove()


def refuse_runners():
    """Two would take the same jobs. What runs jobs in a server is loaded for the whole of it."""
    found = run(["docker", "exec", services.CONTAINERS["odoo"], "grep", "-s", "^ *server_wide_modules",
                 "/run/odoo/odoo.conf"], QUICK).output
    if names := server_wide.beyond(found.partition("=")[2]):
        raise Failure("HOST_UNFIT", "what it loads for the whole server would run beside the other one",
                      found=", ".join(names))


def refuse_little_memory():
    """It may take as much as the one beside it."""
    free, needed = memory.available() - memory.SPARE, memory.limit(services.CONTAINERS["odoo"])
    if not 0 < needed <= free:
        raise Failure("HOST_TOO_SMALL", "too little memory is free",
                      found=f"{max(0, free) / 2**20:,.0f} MiB, where Odoo may take {needed / 2**20:,.0f}")


def remove():
    run(["docker", "rm", "--force", "--volumes", NAME], QUICK)


def tell(text):
    print(text, file=sys.stderr, flush=True)
