"""Programs that the worker starts: what a signal in the wrong moment must not leave."""

import pathlib
import subprocess
import sys
import unittest

WORKER = pathlib.Path(__file__).resolve().parents[2] / "worker/odoo_ship"

INTERRUPTED = """
import sys, threading
sys.path.insert(0, sys.argv[1])
import shell

class ToldToEnd(Exception):
    pass

def start_and_be_told(timer, start=threading.Timer.start):
    start(timer)
    raise ToldToEnd

threading.Timer.start = start_and_be_told
try:
    with shell.killed_after(600, None):
        pass
except ToldToEnd:
    print("told to end")
"""


class KilledAfter(unittest.TestCase):
    def test_a_signal_before_anyone_could_cancel_it_does_not_keep_the_worker(self):
        ended = subprocess.run([sys.executable, "-B", "-c", INTERRUPTED, str(WORKER)], capture_output=True, text=True,
                               timeout=120, check=False)
        self.assertEqual((ended.returncode, ended.stdout), (0, "told to end\n"), ended.stderr)


if __name__ == "__main__":
    unittest.main()
