"""Secrets are found nowhere but where they belong: tests/system/test_secrets*.py on a release build."""
from reliability import suite


def run(options):
    return suite.run("test_secrets*.py", options)
