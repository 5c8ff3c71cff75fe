"""Personal data against the real daemon (docs/pii.md): the AI service never sees them, who asked does, and no file holds them in clear."""
import contextlib
import json
import re
import signal
import uuid
from urllib.parse import quote, urlencode

import pytest

from conftest import Daemon, add_vendor, check_end, contents, wait_until
from database import connect
from double.upstream import Upstream

COURSE = "course-v1:Org+Course+Run"
RUN = "/v1/workflows/run"
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
VALUES = {"email": "zoe.brandt@example.org", "phone": "+49 30 901820999", "iban": "DE89 3704 0044 0532 0130 00", "card": "4111 1111 1111 1111",
          "national_id": "86095742719", "name": "Zoë Brandt"}
TEXT = "I am {name}, {email}, call {phone}. Pay to {iban} or by {card}; my tax number is {national_id}. Thanks, {name}".format(**VALUES)
USER = {"id": "u1", "roles": ["teacher"], "name": VALUES["name"]}
PLANTED = [*VALUES.values(), *(v.replace(" ", "") for v in VALUES.values()), "Zo\\u00eb Brandt", "zoe.brandt%40"]


def set_site(daemon, **settings):
    daemon.cli("site", "set", "demo", "--json-patch", json.dumps(settings))
    daemon.wait_for_config()


def start(directory, service, mode="redact"):
    d = Daemon(directory / "data")
    add_vendor(d, service)
    for slug, more in {"ask": {}, "chat": {"orchestrator_class": "ThreadedLLMResponse"}, "flow": {"stream": True}, "tools": {}}.items():
        llm = {"prompt": "Be brief.", **({"stream": True} if more.pop("stream", False) else {}), **({"enabled_tools": ["roll_dice"]} if slug == "tools" else {})}
        body = {"slug": slug, "base_filepath": "base/blank.json5", "content_patch": {"processor_config": {"LLMProcessor": llm}, **more}}
        assert d.request("POST", "/v1/profiles", d.admin_key, body).status == 201
        assert d.request("POST", "/v1/scopes", d.admin_key, {"profile_id": slug, "ui_slot_selector_id": slug}).status == 201
    set_site(d, policy_by_lms=True, resume_grace_ms=300, pii={"mode": mode})
    return d


@pytest.fixture(scope="module")
def double():
    with Upstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def site(tmp_path_factory, double):
    d = start(tmp_path_factory.mktemp("pii"), double)
    yield d
    check_end(d)
    assert [found for found in planted_in(d) if "Zo" not in found[1]] == []  # the doors for AI clients know no name


@pytest.fixture(autouse=True)
def forget(double):
    double.clear()
    double.choose = None
    double.default = "echo"


def planted_in(daemon):
    """Files of the data directory, WAL, log and all, that hold one of the values."""
    files = [*contents(daemon.data), (daemon.errors.name, open(daemon.errors.name, "rb").read())]
    return [(str(path), value) for path, data in files for value in PLANTED if value.encode() in data]


def sent(service):
    return json.dumps([r["body"] for r in service.requests()], ensure_ascii=False)


def placeholder(request):
    """Of the first address in what was sent."""
    return re.findall(r"\[EMAIL_[A-Z2-7]{6}\]", json.dumps(request.body))[0]


def unseen(service):
    """The AI service was asked, and saw none of the values."""
    text = sent(service)
    assert service.requests() and not [v for v in PLANTED if v in text], text
    assert "[EMAIL_" in text, text


def action(daemon, name="generate_text", given=None, **more):
    return daemon.request("POST", f"/v1/actions/{name}", daemon.service_key, {"user": USER, "input": given or {"prompt": TEXT}, **more})


def run(daemon, text=TEXT, slot="ask", place="here", status=200, **more):
    body = {"context": {"course_id": COURSE, "location_id": f"block-v1:Org+Course+Run+type@vertical+block@{place}", "ui_slot_selector_id": slot}, "user": USER,
            "user_input": text, **more}
    answer = daemon.request("POST", RUN, daemon.service_key, body)
    assert answer.status == status, answer
    return answer.json


def test_the_search_below_can_fail(tmp_path, double):
    daemon = start(tmp_path, double, "off")
    assert action(daemon).json["response"]["generated_content"] == TEXT
    assert VALUES["email"] in sent(double)
    assert {value for _, value in planted_in(daemon)} >= set(VALUES.values())
    check_end(daemon)


def test_an_answer_has_what_was_replaced_again_and_the_register_has_not(site, double):
    answer = action(site)
    assert answer.status == 200, answer
    assert answer.json["response"]["generated_content"] == TEXT
    unseen(double)
    row = site.request("GET", f"/v1/register/{answer.json['id']}", site.admin_key)
    assert "[EMAIL_" in row.body.decode() and VALUES["email"] not in row.body.decode()
    own = site.request("GET", f"/v1/actions/calls/{answer.json['id']}?user_id=u1&role=teacher", site.service_key)
    assert own.json["response"]["generated_content"] == TEXT
    other = site.request("GET", f"/v1/actions/calls/{answer.json['id']}", site.admin_key)
    assert VALUES["email"] not in other.body.decode()


@pytest.mark.parametrize("pieces", [1, 7, 60, 400])
def test_a_stream_has_it_too_however_it_is_cut(site, double, pieces):
    double.default = f"echo+chunks?n={pieces}"
    events = site.stream("POST", "/v1/actions/generate_text", site.service_key, {"user": USER, "input": {"prompt": TEXT}, "stream": True})
    assert "".join(e.data["text"] for e in events if e.kind == "delta") == TEXT
    assert events[-1].kind == "done" and events[-1].data["response"]["generated_content"] == TEXT
    unseen(double)


def test_the_same_value_has_the_same_placeholder_in_all_calls_of_a_user_and_another_for_others(site, double):
    def asked(user):
        double.clear()
        assert site.request("POST", "/v1/actions/generate_text", site.service_key, {"user": user, "input": {"prompt": VALUES["email"]}}).status == 200
        return double.requests()[-1]["body"]["messages"][-1]["content"]
    assert asked(USER) == asked(USER) != asked({"id": "u2", "roles": ["teacher"]})


def test_a_conversation_goes_on_with_placeholders_and_its_user_reads_it_in_clear(site, double):
    first = run(site, slot="chat", place="talk")
    assert first["response"]["response"] == TEXT
    double.clear()
    double.default = "ok"
    double.choose = lambda r: "ok?text=" + quote(placeholder(r))
    again = run(site, "Which address did I say?", slot="chat", place="talk")
    assert again["response"]["response"] == VALUES["email"]  # of the first turn: kept sealed
    unseen(double)
    thread = f"/v1/sessions/{again['session_id']}/thread"
    own, others = (site.request("GET", thread + who, site.service_key if who else site.admin_key) for who in ("?user_id=u1&role=teacher", ""))
    assert own.status == others.status == 200, (own, others)
    assert VALUES["email"] in own.body.decode() and VALUES["email"] not in others.body.decode() and "[EMAIL_" in others.body.decode()


def test_a_streamed_workflow(site, double):
    double.default = "echo+chunks?n=90"
    body = {"context": {"course_id": COURSE, "ui_slot_selector_id": "flow"}, "user": USER, "user_input": TEXT, "stream": True}
    events = site.stream("POST", RUN, site.service_key, body)
    assert "".join(e.data["text"] for e in events if e.kind == "delta") == TEXT, events
    unseen(double)


def test_a_task_is_kept_with_placeholders_and_its_user_reads_the_result(site, double):
    body = {"context": {"course_id": COURSE, "ui_slot_selector_id": "ask"}, "user": USER, "user_input": TEXT, "async": True}
    task = site.request("POST", RUN, site.service_key, body).json["task_id"]

    def ended(who):
        answer = site.request("GET", f"/v1/tasks/{task}{who}", site.service_key if who else site.admin_key)
        return answer.json["state"] == "completed" and json.dumps(answer.json, ensure_ascii=False)
    own = wait_until(lambda: ended("?user_id=u1&role=teacher"))
    assert VALUES["email"] in own and VALUES["email"] not in ended("")
    unseen(double)


def test_tools_get_placeholders(site, double):
    def script(request):
        called = any(m["role"] == "tool" for m in request.body["messages"])
        return "ok?text=done" if called else "tool_calls"
    double.choose = script
    ran = run(site, slot="tools", place="tools")
    unseen(double)
    row = site.request("GET", f"/v1/register/{ran['id']}", site.admin_key).body.decode()
    assert not [v for v in PLANTED if v in row]


def openai(daemon, path, body, stream=False):
    return daemon.request("POST", f"/openai/v1/{path}", daemon.service_key, {"user": "u1", "stream": stream, **body})


def test_the_openai_door(site, double):
    talk = {"model": "action:continue_conversation", "messages": [{"role": "system", "content": "Ask " + VALUES["email"]}, {"role": "user", "content": TEXT}]}
    answer = openai(site, "chat/completions", talk)
    assert answer.status == 200 and answer.json["choices"][0]["message"]["content"] == TEXT, answer
    double.default = "echo+chunks?n=50"
    streamed = openai(site, "chat/completions", talk, True).body.decode()
    frames = [json.loads(line[6:]) for line in streamed.splitlines() if line.startswith("data: {")]
    assert "".join(c["delta"].get("content") or "" for f in frames for c in f["choices"]) == TEXT
    unseen_but_name(double)


def unseen_but_name(service):
    """A door has no name of its user."""
    text = sent(service)
    assert service.requests() and not [v for v in PLANTED if v in text and "Zo" not in v], text


def test_pictures_are_untouched(site, double):
    image = "data:image/png;base64," + PNG
    content = [{"type": "text", "text": TEXT}, {"type": "image_url", "image_url": {"url": image}}]
    assert openai(site, "chat/completions", {"model": "action:continue_conversation", "messages": [{"role": "user", "content": content}]}).status == 200
    assert PNG in sent(double)
    unseen_but_name(double)


def test_the_responses_api_keeps_sealed_and_goes_on_in_clear(site, double):
    first = openai(site, "responses", {"model": "action:continue_conversation", "input": TEXT, "instructions": "Ask " + VALUES["email"]})
    assert first.status == 200, first
    assert TEXT in json.dumps(first.json, ensure_ascii=False)
    second = openai(site, "responses", {"model": "action:continue_conversation", "input": "and " + VALUES["email"], "previous_response_id": first.json["id"]})
    assert "and " + VALUES["email"] in second.body.decode(), second
    kept = site.request("GET", f"/openai/v1/responses/{first.json['id']}?user=u1", site.service_key, headers={"X-Lectern-User": "u1"})
    assert kept.status in (200, 404), kept
    unseen_but_name(double)


def test_embeddings(site, double):
    double.default = "ok"
    answer = openai(site, "embeddings", {"model": "action:embed_text", "input": [TEXT]})
    assert answer.status == 200, answer
    unseen_but_name(double)


def test_the_ollama_door(site, double):
    body = {"model": "action:generate_text", "prompt": TEXT, "user": "u1"}
    assert site.request("POST", "/ollama/api/generate", site.service_key, {**body, "stream": False}).json["response"] == TEXT
    double.default = "echo+chunks?n=50"
    lines = site.request("POST", "/ollama/api/generate", site.service_key, body).body.decode().splitlines()
    assert "".join(json.loads(line)["response"] for line in lines) == TEXT
    unseen_but_name(double)


def test_the_open_edx_door(site, double):
    body = {"action": "run", "user_input": TEXT}
    context = json.dumps({"courseId": COURSE, "uiSlotSelectorId": "ask"})
    answer = site.request("POST", "/openedx-ai-extensions/v1/workflows/?" + urlencode({"context": context}), site.teacher, body)
    assert answer.status == 200, answer
    assert VALUES["email"] in answer.body.decode()
    unseen_but_name(double)


def test_an_idempotent_answer_is_kept_sealed_and_given_again(site, double):
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    body = {"user": USER, "input": {"prompt": TEXT}}
    first, again = (site.request("POST", "/v1/actions/generate_text", site.service_key, body, headers) for _ in range(2))
    assert first.body == again.body and again.headers["Idempotent-Replayed"] == "true" and len(double.requests()) == 1


def test_a_killed_daemon_leaves_nothing_in_clear(tmp_path, double):
    daemon = start(tmp_path, double)
    double.choose = lambda r: "chunks?n=200&delay_ms=50&text=" + quote(40 * (placeholder(r) + " "))
    connection, response = daemon.open("POST", "/v1/actions/generate_text", daemon.service_key, {"user": USER, "input": {"prompt": TEXT}, "stream": True})
    seen = b""
    while seen.count(VALUES["email"].encode()) < 12:  # more than a second: checkpoints were written
        line = response.readline()
        assert line, seen
        seen += line
    call = json.loads(seen.split(b"data:")[1].split(b"\n")[0])["id"]
    daemon.stop(signal.SIGKILL)
    connection.close()
    assert planted_in(daemon) == []
    again = Daemon(daemon.data)
    row = again.request("GET", f"/v1/register/{call}", again.admin_key).body.decode()
    assert '"interrupted"' in row and "[EMAIL_" in row and VALUES["email"] not in row
    own = again.request("GET", f"/v1/actions/calls/{call}?user_id=u1&role=teacher", again.service_key)
    assert own.status == 200, own
    check_end(again)
    assert planted_in(again) == []


def test_block_refuses_with_the_kinds_and_records_no_value(site, double):
    set_site(site, pii={"mode": "redact", "actions": {"generate_text": "block"}})
    answer = action(site)
    assert answer.status == 422 and answer.json["code"] == "input_blocked", answer
    assert "email" in answer.json["detail"] and not [v for v in PLANTED if v in answer.body.decode()]
    assert double.requests() == []
    row = site.request("GET", f"/v1/register/{answer.json['call_id'] if 'call_id' in answer.json else answer.json['id']}", site.admin_key)
    assert row.status == 200 and not [v for v in PLANTED if v in row.body.decode()], row
    assert openai(site, "chat/completions", {"model": "action:generate_text", "messages": [{"role": "user", "content": TEXT}]}).json["error"]["code"] == "content_filter"
    assert action(site, given={"prompt": "Why does it rain?"}).status == 200
    set_site(site, pii={"mode": "redact"})


def test_other_actions_may_be_left_out_and_annotate_changes_nothing(tmp_path, double):
    daemon = start(tmp_path, double, "off")
    set_site(daemon, pii={"mode": "annotate"})
    answer = action(daemon)
    assert answer.json["response"]["generated_content"] == TEXT and VALUES["email"] in sent(double)
    row = daemon.request("GET", f"/v1/register/{answer.json['id']}", daemon.admin_key).json
    found, = row["guards"]
    assert (found["guard"], found["mode"], found["verdict"]) == ("pii", "annotate", "found")
    assert found["counts"] == {"email": 1, "phone": 1, "card": 1, "iban": 1, "national_id": 1, "name": 2}
    check_end(daemon)


def test_kinds_that_are_not_wanted_stay(tmp_path, double):
    daemon = start(tmp_path, double)
    set_site(daemon, pii={"mode": "redact", "kinds": ["iban"]})
    action(daemon)
    assert VALUES["email"] in sent(double) and VALUES["iban"] not in sent(double)
    check_end(daemon)


def test_what_is_exported_has_no_value_and_an_erasure_takes_what_lies_behind_the_placeholders(tmp_path, double):
    daemon = start(tmp_path, double)
    assert action(daemon).status == 200
    daemon.cli("register", "export", "--site", "demo", "--output", tmp_path / "register.jsonl", check=False)
    exported = daemon.cli("privacy", "export", "u1", "--site", "demo", check=False).stdout
    assert not [v for v in PLANTED if v in exported]
    assert planted_in(daemon) == []
    check_end(daemon)


def test_after_a_new_master_key_what_was_replaced_can_still_be_read(tmp_path, double):
    daemon = start(tmp_path, double)
    talk = run(daemon, slot="chat", place="talk")["session_id"]
    kept = openai(daemon, "responses", {"model": "action:continue_conversation", "input": TEXT})
    headers, body = {"Idempotency-Key": uuid.uuid4().hex}, {"user": USER, "input": {"prompt": TEXT}}
    first = daemon.request("POST", "/v1/actions/generate_text", daemon.service_key, body, headers)
    daemon.cli("master-key", "rotate")
    daemon.wait_for_config()
    daemon.cli("master-key", "rotate", "--reseal")
    daemon.cli("master-key", "forget")
    assert VALUES["email"] in daemon.request("GET", f"/v1/sessions/{talk}/thread?user_id=u1&role=teacher", daemon.service_key).body.decode()
    assert daemon.request("POST", "/v1/actions/generate_text", daemon.service_key, body, headers).body == first.body
    on = openai(daemon, "responses", {"model": "action:continue_conversation", "input": "and?", "previous_response_id": kept.json["id"]})
    assert on.status == 200 and "[EMAIL_" in json.dumps(double.requests()[-1]["body"]["messages"]), on
    assert [found for found in planted_in(daemon) if "Zo" not in found[1]] == []  # the doors for AI clients know no name
    check_end(daemon)


def test_forgetting_the_old_key_is_refused_while_it_seals_what_users_wrote(tmp_path, double):
    daemon = start(tmp_path, double)
    run(daemon, slot="chat", place="talk")
    daemon.stop()
    keys = daemon.data / "master.key"
    keys.write_text(uuid.uuid4().hex * 2 + "\n" + keys.read_text())
    again = Daemon(daemon.data)  # seals the secrets of the configuration anew, but not all that users wrote
    refused = again.cli("master-key", "forget", check=False)
    assert refused.returncode == 1 and "still sealed" in refused.stderr, refused
    again.cli("master-key", "rotate", "--reseal")
    again.cli("master-key", "forget")
    check_end(again)


def test_an_erasure_takes_what_lies_behind_the_placeholders(tmp_path, double):
    daemon = start(tmp_path, double)

    def rows(user):
        with contextlib.closing(connect(f"file:{daemon.data / 'lectern.db'}?mode=ro", uri=True, timeout=60)) as database:
            return database.execute("SELECT COUNT(*) FROM guard_value WHERE user_id = ?", (user,)).fetchone()[0]
    for user in ("u1", "u2"):
        assert daemon.request("POST", "/v1/actions/generate_text", daemon.service_key, {"user": {**USER, "id": user}, "input": {"prompt": TEXT}}).status == 200
    wait_until(lambda: rows("u1") == rows("u2") == len(VALUES))
    assert daemon.request("POST", "/v1/privacy/erase", daemon.service_key, {"user_id": "u1"}).status in (200, 202)
    wait_until(lambda: rows("u1") == 0)
    assert rows("u2") == len(VALUES)
    check_end(daemon)


def test_a_task_that_is_blocked_is_refused_before_anything_of_it_is_kept(tmp_path, double):
    daemon = start(tmp_path, double, "block")
    body = {"context": {"course_id": COURSE, "ui_slot_selector_id": "ask"}, "user": USER, "user_input": TEXT, "async": True}
    answer = daemon.request("POST", RUN, daemon.service_key, body)
    assert answer.status == 422 and answer.json["code"] == "input_blocked", answer
    assert double.requests() == [] and planted_in(daemon) == []
    check_end(daemon)
