"""A release, step by step. The live database is only read: what a release upgrades is *next*, a clone that takes its
place when it is ready.

Every step is journalled before and after. Whatever fails or is killed before `committed` begins is undone, step by step
in reverse: the live database and files as they were, the previous release serving. From then on nothing is ever
restored without a person's word.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Callable, NamedTuple, Optional

import addresses
import commit
import extensions
import ledger
import next_data
import plan as planning
import points
import preflight
import rehearsal
import staged
import tidying
from failures import Failure, quietly
from odoo_agent import OdooAgent

#: Steps that change nothing: nobody need be alone for them.
READING = ("preflight", "pulled")


class Step(NamedTuple):
    """`do` and `undo` may each be done again after a crash; `undo` also where `do` was cut off anywhere.

    `needed` is asked when its turn comes: most need the plan.
    """

    name: str
    do: Callable
    undo: Optional[Callable] = None
    needed: Callable = lambda: True


class Release:
    """One attempt to make `request` the live release. `restore`: a point whose data come back, in place of an upgrade.
    """

    def __init__(self, host, request, journal, say, restore=None):
        self.host, self.data, self.postgres = host, host.data, host.data.postgres
        self.request, self.settings, self.database = request, request["release"], request["database"]
        self.journal, self.say, self.restore = journal, say, restore
        self.odoo = OdooAgent(host, request, journal["attempt"], say)
        self.next = next_data.database_of(self.database)
        self.plan = self.image = None
        self.warnings = []

    def steps(self):
        return (
            Step("preflight", self.preflight),
            Step("pulled", self.pull),
            Step("rehearsed", self.rehearse, self.tidy_up, self.can_be_rehearsed),
            Step("prepared", self.prepare, self.tidy_up, self.takes_next),
            Step("closed", self.close, self.open_previous, self.must_close),
            Step("cloned", self.clone, None, self.takes_next),
            Step("upgraded", self.upgrade, self.let_modules_be, self.changes_data),
            Step("swapped", self.swap, self.swap_back, self.takes_next),
            Step("tried", self.try_out),
        )

    def run(self):
        for step in self.steps():
            if step.needed():
                if step.name not in READING:
                    self.host.still_alone()
                with self.journal.step(step.name, self.say):
                    step.do()
        self.commit()

    # What the plan decides

    def takes_next(self):
        return self.plan.mode != "rolling"

    def must_close(self):
        return self.takes_next() or self.host.must_close(self.request)

    def changes_data(self):
        return not self.restore and bool(self.takes_next() or self.plan.changes_modules or self.plan.unlisted
                                         or self.plan.extensions)

    def can_be_rehearsed(self):
        return (self.settings["rehearse"] and self.plan.mode != "install" and self.plan.changes_modules
                and not self.restore)

    # preflight

    def preflight(self):
        """Nothing is touched. What needs the image itself is checked once it is here, still before anything changes."""
        self.host.remove_tasks()
        self.host.keep_others_away(self.say)
        self.data.reserve().keep()
        first = self.journal["from"] is None
        if not first:
            # Nothing of it is needed, and it may be what takes the room that is asked for.
            quietly(lambda: tidying.prune_evidence(self.data, self.database), self.say)
        preflight.refuse_small_disk(self.host, self.request)
        if not first:
            preflight.refuse_unfit_database(self.postgres, self.database)
            self.forget_rehearsal()
            self.drop_next()

    # pulled

    def pull(self):
        self.image = self.host.fetch(self.request)
        self.odoo.series = self.image["series"]
        if self.journal["from"] is None:
            self.host.prepare(self.request)
            # On a volume that was there before, there may be one.
            self.postgres.refuse_changed_collation(self.database)
            self.postgres.refuse_what_stays(self.database)
        else:
            preflight.refuse_lost_database(self.postgres, self.database)
            preflight.refuse_other_attachments(self.data, self.database)
        if self.restore:
            preflight.refuse_lost_point(self.postgres, self.restore)
        self.plan = planning.plan_restore(self.request, self.restore) if self.restore else self.make_plan()
        self.journal.note(mode=self.plan.mode)
        if self.plan.mode == "maintenance" or self.can_be_rehearsed():
            self.foresee()
        self.say(f"pulled: {self.plan.describe()}")

    def foresee(self):
        found = preflight.foresee(self.data, self.restore["database"] if self.restore else self.database, self.settings,
                                  not self.restore, self.can_be_rehearsed())
        self.journal.note(**found)
        self.say(found["forecast"])

    def make_plan(self):
        plan = preflight.make_plan(self.data, self.request, self.image)
        self.warnings = plan.warnings
        return plan

    # rehearsed

    def rehearse(self):
        """The same upgrade on a neutralised copy, while the live release serves: most bad releases end here."""
        try:
            # It loads while the copy is made.
            with ThreadPoolExecutor(1) as beside:
                loading = beside.submit(self.odoo.load, rehearsal.database_of(self.database))
                name = rehearsal.copy(self.data, self.database)
            loading.result()
            self.postgres.make_extensions(name, self.plan.extensions)
            self.odoo.neutralise(name)
            self.odoo.rehearse(name, self.plan)
        except Failure as failure:
            failure.summary = f"in the rehearsal, on a copy: {failure.summary}"
            raise
        finally:
            quietly(lambda: rehearsal.forget(self.host, self.database), self.say)

    def forget_rehearsal(self):
        rehearsal.forget(self.host, self.database)

    def tidy_up(self):
        """What was made beside the live data; what cannot be removed now, the next release removes."""
        for remove in (self.host.remove_tasks, self.forget_rehearsal, self.drop_next):
            quietly(remove, self.say)

    # prepared

    def prepare(self):
        """What can be done while users still work."""
        next_data.link_ahead(self.data, self.database, self.restore)
        store = self.data.filestore()
        self.journal.note(files=store.measure(store.live(self.next)))
        if self.plan.changes_modules:
            self.odoo.load(self.next)
        next_data.catch_up(self.data, self.database, self.restore)

    def drop_next(self):
        next_data.drop(self.data, self.database)

    # closed

    def close(self):
        self.host.close(self.request)
        self.postgres.lock_out()
        if self.takes_next() and self.plan.mode != "install":
            self.host.start_ahead(self.request)

    def open_previous(self):
        """Users are back on the release before this one, whatever its tables say; on the first there are none."""
        previous = self.previous()
        self.journal.note(dataBack=True)
        self.postgres.let_in()
        if previous is None:
            return
        self.postgres.open(self.database)
        if self.request["url"] != (url := previous["url"]):
            quietly(lambda: self.postgres.set_parameter(self.database, "web.base.url", url, replace=True), self.say)
        # A server that cannot come up keeps no other release from coming.
        self.journal.note_server_lacks()
        self.host.end_rollback(previous)

    def previous(self):
        return self.journal["from"] and staged.read(self.journal["from"])

    # cloned

    def clone(self):
        """Behind the door the plan is made again: users may have installed a module meanwhile."""
        if self.plan.mode == "maintenance" and not self.restore:
            self.plan = self.make_plan()
            self.plan.mode = "maintenance"
        next_data.clone(self.data, self.database, self.restore, extensions.of_new_database(self.request))
        if not self.restore:
            # No other code starts on it by mistake.
            self.postgres.mark(self.next, "upgrading", ledger.digest_of(self.request["image"]), {})
        next_data.pair(self.data, self.database, self.journal["attempt"])

    # upgraded

    def upgrade(self):
        """Of next; a release that was declared additive upgrades the live database while users work. An upgrade lists
        new modules, too.
        """
        self.postgres.make_extensions(self.next if self.takes_next() else self.database, self.plan.extensions)
        if self.takes_next():
            if self.plan.changes_modules:
                password = self.host.first_password() if self.plan.mode == "install" else None
                self.odoo.change_modules(self.next, self.plan, password)
            self.mark_ready(self.next)
        elif self.plan.changes_modules:
            before = self.postgres.marker(self.database)["modules"]
            self.odoo.change_modules(self.database, self.plan)
            self.mark_ready(self.database, additive=True, before=before)
        else:
            self.odoo.list_modules(self.database)

    def let_modules_be(self):
        """Of a live database that was upgraded while users worked, and not to the end: no scheduled job would run
        there, and no release come, while a module waits for its upgrade. What was added stays.
        """
        if self.journal["mode"] == "rolling" and not self.journal.reached("upgraded", "end"):
            quietly(lambda: self.postgres.settle_modules(self.database), self.say)

    def mark_ready(self, database, additive=False, before=None):
        applied = planning.applied(self.image, self.postgres.modules(database))
        self.postgres.mark(database, "ready", ledger.digest_of(self.request["image"]),
                           planning.accepted(applied, before or {}, additive))

    # swapped

    def swap(self):
        # What a first install found in place of a database was empty: there is nothing to go back to.
        if next_data.swap(self.data, self.database, self.journal["attempt"]) and self.plan.mode != "install":
            points.keep(self.postgres, self.request, self.journal, bool(self.restore))

    def swap_back(self):
        next_data.swap_back(self.data, self.database, self.journal["attempt"], self.journal["mode"] == "install")
        ledger.forget_point(self.journal["attempt"])

    # tried

    def try_out(self):
        """With the release's own server; what is asked of it changes nothing that users have written."""
        self.postgres.forget_uninstalled(self.database)
        # Where next took the place of the live data, the server that was started ahead is no other one any more.
        # A server that runs keeps the address of before in its memory.
        if not (self.takes_next() or self.plan.changes_modules or self.host.changes_odoo(self.request)
                or self.has_new_address()):
            self.host.refresh(self.request)
            return
        if self.plan.mode == "rolling" and not self.plan.served:
            self.odoo.try_out(self.database, self.plan)
        server = self.host.swap(self.request, self.set_addresses, not self.plan.served, self.odoo.restless)
        if self.plan.mode != "rolling" and not self.plan.served:
            self.odoo.try_out(self.database, self.plan, server)

    def set_addresses(self):
        addresses.put(self.postgres, self.request, replace=self.has_new_address())

    def has_new_address(self):
        return addresses.differs(self.request, self.restore.get("release") if self.restore else self.journal["from"])

    # committed

    def commit(self):
        """The commit point: once its begin is in the journal, users reach the new release, and nothing is rolled back
        by itself.
        """
        self.host.still_alone()
        self.host.uninterrupted()
        applied = planning.applied(self.image, self.postgres.modules(self.database))
        self.journal.note(applied=applied, lineage=ledger.lineage_after(self.request, self.restore),
                          writes=self.postgres.writes(self.database))
        with self.journal.step("committed", self.say):
            commit.complete(self.host, self.journal)
            self.host.let_go()
