"""Runs the package's own unit tests; standard output is JSON: what became of each, "" when it passed."""

import json
import sys
import unittest


class Results(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.found = {}

    def note(self, test, text):
        test = getattr(test, "test_case", test)
        if not test.id().startswith("unittest."):
            self.found[test.id()] = self.found.get(test.id()) or text
        else:
            self.found[f"{test.id()} {text}"] = text

    def startTest(self, test):
        super().startTest(test)
        self.note(test, "")

    def addError(self, test, err):
        super().addError(test, err)
        self.note(test, self.errors[-1][1])

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.note(test, self.failures[-1][1])

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.note(test, f"{subtest}: {self._exc_info_to_string(err, test)}")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.note(test, f"skipped: {reason}")


results = Results()
unittest.defaultTestLoader.discover(sys.argv[1], top_level_dir=sys.argv[2]).run(results)
json.dump(results.found, sys.stdout)
