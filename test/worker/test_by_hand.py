"""What an operator's commands ask for."""

import importlib.util
import re
from pathlib import Path
from unittest import mock

from support import SOURCES, WorkerCase, request

import by_hand
import files
import intake
import ledger
import staged
import waiting
from failures import Failure

OLD, NEW = "registry/odoo@sha256:" + "a" * 64, "registry/odoo@sha256:" + "b" * 64


def rendered(image):
    digest = image.split("@")[1]
    text = f'services:\n  odoo:\n    image: {image}\n    environment:\n      ODOO_IMAGE_DIGEST: "{digest}"\n'
    return {"docker-compose.prod.yml": text, "docker-compose.release.yml": text, ".env": "A=1\n",
            "proxy/Caddyfile": "x"}


class ByHandTest(WorkerCase):
    def setUp(self):
        super().setUp()
        for name, image in (("r1", OLD), ("r2", NEW)):
            asked = request(id=name, image=image, files=rendered(image), force=True)
            asked["release"]["additive"] = True
            staged.keep(asked)
            ledger.record(asked, {}, ledger.lineage_after(asked))

    def test_the_release_before_is_asked_for_with_the_settings_of_the_live_one(self):
        asked, plan = by_hand.rollback()
        self.assertIn(f"to     {ledger.digest_of(OLD)}", plan)
        self.assertEqual((asked["image"], asked["files"]), (OLD, rendered(OLD)))
        self.assertEqual(("force" in asked, "restore" in asked, asked["release"]["additive"]), (False, False, False))

    def test_what_it_has_left_comes_back_by_a_word_alone(self):
        asked = {**by_hand.rollback()[0], "id": "r3"}
        staged.keep(asked)
        ledger.record(asked, {}, ledger.lineage_after(asked))
        stack, other = request(id="r2", image=NEW), request(id="r4", image="registry/odoo@sha256:" + "c" * 64)
        with mock.patch.object(waiting, "start_service"):
            with self.assertRaises(Failure) as caught:
                intake.take_in(stack)
            self.assertEqual(caught.exception.code, "RELEASE_MISMATCH")
            for known in (ledger.digest_of(OLD), f"deploy --image {NEW}"):
                self.assertIn(known, caught.exception.as_text())
            self.assertIsNone(waiting.read())
            self.assertEqual(intake.take_in(other)["state"], "queued")
            waiting.forget(waiting.read()["id"])
            again = by_hand.with_image(by_hand.live_request(), NEW)
            self.assertEqual(intake.take_in({**again, "force": True})["state"], "queued")
            waiting.forget(waiting.read()["id"])
            # The stack that knows of the rollback asks for what serves; then it may change its mind.
            told = request(id="r5", image=OLD)
            ledger.record(told, {}, ledger.lineage_after(told))
            self.assertEqual(intake.take_in(stack)["state"], "queued")

    def test_data_alone_are_rolled_back_and_the_stack_need_not_know(self):
        ledger.record_point({"id": "1", "image": NEW, "at": "2026-11-21T12:00:00Z", "to": ledger.digest_of(NEW)})
        asked, _ = by_hand.rollback(to="1")
        ledger.record({**asked, "id": "r3"}, {}, ledger.lineage_after(asked))
        with mock.patch.object(waiting, "start_service"):
            self.assertEqual(intake.take_in(request(id="r2", image=NEW))["state"], "queued")

    def test_with_data_it_is_the_newest_point_or_the_one_that_is_named(self):
        for name in ("1", "2"):
            ledger.record_point({"id": name, "image": OLD, "at": "2026-11-21T12:00:00Z", "to": ledger.digest_of(NEW)})
        self.assertEqual(by_hand.rollback(with_data=True)[0]["restore"], "2")
        self.assertEqual(by_hand.rollback(to="1")[0]["restore"], "1")
        with self.assertRaises(Failure) as caught:
            by_hand.rollback(to="3")
        self.assertEqual(caught.exception.code, "RELEASE_MISMATCH")

    def test_what_is_lost_is_said_in_minutes_and_rows_where_they_are_known(self):
        ledger.record_point({"id": "1", "image": OLD, "at": "2026-11-21T12:00:00Z", "to": ledger.digest_of(NEW)})
        known = ledger.releases()
        known[-1]["writes"] = 1000
        files.write_json(ledger.LEDGER, known)
        for writes, rows in ((2234, "about 1,234 rows"), (None, "unknown"), (3, "unknown")):
            with mock.patch("by_hand.time.time", lambda: 1795267800.0):
                _, plan = by_hand.rollback(with_data=True, writes=writes)
            self.assertIn(rows, plan)
            self.assertIn("90 minutes", plan)

    def test_the_files_that_the_program_renders_are_such(self):
        golden = Path(__file__).parents[1] / "golden" / "vps"
        files = {name: (golden / name).read_text() for name in by_hand.COMPOSE_FILES}
        other = "registry/odoo@sha256:" + "d" * 64
        image = re.search(r"(?m)^    image: (\S+/odoo@\S+)$", files["docker-compose.prod.yml"])[1]
        changed = by_hand.with_image(request(image=image, files=files), other)["files"]
        for name, text in files.items():
            wanted = text.replace(image, other).replace(image.split("@")[1], other.split("@")[1])
            self.assertEqual(changed[name], wanted)
            self.assertEqual(changed[name].count(other.split("@")[1]), 2)

    def test_each_line_that_names_the_image_gets_the_other_one(self):
        asked = request(image=NEW, files=rendered(NEW))
        self.assertEqual(by_hand.with_image(asked, OLD)["files"], rendered(OLD))
        self.assertEqual(by_hand.with_image(asked, NEW), asked)
        self.assertEqual(asked["files"], rendered(NEW))

    def test_files_that_name_it_otherwise_are_refused(self):
        good = rendered(NEW)
        compose = good["docker-compose.prod.yml"]
        for change in ({"docker-compose.prod.yml": compose.replace("    image: ", "    image:  ")},
                       {"docker-compose.prod.yml": compose + compose}, {"docker-compose.release.yml": ""},
                       {".env": f"IMAGE={NEW}\n"}, {"docker-compose.prod.yml": compose + f"# {NEW}\n"}):
            with self.assertRaises(Failure) as caught:
                by_hand.with_image(request(image=NEW, files={**good, **change}), OLD)
            self.assertEqual(caught.exception.code, "RELEASE_MISMATCH")

    def test_a_tag_is_refused(self):
        with self.assertRaises(Failure) as caught:
            by_hand.with_image(request(files=rendered(NEW)), "registry/odoo:latest")
        self.assertEqual(caught.exception.code, "IMAGE_NOT_FOUND")

    def test_what_is_typed_is_queued_though_it_was_asked_for_in_the_shape_of_its_time(self):
        spec = importlib.util.spec_from_file_location("command", SOURCES / "__main__.py")
        command = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(command)
        with mock.patch.object(waiting, "start_service"), mock.patch.object(command, "follow") as follow:
            command.roll_back(mock.Mock(to=None, with_data=False, yes=True))
        queued = waiting.read()
        self.assertEqual((queued["image"], queued["force"]), (OLD, True))
        self.assertEqual(follow.call_args_list, [mock.call(queued["id"])])
