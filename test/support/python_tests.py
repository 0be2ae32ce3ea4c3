"""Runs a file of tests of unittest, and tells about each: a JSON object in a line on descriptor 3.

Arguments: the file's module, in the working directory.
"""

import json
import os
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, "")


class Told(unittest.TestResult):
    def __init__(self, out):
        super().__init__()
        self.out, self.problems = out, []

    def startTest(self, test):
        self.problems = []
        super().startTest(test)

    def addError(self, test, problem):
        super().addError(test, problem)
        self.problems.append(self.errors[-1][1])

    def addFailure(self, test, problem):
        super().addFailure(test, problem)
        self.problems.append(self.failures[-1][1])

    def addSubTest(self, test, part, problem):
        super().addSubTest(test, part, problem)
        if problem is not None:
            self.problems.append(f"{part}\n{self._exc_info_to_string(problem, test)}")

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.problems.append("it was expected to fail")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.problems.append(f"it was skipped: {reason}")

    def stopTest(self, test):
        super().stopTest(test)
        print(json.dumps({"test": test.id(), "problems": self.problems}), file=self.out, flush=True)


with os.fdopen(3, "w", encoding="utf-8") as out:
    unittest.defaultTestLoader.loadTestsFromName(sys.argv[1]).run(Told(out))
