"""A receiver of events: an HTTP server that keeps what comes and answers as it is told."""
import http.server
import json
import threading
import time


class Post:
    def __init__(self, path, headers, body):
        self.path, self.headers, self.body, self.at = path, headers, body, time.time()

    @property
    def json(self):
        return json.loads(self.body)


class Receiver:
    """`answer(post)` gives a status, or (status, headers); None breaks the connection. `posts` is all that came, `taken` what was answered with 2xx."""

    def __init__(self, answer=lambda post: 204, port=0):
        self.answer, self.posts, self.taken, self.lock = answer, [], [], threading.Lock()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                post = Post(self.path, dict(self.headers.items()), self.rfile.read(int(self.headers.get("Content-Length", 0))))
                with outer.lock:
                    outer.posts.append(post)
                said = outer.answer(post)
                if said is None:
                    self.close_connection = True
                    self.connection.close()
                    return
                status, fields = said if isinstance(said, tuple) else (said, {})
                if 200 <= status < 300:
                    with outer.lock:
                        outer.taken.append(post)
                try:
                    self.send_response(status)
                    for name, value in fields.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                except OSError:
                    pass  # who sent it has been killed

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads, allow_reuse_address, request_queue_size = True, True, 128

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def all(self, which="taken"):
        with self.lock:
            return list(getattr(self, which))
