"""What is tidied away, and what only looks like it."""

import os
from types import SimpleNamespace
from unittest import mock

from support import WorkerCase, request
from world import World, WorldData

import ledger
import outcomes
import staged
import tidying

ATTEMPT = "20261121t120000z"


class EvidenceTest(WorkerCase):
    def test_what_the_first_version_has_left_goes_and_what_others_have_named_alike_stays(self):
        world = World()
        theirs = {"odoo", "odoo-failed-import", "odoo-replaced-parts", f"odoo2-failed-{ATTEMPT}",
                  f"odoo-point-{ATTEMPT}"}
        world.databases = {name: {} for name in {*theirs, f"odoo-failed-{ATTEMPT}", f"odoo-replaced-{ATTEMPT}"}}
        world.folders = {("kept", name): set() for name in (ATTEMPT, f"failed-{ATTEMPT}", "failed-import")}
        tidying.prune_evidence(WorldData(world), "odoo")
        self.assertEqual(set(world.databases), theirs)
        self.assertEqual(sorted(world.folders), [("kept", ATTEMPT), ("kept", "failed-import")])


class SweepTest(WorkerCase):
    def test_a_release_that_a_power_cut_has_left_in_part_is_in_nobodys_way(self):
        for name, image in (("r1", "registry/odoo@sha256:" + "a" * 64), ("r2", "registry/odoo@sha256:" + "b" * 64)):
            staged.keep(request(id=name, image=image))
        ledger.record(request(id="r2"), {}, [])
        (staged.RELEASES / "r3" / "files").mkdir(parents=True)
        host = SimpleNamespace(remove_image=mock.Mock(), keep_images=mock.Mock())
        with mock.patch("tidying.LOGS", self.root / "logs"):
            tidying.sweep(host)
        self.assertEqual(staged.names(), ["r2"])
        host.remove_image.assert_called_once_with("registry/odoo@sha256:" + "a" * 64)

    def test_images_of_postgresql_and_proxy_go_and_stay_with_the_releases_that_name_them(self):
        def image(word, letter):
            return f"registry/{word}@sha256:" + letter * 64
        for name, letter in (("r1", "a"), ("r2", "b")):
            text = f"services:\n  odoo:\n    image: {image('odoo', letter)}\n  db:\n    image: {image('db', letter)}\n"
            text += f"  proxy:\n    image: {image('proxy', 'c')}\n"
            staged.keep(request(id=name, image=image("odoo", letter), files={"docker-compose.prod.yml": text}))
        ledger.record(request(id="r2", image=image("odoo", "b")), {}, [])
        host = SimpleNamespace(remove_image=mock.Mock(), keep_images=mock.Mock())
        with mock.patch("tidying.LOGS", self.root / "logs"):
            tidying.sweep(host)
        gone = {call.args[0] for call in host.remove_image.call_args_list}
        self.assertEqual(gone, {image("odoo", "a"), image("db", "a")})
        host.keep_images.assert_called_once_with({image("odoo", "b"), image("db", "b"), image("proxy", "c")})

    def sweep(self):
        with mock.patch("tidying.LOGS", self.root / "logs"):
            tidying.sweep(SimpleNamespace(remove_image=mock.Mock(), keep_images=mock.Mock()))

    def test_only_the_live_release_keeps_the_credentials_that_were_sent_with_it(self):
        made, sent = {"file": "secrets/a", "uid": 1, "generate": True}, {"file": "secrets/b", "uid": 1, "content": "key"}
        for name in ("r1", "r2"):
            asked = request(id=name, registry={"password": "word"}, dump={"privateKey": "key"}, secrets=[made, sent])
            staged.keep(asked)
            ledger.record(asked, {}, [])
        self.sweep()
        earlier, live = staged.read("r1"), staged.read("r2")
        self.assertEqual((earlier["registry"], earlier["dump"], earlier["secrets"]), (None, None, [made]))
        self.assertEqual((live["registry"], live["secrets"]), ({"password": "word"}, [made, sent]))

    def test_ends_of_requests_are_kept_for_a_while(self):
        with mock.patch.object(tidying, "OUTCOMES", 2):
            for number, name in enumerate(("r1", "r2", "r3")):
                outcomes.record(name, "succeeded")
                os.utime(outcomes.OUTCOMES / f"{name}.json", (number, number))
            self.sweep()
        self.assertEqual([outcomes.read(name) is None for name in ("r1", "r2", "r3")], [True, False, False])

    def test_a_damaged_release_is_in_nobodys_way(self):
        staged.keep(request(id="r1"))
        (staged.RELEASES / "r1" / "request.json").write_text("{")
        self.sweep()
        self.assertEqual(staged.names(), [])
