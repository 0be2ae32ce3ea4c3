"""What comes in is looked at once, and refused with what is wrong in it."""

import json

from support import WorkerCase, host_request as sent, job_request

from failures import Failure
from request import of_job, received


class RequestTest(WorkerCase):
    def refused(self, asked):
        with self.assertRaises(Failure) as caught:
            received(asked if isinstance(asked, str) else json.dumps(asked))
        self.assertEqual(caught.exception.code, "DEPLOY_FAILED")
        return caught.exception.found

    def test_a_whole_one_is_taken_as_it_is(self):
        login = {"server": "x", "username": "u", "password": "p"}
        for asked in (sent(), sent(registry=login, demo=True, restore="p", files={"a/b": "text"})):
            self.assertEqual(received(json.dumps(asked)), asked)

    def test_everything_that_lacks_is_named(self):
        found = self.refused("{}")
        for name in ("id", "image", "database", "files", "secrets", "registry", "release"):
            self.assertIn(f"request.{name} is missing", found)
        for text in ("", "no JSON", "[]", "null", "7"):
            self.assertEqual(self.refused(text), "request is not an object")

    def test_what_is_of_another_kind_is_named_without_its_value(self):
        self.assertEqual(self.refused(sent(modules="sale", id=7)),
                         "request.id is not text; request.modules is not a list")
        asked = sent()
        asked["release"]["keepPoints"] = True
        del asked["release"]["readySeconds"]
        self.assertEqual(self.refused(asked),
                         "request.release.readySeconds is missing; request.release.keepPoints is not a number")
        self.assertNotIn("planted", self.refused(sent(registry={"server": 1, "username": "u", "password": "planted"})))

    def test_what_this_worker_does_not_know_is_refused(self):
        self.assertEqual(self.refused(sent(later=1)), "request.later is unknown")
        self.assertEqual(self.refused(sent(image="registry/odoo:18.0")).split(" does")[0], "request.image")

    def test_a_database_whose_copies_would_have_no_room_in_their_names_is_refused(self):
        for name in ("a" * 31, "-x", "a b", ""):
            self.assertIn("request.database does not match", self.refused(sent(database=name)))

    def test_a_job_needs_nothing_of_a_host(self):
        asked = job_request()
        path = self.root / "request.json"
        path.write_text(json.dumps(asked))
        self.assertEqual(of_job(path), asked)
        path.write_text("{}")
        with self.assertRaises(Failure):
            of_job(path)
