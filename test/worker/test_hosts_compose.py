"""When a release asks for the rules of where its containers may go. What Docker does of it is not shown here."""

from support import WorkerCase, request

import egress
from failures import Failure
from hosts import compose_services
from hosts.compose import ComposeHost
from shell import Result

OPEN = {"odoo": [{"cidr": "0.0.0.0/0", "except": []}], "authority": None}


class ReleaseTest(WorkerCase):
    def setUp(self):
        super().setUp()
        self.done = []
        self.fails = False

        def place(network):
            self.done.append("rules")
            if self.fails:
                raise Failure("HOST_UNFIT", "no")
        fakes = ((egress, "place", place), (compose_services, "must", self.must),
                 (compose_services, "run", lambda *_, **__: Result(0, "")))
        for owner, name, value in fakes:
            before = getattr(owner, name)
            setattr(owner, name, value)
            self.addCleanup(setattr, owner, name, before)
        self.host = ComposeHost()
        self.services = self.host.services
        self.services.compose = lambda request, *args, **_: self.done.append(" ".join(args))
        self.host.data.postgres.wait = lambda _: None

    def must(self, args, *_, **__):
        self.done.append(" ".join(args[1:]))
        return ""

    def test_odoo_starts_with_the_rules_of_its_networks(self):
        self.services.start_odoo(request(network=OPEN))
        self.assertLess(self.done.index("up --no-start odoo"), self.done.index("rules"))
        self.assertLess(self.done.index("rules"), self.done.index("start odoo-ce"))

    def test_no_task_of_a_first_release_runs_without_them(self):
        self.services.start_database(request(network=OPEN), 1)
        self.services.start_proxy(request(network=OPEN))
        self.assertEqual(self.done, ["up -d --no-deps db", "rules", "up -d --no-deps proxy", "rules"])

    def test_a_release_without_them_ends_and_the_one_before_it_serves_nevertheless(self):
        self.fails = True
        with self.assertRaises(Failure):
            self.services.start_odoo(request(network=OPEN))
        self.host.begin_rollback(None, request(), False, False)
        self.services.start_odoo(request())
        self.assertIn("start odoo-ce", self.done)
