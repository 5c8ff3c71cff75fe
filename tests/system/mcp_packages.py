"""The servers of tests/support/mcp_server, from npm. A skip where the registry is out of reach."""
import fcntl
import filecmp
import os
import pathlib
import shutil
import subprocess

import pytest

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "support" / "mcp_server"
EVERYTHING = FOLDER / "node_modules" / "@modelcontextprotocol" / "server-everything" / "dist" / "index.js"
OWN = FOLDER / "server.mjs"


def install():
    npm, node = shutil.which("npm"), shutil.which("node")
    if not npm or not node:
        pytest.skip("npm is not installed")
    with open(FOLDER / "package-lock.json") as lock:  # files of tests run side by side
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = FOLDER / "node_modules" / ".lectern-lock"
        if stamp.exists() and filecmp.cmp(stamp, FOLDER / "package-lock.json", shallow=False):
            return node
        done = subprocess.run([npm, "ci", "--loglevel=error"], cwd=FOLDER, capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            if subprocess.run([npm, "ping", "--loglevel=silent"], cwd=FOLDER, capture_output=True, timeout=60).returncode != 0:
                pytest.skip("the npm registry cannot be reached")
            pytest.fail(f"the servers cannot be installed: {done.stderr[-2000:]}")
        shutil.copy(FOLDER / "package-lock.json", stamp)
    return node


class HttpServer:
    """server.mjs over Streamable HTTP, or the official server when `everything`."""

    def __init__(self, log, everything=False, **env):
        node = install()
        self.log = pathlib.Path(log)
        env = {"PATH": os.environ["PATH"], "LOG_FILE": str(log), **env}
        if everything:
            port = free_port()
            self.process = subprocess.Popen([node, str(EVERYTHING), "streamableHttp"], env={**env, "PORT": str(port)}, stdout=subprocess.DEVNULL,
                                            stderr=subprocess.PIPE, text=True)
            self.url = f"http://127.0.0.1:{port}/mcp"
            while "listening" not in (line := self.process.stderr.readline()):
                assert line, "it did not start"
            return
        self.process = subprocess.Popen([node, str(OWN), "http"], env=env, stdout=subprocess.PIPE, text=True)
        self.base = f"http://127.0.0.1:{int(self.process.stdout.readline())}"
        self.url = self.base + "/mcp"

    def lines(self):
        return self.log.read_text().splitlines() if self.log.exists() else []

    def stop(self):
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdout, self.process.stderr):
            if stream:
                stream.close()


def free_port():
    import socket
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]
