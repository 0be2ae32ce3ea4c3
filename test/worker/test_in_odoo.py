"""What runs beside Odoo's own code. Odoo's part is made up; releases on real hosts show the whole."""

import contextlib
import io
import sys
import types
import unittest
from unittest import mock

from support import SOURCES

#: It runs as a whole program in a container.
IN_ODOO = {"__name__": "in_odoo"}
exec(compile((SOURCES / "in_odoo.py").read_text().removesuffix("main()\n"), "in_odoo.py", "exec"), IN_ODOO)
IMAGE = SOURCES.parents[1] / "images" / "odoo"


class Users:
    """Users of a database whose password policy refuses whatever it is asked about."""

    def __init__(self):
        self.made, self.stored, self.id, self._fields = None, None, 7, ("group_ids",)

    def with_context(self, **_):
        return self

    def create(self, values):
        if "password" in values:
            raise ValueError("the password is in last year's list, and has fewer than 200 characters")
        self.made = values
        return self

    def _crypt_context(self):
        return types.SimpleNamespace(hash=lambda text: f"hash of {text}")

    def _set_encrypted_password(self, user, text):
        self.stored = (user, text)


class SomebodyNewTest(unittest.TestCase):
    def test_a_policy_that_no_password_satisfies_keeps_no_rehearsal_from_its_user(self):
        users = Users()
        env = mock.MagicMock()
        env.__getitem__.side_effect = lambda name: {"res.users": users}[name]
        self.assertIs(IN_ODOO["somebody_new"](env, "smoke", "secret"), users)
        self.assertEqual((users.made["login"], users.stored), ("smoke", (7, "hash of secret")))


class QuietTest(unittest.TestCase):
    def found_in(self, folder):
        with (mock.patch.dict(IN_ODOO, PRODUCT=str(folder)), contextlib.redirect_stderr(io.StringIO()),
              mock.patch.dict(sys.modules)):
            sys.modules.pop("quiet", None)
            with mock.patch("threading.Thread.start"), mock.patch("multiprocessing.process.BaseProcess.start"):
                return IN_ODOO["quiet"]()

    def test_it_is_the_images_own(self):
        places = list(sys.path)
        self.assertEqual(self.found_in(IMAGE).held, set())
        self.assertEqual(sys.path, places)

    def test_an_image_from_before_has_none_and_is_released_all_the_same(self):
        before = [place for place in sys.path if place != str(IMAGE)]
        with mock.patch.object(sys, "path", before):
            self.assertIsNone(self.found_in("/nowhere"))
