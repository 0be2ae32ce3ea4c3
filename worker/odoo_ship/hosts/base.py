"""What a release needs of the host that it runs on: two ports. `Serving` is what users reach, `Data` what they wrote.

Release, rollback and restore speak to a host through these alone; `here` tells which host this is.
"""

import words
from failures import Failure
from files import wait_to_take

SPARE_BYTES = 500_000_000
#: A dump of this length keeps a release waiting; of one that takes longer the operator decides.
DUMP_SECONDS = 1800


class Data:
    """The database and the attachments that belong to it.

    `postgres` clones, copies, renames, marks and drops databases (postgres.Postgres); `filestore()` links, moves and
    removes the folders beside them (filestore.Filestore). Whoever calls does both, in the order that a crash between
    them forgives. A name is live for one pair only, and what has a name is whole. Both may be called again after a
    crash: a copy that was cut off is made anew, what is gone already is no error.

    `free()` answers {place: free bytes} for images and attachments, `database_disk()` (place, free bytes) for the
    database. `reserve()` is space set aside, so that a full disk keeps no rollback from its end.
    """

    postgres = None

    def filestore(self):
        raise NotImplementedError

    def reserve(self):
        raise NotImplementedError

    def free(self):
        raise NotImplementedError

    def database_disk(self):
        raise NotImplementedError

    def require_room(self, copies, database):
        """Room for so many copies of the database beside it: (wanted, free) in bytes."""
        wanted = copies * self.postgres.size(database) + SPARE_BYTES
        place, free = self.database_disk()
        if free < wanted:
            raise disk_low(place, free, wanted)
        return wanted, free


class Serving:
    """Who serves users, and the release's own programs. A release calls these in this order:

    `fetch` brings the image and answers what it says of itself: {"series", "modules": {name: {"version", "hash"}}};
    `prepare` makes what a first release needs before there is a database, `first_password` its administrator's;
    `close` lets nobody in, lets requests end, and returns when no code of Odoo runs;
    `start_ahead` starts the release's server, which waits for a database that lets it in: to be made takes its time;
    `swap` puts the release in place, calls `between` while no server of it runs, and starts one with every job held; it
    answers the name of the server, or None where others start it once the release has ended well. `aside`: where the
    door is open, users are served by the release before meanwhile; else they wait, which is over sooner;
    `refresh` does so for a release that concerns neither Odoo nor its database;
    `open` lets users in, and may be done again after a crash; `let_go` releases the jobs.

    A rollback begins with `begin_rollback`: nobody works on the database, and whoever starts something by hand starts
    the previous release. `changed`: the failed one may have been started; `closed`: users were kept out; `replaced`:
    what runs may know other data than those that come back. It ends with `end_rollback`: the previous release is ready,
    and users are let in.

    `keep_others_away` waits for a dump that reads the data, and for packages that are being installed, and lets neither
    begin until the worker ends or lets go.
    `still_alone` fails where somebody may have come to the database unseen; it is asked before each step.
    `uninterrupted` says that what begins now goes to its end, whoever tells the worker to stop.

    Programs of the release run with Odoo's rights, cron off, no way out but to PostgreSQL, under a name: from
    `start_task` to `remove_task`. `script` and `conversation` run a file of this package there.
    `settle` closes what was opened for those of a release that is not live: `live` is the one that is, or None.
    `memory_ran_out` tells of a program that was killed whether that is why.
    """

    #: Who makes the attempts, where that is not the host itself.
    job = None
    #: Whether the server that users reach is not there to be tried before the release has ended.
    tries_next = False
    #: The host's `Data`.
    data = None

    def image_room(self, image, before):
        """Bytes that it takes to bring the image here; `before`: the one that it comes after, or None."""
        raise NotImplementedError

    def remove_image(self, image):
        raise NotImplementedError

    def keep_images(self, names):
        """Those that something can be rolled back to: a hand that tidies up leaves them alone. No other ones."""
        raise NotImplementedError

    def fetch(self, request):
        raise NotImplementedError

    def prepare(self, request):
        raise NotImplementedError

    def first_password(self):
        raise NotImplementedError

    def must_close(self, request):
        """Whether the release cannot be made while users work, whatever its modules."""
        raise NotImplementedError

    def changes_odoo(self, request):
        """Whether another server than the one that runs is asked for, whatever its modules."""
        raise NotImplementedError

    def close(self, request):
        raise NotImplementedError

    def start_ahead(self, request):
        raise NotImplementedError

    def swap(self, request, between, aside=True, restless=()):
        """`restless`: modules that start something of their own as they are loaded."""
        raise NotImplementedError

    def refresh(self, request):
        raise NotImplementedError

    def open(self, request):
        raise NotImplementedError

    def let_go(self):
        raise NotImplementedError

    def is_open(self):
        """Whether users are let in, by whatever keeps them out beyond the life of a worker."""
        raise NotImplementedError

    def begin_rollback(self, previous, failed, changed, closed, replaced):
        raise NotImplementedError

    def end_rollback(self, previous):
        raise NotImplementedError

    def keep_others_away(self, say):
        raise NotImplementedError

    def still_alone(self):
        raise NotImplementedError

    def uninterrupted(self):
        raise NotImplementedError

    def start_task(self, request, name, command, database):
        """Answers the name by which `script`, `conversation`, `wait_ready` and `logs` know it."""
        raise NotImplementedError

    def remove_task(self, name):
        raise NotImplementedError

    def remove_tasks(self):
        """Ends all of them, also those that a killed worker has left: they go on without it."""
        raise NotImplementedError

    def end_tasks(self):
        """Of a host where they have a place of their own: none is wanted any more, and users wait for its end."""

    def settle(self, live):
        raise NotImplementedError

    def memory_ran_out(self, name):
        """Bytes that the programs of this name may take, if the kernel has ended one for want of more; None if it has
        not, or nobody knows.
        """
        raise NotImplementedError

    def wait_ready(self, name, seconds):
        """Until the login page is answered with exactly 200: /web/health passes without a database."""
        raise NotImplementedError

    def logs(self, name):
        raise NotImplementedError

    def script(self, name, file, given, limit):
        """Runs a file of this package with the release's Python; `given` goes to its standard input."""
        raise NotImplementedError

    def conversation(self, name, file, log=None):
        """A file of this package in the release's Python, that talks by lines on standard input and output. `log`: the
        file that gets its errors.
        """
        raise NotImplementedError


def keep_dumps_away(lock, say):
    """None begins from here on; one that is under way comes to its end first."""
    wait_to_take(lock.take, DUMP_SECONDS, say, "the dump that is under way", Failure(
        "RELEASE_IN_PROGRESS", "a dump is under way", found=f"it reads for {DUMP_SECONDS} s",
        expected="its end, before a release changes the data that it reads",
        remedy=f"wait for it, or {words.HERE['stop dump']}; then deploy again"))


def disk_low(place, free, wanted):
    return Failure("DISK_SPACE_LOW", "there is too little disk space for this release",
                   found=f"{free / 1e9:.1f} GB free at {place}", expected=f"{wanted / 1e9:.1f} GB",
                   remedy=words.HERE["room"])
