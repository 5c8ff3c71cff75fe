"""A site that stores no content: the register has every call, the disk has none of what was asked and answered."""
import json
import signal
import uuid

import pytest

from conftest import Daemon, check_end, contents, wait_until
from double.upstream import Upstream

SITE = "demo"


def canary(what):
    """A word that stands nowhere else, so that finding it in a file says that the text reached the disk."""
    return f"canary{what}{uuid.uuid4().hex}"


@pytest.fixture()
def upstream():
    with Upstream() as double:
        yield double


def store_content(daemon, wanted):
    daemon.cli("site", "set", SITE, f"store_content={'true' if wanted else 'false'}")
    daemon.wait_for_config()


@pytest.fixture()
def quiet(daemon, upstream):
    """The demo daemon, its site without content, the double as its only provider that completes text."""
    daemon.cli("provider", "add", "vendor", "--plugin", "openai", "--site", SITE, "--config",
               json.dumps({"endpoint": upstream.url, "model": "m", "api_key": "test-key-123"}))
    daemon.cli("site", "set", SITE, "--json-patch", json.dumps({"policy_by_lms": True, "resume_grace_ms": 300}))
    store_content(daemon, False)
    return daemon


def ask(daemon, prompt, **more):
    return {"user": {"id": "u1", "roles": ["teacher"]}, "input": {"prompt": prompt}, "provider": "vendor", **more}


def run(daemon, prompt, **more):
    return daemon.request("POST", "/v1/actions/generate_text", daemon.admin_key, ask(daemon, prompt, **more))


def follow(daemon, prompt, pieces):
    """Starts a stream, reads so many pieces of it; the connection, the call's id."""
    connection, response = daemon.open("POST", "/v1/actions/generate_text", daemon.admin_key, ask(daemon, prompt, stream=True))
    call_id, deltas = None, 0
    for raw in response:
        line = raw.decode()
        if line.startswith("data:") and call_id is None:
            call_id = json.loads(line[5:])["id"]
        deltas += line.startswith("event: delta")
        if deltas == pieces:
            return connection, call_id
    raise AssertionError("the stream ended")


def stored(daemon, call_id):
    return daemon.request("GET", f"/v1/actions/calls/{call_id}", daemon.admin_key).json


def files_with(data, words):
    """Which files of the data directory, WAL and all, hold one of the words."""
    return [(path.name, word) for path, content in contents(data) for word in words if word.encode() in content]


def test_a_canary_is_found_where_content_is_stored(daemon, upstream):
    """The search below can fail."""
    daemon.cli("provider", "add", "vendor", "--plugin", "openai", "--site", SITE, "--config",
               json.dumps({"endpoint": upstream.url, "model": "m", "api_key": "test-key-123"}))
    daemon.cli("site", "set", SITE, "policy_by_lms=true")
    daemon.wait_for_config()
    asked, answered = canary("in"), canary("out")
    upstream.default = f"ok?text={answered}"
    answer = run(daemon, asked)
    assert answer.status == 200, answer
    assert {word for _, word in files_with(daemon.data, [asked, answered])} == {asked, answered}
    assert stored(daemon, answer.json["id"])["content_stored"] is True


def test_an_answer_is_given_recorded_and_not_stored(quiet, upstream):
    asked, answered = canary("in"), canary("out")
    upstream.default = f"ok?text={answered}"
    answer = run(quiet, asked)
    assert answer.status == 200, answer
    assert answer.json["response"]["generated_content"] == answered
    call = stored(quiet, answer.json["id"])
    assert call["content_stored"] is False and call["response"] == {}
    assert call["state"] == "completed" and call["model"] and call["provider"]["name"] == "vendor"
    assert call["usage"]["total_tokens"] == answer.json["usage"]["total_tokens"]
    assert [a["success"] for a in call["attempts"]] == [True]
    row = quiet.request("GET", f"/v1/register/{answer.json['id']}", quiet.admin_key).json
    assert row["content"] == {} and row["content_stored"] is False
    assert files_with(quiet.data, [asked, answered]) == []


def test_a_cancelled_stream_leaves_no_partial_text(quiet, upstream):
    asked, answered = canary("in"), canary("part")
    upstream.default = f"endless?text={answered}&delay_ms=50"
    connection, call_id = follow(quiet, asked, 30)  # more than a second: checkpoints were due
    connection.close()
    wait_until(lambda: stored(quiet, call_id)["state"] == "cancelled", what="cancelled")
    assert "partial" not in stored(quiet, call_id)
    assert files_with(quiet.data, [asked, answered]) == []


def test_a_killed_call_is_interrupted_without_its_text(quiet, upstream, tmp_path):
    asked, answered = canary("in"), canary("part")
    upstream.default = f"endless?text={answered}&delay_ms=50"
    connection, call_id = follow(quiet, asked, 30)
    quiet.stop(signal.SIGKILL)
    connection.close()
    assert files_with(quiet.data, [asked, answered]) == []
    again = Daemon(quiet.data)
    call = stored(again, call_id)
    assert call["state"] == "interrupted" and call["content_stored"] is False and "partial" not in call
    assert files_with(again.data, [asked, answered]) == []
    check_end(again)


def test_what_a_vendor_says_of_the_input_is_not_stored(quiet, upstream):
    asked = canary("in")
    upstream.default = f"status?code=400&message=Cannot+answer+{asked}"
    answer = run(quiet, asked)
    assert answer.status >= 400, answer
    call = stored(quiet, answer.json["id"])
    assert call["state"] == "failed" and call["error"]["code"] == answer.json["code"]
    assert files_with(quiet.data, [asked]) == []


def test_a_stream_is_resumed_from_memory(quiet, upstream):
    upstream.default = "chunks?n=5"
    whole = quiet.stream("POST", "/v1/actions/generate_text", quiet.admin_key, ask(quiet, "hello", stream=True))
    call_id = whole[0].data["id"]
    again = quiet.stream("GET", f"/v1/actions/calls/{call_id}/stream", quiet.admin_key, headers={"Last-Event-ID": str(whole[0].id)})
    assert [(e.id, e.kind, e.data) for e in again] == [(e.id, e.kind, e.data) for e in whole[1:]]


def test_the_switch_counts_for_calls_that_begin_after_it(quiet, upstream):
    asked, later = canary("in"), canary("later")
    upstream.default = "ok"
    first = run(quiet, asked).json["id"]
    store_content(quiet, True)
    second = run(quiet, later).json["id"]
    assert [stored(quiet, i)["content_stored"] for i in (first, second)] == [False, True]
    assert {word for _, word in files_with(quiet.data, [asked, later])} == {later}
    assert json.loads(quiet.cli("--json", "site", "show", SITE))["store_content"] is True
