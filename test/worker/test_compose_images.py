"""Images on a host: what room one needs, and how those to go back to are kept from a hand that tidies up."""

from unittest import mock

from support import WorkerCase

from hosts import compose_images as images
from hosts import engine
from shell import Result

OLD, NEW, OTHER = (f"registry/odoo@sha256:{letter * 64}" for letter in "abc")


class Docker:
    """Images by name: those by digest, and tags of them."""

    def __init__(self, *known):
        self.names = {name: name for name in known}

    def run(self, args, *_):
        words = args[1:]
        if words[0] == "tag":
            self.names[words[2]] = words[1]
        elif words[:2] == ["image", "rm"]:
            for name in words[2:]:
                self.names.pop(name, None)
        elif words[:2] == ["image", "ls"]:
            return Result(0, "\n".join(name for name in self.names if name.startswith(words[-1])))
        return Result(0, "")

    def image(self, name):
        return {"Size": 1000, "RepoDigests": [self.names[name]]} if name in self.names else None

    def prune(self):
        """What `docker image prune` does: it leaves what has a tag, under all of its names."""
        tagged = {image for name, image in self.names.items() if "@" not in name}
        self.names = {name: image for name, image in self.names.items() if image in tagged}


class KeepTest(WorkerCase):
    def setUp(self):
        super().setUp()
        self.docker = Docker(OLD, NEW, OTHER)
        for patch in (mock.patch.object(images, "run", self.docker.run),
                      mock.patch.object(engine, "image", self.docker.image)):
            patch.start()
            self.addCleanup(patch.stop)

    def known(self):
        return {name for name in self.docker.names if "@" in name}

    def test_what_could_be_rolled_back_to_survives_a_pruning_by_hand(self):
        images.keep({OLD, NEW})
        self.docker.prune()
        self.assertEqual(self.known(), {OLD, NEW})

    def test_it_is_kept_no_longer_than_that(self):
        images.keep({OLD, NEW})
        images.keep({NEW})
        self.assertEqual(self.known(), {NEW, OTHER})
        self.assertEqual([name for name in self.docker.names if name.startswith(images.KEPT)], [images.tag_of(NEW)])

    def test_twice_is_the_same_as_once(self):
        images.keep({NEW})
        before = dict(self.docker.names)
        images.keep({NEW})
        self.assertEqual(self.docker.names, before)


class FactsTest(WorkerCase):
    """What an image tells of itself."""

    def setUp(self):
        super().setUp()
        self.asked = []
        for patch in (mock.patch.object(images, "run", self.run_image), mock.patch.object(engine, "image")):
            patch.start()
            self.addCleanup(patch.stop)

    def run_image(self, args, *_):
        self.asked.append(args[-3])
        return Result(0, '{"series": "19.0"}')

    def test_is_asked_once_for_each_digest(self):
        for image in (OLD, NEW, OLD, NEW):
            self.assertEqual(images.series_and_modules(image), {"series": "19.0"})
        self.assertEqual(self.asked, [OLD, NEW])

    def test_is_asked_again_where_its_file_is_damaged_or_was_of_no_use_any_more(self):
        images.series_and_modules(OLD)
        (self.root / "images" / ("sha256:" + "a" * 64 + ".json")).write_text("{")
        images.series_and_modules(OLD)
        with mock.patch.object(images, "run", lambda *_: Result(0, "")):
            images.keep({NEW})
        images.series_and_modules(OLD)
        self.assertEqual(self.asked, [OLD] * 3)


class RoomTest(WorkerCase):
    def room(self, image, before, *known):
        with mock.patch.object(engine, "image", Docker(*known).image):
            return images.room(image, before)

    def test_a_release_asks_for_what_its_image_needs(self):
        self.assertEqual(self.room(NEW, OLD, OLD, NEW), 0)
        self.assertEqual(self.room(NEW, OLD, OLD), 1400)
        self.assertEqual(self.room(NEW, None), images.USUAL_BYTES)
        self.assertEqual(self.room(NEW, OLD), images.USUAL_BYTES)
