"""A release, step by step: preflight, pulled, rehearsed, closed, point, upgraded, smoked, committed.

Every step is journalled before and after. Whatever fails or is killed before `committed` begins is rolled back
(rollback.py): database and files as they were, the previous release serving. From then on nothing is ever restored
without a person's word.
"""

import ledger
import plan as planning
import points
import rehearsal
import staged
import words
from failures import Failure, quietly
from hosts.base import SPARE_BYTES, disk_low
from journal import now
from odoo_agent import OdooAgent

IMAGE_BYTES = 4_000_000_000
REPORT_URL = "http://127.0.0.1:8069"
#: Steps that change nothing: nobody need be alone for them.
READING = ("preflight", "pulled")


class Release:
    """One attempt to make `request` the live release. `restore`: a point to roll the data back to, in place of an
    upgrade.
    """

    def __init__(self, host, request, journal, say, restore=None):
        self.host, self.data, self.postgres = host, host.data, host.data.postgres
        self.request, self.settings, self.database = request, request["release"], request["database"]
        self.journal, self.say, self.restore = journal, say, restore
        self.odoo = OdooAgent(host, request, journal["attempt"], say)
        self.plan = self.image = None
        self.warnings = []

    def steps(self):
        """(name, whether it is taken, what it does). A condition is asked when its turn comes: most need the plan."""
        return (
            ("preflight", lambda: True, self.preflight),
            ("pulled", lambda: True, self.pull),
            ("rehearsed", self.can_be_rehearsed, self.rehearse),
            ("closed", lambda: self.plan.mode != "rolling" or self.host.must_close(self.request), self.close),
            ("point", lambda: self.plan.mode == "maintenance", self.take_point),
            ("upgraded", lambda: self.plan.changes_modules or self.restore, self.upgrade),
            ("smoked", lambda: True, self.activate),
        )

    def run(self):
        for name, is_taken, action in self.steps():
            if is_taken():
                if name not in READING:
                    self.host.still_alone()
                with self.journal.step(name, self.say):
                    action()
        self.commit()

    # preflight

    def preflight(self):
        """Nothing is touched. What needs the image itself is checked once it is here, still before anything changes."""
        self.host.remove_tasks()
        self.data.reserve().keep()
        wanted = SPARE_BYTES + (0 if self.host.has_image(self.request["image"]) else IMAGE_BYTES)
        for place, free in self.data.free().items():
            if free < wanted:
                raise disk_low(place, free, wanted)
        if self.journal["from"] is not None:
            self.postgres.wait(60)
            self.postgres.end_what_was_left()
            self.postgres.prepare_task_roles()
            self.postgres.refuse_changed_collation(self.database)
            rehearsal.forget(self.host, self.database)

    # pulled

    def pull(self):
        self.image = self.host.fetch(self.request)
        self.plan = self.make_plan()
        point = self.journal["attempt"] if self.plan.mode == "maintenance" else None
        self.journal.note(mode=self.plan.mode, point=point)
        self.say(f"pulled: {self.plan.describe()}")

    def make_plan(self):
        if self.journal["from"] is None:
            self.host.prepare(self.request)
        elif not self.postgres.exists(self.database):
            raise Failure("DATABASE_CONNECTION_ERROR", f"the database {self.database} is gone",
                          found=f"PostgreSQL has no {self.database}",
                          expected="the live database", remedy=words.HERE["lost"])
        exists = self.postgres.exists(self.database)
        installed = self.postgres.modules(self.database) if exists else None
        marker = self.postgres.marker(self.database) if installed else None
        if self.restore:
            self.data.require_room(3, self.database)
            return planning.Plan("maintenance")
        if installed is None:
            self.refuse_what_is_not_ours(exists)
        plan = planning.plan_release(self.request, self.image, installed, marker)
        self.warnings += plan.warnings
        if plan.changes_modules and plan.mode != "install":
            self.data.require_room(3, self.database)
        return plan

    def refuse_what_is_not_ours(self, exists):
        """A first install makes everything itself: what is there already may be a restore that somebody is at."""
        found, store = "", self.data.filestore()
        if exists and self.postgres.tables(self.database):
            found = f"a database {self.database} with tables, that Odoo does not know"
        if store.has_content(store.live(self.database)):
            found = f"attachments in {store.path(store.live(self.database))}"
        if found:
            raise Failure("RELEASE_MISMATCH", "there are data that no first install may touch", found=found,
                          expected="nothing, or a whole Odoo database",
                          remedy="finish the restore that they belong to, or move them away; then deploy again")

    # rehearsed

    def can_be_rehearsed(self):
        return (self.settings["rehearse"] and self.plan.mode != "install" and self.plan.changes_modules
                and not self.restore)

    def rehearse(self):
        """The same upgrade on a neutralised copy, while the live release serves: most bad releases end here."""
        try:
            name = rehearsal.copy(self.data, self.database)
            self.odoo.neutralise(name)
            self.odoo.change_modules(name, self.plan, self.image["series"])
            self.odoo.smoke(name, self.plan)
        except Failure as failure:
            failure.summary = f"in the rehearsal, on a copy: {failure.summary}"
            raise
        finally:
            quietly(lambda: rehearsal.forget(self.host, self.database), self.say)

    # closed

    def close(self):
        self.host.close(self.request)

    # point

    def take_point(self):
        attempt, left = self.journal["attempt"], ledger.live() or {}
        facts = points.take(self.data, self.database, attempt)
        ledger.record_point({**facts, "id": attempt, "at": now(), "rollback": bool(self.restore),
                             "to": ledger.digest_of(self.request["image"]), "from": left.get("digest"),
                             "release": left.get("release"), "image": left.get("image"),
                             "modules": left.get("modules", {}), "lineage": left.get("lineage", [])})

    # upgraded

    def upgrade(self):
        if self.restore:
            self.claim()
            points.use_copy(self.data, self.database, self.journal["attempt"], self.restore)
        elif self.plan.mode == "install":
            self.install()
        elif self.plan.mode == "maintenance":
            self.claim()
            self.change_modules()
            self.mark_ready()
        else:
            before = self.postgres.marker(self.database)["modules"]
            self.change_modules()
            self.mark_ready(additive=True, before=before)

    def claim(self):
        """Keeps all other code from starting on the database, then makes sure that nobody was at it until then.

        From here on it is changed.
        """
        self.journal.note(marker=self.postgres.marker(self.database))
        self.postgres.mark(self.database, "upgrading", ledger.digest_of(self.request["image"]), {})
        self.host.still_alone()
        self.journal.note(touched=True)

    def install(self):
        self.journal.note(made=True)
        if not self.postgres.exists(self.database):
            self.postgres.create(self.database)
        self.data.filestore().prepare()
        self.change_modules()
        self.odoo.set_first_password(self.database)
        self.mark_ready()

    def change_modules(self):
        self.odoo.change_modules(self.database, self.plan, self.image["series"])

    def mark_ready(self, additive=False, before=None):
        applied = planning.applied(self.image, self.postgres.modules(self.database))
        self.postgres.mark(self.database, "ready", ledger.digest_of(self.request["image"]),
                           planning.accepted(applied, before or {}, additive))

    # smoked

    def activate(self):
        self.postgres.forget_uninstalled(self.database)
        changed = self.plan.changes_modules or self.host.changes_odoo(self.request)
        if changed:
            self.odoo.smoke(self.database, self.plan)
        if changed or self.restore:
            self.host.swap(self.request, self.set_addresses)
        else:
            self.host.refresh(self.request)

    def set_addresses(self):
        """PDFs fetch their style sheets from Odoo itself, not through the proxy; links in mails lead to the address
        that users know.
        """
        self.postgres.set_parameter(self.database, "report.url", REPORT_URL, replace=False)
        before = self.journal["from"] and staged.read(self.journal["from"])["url"]
        self.postgres.set_parameter(self.database, "web.base.url", self.request["url"],
                                    replace=before != self.request["url"])
        self.postgres.set_parameter(self.database, "web.base.url.freeze", "True", replace=False)

    # committed

    def commit(self):
        """The commit point: once its begin is in the journal, users reach the new release, and nothing is rolled back
        by itself.
        """
        self.host.still_alone()
        self.host.uninterrupted()
        applied = planning.applied(self.image, self.postgres.modules(self.database))
        self.journal.note(applied=applied, lineage=ledger.lineage_after(self.request, self.restore))
        with self.journal.step("committed", self.say):
            complete(self.host, self.journal)
            self.host.let_go()


def complete(host, journal):
    """What is left to do after the commit point; may be done again after a crash."""
    request = staged.read(journal["to"])
    host.open(request)
    ledger.record(request, journal["applied"], journal["lineage"])
    journal.note(outcome="succeeded")
