"""Secrets are found nowhere but where they belong: tests/system/test_secrets*.py and test_canary.py on a release build."""
from reliability import suite


def run(options):
    return suite.run("test_secrets*.py", options, "test_canary.py")
