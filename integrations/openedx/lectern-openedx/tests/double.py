"""A double of Lectern over HTTP: answers as it is told, notes what it was asked."""

import http.server
import json
import threading
import time


class Lectern:
    """answers: (method, path) to (status, body) or (status, body, content type), or a list of them, one for each request; a float waits so long."""

    def __init__(self, answers):
        self.answers, self.asked = answers, []
        double = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                path, _, query = self.path.partition("?")
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                double.asked.append(
                    {"method": self.command, "path": path, "query": query, "headers": dict(self.headers), "body": json.loads(body) if body else None}
                )
                answer = double.answers.get((self.command, path), (404, {"code": "not_found", "title": "There is no such thing here."}))
                answer = answer.pop(0) if isinstance(answer, list) else answer
                if isinstance(answer, float):
                    time.sleep(answer)
                    return
                status, body, kind = (*answer, "application/json")[:3]
                content = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", kind)
                if kind == "application/json":
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_DELETE = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
