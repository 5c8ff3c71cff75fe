"""
Packages for tests, from npm and from PyPI: OpenAI's own clients, those of MCP, libraries of Open edX. A skip where the registry is out of reach, a failure where
they cannot be installed.
"""
import fcntl
import filecmp
import pathlib
import shutil
import subprocess
import sys

import pytest

NPM_FOLDER = pathlib.Path(__file__).resolve().parent / "openai_client"
PYTHON_PACKAGE = "openai==1.109.1"


def install_npm(folder=NPM_FOLDER):
    """The packages of the folder's package-lock.json, in that folder."""
    npm = shutil.which("npm")
    if not npm or not shutil.which("node"):
        pytest.skip("npm is not installed")
    with open(folder / "package-lock.json") as lock:  # files of tests run side by side
        fcntl.flock(lock, fcntl.LOCK_EX)
        install_npm_alone(npm, folder)


def install_npm_alone(npm, folder):
    stamp = folder / "node_modules" / ".lectern-lock"
    if stamp.exists() and filecmp.cmp(stamp, folder / "package-lock.json", shallow=False):
        return
    done = subprocess.run([npm, "ci", "--loglevel=error"], cwd=folder, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        if subprocess.run([npm, "ping", "--loglevel=silent"], cwd=folder, capture_output=True, timeout=60).returncode != 0:
            pytest.skip("the npm registry cannot be reached")
        pytest.fail(f"the client cannot be installed: {done.stderr[-2000:]}")
    shutil.copy(folder / "package-lock.json", stamp)


def install_python(folder, *packages):
    """Packages (OpenAI's when none is named) in a virtual environment at `folder`; its interpreter."""
    packages = packages or (PYTHON_PACKAGE,)
    made = subprocess.run([sys.executable, "-m", "venv", folder], capture_output=True, text=True, timeout=120)
    if made.returncode != 0:
        pytest.skip(f"no virtual environment can be made: {(made.stdout + made.stderr)[-300:]}")
    python = pathlib.Path(folder) / "bin" / "python"
    pip = [python, "-m", "pip", "--disable-pip-version-check", "--no-input", "--retries", "1", "--timeout", "20"]
    done = subprocess.run([*pip, "install", "--quiet", *packages], capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        if subprocess.run([*pip, "download", "--quiet", "--no-deps", "--dest", folder, "idna"], capture_output=True, timeout=60).returncode != 0:
            pytest.skip("PyPI cannot be reached")
        pytest.fail(f"{' '.join(map(str, packages))} cannot be installed: {done.stderr[-2000:]}")
    return python
