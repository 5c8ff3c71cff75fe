"""
Where the processes of a cluster live. Two kinds, alike to use:

    Namespaces   each process in a network namespace of its own, with one cable to the clients and one to the database; a cut takes the second one out, so that
                 packets vanish as they do on a real network. Needs root and `ip netns`.
    Proxies      one network; each process reaches the database through a small TCP proxy of its own. A cut holds back all bytes of its connections and
                 takes no new ones; those that were open are reset when it ends.
"""
import contextlib
import os
import select
import socket
import struct
import subprocess
import threading


def ip(*words, check=True):
    done = subprocess.run(["ip", *map(str, words)], capture_output=True, text=True)
    if check and done.returncode:
        raise OSError(f"ip {' '.join(map(str, words))}: {done.stderr.strip()}")
    return done.returncode == 0


class Namespaces:
    kind = "network namespaces"

    def __init__(self, n):
        self.n, self.tag = n, f"{os.getpid() % 10000:04d}"
        self.net = f"10.{200 + os.getpid() % 50}"
        try:
            for bridge, part in (("c", 1), ("d", 2)):  # clients, database
                ip("link", "add", self.bridge(bridge), "type", "bridge")
                ip("addr", "add", f"{self.net}.{part}.1/24", "dev", self.bridge(bridge))
                ip("link", "set", self.bridge(bridge), "up")
            for i in range(n):
                ip("netns", "add", self.name(i))
                ip("-n", self.name(i), "link", "set", "lo", "up")
                for bridge, part in (("c", 1), ("d", 2)):
                    outside, inside = f"lt{self.tag}{bridge}{i}", f"in{bridge}{i}"
                    ip("link", "add", outside, "type", "veth", "peer", "name", inside, "netns", self.name(i))
                    ip("link", "set", outside, "master", self.bridge(bridge), "up")
                    ip("-n", self.name(i), "addr", "add", f"{self.net}.{part}.{10 + i}/24", "dev", inside)
                    ip("-n", self.name(i), "link", "set", inside, "up")
        except OSError:
            self.close()
            raise

    def bridge(self, which):
        return f"lt{self.tag}{which}"

    def name(self, i):
        return f"lectern-{self.tag}-{i}"

    @property
    def outside(self):
        """Where the double is, as the processes see it."""
        return f"{self.net}.1.1"

    @property
    def database_host(self):
        return f"{self.net}.2.1"

    def database_for(self, i, port):
        return self.database_host, port

    def command(self, i):
        return ["ip", "netns", "exec", self.name(i)]

    def address(self, i):
        return f"{self.net}.1.{10 + i}"

    def cut(self, i):
        ip("link", "set", f"lt{self.tag}d{i}", "down")

    def mend(self, i):
        ip("link", "set", f"lt{self.tag}d{i}", "up")

    def close(self):
        for i in range(self.n):
            ip("netns", "del", self.name(i), check=False)
            for bridge in "cd":
                ip("link", "del", f"lt{self.tag}{bridge}{i}", check=False)
        for bridge in "cd":
            ip("link", "del", self.bridge(bridge), check=False)


class Proxy:
    """Passes bytes on, unless it is cut."""

    def __init__(self, target):
        self.target, self.is_cut, self.pairs = target, threading.Event(), []
        self.server = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.server.accept()
                if self.is_cut.is_set():  # nothing comes back until the cut ends
                    self.pairs.append((near, near))
                    continue
                far = socket.create_connection(self.target, timeout=10)
                far.settimeout(None)
            except OSError:
                if self.server.fileno() < 0:
                    return
                continue
            self.pairs.append((near, far))
            threading.Thread(target=self.carry, args=(near, far), daemon=True).start()

    def carry(self, near, far):
        with contextlib.suppress(OSError, ValueError):
            while True:
                if self.is_cut.is_set():
                    return  # mend() resets them
                for sock in select.select([near, far], [], [], 0.05)[0]:
                    data = sock.recv(65536)
                    if not data:
                        return self.end(near, far, False)
                    if self.is_cut.is_set():
                        return
                    (far if sock is near else near).sendall(data)
        self.end(near, far, True)

    @staticmethod
    def end(near, far, reset):
        for sock in {near, far}:
            with contextlib.suppress(OSError):
                if reset:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                sock.close()

    def cut(self):
        self.is_cut.set()

    def mend(self):
        pairs, self.pairs = self.pairs, []
        self.is_cut.clear()
        for near, far in pairs:
            self.end(near, far, True)

    def close(self):
        self.server.close()
        self.mend()


class Proxies:
    kind = "TCP proxies"
    outside = database_host = "127.0.0.1"

    def __init__(self, n):
        self.n, self.proxies = n, [None] * n

    def database_for(self, i, port):
        if not self.proxies[i]:
            self.proxies[i] = Proxy(("127.0.0.1", port))
        return "127.0.0.1", self.proxies[i].port

    def command(self, i):
        return []

    def address(self, i):
        return f"127.0.0.{10 + i}"

    def cut(self, i):
        self.proxies[i].cut()

    def mend(self, i):
        self.proxies[i].mend()

    def close(self):
        for proxy in filter(None, self.proxies):
            proxy.close()


def namespaces_work():
    """None, or why not."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    try:
        Namespaces(1).close()
    except (OSError, FileNotFoundError) as error:
        return f"network namespaces are not permitted here: {error}"
    return None
