import re
import unittest

import support  # noqa: F401

import passwords


class PasswordsTest(unittest.TestCase):
    def test_they_are_of_every_kind_that_a_policy_asks_for_and_each_another_one(self):
        made = {passwords.of_a_user(15) for _ in range(500)}
        self.assertEqual(len(made), 500)
        for kind in (r"[a-z]", r"[A-Z]", r"\d", r"[\W_]"):
            self.assertTrue(all(re.search(kind, password) for password in made), kind)
