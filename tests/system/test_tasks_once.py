"""What a task stores and its end are one: the daemon is killed again and again while tasks store turns, cards and reviews."""
import json
import os
import random
import signal
import time

import pytest
from conftest import Daemon, add_vendor, check_end
from database import connect
from test_tools import Model

COURSE = "course-v1:Org+Course+Run"
RUN = "/v1/workflows/run"
EACH = 24          # tasks of each kind
KILLS = int(os.environ.get("LECTERN_KILLS", "6"))
ENDED = ("completed", "failed", "timeout", "cancelled")

# A session that shows the work of a task which has not ended: in no snapshot is there one.
HALF = """SELECT t.user_id FROM workflow_task t JOIN workflow_session s ON s.user_id = t.user_id WHERE t.state IN ('queued', 'running') AND
 (t.user_id LIKE 'chat-%' AND EXISTS (SELECT 1 FROM workflow_submission m WHERE m.session_id = s.id) OR
  t.user_id LIKE 'cards-%' AND s.metadata LIKE '%"question"%' OR t.user_id LIKE 'review-%' AND s.metadata NOT LIKE '%"repetitions":0%')"""


@pytest.fixture(scope="module")
def model():
    server = Model()
    server.handle_error = lambda *_: None  # those that are killed do not say goodbye
    yield server
    server.shutdown()


def prepare(folder, model):
    d = Daemon(folder / "data", "--task-workers", "0")
    d.cli("site", "set", "demo", "--json-patch", json.dumps({"policy_by_lms": True, "tasks_queued_per_user": 1000}))
    add_vendor(d, model)
    chat = {"orchestrator_class": "ThreadedLLMResponse", "processor_config": {"LLMProcessor": {"prompt": "Be brief.", "stream": True}}}
    for slug, base, patch in (("chat", "base/blank.json5", chat), ("cards", "base/flash_cards.json5", {}), ("review", "base/flash_cards.json5", {})):
        assert d.request("POST", "/v1/profiles", d.admin_key, {"slug": slug, "base_filepath": base, "content_patch": patch}).status == 201
        assert d.request("POST", "/v1/scopes", d.admin_key, {"profile_id": slug, "ui_slot_selector_id": slug}).status == 201
    return d


def ask(daemon, kind, number, action, user_input, status=202):
    body = {"context": {"course_id": COURSE, "ui_slot_selector_id": kind, "content": "Water rises in thin tubes."}, "action": action,
            "user": {"id": f"{kind}-{number}", "roles": ["student"]}, "user_input": user_input, "async": status == 202}
    answer = daemon.request("POST", RUN, daemon.service_key, body)
    assert answer.status == status, answer
    return answer.json


def write(body):
    """What the user said; or two cards. After a while that differs."""
    time.sleep(random.random() / 5)
    if "response_format" not in body:
        return "About " + body["messages"][-1]["content"]
    return json.dumps({"cards": [{"id": f"c{i}", "question": f"Q{i}", "answer": f"A{i}"} for i in range(2)]})


def rows(daemon, sql, *values):
    with connect(f"file:{daemon.data / 'lectern.db'}?mode=ro", uri=True, timeout=60) as db:
        return db.execute(sql, values).fetchall()


def kept(daemon, kind, number):
    """What is stored of a user's task: of a chat the messages, else the cards as the session has them."""
    sessions = daemon.request("GET", f"/v1/sessions?user={kind}-{number}", daemon.admin_key).json["sessions"]
    if not sessions:
        return []
    if kind == "chat":
        return [m["content"] for m in daemon.request("GET", f"/v1/sessions/{sessions[0]['id']}/thread", daemon.admin_key).json["thread"] or []]
    return daemon.request("GET", f"/v1/sessions/{sessions[0]['id']}", daemon.admin_key).json["metadata"].get("cards", [])


def check(daemon, kind, number, task):
    """Of a completed task what it answered is stored, once; of any other nothing."""
    task = daemon.request("GET", f"/v1/tasks/{task}", daemon.admin_key).json
    stored, done = kept(daemon, kind, number), task["state"] == "completed"
    if kind == "chat":
        assert stored == ([f"Question {number}", task["result"]["response"]["response"]] if done else [])
    elif kind == "cards":
        assert stored == (task["result"]["response"]["response"] if done else []) and len(stored) == (2 if done else 0)
    else:
        assert [c["repetitions"] for c in stored] == [1 if done else 0]
        assert not done or stored == [task["result"]["response"]["response"]]
    return task["state"]


def watch(daemon, until):
    """Looks at the store until so many tasks have ended; no snapshot may show half of something."""
    with connect(f"file:{daemon.data / 'lectern.db'}?mode=ro", uri=True, timeout=60) as db:
        end = time.time() + 300
        while db.execute("SELECT COUNT(*) FROM workflow_task WHERE completed_at > 0").fetchone()[0] < until:
            assert db.execute(HALF).fetchall() == []
            assert time.time() < end, "the tasks do not end"
    db.close()


def test_tasks_that_are_killed_as_they_store_store_once_or_not_at_all(tmp_path, model):
    seed = int(os.environ.get("LECTERN_SEED", random.randrange(2**32)))
    print("seed", seed)
    random.seed(seed)
    model.script = write
    d = prepare(tmp_path, model)
    made = []
    for i in range(EACH):
        card = {"id": "a", "question": "Q", "answer": "A", "nextReviewTime": 0, "interval": 1, "easeFactor": 2.5, "repetitions": 0, "lastReviewedAt": None}
        ask(d, "review", i, "save", {"cards": [card]}, 200)
        made.append(("review", i, ask(d, "review", i, "review", {"card_id": "a", "quality": 5})["task_id"]))
        made.append(("chat", i, ask(d, "chat", i, "run", f"Question {i}")["task_id"]))
        made.append(("cards", i, ask(d, "cards", i, "run", {"num_cards": 2})["task_id"]))
    for _ in range(KILLS):
        d.stop(signal.SIGKILL)
        ended = rows(d, "SELECT COUNT(*) FROM workflow_task WHERE completed_at > 0")[0][0]
        assert rows(d, HALF) == []
        d = Daemon(d.data, "--task-workers", "8")
        watch(d, min(len(made), ended + random.randint(1, 2 * len(made) // KILLS)))
    watch(d, len(made))
    states = [check(d, *task) for task in made]
    assert states.count("completed") > len(made) // 2 and set(states) <= {"completed", "failed"}
    check_end(d)
