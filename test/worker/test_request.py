"""What comes in is looked at once, and refused with what is wrong in it."""

import json

from support import WorkerCase, request

from failures import Failure
from request import of_job, received


class RequestTest(WorkerCase):
    def refused(self, text):
        with self.assertRaises(Failure) as caught:
            received(text)
        self.assertEqual(caught.exception.code, "DEPLOY_FAILED")
        return caught.exception.found

    def test_a_whole_one_is_taken_as_it_is(self):
        for asked in (request(), request(registry={"server": "x"}, demo=True, dump=None, restore="p")):
            self.assertEqual(received(json.dumps(asked)), asked)

    def test_everything_that_lacks_is_named(self):
        self.assertEqual(self.refused("{}"), "no database, no files, no id, no image, no modules, no registry, "
                                             "no release, no secrets, no url")
        for text in ("", "no JSON", "[]", "null", "7"):
            self.assertIn("no database, ", self.refused(text))

    def test_what_is_of_another_kind_is_named_with_what_it_is(self):
        self.assertEqual(self.refused(json.dumps(request(modules="sale", id=7))), 'id is 7, modules is "sale"')
        for name in ("readySeconds", "keepPoints"):
            asked = request()
            asked["release"][name] = True
            self.assertEqual(self.refused(json.dumps(asked)), f"release.{name} is true")
            del asked["release"][name]
            self.assertEqual(self.refused(json.dumps(asked)), f"no release.{name}")

    def test_a_database_whose_copies_would_have_no_room_in_their_names_is_refused(self):
        for name in ("a" * 31, "-x", "a b", ""):
            self.assertEqual(self.refused(json.dumps(request(database=name))), name)

    def test_a_job_needs_nothing_of_a_host(self):
        asked = {name: value for name, value in request().items() if name not in ("files", "secrets", "registry")}
        path = self.root / "request.json"
        path.write_text(json.dumps(asked))
        self.assertEqual(of_job(path), asked)
        path.write_text("{}")
        with self.assertRaises(Failure):
            of_job(path)
