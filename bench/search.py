#!/usr/bin/env python3
"""
A course of 2,000 pages: how long its index takes, how large it is, how long searches take. For a release build:

    LECTERN_BUILD=DIR bench/search.py [PAGES]
"""
import http.server
import json
import pathlib
import random
import sqlite3
import sys
import tempfile
import threading
import time
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "system"))
from conftest import Daemon, check_end, wait_until  # noqa: E402

COURSE, DIMENSION = "course-v1:Bench+Search+2026", 768
PATH = "/v1/courses/" + urllib.parse.quote(COURSE, safe="")


class Vectors(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["input"]
        texts = [asked] if isinstance(asked, str) else asked
        data = json.dumps({"object": "list", "model": "random", "usage": {"prompt_tokens": 1, "total_tokens": 1}, "data": [
            {"object": "embedding", "index": i, "embedding": [round(random.gauss(0, 1), 4) for _ in range(DIMENSION)]} for i in range(len(texts))]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


def rows(pages):
    """Pages of about 400 words out of 20,000, distributed as Zipf and Mandelbrot say of texts without their stop words."""
    chance = random.Random(1)
    words = ["".join(chance.choice("bcdfglmnprst") + chance.choice("aeiou") for _ in range(chance.randint(2, 4))) for _ in range(20000)]
    for i in range(pages):
        yield ("unit", f"u{i}", -1, f"Unit {i}", "")
        sentences = [" ".join(words[int(20 * 1000 ** chance.random()) - 20] for _ in range(16)).capitalize() + "." for _ in range(25)]
        yield ("block", f"b{i}", 2 * i, f"Page {i}", " ".join(sentences))


def fill(data, pages):
    with sqlite3.connect(data / "lectern.db", timeout=60) as db:
        (site,) = db.execute("SELECT id FROM site WHERE slug = 'demo'").fetchone()
        course = db.execute("INSERT INTO course (site_id, course_id, title, language, format, sha256, revision, imported_at) VALUES (?, ?, 'B', 'en', 'olx', '', 0, 1)",
                            (site, COURSE)).lastrowid
        db.executemany("INSERT INTO course_block (course, revision, position, parent, kind, block_id, category, display_name, text, sha256) "
                       "VALUES (?, 1, ?, ?, ?, ?, 'html', ?, ?, ?)", [(course, i, parent, kind, id_, name, text, id_) for i, (kind, id_, parent, name, text) in enumerate(rows(pages))])
        size = db.execute("SELECT sum(length(text)) FROM course_block WHERE course = ?", (course,)).fetchone()[0]
        db.execute("UPDATE course SET revision = 1 WHERE id = ?", (course,))
        return size, [row[0] for row in db.execute("SELECT substr(text, 200, 60) FROM course_block WHERE course = ? AND kind = 'block' LIMIT 200", (course,))]


def size_of(data, like):
    with sqlite3.connect(f"file:{data}/lectern.db?mode=ro", uri=True) as db:
        return sum(db.execute(f"SELECT coalesce(sum(length({c})), 0) FROM {like}").fetchone()[0] for c in {
            "course_chunk": ("names", "terms", "heading"), "course_fulltext_data": ("block",), "course_vector": ("vector",)}[like])


def searches(daemon, questions):
    took = []
    for q in questions:
        began = time.monotonic()
        answer = daemon.request("GET", f"{PATH}/search?" + urllib.parse.urlencode({"q": q}), daemon.admin_key)
        took.append((time.monotonic() - began) * 1000)
        assert answer.status == 200, answer
    took.sort()
    return f"median {took[len(took) // 2]:.1f} ms, 99 in 100 below {took[int(len(took) * 0.99)]:.1f} ms"


def main(pages):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Vectors)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        daemon = Daemon(pathlib.Path(folder) / "data")
        daemon.cli("site", "set", "demo", "policy_by_lms=true")
        daemon.wait_for_config()
        state = lambda: daemon.request("GET", f"{PATH}/index", daemon.admin_key).json  # noqa: E731
        size, questions = fill(daemon.data, pages)
        began = time.monotonic()
        wait_until(lambda: state().get("state") == "ready", 600, what="the index")
        print(f"{pages} pages, {size / 1e6:.1f} MB of text: {state()['chunks']} pieces in {time.monotonic() - began:.1f} s")
        print(f"rows {size_of(daemon.data, 'course_chunk') / 1e6:.1f} MB, words {size_of(daemon.data, 'course_fulltext_data') / 1e6:.1f} MB")
        print("search by text:", searches(daemon, questions))
        config = {"endpoint": f"http://127.0.0.1:{server.server_address[1]}/v1", "embedding_model": "random", "api_key": "k-vectors-1"}
        assert daemon.request("POST", "/v1/providers", daemon.admin_key, {"name": "vectors", "plugin": "openai", "config": config}).status == 201
        wait_until(lambda: state()["vectors"] == "ready", 900, what="the vectors")
        print(f"vectors of {DIMENSION}: {size_of(daemon.data, 'course_vector') / 1e6:.1f} MB")
        print("search by both:", searches(daemon, questions))
        check_end(daemon)
    server.shutdown()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
