"""What the guard and the worker must agree on."""

import sys
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "images" / "odoo"))

import fence  # noqa: E402


class FenceTest(unittest.TestCase):
    def test_a_key_is_what_postgresql_takes_and_shows(self):
        for name, key, taken in (("odoo", 850874388, 850874388), ("a", 3904355907, -390611389)):
            self.assertEqual((fence.lock_class(name), fence.signed(key)), (key, taken))
        self.assertEqual(fence.signed(2**31 - 1), 2**31 - 1)

    def test_the_locks_are_those_of_every_version(self):
        self.assertEqual((fence.PLACE, fence.FENCE, fence.LIFE, fence.WORKER), ("postgres", 1, 2, 3))

    def test_a_deployment_that_lost_its_locks_waits_until_guards_have_seen_that_they_lost_theirs(self):
        self.assertGreater(fence.SETTLE_SECONDS, fence.LOST_SECONDS)
