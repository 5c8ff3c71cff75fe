#!/usr/bin/env python3
"""
How good search is: questions about the demo course (search_questions.json: the unit with the answer, and the question in other words than the text's),
asked of a daemon of its own. Prints recall@1, recall@5 and the mean reciprocal rank of the right block, for full text alone and fused with vectors.

The vectors are counts of hashed runs of three letters: they know no meanings, and their figures check the fusion and say nothing about a model.

    LECTERN_BUILD=build tests/quality/search.py
"""
import http.server
import json
import pathlib
import sys
import tempfile
import threading
import urllib.parse
import zlib

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "system"))
from conftest import Daemon, check_end, wait_until  # noqa: E402

COURSE = "/v1/courses/course-v1%3ALectern%2BDemo%2B2026"
LEAST = 0.9  # recall@5 of full text
DIMENSION = 512


class Vectors(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        texts = [asked["input"]] if isinstance(asked["input"], str) else asked["input"]
        data = json.dumps({"object": "list", "model": "runs-of-three", "usage": {"prompt_tokens": 1, "total_tokens": 1},
                           "data": [{"object": "embedding", "index": i, "embedding": vector(t)} for i, t in enumerate(texts)]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


def vector(text):
    counts = [0.0] * DIMENSION
    for word in "".join(c if c.isalnum() else " " for c in text.lower()).split():
        for i in range(len(word)):
            counts[zlib.crc32(f" {word} "[i:i + 3].encode()) % DIMENSION] += 1
    return [1e-3 + c ** 0.5 for c in counts]


def measure(daemon, questions, fused):
    ranks, missed = [], []
    for unit, question in questions:
        answer = daemon.request("GET", f"{COURSE}/search?" + urllib.parse.urlencode({"q": question, "limit": 20}), daemon.admin_key).json
        assert answer["fused"] == fused, answer["notice"]
        found = [r["block_id"] for r in answer["results"]]
        ranks.append(found.index(f"{unit}-text") + 1 if f"{unit}-text" in found else 0)
        if not 0 < ranks[-1] <= 5:
            missed.append(question)
    n = len(ranks)
    return {"recall@1": sum(r == 1 for r in ranks) / n, "recall@5": sum(0 < r <= 5 for r in ranks) / n, "MRR": sum(1 / r for r in ranks if r) / n}, missed


def run(folder, questions):
    """Figures by name, and what was not found among five."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Vectors)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    daemon = Daemon(pathlib.Path(folder) / "data")
    daemon.cli("site", "set", "demo", "policy_by_lms=true")
    daemon.wait_for_config()
    state = lambda: daemon.request("GET", f"{COURSE}/index", daemon.admin_key).json  # noqa: E731
    wait_until(lambda: state()["state"] == "ready", what="the index")
    figures = {"full text": measure(daemon, questions, False)}
    config = {"endpoint": f"http://127.0.0.1:{server.server_address[1]}/v1", "embedding_model": "runs-of-three", "api_key": "k-vectors-1"}
    assert daemon.request("POST", "/v1/providers", daemon.admin_key, {"name": "vectors", "plugin": "openai", "config": config}).status == 201
    wait_until(lambda: state()["vectors"] == "ready", what="the vectors")
    figures["fused"] = measure(daemon, questions, True)
    check_end(daemon)
    server.shutdown()
    return figures


def show(questions, figures):
    print(f"{len(questions)} questions")
    for name, (values, missed) in figures.items():
        print(f"{name:10}", "  ".join(f"{key} {value:.3f}" for key, value in values.items()), *(f"\n  not among five: {q}" for q in missed))


def read_questions():
    return json.loads((HERE / "search_questions.json").read_text())


def main():
    questions = read_questions()
    with tempfile.TemporaryDirectory() as folder:
        figures = run(folder, questions)
    show(questions, figures)
    return figures["full text"][0]["recall@5"] >= LEAST


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
