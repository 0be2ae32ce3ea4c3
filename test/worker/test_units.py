"""The units of systemd, and who installs them."""

import unittest
from pathlib import Path


class UnitTest(unittest.TestCase):
    UNITS = Path(__file__).resolve().parents[2] / "worker" / "systemd"

    def test_the_rules_are_there_before_docker_starts_a_container(self):
        unit = (self.UNITS / "odoo-ship-egress.service").read_text()
        self.assertIn("\nBefore=docker.service\n", unit)
        self.assertIn("\nWantedBy=docker.service\n", unit)
        self.assertIn("\nPartOf=docker.service\n", unit)

    def test_whoever_installs_the_worker_enables_every_unit_that_wants_to_be(self):
        bootstrap = (self.UNITS.parent / "bootstrap.py").read_text()
        for path in self.UNITS.iterdir():
            if "[Install]" in path.read_text():
                self.assertIn(f'"{path.name}"', bootstrap)
