"""The Responses API of the door /openai/v1/: one answer, events, threads that Lectern keeps for every vendor. Raw wire; the official client: openai_door."""
import base64
import contextlib
import http.client
import json
import os
import random
import re
import signal
import threading
import time
import uuid

import pytest

from conftest import Daemon, add_vendor, check_end, read_events, wait_until
from database import connect
from double.upstream import TEXT, Upstream

BASE = "/openai/v1/responses"
TOOL = {"type": "function", "name": "find_unit", "description": "Finds a unit.", "strict": True,
        "parameters": {"type": "object", "properties": {"topic": {"type": "string"}}, "required": ["topic"], "additionalProperties": False}}
NOW = {"type": "function", "name": "now", "parameters": None, "strict": None}
PNG = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
MEMBERS = {"id", "object", "created_at", "status", "error", "incomplete_details", "instructions", "max_output_tokens", "model", "output", "background",
           "parallel_tool_calls", "previous_response_id", "reasoning", "store", "temperature", "text", "tool_choice", "tools", "top_p", "truncation",
           "usage", "user", "metadata"}


@pytest.fixture(scope="module")
def double():
    with Upstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def site(tmp_path_factory, double):
    """A daemon with the double as OpenAI and as Ollama, which keeps no threads."""
    d = Daemon(tmp_path_factory.mktemp("responses") / "data")
    add_vendor(d, double)
    answer = d.request("POST", "/v1/providers", d.admin_key, {"name": "local", "plugin": "ollama", "config": {"endpoint": double.root, "model": "m"}})
    assert answer.status == 201, answer
    d.accept_policy(d.learner)
    d.accept_policy(d.teacher)
    yield d
    check_end(d)


@pytest.fixture(autouse=True)
def forget(double):
    double.clear()


def ask(daemon, status=200, key=None, headers=None, **body):
    body = {"model": "vendor/m", "input": "Why does it rain?", **body}
    answer = daemon.request("POST", BASE, key or daemon.admin_key, {k: v for k, v in body.items() if v is not ...}, headers)
    assert answer.status == status, answer
    return answer.json


def events(daemon, key=None, **body):
    body = {"model": "vendor/m", "input": "Why does it rain?", "stream": True, **body}
    found = daemon.stream("POST", BASE, key or daemon.admin_key, body)
    for i, event in enumerate(found):
        assert event.kind == event.data["type"] and event.data["sequence_number"] == i
    return found


def get(daemon, response_id, more="", key=None, status=200):
    answer = daemon.request("GET", f"{BASE}/{response_id}{more}", key or daemon.admin_key)
    assert answer.status == status, answer
    return answer.json


def said(response):
    return "".join(part["text"] for item in response["output"] if item["type"] == "message" for part in item["content"])


def sent(double):
    """The messages that the service got last."""
    return double.requests()[-1]["body"]["messages"]


def talk(double):
    """The same, role and text, without instructions."""
    return [(m["role"], m["content"]) for m in sent(double) if m["role"] != "system"]


def refused(answer, param, code=None):
    error = answer["error"]
    assert set(error) == {"message", "type", "param", "code"} and error["param"] == param, error
    assert code is None or error["code"] == code, error
    return error["message"]


# ---- one answer ----


def test_an_answer_has_all_that_clients_read(site):
    r = ask(site, metadata={"unit": "7"}, user="u1", instructions="Be short.", temperature=0.5, max_output_tokens=100, reasoning={"effort": "low"})
    assert MEMBERS <= set(r)
    assert re.fullmatch(r"resp_[0-9a-f]{32}", r["id"]) and r["object"] == "response" and r["status"] == "completed"
    assert abs(r["created_at"] - time.time()) < 60 and isinstance(r["created_at"], int)
    (message,) = r["output"]
    assert re.fullmatch(r"msg_[0-9a-f]{36}", message["id"])
    assert {k: message[k] for k in ("type", "role", "status")} == {"type": "message", "role": "assistant", "status": "completed"}
    assert message["content"] == [{"type": "output_text", "text": TEXT, "annotations": [], "logprobs": []}]
    assert r["usage"] == {"input_tokens": 11, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 568,
                          "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 579}
    assert (r["metadata"], r["user"], r["instructions"], r["temperature"], r["max_output_tokens"]) == ({"unit": "7"}, "u1", "Be short.", 0.5, 100)
    assert (r["error"], r["incomplete_details"], r["previous_response_id"], r["store"], r["tools"], r["tool_choice"]) == (None, None, None, True, [], "auto")
    assert r["text"]["format"] == {"type": "text"} and r["reasoning"] == {"effort": "low"} and r["top_p"] == 1.0 and r["truncation"] == "disabled"


def test_the_call_is_one_of_the_register(site):
    r = ask(site, user="u-register")
    call = site.request("GET", f"/v1/register/{uuid.UUID(r['id'][5:])}", site.admin_key).json
    assert (call["action"], call["user_id"], call["state"], call["provider"]) == ("continue_conversation", "u-register", "completed", "vendor")


@pytest.mark.parametrize("given, expected", [
    ([{"role": "user", "content": "Hi"}], [("user", "Hi")]),
    ([{"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "Be kind."}]}, {"role": "user", "content": "Hi"}],
     [("system", "Be kind."), ("user", "Hi")]),
    ([{"role": "user", "content": [{"type": "input_text", "text": "One."}, {"type": "input_text", "text": "Two."}]}], [("user", "One.\nTwo.")]),
    ([{"role": "user", "content": "A"}, {"role": "assistant", "content": "B"}, {"type": "reasoning", "id": "rs_1", "summary": []}, {"role": "user", "content": "C"}],
     [("user", "A"), ("assistant", "B"), ("user", "C")]),
    ([{"role": "user", "content": "A"}, {"type": "message", "id": "msg_x", "status": "completed", "role": "assistant",
                                         "content": [{"type": "output_text", "text": "B", "annotations": []}]}, {"role": "user", "content": "C"}],
     [("user", "A"), ("assistant", "B"), ("user", "C")]),
    ([{"role": "user", "content": "A"}, {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}, {"role": "user", "content": "C"}],
     [("user", "A"), ("assistant", "No."), ("user", "C")]),
])
def test_input_items_become_messages(site, double, given, expected):
    ask(site, input=given)
    assert [(m["role"], m["content"]) for m in sent(double)] == expected


def test_an_image_goes_along(site, double):
    ask(site, input=[{"role": "user", "content": [{"type": "input_text", "text": "What?"}, {"type": "input_image", "image_url": PNG, "detail": "low"}]}])
    assert sent(double)[0]["content"] == [{"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": PNG}}] or \
        sent(double)[0]["content"][1]["image_url"]["url"] == PNG


def test_functions_are_called_and_their_outputs_go_back(site, double):
    double.queue = ["tool_calls"]
    first = ask(site, tools=[TOOL, NOW], tool_choice={"type": "function", "name": "find_unit"})
    body = double.requests()[-1]["body"]
    assert body["tools"][0] == {"type": "function", "function": {k: TOOL[k] for k in ("name", "description", "parameters", "strict")}}
    assert body["tool_choice"] == {"type": "function", "function": {"name": "find_unit"}}
    assert [(i["type"], i["name"], json.loads(i["arguments"] or "{}")) for i in first["output"]] == [
        ("function_call", "find_unit", {"topic": "water"}), ("function_call", "now", {})]
    assert all(re.fullmatch(r"fc_[0-9a-f]{36}", i["id"]) and i["status"] == "completed" for i in first["output"])
    assert first["tools"][1] == {"type": "function", "name": "now", "description": None, "parameters": None, "strict": None}
    outputs = [{"type": "function_call_output", "call_id": i["call_id"], "output": f"result {n}"} for n, i in enumerate(first["output"])]
    for given in ({"previous_response_id": first["id"], "input": outputs},
                  {"input": [{"role": "user", "content": "Why does it rain?"}, *first["output"], *outputs]}):
        second = ask(site, tools=[TOOL, NOW], **given)
        assert said(second) == TEXT
        roles = [m["role"] for m in sent(double)]
        assert roles == ["user", "assistant", "tool", "tool"]
        assert [c["id"] for c in sent(double)[1]["tool_calls"]] == [i["call_id"] for i in first["output"]]
        assert [(m["tool_call_id"], m["content"]) for m in sent(double)[2:]] == [(o["call_id"], o["output"]) for o in outputs]


def test_allowed_tools_are_all_that_is_offered(site, double):
    ask(site, tools=[TOOL, NOW], tool_choice={"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "now"}]})
    body = double.requests()[-1]["body"]
    assert [t["function"]["name"] for t in body["tools"]] == ["now"] and body["tool_choice"] == "required"


def test_an_answer_of_a_form(site, double):
    schema = {"type": "object", "properties": {"answer": {"type": "string"}, "sure": {"type": "boolean"}}, "required": ["answer", "sure"], "additionalProperties": False}
    double.default = "schema"
    r = ask(site, text={"format": {"type": "json_schema", "name": "answer", "schema": schema, "strict": True}})
    assert set(json.loads(said(r))) == {"answer", "sure"}
    assert double.requests()[-1]["body"]["response_format"]["json_schema"]["schema"] == schema
    assert r["text"]["format"]["schema"] == schema


def test_a_cut_answer_is_incomplete(site, double):
    double.default = "length"
    r = ask(site)
    assert (r["status"], r["incomplete_details"], r["output"][0]["status"]) == ("incomplete", {"reason": "max_output_tokens"}, "incomplete")
    last = events(site)[-1]
    assert last.kind == "response.incomplete" and last.data["response"]["incomplete_details"] == {"reason": "max_output_tokens"}


def test_usage_that_nobody_told_is_null(site, double):
    double.default = "no_usage"
    assert ask(site)["usage"] is None


@pytest.mark.parametrize("more, param", [
    ({"model": ...}, "model"), ({"input": ...}, "input"), ({"input": ""}, "input"), ({"input": []}, "input"), ({"input": 7}, "input"),
    ({"input": [{"role": "user", "content": "x"}] * 401}, "input"),
    ({"input": [{"role": "robot", "content": "x"}]}, "input[0].role"),
    ({"input": [{"role": "user", "content": 7}]}, "input[0].content"),
    ({"input": [{"role": "user", "content": "  "}]}, "input[0].content"),
    ({"instructions": "Be short.", "input": [{"role": "user", "content": "x"}, {"role": "user", "content": " "}]}, "input[1].content"),
    ({"input": "  "}, "input"),
    ({"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]}, "input[0].content[0].type"),
    ({"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]}, "input[0].content[0].file_id"),
    ({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "ftp://x"}]}]}, "input[0].content[0].image_url.url"),
    ({"input": [{"type": "web_search_call", "id": "ws_1"}]}, "input[0].type"),
    ({"input": [{"type": "function_call", "name": "f", "arguments": "{}"}]}, "input[0].call_id"),
    ({"input": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}]}, "input"),
    ({"input": [{"role": "user", "content": "x"}, {"type": "function_call_output", "call_id": "c", "output": "1"}]}, "input[1].call_id"),
    ({"input": [{"type": "reasoning", "summary": []}]}, "input"),
    ({"background": True}, "background"), ({"conversation": "conv_1"}, "conversation"), ({"prompt": {"id": "p"}}, "prompt"), ({"top_logprobs": 2}, "top_logprobs"),
    ({"tools": [{"type": "web_search"}]}, "tools[0].type"), ({"tools": [{"type": "function", "name": "bad name"}]}, "tools[0].name"),
    ({"tools": [TOOL], "tool_choice": {"type": "mcp"}}, "tool_choice.type"), ({"tool_choice": "required"}, "tool_choice"),
    ({"text": {"format": {"type": "yaml"}}}, "text.format.type"),
    ({"text": {"format": {"type": "json_schema", "schema": {}}}}, "text.format.name"),
    ({"text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "nonsense"}}}}, "text.format.schema.type"),
    ({"temperature": 3}, "temperature"), ({"top_p": -1}, "top_p"), ({"max_output_tokens": 0}, "max_output_tokens"),
    ({"metadata": {"a": 1}}, "metadata.a"), ({"truncation": "some"}, "truncation"), ({"user": "\u0007"}, "user"),
])
@pytest.mark.parametrize("stream", [False, True])
def test_what_is_wrong_is_named(site, double, more, param, stream):
    message = refused(ask(site, status=400, stream=stream, **more), param)
    assert message and not double.requests()


def test_models_that_are_not_there_and_other_names(site):
    refused(ask(site, status=404, model="vendor-of-nobody/m"), "model", "model_not_found")
    refused(ask(site, status=404, model="action:no_such_thing"), "model", "model_not_found")
    refused(ask(site, status=403, key=site.learner, model="vendor/m"), "model")


def test_an_action_by_name_for_a_user(site, double):
    r = ask(site, key=site.learner, model="action:continue_conversation", instructions="Rhyme.")
    assert (r["model"], said(r)) == ("action:continue_conversation", TEXT)
    assert sent(double)[0]["role"] == "system" and sent(double)[0]["content"].endswith("Rhyme.") and len(sent(double)[0]["content"]) > 100
    r = ask(site, key=site.learner, model="action:summarise_text", input="Water moves. Water rains. Water flows to the sea.")
    assert said(r) == TEXT and "Water moves." in sent(double)[-1]["content"]


def test_a_profile_by_name(site, double):
    answer = site.request("POST", "/v1/profiles", site.admin_key, {"slug": "plain", "base_filepath": "base/blank.json5", "content_patch": {}})
    assert answer.status in (201, 409), answer
    r = ask(site, model="profile:plain")
    assert (r["model"], said(r)) == ("profile:plain", TEXT)
    assert get(site, r["id"]) == r
    found = events(site, model="profile:plain")
    assert found[-1].kind == "response.completed" and said(found[-1].data["response"]) == TEXT
    assert get(site, found[-1].data["response"]["id"]) == found[-1].data["response"]


@pytest.mark.parametrize("scenario, status", [("status?code=401", 500), ("status?code=404", 404), ("429", 429), ("500", 503), ("close", 503), ("wrong_json", 500)])
@pytest.mark.parametrize("stream", [False, True])
def test_what_the_service_fails_in_has_a_status(site, double, scenario, status, stream):
    double.default = scenario
    answer = site.request("POST", BASE, site.admin_key, {"model": "vendor/m", "input": "x", "stream": stream})
    assert answer.status == status, answer
    assert answer.headers["Content-Type"] == "application/json" and answer.json["error"]["message"]


# ---- events ----

TEXT_EVENTS = ["response.created", "response.in_progress", "response.output_item.added", "response.content_part.added"]
TEXT_END = ["response.output_text.done", "response.content_part.done", "response.output_item.done"]


def test_a_stream_has_the_documented_events_in_order(site, double):
    double.default = "chunks?n=4"
    found = events(site, metadata={"a": "b"})
    kinds = [e.kind for e in found]
    assert kinds == TEXT_EVENTS + ["response.output_text.delta"] * 4 + TEXT_END + ["response.completed"]
    by = {e.kind: e.data for e in found}
    for name in ("response.created", "response.in_progress"):
        assert (by[name]["response"]["status"], by[name]["response"]["output"], by[name]["response"]["usage"]) == ("in_progress", [], None)
    final = by["response.completed"]["response"]
    (item,) = final["output"]
    text = "".join(e.data["delta"] for e in found if e.kind == "response.output_text.delta")
    assert text == said(final) == by["response.output_text.done"]["text"] == by["response.content_part.done"]["part"]["text"] == "word1 word2 word3 word4"
    assert by["response.output_item.done"]["item"] == item and item["status"] == "completed"
    assert by["response.output_item.added"]["item"] == {**item, "status": "in_progress", "content": []}
    assert by["response.content_part.added"]["part"] == {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
    for name in ("response.content_part.added", "response.output_text.delta", "response.output_text.done", "response.content_part.done"):
        assert (by[name]["item_id"], by[name]["output_index"], by[name]["content_index"]) == (item["id"], 0, 0)
    assert MEMBERS <= set(final) and final["usage"]["total_tokens"] == 579 and final["metadata"] == {"a": "b"}
    assert get(site, final["id"]) == final


def test_function_calls_as_events(site, double):
    double.default = "tool_calls"
    found = events(site, tools=[TOOL, NOW])
    one = ["response.output_item.added", "response.function_call_arguments.delta", "response.function_call_arguments.done", "response.output_item.done"]
    assert [e.kind for e in found] == ["response.created", "response.in_progress", *one, *one, "response.completed"]
    final = found[-1].data["response"]
    for i, item in enumerate(final["output"]):
        added, delta, done, finished = (e.data for e in found[2 + 4 * i:6 + 4 * i])
        assert added["item"] == {**item, "arguments": "", "status": "in_progress"} and finished["item"] == item
        assert delta["delta"] == done["arguments"] == item["arguments"]
        assert {e["output_index"] for e in (added, delta, done, finished)} == {i} and delta["item_id"] == done["item_id"] == item["id"]
    assert get(site, final["id"]) == final


def test_a_refusal_is_an_answer(site, double):
    double.default = "refusal"
    r = ask(site)
    (part,) = r["output"][0]["content"]
    assert r["status"] == "completed" and part["type"] == "refusal" and part["refusal"] and get(site, r["id"]) == r
    found = events(site)
    assert [e.kind for e in found] == TEXT_EVENTS + ["response.refusal.delta", "response.refusal.done"] + TEXT_END[1:] + ["response.completed"]
    by = {e.kind: e.data for e in found}
    assert by["response.refusal.delta"]["delta"] == by["response.refusal.done"]["refusal"] == part["refusal"]
    assert by["response.completed"]["response"]["output"] == [by["response.output_item.done"]["item"]]
    assert by["response.output_item.done"]["item"]["content"] == [part] == [by["response.content_part.done"]["part"]]
    double.default = "ok"
    ask(site, previous_response_id=r["id"], input="Please?")
    assert talk(double)[1:] == [("assistant", part["refusal"]), ("user", "Please?")]


def test_a_service_that_breaks_off_leaves_a_failed_answer(site, double):
    double.default = "reset_mid?n=3"
    found = events(site)
    kinds = [e.kind for e in found]
    assert kinds[:4] == TEXT_EVENTS and kinds[-1] == "response.failed" and set(kinds[4:-1]) == {"response.output_text.delta"}
    failed = found[-1].data["response"]
    text = "".join(e.data["delta"] for e in found[4:-1])
    assert failed["status"] == "failed" and failed["error"]["code"] == "server_error" and failed["error"]["message"] and said(failed) == text
    assert failed["output"][0]["status"] == "incomplete"
    assert get(site, failed["id"]) == failed
    double.default = "ok"
    assert said(ask(site, previous_response_id=failed["id"], input="Go on.")) == TEXT
    assert talk(double) == [("user", "Why does it rain?"), ("assistant", text), ("user", "Go on.")]


def test_who_leaves_ends_the_call_and_what_was_received_is_kept(site, double):
    double.default = "endless"
    connection, response = site.open("POST", BASE, site.admin_key, {"model": "vendor/m", "input": "x", "stream": True})
    seen = b""
    while seen.count(b"output_text.delta\n") < 3:
        seen += response.readline()
    response_id = re.search(rb'"id":"(resp_[0-9a-f]+)"', seen).group(1).decode()
    connection.close()
    double.wait_for(lambda r: r["closed_early"])
    kept = wait_until(lambda: (lambda r: r["status"] != "in_progress" and r)(get(site, response_id)), what="the end of the answer")
    assert kept["status"] == "cancelled" and said(kept).startswith("The water cyc") and kept["output"][0]["status"] == "incomplete"


def test_one_that_is_made_can_be_read_cancelled_and_not_gone_on_from(site, double):
    double.default = "endless"
    connection, response = site.open("POST", BASE, site.admin_key, {"model": "vendor/m", "input": "x", "stream": True})
    seen = b""
    while b"output_text.delta\n" not in seen:
        seen += response.readline()
    response_id = re.search(rb'"id":"(resp_[0-9a-f]+)"', seen).group(1).decode()
    assert get(site, response_id)["status"] == "in_progress"
    assert "in progress" in refused(ask(site, status=400, previous_response_id=response_id), "previous_response_id")
    assert site.request("POST", f"{BASE}/{response_id}/cancel", site.learner).status == 404
    cancelled = site.request("POST", f"{BASE}/{response_id}/cancel", site.admin_key)
    assert cancelled.status == 200 and cancelled.json["status"] == "cancelled" and said(cancelled.json).startswith("The water cyc")
    rest = response.read().decode()
    connection.close()
    last = json.loads(rest.strip().rsplit("data: ", 1)[1])
    assert last["type"] == "response.incomplete" and last["response"] == cancelled.json
    again = site.request("POST", f"{BASE}/{response_id}/cancel", site.admin_key)
    assert again.status == 200 and again.json == cancelled.json
    double.default = "ok"
    ended = ask(site)
    assert site.request("POST", f"{BASE}/{ended['id']}/cancel", site.admin_key).status == 400


def begin_without_a_model(daemon):
    """The connection of an answer that a workflow makes without asking a model, behind its first event; its id."""
    connection, response = daemon.open("POST", BASE, daemon.admin_key, {"model": "profile:demo-mock-stream", "input": "x", "stream": True})
    return connection, next(read_events(response)).data["response"]["id"]


def test_one_that_no_model_makes_can_be_read_and_cancelled(site):
    def soon_enough():
        """It takes a quarter of a second; a busy machine may come too late."""
        connection, response_id = begin_without_a_model(site)
        status = get(site, response_id)["status"]
        answer = site.request("POST", f"{BASE}/{response_id}/cancel", site.admin_key)
        connection.close()
        assert status in ("in_progress", "completed") and answer.status in (200, 400), (status, answer)
        return status == "in_progress" and answer.status == 200 and answer
    cancelled = wait_until(soon_enough, what="an answer that was cancelled in time")
    assert cancelled.json["status"] == "cancelled" and said(cancelled.json)


def test_one_that_no_model_made_is_failed_after_a_kill(tmp_path):
    for _ in range(10):  # it takes a quarter of a second; a busy machine may come too late
        killed = Daemon(tmp_path / "data")
        connection, response_id = begin_without_a_model(killed)
        killed.stop(signal.SIGKILL)
        connection.close()
        daemon = Daemon(tmp_path / "data")
        if (status := get(daemon, response_id)["status"]) != "completed":
            break
        check_end(daemon)
    assert (status, len(get(daemon, response_id, "/input_items")["data"])) == ("failed", 1)
    assert daemon.request("DELETE", f"{BASE}/{response_id}", daemon.admin_key).status == 200
    check_end(daemon)


# ---- threads ----


@pytest.mark.parametrize("model", ["vendor/m", "local/m"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_thread_of_five_turns_goes_on_with_any_service(site, double, model, stream):
    previous, expected = None, []
    for turn in range(5):
        double.default = f"ok?text=Answer+{turn}."
        body = {"model": model, "input": f"Question {turn}?", "instructions": f"Rule {turn}.", **({"previous_response_id": previous} if previous else {})}
        r = events(site, **body)[-1].data["response"] if stream else ask(site, **body)
        assert r["previous_response_id"] == previous and said(r) == f"Answer {turn}."
        expected.append(("user", f"Question {turn}?"))
        assert talk(double) == expected
        assert [m["content"] for m in sent(double) if m["role"] == "system"] == [f"Rule {turn}."], "instructions are of their turn alone"
        expected.append(("assistant", f"Answer {turn}."))
        previous = r["id"]


def test_a_thread_goes_from_one_service_to_another_with_functions_between(site, double):
    double.queue = ["tool_calls"]
    a = ask(site, model="local/m", tools=[TOOL, NOW])
    calls = a["output"]
    b = ask(site, model="vendor/m", tools=[TOOL, NOW], previous_response_id=a["id"],
            input=[{"type": "function_call_output", "call_id": c["call_id"], "output": [{"type": "input_text", "text": "unit 7"}]} for c in calls])
    c = ask(site, model="local/m", previous_response_id=b["id"], input="And now?")
    assert [m["role"] for m in sent(double)] == ["user", "assistant", "tool", "tool", "assistant", "user"]
    assert [m["content"] for m in sent(double)][2:] == ["unit 7", "unit 7", TEXT, "And now?"]
    assert said(c) == TEXT


def test_a_thread_may_branch(site, double):
    a = ask(site, input="A?")
    for word in "BC":
        ask(site, input=word, previous_response_id=a["id"])
        assert talk(double) == [("user", "A?"), ("assistant", TEXT), ("user", word)]


def test_items_are_referred_to_by_id(site, double):
    a = ask(site, input="A?")
    asked = get(site, a["id"], "/input_items")["data"][0]["id"]
    for reference in ({"type": "item_reference"}, {}):
        ask(site, input=[{**reference, "id": asked}, {**reference, "id": a["output"][0]["id"]}, {"role": "user", "content": "B?"}])
        assert talk(double) == [("user", "A?"), ("assistant", TEXT), ("user", "B?")]
    double.clear()
    gone = ask(site, store=False)["output"][0]["id"]
    for wrong in (gone, "msg_1", a["output"][0]["id"][:-1] + "f"):
        assert "not persisted" in refused(ask(site, status=404, input=[{"type": "item_reference", "id": wrong}]), "input[0]")
    refused(ask(site, status=404, key=site.learner, model="action:continue_conversation", input=[{"type": "item_reference", "id": asked}]), "input[0]")


def test_what_is_not_to_be_stored_is_not(site, double):
    for stream in (False, True):
        r = events(site, store=False)[-1].data["response"] if stream else ask(site, store=False)
        assert r["store"] is False and said(r) == TEXT
        get(site, r["id"], status=404)
        refused(ask(site, status=400, previous_response_id=r["id"]), "previous_response_id", "previous_response_not_found")


def test_a_site_that_keeps_no_content_keeps_no_answer(tmp_path, double):
    d = Daemon(tmp_path / "data")
    add_vendor(d, double)
    before = ask(d)
    database = connect(tmp_path / "data" / "lectern.db")

    def ids():
        return {"resp_" + row[0].hex() for row in database.execute("SELECT id FROM openai_response")}

    for setting in ("store_content=false", "response_keep_days=0"):
        d.cli("site", "set", "demo", "store_content=true", "response_keep_days=30", setting)
        r = wait_until(lambda: (lambda r: r["store"] is False and r)(ask(d)), what="the setting")
        get(d, r["id"], status=404)
        assert "whole conversation" in refused(ask(d, status=400, previous_response_id=before["id"]), "previous_response_id")
        streamed = events(d)[-1].data["response"]
        assert streamed["store"] is False and said(streamed) == TEXT
        get(d, streamed["id"], status=404)
        assert ids() and not {r["id"], streamed["id"]} & ids()
    database.close()
    check_end(d)


def test_ids_of_others_are_not_there(site):
    own = {"learner": ask(site, key=site.learner, model="action:continue_conversation"), "for a": ask(site, user="a"), "key": ask(site)}
    service = {"key": site.service_key}
    asks = [("learner", {"key": site.learner}, "", True), ("learner", {"key": site.teacher}, "", False), ("learner", {}, "", False),
            ("for a", {}, "?user_id=a", True), ("for a", {}, "?user_id=b", False), ("for a", service, "?user_id=a", True), ("for a", {}, "", True),
            ("key", {}, "", True), ("key", {}, "?user_id=a", False), ("key", service, "", False), ("key", {"key": site.learner}, "", False)]
    for name, who, query, there in asks:
        r = own[name]
        assert (get(site, r["id"], query, status=200 if there else 404, **who).get("id") == r["id"]) == there, (name, who, query)
        get(site, r["id"] + "/input_items", query, status=200 if there else 404, **who)
        if not there:
            assert site.request("DELETE", f"{BASE}/{r['id']}{query}", who.get("key", site.admin_key)).status == 404
    refused(ask(site, status=400, user="b", previous_response_id=own["for a"]["id"]), "previous_response_id", "previous_response_not_found")
    refused(ask(site, status=400, key=site.learner, model="action:continue_conversation", previous_response_id=own["key"]["id"]), "previous_response_id")
    for nobody in ("resp_1", "resp_" + "0" * 32, own["key"]["id"].upper(), "x" * 200):
        get(site, nobody, status=404)
        refused(ask(site, status=400, previous_response_id=nobody), "previous_response_id")


def test_the_field_of_the_head_names_the_user(site):
    r = ask(site, headers={"X-Lectern-User": "by-field"}, user="by-body")
    assert get(site, r["id"], "?user_id=by-field") == r
    get(site, r["id"], "?user_id=by-body", status=404)
    for name, status in (("by-field", 200), ("by-body", 404)):
        assert site.request("GET", f"{BASE}/{r['id']}", site.service_key, headers={"X-Lectern-User": name}).status == status


def test_a_user_reads_what_was_asked_in_their_name_without_the_service(site, double):
    user = json.loads(base64.urlsafe_b64decode(site.learner.split(".")[1] + "==="))["sub"]
    double.default = "error_mid?message=vendor-words"
    failed = events(site, user=user)[-1].data["response"]
    assert failed["model"] != "lectern" and failed["status"] == "failed"
    seen = get(site, failed["id"], key=site.learner)
    assert seen["model"] == "lectern" and "vendor-words" not in json.dumps(seen) and seen["output"] == failed["output"]


def test_answers_go_after_their_days(tmp_path, double):
    data = tmp_path / "data"
    d = Daemon(data)
    add_vendor(d, double)
    old, older, young = ask(d), ask(d), ask(d)
    goes_on = ask(d, previous_response_id=old["id"])
    assert d.stop() == 0
    database = connect(data / "lectern.db")
    for r, days in ((old, 9.9), (older, 10.1)):
        database.execute("UPDATE openai_response SET created_at = created_at - ? WHERE id = ?", (int(days * 86400e3), bytes.fromhex(r["id"][5:])))
    database.commit()

    def rows():
        return database.execute("SELECT COUNT(*) FROM openai_response").fetchone()[0]

    d = Daemon(data)
    d.cli("site", "set", "demo", "response_keep_days=10")
    wait_until(lambda: d.request("GET", f"{BASE}/{older['id']}", d.admin_key).status == 404, what="the setting")
    assert said(get(d, old["id"])) == TEXT and get(d, young["id"]) == young and rows() == 4
    assert said(ask(d, previous_response_id=goes_on["id"])) == TEXT
    d.cli("site", "set", "demo", "response_keep_days=9")
    wait_until(lambda: d.request("GET", f"{BASE}/{old['id']}", d.admin_key).status == 404, what="the setting")
    assert "beginning" in refused(ask(d, status=400, previous_response_id=goes_on["id"]), "previous_response_id")
    assert d.stop() == 0
    d = Daemon(data)
    wait_until(lambda: rows() == 3, what="the sweep")
    check_end(d)
    database.close()


def test_one_is_removed(site, double):
    a = ask(site, input="A?")
    b = ask(site, input="B?", previous_response_id=a["id"])
    gone = site.request("DELETE", f"{BASE}/{a['id']}", site.admin_key)
    assert gone.status == 200 and gone.json == {"id": a["id"], "object": "response", "deleted": True}
    get(site, a["id"], status=404)
    get(site, a["id"] + "/input_items", status=404)
    assert site.request("DELETE", f"{BASE}/{a['id']}", site.admin_key).status == 404
    assert get(site, b["id"]) == b
    assert "beginning" in refused(ask(site, status=400, previous_response_id=b["id"]), "previous_response_id", "previous_response_not_found")
    ask(site, input="C?", previous_response_id=b["id"], truncation="auto")
    assert talk(double) == [("user", "B?"), ("assistant", TEXT), ("user", "C?")]


def test_a_stream_of_a_kept_answer_is_refused(site):
    r = ask(site)
    refused(get(site, r["id"], "?stream=true", status=400), "stream")
    assert get(site, r["id"], "?stream=false&include=message.output_text.logprobs") == r


# ---- the items of an input ----


def test_input_items_page_by_page(site):
    given = [{"role": "user" if i % 2 == 0 else "assistant", "content": f"m{i}"} for i in range(25)]
    r = ask(site, input=given)

    def page(query):
        answer = get(site, r["id"] + "/input_items", query)
        assert answer["object"] == "list"
        assert (answer["first_id"], answer["last_id"]) == ((answer["data"][0]["id"], answer["data"][-1]["id"]) if answer["data"] else (None, None))
        return [i["content"][0]["text"] for i in answer["data"]], answer["has_more"], answer["last_id"], answer["first_id"]

    ascending = [f"m{i}" for i in range(25)]
    assert page("")[:2] == (ascending[::-1][:20], True), "the newest first, 20 of them"
    assert page("?order=asc&limit=100")[:2] == (ascending, False)
    for order, whole in (("asc", ascending), ("desc", ascending[::-1])):
        for size in (1, 7, 25):
            got, after, more = [], "", True
            while more:
                items, more, last, _ = page(f"?order={order}&limit={size}{after}")
                got, after = got + items, f"&after={last}"
            assert got == whole
    fifth = get(site, r["id"], "/input_items?order=asc&limit=5")["last_id"]
    assert page(f"?order=asc&before={fifth}")[:2] == (ascending[:4], False)
    assert page(f"?order=asc&after={fifth}&before={fifth}")[:2] == ([], False)
    for wrong, param in (("?limit=0", "limit"), ("?limit=101", "limit"), ("?order=up", "order"), ("?after=msg_1", "after"), ("?before=msg_1", "before")):
        refused(get(site, r["id"] + "/input_items", wrong, status=400), param)


def test_input_items_have_the_form_of_the_api(site, double):
    double.default = "ok"
    r = ask(site, input=[{"role": "system", "content": "S"}, {"role": "user", "content": [{"type": "input_text", "text": "T"}, {"type": "input_image", "image_url": PNG}]},
                         {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
                         {"type": "function_call_output", "call_id": "c1", "output": "1"},
                         {"type": "reasoning", "id": "rs_x", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "zzz"}])
    items = get(site, r["id"], "/input_items?order=asc")["data"]
    assert [i["id"][:3] for i in items] == ["msg", "msg", "fc_", "fco", "rs_"] and len({i["id"] for i in items}) == 5
    bare = [{k: v for k, v in i.items() if k != "id"} for i in items]
    assert bare == [
        {"type": "message", "status": "completed", "role": "system", "content": [{"type": "input_text", "text": "S"}]},
        {"type": "message", "status": "completed", "role": "user", "content": [
            {"type": "input_text", "text": "T"}, {"type": "input_image", "detail": "auto", "file_id": None, "image_url": PNG}]},
        {"type": "function_call", "status": "completed", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "status": "completed", "call_id": "c1", "output": "1"},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}]


# ---- limits ----


def test_a_thread_that_is_too_long_says_so_or_is_cut(site, double):
    r = ask(site, input=[{"role": "user", "content": f"q{i}"} for i in range(150)])
    more = [{"role": "user", "content": f"p{i}"} for i in range(100)]
    message = refused(ask(site, status=400, previous_response_id=r["id"], input=more), "input", "context_length_exceeded")
    assert "200" in message and "251" in message
    ask(site, previous_response_id=r["id"], input=more, truncation="auto")
    kept = talk(double)
    assert len(kept) == 200 and kept[0] == ("user", "q51") and kept[-1] == ("user", "p99")


def test_a_cut_leaves_no_output_without_its_call(site, double):
    call = [{"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}, {"type": "function_call_output", "call_id": "c", "output": "1"}]
    ask(site, truncation="auto", input=[*call, *({"role": "user", "content": f"q{i}"} for i in range(199))])
    assert len(talk(double)) == 199 and talk(double)[0] == ("user", "q0")


# ---- what a crash leaves ----


def test_a_thread_goes_on_after_a_restart_and_after_a_kill(tmp_path, double):
    data = tmp_path / "data"
    d = Daemon(data)
    add_vendor(d, double)
    double.default = "ok?text=One."
    a = ask(d, input="A?")
    assert d.stop() == 0
    d = Daemon(data)
    assert get(d, a["id"]) == a
    double.default = "ok?text=Two."
    b = events(d, input="B?", previous_response_id=a["id"])[-1].data["response"]
    d.stop(signal.SIGKILL)
    d = Daemon(data)
    assert get(d, b["id"]) == b
    ask(d, input="C?", previous_response_id=b["id"])
    assert talk(double) == [("user", "A?"), ("assistant", "One."), ("user", "B?"), ("assistant", "Two."), ("user", "C?")]
    check_end(d)


def test_what_was_under_way_at_a_kill_is_failed_with_its_text(tmp_path, double):
    data = tmp_path / "data"
    d = Daemon(data)
    add_vendor(d, double)
    a = ask(d, input="A?")
    double.default = "endless"
    connection, response = d.open("POST", BASE, d.admin_key, {"model": "vendor/m", "input": "B?", "stream": True, "previous_response_id": a["id"]})
    seen = b""
    while b"output_text.delta\n" not in seen:
        seen += response.readline()
    with contextlib.closing(connect(data / "lectern.db", timeout=60)) as db:  # a checkpoint is written each second
        wait_until(lambda: len("".join(t for t, in db.execute("SELECT text FROM ai_call_checkpoint"))) >= 2 * len("The water cyc"), what="a checkpoint")
    response_id = re.search(rb'"id":"(resp_[0-9a-f]+)"', seen).group(1).decode()
    d.stop(signal.SIGKILL)
    connection.close()
    d = Daemon(data)
    double.default = "ok"
    broken = get(d, response_id)
    assert (broken["status"], broken["error"]["code"]) == ("failed", "server_error") and said(broken).startswith("The water cycThe water cyc")
    assert get(d, response_id) == broken
    c = ask(d, input="C?", previous_response_id=response_id)
    assert talk(double) == [("user", "A?"), ("assistant", TEXT), ("user", "B?"), ("assistant", said(broken)), ("user", "C?")]
    assert said(c) == TEXT
    check_end(d)


KILLS = 6


def talk_on(daemon, previous, seen, going):
    """Streamed turns, one after the other, until the daemon has gone. `seen`: id → what its last event said, or None."""
    while going.is_set():
        try:
            connection, response = daemon.open("POST", BASE, daemon.admin_key, {"model": "vendor/m", "input": "And?", "stream": True,
                                                                               "truncation": "auto",  # the faster the machine, the longer the thread
                                                                               **({"previous_response_id": previous} if previous else {})})
            for raw in response:
                if raw.startswith(b"data: "):
                    data = json.loads(raw[6:])
                    if data["type"] == "response.created":
                        previous = data["response"]["id"]
                        seen[previous] = None
                    elif data["type"] == "response.completed":
                        seen[previous] = data["response"]
            connection.close()
        except (OSError, http.client.HTTPException, ValueError):
            if not going.is_set():
                return


def test_no_id_that_was_shown_is_lost_and_no_thread(tmp_path, double):
    """Killed at random moments: what a client saw of an answer is there, what it saw as completed is whole, and the thread goes on from all of it."""
    seed = int(os.environ.get("SEED", time.time()))
    print(f"SEED={seed}")
    chance, seen, data = random.Random(seed), {}, tmp_path / "data"
    d = Daemon(data)
    add_vendor(d, double)
    for _ in range(KILLS):
        double.default = f"chunks?n={chance.randint(1, 8)}&delay_ms={chance.choice([0, 5, 30])}"
        going = threading.Event()
        going.set()
        client = threading.Thread(target=talk_on, args=(d, next(reversed(seen), None), seen, going))
        client.start()
        known = len(seen)
        try:
            wait_until(lambda: len(seen) >= known + 2, what="two answers")
            time.sleep(chance.uniform(0, 1))
            d.process.kill()
        finally:
            going.clear()
            client.join(60)
        d.stop()
        d = Daemon(data)
        for response_id, completed in list(seen.items())[-20:]:
            kept = get(d, response_id)
            assert kept["status"] in ("completed", "failed") and (completed is None or kept == completed)
    assert len(seen) > KILLS
    double.default = "ok"
    assert said(ask(d, previous_response_id=next(reversed(seen)), truncation="auto")) == TEXT
    check_end(d)
