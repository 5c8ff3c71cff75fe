"""Search in a course and answers that cite it: a recorded model, vectors of a double, who may see what, and what a crash leaves."""
import http.server
import json
import signal
import threading
import urllib.parse

import pytest
from conftest import Daemon, check_end, run_lectern, wait_until
from database import SERVER, connect

DEMO = "course-v1:Lectern+Demo+2026"
PATH = "/v1/courses/" + urllib.parse.quote(DEMO, safe="")
OWN = "course-v1:Org+Own+2026"
RUN = "/v1/workflows/run"
QUESTION = "Why do leaves look green to us?"


def recorded(data, name, texts):
    """A recording whose model answers anything with these pieces of text."""
    (data / "recordings").mkdir(exist_ok=True)
    usage = {"prompt_tokens": 5, "completion_tokens": 5, "total_tokens": 10}
    exchange = {"action": "continue_conversation", "input": {}, "events": [{"after_ms": 0, "text": t} for t in texts], "finish_reason": "stop",
                "model": "taped", "usage": usage}
    (data / "recordings" / f"{name}.json").write_text(json.dumps({"exchanges": [exchange]}))


def index(site, path=PATH, key=None):
    return site.request("GET", f"{path}/index", key or site.admin_key).json


def search(site, q, key=None, path=PATH, **more):
    return site.request("GET", f"{path}/search?" + urllib.parse.urlencode({"q": q, **more}), key or site.admin_key)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    d = Daemon(tmp_path_factory.mktemp("search") / "data")
    d.cli("site", "set", "demo", "policy_by_lms=true")
    d.wait_for_config()
    recorded(d.data, "cites", ["Chlorophyll reflects green light [", "1", "], and not [7", "7]. Ask [2", ", 44] too."])
    recorded(d.data, "plain", ["I do not know."])
    for name in ("cites", "plain"):
        body = {"name": name, "plugin": "replay", "config": {"recording": name, "speed": 0, "match": "any", "retries": 0, "breaker_faults": 0}}
        assert d.request("POST", "/v1/providers", d.admin_key, body).status == 201
    for slug, orchestrator, provider, content in [("direct", "DirectLLMResponse", "cites", {}), ("talk", "ThreadedLLMResponse", "cites", {}),
                                                  ("plain", "DirectLLMResponse", "plain", {}),
                                                  ("here", "DirectLLMResponse", "cites", {"search_in": "location", "top_k": 2})]:
        patch = {"orchestrator_class": orchestrator, "processor_config": {
            "OpenEdXProcessor": {"function": "search_course_content", **content},
            "LLMProcessor": {"function": "answer_question", "provider": provider, "stream": True, "prompt": "Answer."}}}
        assert d.request("POST", "/v1/profiles", d.admin_key, {"slug": slug, "base_filepath": "base/blank.json5", "content_patch": patch}).status == 201
    for course in (DEMO, OWN):
        assert d.request("POST", "/v1/scopes", d.admin_key, {"profile_id": "direct", "course_id": course, "ui_slot_selector_id": "ask"}).status == 201
    wait_until(lambda: index(d)["state"] == "ready", what="the index")
    yield d
    check_end(d)


def body(profile, question=QUESTION, **context):
    return {"profile": profile, "user_input": question, "context": {"course_id": DEMO, "ui_slot_selector_id": "ask", **context}}


SHOWN = "Chlorophyll reflects green light [1], and not. Ask [2] too."


# ---- answers ----

@pytest.mark.parametrize("profile", ["direct", "talk"])
def test_an_answer_cites_unit_and_block_of_the_course(site, profile):
    answer = site.request("POST", RUN, site.admin_key, {**body(profile), "user": {"id": "u1", "roles": ["student"]}})
    assert answer.status == 200, answer
    response = answer.json["response"]
    assert response["response"] == SHOWN
    first, second = response["citations"]
    assert {k: first[k] for k in ("n", "course_id", "unit_id", "unit_name", "block_id", "url")} == {
        "n": 1, "course_id": DEMO, "unit_id": "plants", "unit_name": "How plants make food from light", "block_id": "plants-text", "url": "/demo/units/plants"}
    assert second["n"] == 2 and first["quote"] and len(first["quote"]) <= 241


def test_a_stream_shows_no_marker_of_nothing_also_when_it_comes_in_pieces(site):
    events = site.stream("POST", RUN, site.learner, {**{k: v for k, v in body("direct").items() if k != "profile"}, "stream": True})
    assert events[-1].kind == "done", events
    assert "".join(e.data["text"] for e in events if e.kind == "delta") == SHOWN == events[-1].data["response"]["response"]
    assert [c["n"] for c in events[-1].data["response"]["citations"]] == [1, 2]


def test_an_answer_that_cites_nothing_has_no_citations(site):
    assert site.request("POST", RUN, site.admin_key, body("plain")).json["response"]["citations"] == []


def test_a_place_narrows_what_is_found_for_the_answer(site):
    answer = site.request("POST", RUN, site.admin_key, body("here", location_id="membrane")).json["response"]
    assert {c["unit_id"] for c in answer["citations"]} == {"membrane"}


def test_a_course_that_is_not_imported_is_said(site):
    answer = site.request("POST", RUN, site.admin_key, {**body("direct"), "context": {"course_id": "course-v1:No+Such+One"}})
    assert (answer.status, answer.json["field"] if "field" in answer.json else answer.json["errors"][0]["field"]) == (400, "/context/course_id"), answer


def test_doors_that_give_text_list_the_sources_under_it(site):
    answer = site.request("POST", "/openai/v1/chat/completions", site.admin_key, {
        "model": "profile:direct", "messages": [{"role": "user", "content": QUESTION}]}, headers={"X-Lectern-Course": DEMO})
    assert answer.status == 200, answer
    text = answer.json["choices"][0]["message"]["content"]
    assert text.startswith(SHOWN + "\n\n\\[1\\] [How plants make food from light](/demo/units/plants)"), text
    context = urllib.parse.quote(json.dumps({"courseId": DEMO, "uiSlotSelectorId": "ask"}))
    answer = site.request("POST", f"/openedx-ai-extensions/v1/workflows/?context={context}", site.learner, {"action": "run", "user_input": QUESTION})
    assert answer.status == 200 and answer.body.decode().startswith(SHOWN + "\n\n\\[1\\] [How plants make food from light](/demo/units/plants)"), answer.body


# ---- the index, and search by REST and CLI ----

def test_the_demo_course_can_be_searched_from_the_first_command_on(site):
    assert index(site)["chunks"] > 20
    found = search(site, QUESTION, limit=3).json
    assert found["results"][0]["unit_id"] == "plants" and len(found["results"]) <= 3 and found["indexed"]
    assert search(site, "¿Qué pasa en la mitocondria?").json["results"][0]["unit_id"] == "respiracion"


@pytest.mark.parametrize("q", ['"', '" OR terms : *', "NEAR(a b)", "a AND", "^", "course : 1", "*", "'; DROP TABLE course_chunk; --", "(((", "-plants", "{terms} : x"])
def test_no_question_is_read_as_anything_but_words(site, q):
    found = search(site, "plants " + q)
    assert found.status == 200 and found.json["results"], found


def test_questions_have_a_limit_and_must_be_there(site):
    assert search(site, "x" * 1001).status == 400
    assert search(site, "  ").status == 400
    assert search(site, "leaf \0").status == 400
    assert search(site, "leaf", limit=21).status == 400


def test_learners_search_through_workflows_only(site):
    assert search(site, "leaf", site.learner).status == 403
    assert search(site, "leaf", site.teacher).status == 200


def test_the_command_line_says_the_same(site):
    out = json.loads(run_lectern("course", "search", DEMO, QUESTION, "--site", "demo", "--data", site.data, "--json"))
    assert out["results"][0]["block_id"] == "plants-text"
    state = json.loads(run_lectern("course", "index", DEMO, "--again", "--site", "demo", "--data", site.data, "--json"))
    assert state["state"] == "ready" and state["chunks"] == index(site)["chunks"]


# ---- vectors ----

class Vectors(http.server.ThreadingHTTPServer):
    """Embeddings of OpenAI's form: counts of a few letters, so that the same text has the same vector. Fails as long as `down`."""
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), VectorsHandler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/v1"
        self.model, self.down, self.texts = "letters-1", False, []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class VectorsHandler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        texts = [asked["input"]] if isinstance(asked["input"], str) else asked["input"]
        self.server.texts += texts
        vectors = [[1.0] + [float(t.lower().count(c)) for c in "abcdefghijklmnopqrstuvwxyz"] for t in texts]
        answer = {"object": "list", "model": self.server.model, "usage": {"prompt_tokens": 1, "total_tokens": 1},
                  "data": [{"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(vectors)]}
        data = json.dumps({"error": {"message": "down"}} if self.server.down else answer).encode()
        self.send_response(503 if self.server.down else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture
def vectors():
    server = Vectors()
    yield server
    server.shutdown()


def add_vectors(daemon, server, model="letters"):
    body = {"name": "vectors", "plugin": "openai", "config": {"endpoint": server.url, "embedding_model": model, "api_key": "k-vectors-1", "retries": 0, "breaker_faults": 0}}
    answer = daemon.request("POST", "/v1/providers", daemon.admin_key, body)
    assert answer.status == 201, answer


def test_vectors_are_made_compared_and_made_anew_for_another_model(daemon, vectors):
    add_vectors(daemon, vectors)
    wait_until(lambda: index(daemon)["vectors"] == "ready", what="the vectors")
    state = index(daemon)
    assert (state["embedded"], state["model"], state["dimension"]) == (state["chunks"], "letters-1", 27)
    assert len(vectors.texts) == state["chunks"]
    daemon.accept_policy(daemon.teacher)
    found = search(daemon, QUESTION, daemon.teacher).json
    assert found["fused"] and found["notice"] is None and "plants" in [r["unit_id"] for r in found["results"]]
    calls = daemon.request("GET", "/v1/register?action=embed_text&limit=100", daemon.admin_key).json["calls"]
    assert len(calls) >= 3  # two of the index, of 32 pieces at most, and the question
    vectors.model = "letters-2"
    assert search(daemon, QUESTION, daemon.teacher).json["notice"] == "vectors_failed"  # not compared with those of another model
    assert daemon.request("PATCH", "/v1/providers/vectors", daemon.admin_key, {"config": {"embedding_model": "other"}}).status == 200
    wait_until(lambda: index(daemon)["model"] == "letters-2" and index(daemon)["vectors"] == "ready", what="the vectors of the other model")
    assert search(daemon, QUESTION, daemon.teacher).json["fused"]


def test_course_texts_go_to_no_vendor_that_was_not_named_for_it(daemon, vectors):
    body = {"name": "vectors", "plugin": "openai", "config": {"endpoint": vectors.url, "api_key": "k-vectors-1"}}
    assert daemon.request("POST", "/v1/providers", daemon.admin_key, body).status == 201
    wait_until(lambda: index(daemon)["state"] == "ready", what="the index")
    assert index(daemon)["vectors"] == "off" and search(daemon, QUESTION).json["notice"] is None and vectors.texts == []
    assert daemon.request("PATCH", "/v1/providers/vectors", daemon.admin_key, {"actions": {"embed_text": {"enabled": True, "settings": {"model": "letters"}}}}).status == 200
    wait_until(lambda: index(daemon)["vectors"] == "ready", what="the vectors")


def test_without_the_vendor_full_text_answers_and_says_so(daemon, vectors):
    vectors.down = True
    add_vectors(daemon, vectors)
    wait_until(lambda: index(daemon)["vectors"] == "failed", what="the failure")
    assert index(daemon)["error"] == "upstream_unavailable" and index(daemon)["retry_at"]
    found = search(daemon, QUESTION).json
    assert (found["fused"], found["notice"], found["results"][0]["unit_id"]) == (False, "vectors_failed", "plants")


# ---- visibility, and a crash ----

def put_course(daemon, blocks, revision=1, course=OWN):
    """Rows as an import writes them: (kind, id, parent, hidden, text)."""
    with connect(daemon.data / "lectern.db", timeout=30) as db:
        (site,) = db.execute("SELECT id FROM site WHERE slug = 'demo'").fetchone()
        db.execute("INSERT INTO course (site_id, course_id, title, language, format, sha256, revision, imported_at) VALUES (?, ?, 'T', 'en', 'olx', '', 0, 1) "
                   "ON CONFLICT DO NOTHING", (site, course))
        (id_,) = db.execute("SELECT id FROM course WHERE course_id = ?", (course,)).fetchone()
        db.executemany("INSERT INTO course_block (course, revision, position, parent, kind, block_id, category, display_name, text, hidden, sha256) "
                       "VALUES (?, ?, ?, ?, ?, ?, 'html', ?, ?, ?, ?)",
                       [(id_, revision, i, parent, kind, name, name, text, hidden, f"{name} {hash(text)}") for i, (kind, name, parent, hidden, text) in enumerate(blocks)])
        db.execute("UPDATE course SET revision = ? WHERE id = ?", (revision, id_))


def test_what_a_learner_may_not_see_reaches_neither_model_nor_citation(site):
    put_course(site, [("unit", "open", -1, 0, ""), ("block", "b-open", 0, 0, "The zebra stands in the open field."),
                      ("unit", "shut", -1, 1, ""), ("block", "b-shut", 2, 0, "The zebra password is swordfish-7.")])
    path = "/v1/courses/" + urllib.parse.quote(OWN, safe="")
    wait_until(lambda: index(site, path)["state"] == "ready", what="the index")
    assert {r["block_id"] for r in search(site, "zebra", site.teacher, path).json["results"]} == {"b-open", "b-shut"}
    asked = {"profile": "direct", "user_input": "zebra password", "context": {"course_id": OWN, "ui_slot_selector_id": "ask"}, "user": {"id": "u2", "roles": ["student"]}}
    answer = site.request("POST", RUN, site.service_key, asked)
    assert answer.status == 200 and "swordfish" not in answer.body.decode(), answer
    assert {c["block_id"] for c in answer.json["response"]["citations"]} == {"b-open"}
    with connect(f"file:{site.data}/lectern.db?mode=ro", uri=True) as db:
        kept = [str(row) for row in db.execute("SELECT * FROM ai_action_continue_conversation")]
    assert not [row for row in kept if "swordfish" in row]


def test_the_index_of_a_course_goes_with_it(site):
    course = "course-v1:Org+Gone+2026"
    put_course(site, [("block", "b-gone", -1, 0, "A quagga is no zebra.")], course=course)
    wait_until(lambda: index(site, "/v1/courses/" + urllib.parse.quote(course, safe="")).get("state") == "ready", what="the index")
    with connect(site.data / "lectern.db", timeout=30) as db:
        (id_,) = db.execute("SELECT id FROM course WHERE course_id = ?", (course,)).fetchone()
        db.execute("DELETE FROM course_block WHERE course = ?", (id_,))
        db.execute("DELETE FROM course WHERE id = ?", (id_,))

    def left():
        words = "SELECT count(*) FROM course_chunk WHERE document @@ to_tsquery('simple', 'quagga')" if SERVER else \
            "SELECT count(*) FROM course_fulltext WHERE course_fulltext MATCH 'quagga'"
        with connect(f"file:{site.data}/lectern.db?mode=ro", uri=True) as db:
            return db.execute("SELECT (SELECT count(*) FROM course_chunk WHERE course = ?) + (SELECT count(*) FROM course_index WHERE course = ?) + "
                              f"({words})", (id_, id_)).fetchone()[0]

    wait_until(lambda: left() == 0, what="the end of its index")


def test_an_index_goes_on_after_sigkill(tmp_path):
    data = tmp_path / "data"
    d = Daemon(data)
    blocks = [("unit", "u", -1, 0, "")] + [("block", f"b{i}", 0, 0, f"Page {i} is about subject{i}. " * 40) for i in range(1500)]
    put_course(d, blocks)

    def chunks():
        with connect(f"file:{data}/lectern.db?mode=ro", uri=True) as db:
            return db.execute("SELECT count(DISTINCT block_id) FROM course_chunk WHERE block_id LIKE 'b%'").fetchone()[0]

    wait_until(lambda: chunks() >= 64, what="the first pieces")
    d.process.send_signal(signal.SIGKILL)
    d.process.wait()
    kept = chunks()
    d = Daemon(data)
    path = "/v1/courses/" + urllib.parse.quote(OWN, safe="")
    wait_until(lambda: index(d, path)["state"] == "ready", what="the index")
    assert chunks() == 1500 and kept >= 64
    assert search(d, "subject1499", path=path).json["results"][0]["block_id"] == "b1499"
    print(f"{kept} of 1500 blocks were in the index when it was killed")
    check_end(d)
