"""A way between a client and a server that can be made bad: slow, cut after so many bytes, or silent."""
import contextlib
import random
import socket
import threading
import time


class Proxy:
    """Forwards 127.0.0.1:port to the target's. What it does may be changed at any time, from the next piece of data on."""

    def __init__(self, target, seed=0):
        self.target, self.random = target, random.Random(seed)
        self.delay = 0.0        # seconds for each piece
        self.cut_after = None   # (least, most): bytes that a connection may carry, both ways together
        self.silent = False     # takes everything, passes nothing on
        self.refusing = False   # closes what comes
        self.cuts, self.open, self.lock = 0, set(), threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self.serve, args=[client], daemon=True).start()

    def serve(self, client):
        with contextlib.suppress(OSError), client:
            if self.refusing:
                return
            with socket.create_connection(("127.0.0.1", self.target), 5) as server:
                pair = (client, server)
                left = [self.random.randint(*self.cut_after) if self.cut_after else None]
                with self.lock:
                    self.open.add(pair)
                back = threading.Thread(target=self.pump, args=[server, client, left], daemon=True)
                back.start()
                self.pump(client, server, left)
                back.join()
                with self.lock:
                    self.open.discard(pair)

    def pump(self, source, sink, left):
        try:
            while data := source.recv(65536):
                if self.delay:
                    time.sleep(self.delay)
                while self.silent:
                    time.sleep(0.05)
                if left[0] is not None and len(data) >= left[0]:
                    sink.sendall(data[:max(left[0], 0)])
                    self.cuts += 1
                    break
                if left[0] is not None:
                    left[0] -= len(data)
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut(self):
        """All that are open."""
        with self.lock:
            ends = [end for pair in self.open for end in pair]
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        self.silent = False
        self.cut()
