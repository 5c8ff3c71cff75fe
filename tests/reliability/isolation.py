"""What keeps sites, and the daemon and its machine, apart: tests/system/test_isolation*.py on a release build."""
from reliability import suite


def run(options):
    return suite.run("test_isolation*.py", options)
