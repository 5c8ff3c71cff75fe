"""What bad input, bad vendors, bad luck and curious strangers must not do."""

import concurrent.futures
import io
import json
import os
import pty
import random
import signal
import subprocess
from urllib.parse import quote

import pytest
from conftest import LECTERN, Daemon, add_vendor, check_end, read_events, wait_until
from database import connect
from test_api_basic import TEXT, problem, start_stream, summarise

SERVER_FAULTS = {"internal_error", "invalid_configuration", "store_unavailable"}


def service_user(user):
    return {"user": {"id": user, "roles": ["student"]}}


def final(answer):
    """The object that ends an answer, be it JSON or a stream; a stream that just stops is a failure."""
    if not answer.headers["Content-Type"].startswith("text/event-stream"):
        return answer.json
    last = list(read_events(io.BytesIO(answer.body)))[-1]
    assert last.kind in ("done", "error"), last
    return last.data


# ---- who a request speaks for ----


@pytest.mark.parametrize(
    "query", ["user_id=%FF", "user_id=%00", "user_id=%4", "user_id=", "user_id", "user_id=a%0Ab", "user_id=" + "x" * 256, "x=%FF", "%FF=x"]
)
@pytest.mark.parametrize("method, tail", [("GET", ""), ("GET", "/stream"), ("DELETE", "")])
def test_a_user_that_cannot_be_read_is_refused_and_not_taken_for_nobody(shared, query, method, tail):
    call = summarise(shared, shared.learner).json["id"]
    problem(shared.request(method, f"/v1/actions/calls/{call}{tail}?{query}&role=student", shared.service_key), 400, "invalid_input")


def test_a_filter_that_cannot_be_read_is_refused_and_not_left_out(shared):
    problem(shared.request("GET", "/v1/register?user=%FF", shared.admin_key), 400, "invalid_input")


@pytest.mark.parametrize("user, status", [("é" * 127, 200), ("é" * 128, 400), ("a\0b", 400), ("a\nb", 400), ("x" * 255, 200), ("x" * 256, 400)])
def test_whoever_can_accept_the_policy_can_be_asked_about(shared, user, status):
    accepted = shared.request("PUT", "/v1/policy", shared.service_key, {"accepted": True, "version": "1", **service_user(user)})
    asked = shared.request("GET", f"/v1/policy?user_id={quote(user)}&role=student", shared.service_key)
    assert (accepted.status, asked.status) == (status, status)
    if status == 400:
        problem(accepted, 400, "invalid_input", "/user/id")
    else:
        assert asked.json["accepted"] is True


def test_another_site_sees_changes_and_stops_nothing(daemon, upstream):
    vendor = add_vendor(daemon, upstream)
    daemon.cli("site", "add", "other")
    keys = [json.loads(daemon.cli("key", "add", "--site", "other", "--role", role, "--json"))["key"] for role in ("site_admin", "service")]
    wait_until(lambda: daemon.request("GET", "/v1/actions", keys[1]).status == 200, what="the other site's key")
    upstream.default = "endless?delay_ms=20"
    connection, events, call = start_stream(daemon, daemon.admin_key)
    for key in keys:
        for method, path in (("GET", ""), ("GET", "/stream"), ("DELETE", "")):
            problem(daemon.request(method, f"/v1/actions/calls/{call}{path}", key), 404, "not_found")
    for method, path, body in (
        ("GET", f"/v1/register/{call}", None),
        ("GET", f"/v1/providers/{vendor}", None),
        ("DELETE", f"/v1/providers/{vendor}", None),
        ("PATCH", f"/v1/providers/{vendor}", {"enabled": False}),
        ("PUT", "/v1/providers/order", {"ids": [vendor]}),
    ):
        problem(daemon.request(method, path, keys[0], body), 404, "not_found")
    assert daemon.request("GET", "/v1/register", keys[0]).json["calls"] == []
    assert next(events).kind == "delta"
    daemon.request("DELETE", f"/v1/actions/calls/{call}", daemon.admin_key)
    connection.close()


def test_a_metrics_key_cannot_lend_itself_roles(daemon):
    key = json.loads(daemon.cli("key", "add", "--site", "demo", "--role", "metrics", "--json"))["key"]
    wait_until(lambda: daemon.request("GET", "/metrics", key).status == 200, what="the new key")
    problem(daemon.request("GET", "/v1/providers?user_id=x&role=admin", key), 403, "permission_denied")
    admin = {"user": {"id": "x", "roles": ["admin"]}}
    problem(daemon.request("POST", "/v1/actions/summarise_text", key, {"input": {"text": TEXT}, **admin}), 403, "permission_denied")
    problem(daemon.request("PUT", "/v1/switches", key, {"course_id": "c", "enabled": False, **admin}), 403, "permission_denied")


def test_a_site_without_a_policy_does_not_ask_for_consent(daemon):
    assert daemon.request("GET", "/v1/policy", daemon.learner).json["accepted"] is False
    daemon.cli("site", "set", "demo", "policy_by_lms=true")
    wait_until(lambda: daemon.request("GET", "/v1/policy", daemon.learner).json["accepted"], what="asking by the LMS")
    daemon.cli("site", "set", "demo", "policy_by_lms=false")
    wait_until(lambda: not daemon.request("GET", "/v1/policy", daemon.learner).json["accepted"], what="asking here")
    daemon.cli("policy", "set", "", "--file", "/dev/null")
    wait_until(lambda: daemon.request("GET", "/v1/policy", daemon.learner).json["accepted"], what="no policy")
    assert summarise(daemon, daemon.learner).status == 200


# ---- what administrators change ----


def providers(daemon):
    return {p["name"]: p["id"] for p in daemon.request("GET", "/v1/providers", daemon.admin_key).json["providers"]}


def test_a_name_is_never_another_instances_id(daemon):
    first = daemon.request("POST", "/v1/providers", daemon.admin_key, {"name": "first", "plugin": "extract"}).json["id"]
    problem(daemon.request("POST", "/v1/providers", daemon.admin_key, {"name": str(first), "plugin": "extract"}), 400, "invalid_input", "/name")
    problem(daemon.request("PATCH", "/v1/providers/extract", daemon.admin_key, {"name": str(first)}), 400, "invalid_input", "/name")
    assert daemon.request("DELETE", f"/v1/providers/{first}", daemon.admin_key).status == 204
    assert list(providers(daemon)) == ["extract"]


@pytest.mark.parametrize("name, status, code", [("a\0b", 400, "invalid_input"), ("", 400, "invalid_input"), ("other", 409, "conflict")])
def test_renaming_is_checked_as_naming_is(daemon, name, status, code):
    daemon.request("POST", "/v1/providers", daemon.admin_key, {"name": "other", "plugin": "extract"})
    answer = daemon.request("PATCH", "/v1/providers/extract", daemon.admin_key, {"name": name, "enabled": False})
    problem(answer, status, code, "/name")
    assert "sqlite" not in answer.json["detail"] and "UNIQUE" not in answer.json["detail"]
    assert daemon.request("GET", "/v1/providers/extract", daemon.admin_key).json["enabled"] is True


@pytest.mark.parametrize(
    "config, word",
    [
        ({"endpoint": "http://127.0.0.1:99999/v1"}, "port"),
        ({"headers": {"Content-Length": "5"}}, "Content-Length"),
        ({"headers": {"Authorization": "x"}}, "Authorization"),
    ],
)
def test_settings_that_no_request_can_use_exclude_the_instance(daemon, upstream, config, word):
    vendor = add_vendor(daemon, upstream)
    changed = daemon.request("PATCH", f"/v1/providers/{vendor}", daemon.admin_key, {"config": config}).json
    assert changed["configured"] is False and word in changed["reason"]
    answer = summarise(daemon, daemon.admin_key).json
    assert [a["provider"] for a in answer["attempts"]] == ["extract"]


def test_a_placement_is_changed_as_a_whole_or_not_at_all(daemon):
    before = daemon.request("GET", "/v1/placements/course_assist", daemon.admin_key).json
    for actions in ({"generate_text": False}, {"summarise_text": False, "nonsense": True}):
        answer = daemon.request("PUT", "/v1/placements/course_assist", daemon.admin_key, {"enabled": False, "actions": actions})
        problem(answer, 400, "invalid_input", "/actions")
        assert daemon.request("GET", "/v1/placements/course_assist", daemon.admin_key).json == before


def test_a_vendors_key_is_never_shown(daemon, upstream):
    vendor = add_vendor(daemon, upstream, api_key="sk-secret-of-the-test")
    shown = []
    for scenario in (
        "ok",
        "status?code=401&message=bad+key+sk-secret-of-the-test",
        "status?code=500&body=sk-secret-of-the-test",
        "error_mid?message=sk-secret-of-the-test",
    ):
        upstream.default = scenario
        for stream in (False, True):
            answer = daemon.request("POST", "/v1/actions/generate_text", daemon.admin_key, {"input": {"prompt": "x"}, "stream": stream})
            shown += [answer.body, daemon.request("GET", f"/v1/register/{final(answer)['id']}", daemon.admin_key).body]
            shown.append(daemon.cli("register", "show", final(answer)["id"], "--json").encode())
    for path in (
        "/v1/providers",
        f"/v1/providers/{vendor}",
        "/v1/providers?action=generate_text",
        "/v1/provider-plugins",
        "/v1/register",
        "/metrics",
    ):
        shown.append(daemon.request("GET", path, daemon.admin_key).body)
    shown.append(daemon.request("PATCH", f"/v1/providers/{vendor}", daemon.admin_key, {"config": {"model": 7}}).body)
    shown += [daemon.cli("provider", *words).encode() for words in (["list", "--json"], ["show", "vendor"], ["show", "vendor", "--json"])]
    shown.append(daemon.log().encode())
    assert not [s for s in shown if b"sk-secret" in s]


# ---- vendors ----

FAULTY = (
    "reset",
    "reset_mid",
    "close",
    "close_mid",
    "truncated",
    "error_mid",
    "status",
    "401",
    "403",
    "404",
    "408",
    "429",
    "503",
    "504",
    "529",
    "context_window",
    "html",
    "redirect",
    "wrong_json",
    "wrong_types",
    "not_utf8",
    "huge?mb=5",
    "tool_calls",
    "empty",
    "refusal",
    "content_filter",
    *(
        "status?code=200&body=" + quote(body)
        for body in (
            "",
            "null",
            "[]",
            "{}",
            '{"choices":[]}',
            '{"choices":[{}]}',
            '{"choices":[{"message":null}]}',
            '{"choices":[{"message":{"content":7}}]}',
            '{"choices":[{"message":{"content":[1]}}]}',
        )
    ),
    "status?code=204",
    "status?code=999",
    "status?code=429&retry_after=99999999999",
    "error_mid?n=0",
    "truncated?n=0",
)
INVALID = {"wrong_json", "wrong_types", "not_utf8", "huge?mb=5", "empty", "reset_mid", "close_mid", "redirect"}


def test_every_fault_of_a_vendor_is_a_calm_answer_and_a_whole_record(daemon, upstream):
    add_vendor(daemon, upstream)
    daemon.accept_policy(daemon.learner)
    daemon.request("PATCH", "/v1/providers/extract", daemon.admin_key, {"enabled": False})
    private = (f":{upstream.port}".encode(), b"vendor", b'"attempts"', b'"provider"', b'"model"', b'"cost"')
    for scenario in FAULTY:
        for stream in (False, True):
            upstream.default = scenario
            answer = summarise(daemon, daemon.learner, {"stream": stream})
            end = final(answer)
            record = daemon.request("GET", f"/v1/register/{end['id']}", daemon.admin_key).json
            stored = daemon.request("GET", f"/v1/actions/calls/{end['id']}", daemon.learner)
            what = f"{scenario} {'stream' if stream else 'JSON'}: {answer} {record}"
            if scenario.startswith("truncated") and not stream:
                continue  # only a stream can be cut short without notice
            assert record["state"] == "failed" and record["code"] == end["code"] and record["completed_at"] and len(record["attempts"]) == 1, what
            assert record["attempts"][0]["code"] == end["code"] and record["content"]["prompt"], what
            assert end["code"] not in SERVER_FAULTS and end["detail"] == end["title"], what
            assert scenario not in INVALID or end["code"] == "upstream_invalid", what
            assert not [p for p in private if p in answer.body or p in stored.body], what


def test_a_vendor_may_claim_any_number_of_tokens(daemon, upstream):
    add_vendor(daemon, upstream)
    most = 2**63 - 1
    for usage, total in (
        ({"prompt_tokens": most, "completion_tokens": most}, None),
        ({"prompt_tokens": -5, "completion_tokens": 1e300}, None),
        ({"prompt_tokens": 1, "completion_tokens": 2}, 3),
    ):
        body = json.dumps({"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}], "usage": usage})
        upstream.default = "status?code=200&body=" + quote(body)
        answer = daemon.request("POST", "/v1/actions/generate_text", daemon.admin_key, {"input": {"prompt": "x"}})
        assert answer.status == 200 and answer.json["usage"]["total_tokens"] == total, answer


def test_a_cancelled_learner_is_not_told_where_the_vendor_is(daemon, upstream):
    add_vendor(daemon, upstream)
    daemon.accept_policy(daemon.learner)
    upstream.default = "endless?delay_ms=20"
    connection, events, call = start_stream(daemon, daemon.learner, "summarise_text", {"input": {"text": TEXT}})
    assert daemon.request("DELETE", f"/v1/actions/calls/{call}", daemon.learner).json["cancelled"] is True
    told = json.dumps([e.data for e in events]) + daemon.request("GET", f"/v1/actions/calls/{call}", daemon.learner).body.decode()
    assert '"cancelled"' in told and "127.0.0.1" not in told
    connection.close()


def test_the_first_to_use_up_the_time_is_named(daemon, upstream):
    add_vendor(daemon, upstream)
    daemon.cli("site", "set", "demo", "call_timeout_ms=1000")
    daemon.wait_for_config()
    upstream.default = "stall"
    body = problem(summarise(daemon, daemon.admin_key), 504, "upstream_timeout")
    record = daemon.request("GET", f"/v1/register/{body['id']}", daemon.admin_key).json
    assert [a["provider"] for a in record["attempts"]] == ["vendor"]


# ---- streams ----


@pytest.mark.parametrize(
    "last, status",
    [("0", 200), ("1", 200), ("-1", 400), ("abc", 400), ("1e3", 400), ("9223372036854775807", 400), ("99999999999999999999", 400), ("100", 200)],
)
def test_any_last_event_id_is_answered_and_ids_grow(shared, last, status):
    call = summarise(shared, shared.learner, {"stream": True})
    path = f"/v1/actions/calls/{final(call)['id']}/stream"
    answer = shared.request("GET", path, shared.learner, headers={"Last-Event-ID": last})
    assert answer.status == status, answer
    if status == 200:
        events = list(read_events(io.BytesIO(answer.body)))
        assert events[-1].kind == "done" and [e.id for e in events] == list(range(int(last) + 1, int(last) + 1 + len(events)))


def test_an_id_that_a_running_stream_has_not_reached_is_a_conflict(daemon, upstream):
    add_vendor(daemon, upstream)
    upstream.default = "endless?delay_ms=20"
    connection, _, call = start_stream(daemon, daemon.admin_key)
    problem(daemon.request("GET", f"/v1/actions/calls/{call}/stream", daemon.admin_key, headers={"Last-Event-ID": "100000"}), 409, "conflict")
    daemon.request("DELETE", f"/v1/actions/calls/{call}", daemon.admin_key)
    connection.close()


def follow(daemon, seed):
    """Reads one stream with many changes of the connection, each of which may be served by the other thread; the text as it came."""
    pick, last, text, hops = random.Random(seed), 0, "", 0
    connection, response = daemon.open("POST", "/v1/actions/generate_text", daemon.admin_key, {"input": {"prompt": "x"}, "stream": True})
    call = None
    while True:
        for _, event in zip(range(pick.randint(1, 8)), read_events(response)):
            assert event.id == last + 1
            last = event.id
            if event.kind == "start":
                call = event.data["id"]
            elif event.kind == "delta":
                text += event.data["text"]
            else:
                connection.close()
                assert event.kind == "done" and event.data["response"]["generated_content"] == text
                return hops
        next_connection, response = daemon.open("GET", f"/v1/actions/calls/{call}/stream", daemon.admin_key, headers={"Last-Event-ID": str(last)})
        assert response.status == 200
        connection.close()
        connection, hops = next_connection, hops + 1


def test_a_stream_resumed_again_and_again_from_any_thread_loses_and_doubles_nothing(tmp_path, upstream):
    daemon = Daemon(tmp_path / "data", "--threads", "2")
    add_vendor(daemon, upstream)
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    hops = 0
    for delay in (10, 40, 160):  # what comes faster than a busy machine can tell of it comes in fewer events
        upstream.default = f"chunks?n=40&delay_ms={delay}"
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            hops += sum(pool.map(lambda i: follow(daemon, seed + i), range(24)))
        if hops > 48:
            break
    assert hops > 48
    check_end(daemon)


def test_streams_that_never_end_are_told_so_when_the_daemon_stops(daemon, upstream):
    add_vendor(daemon, upstream)
    upstream.default = "endless?delay_ms=20"
    streams = [start_stream(daemon, daemon.admin_key) for _ in range(5)]
    daemon.process.send_signal(signal.SIGTERM)
    wait_until(daemon.ending, what="the first signal")
    daemon.process.send_signal(signal.SIGTERM)  # asked twice: at once
    for connection, events, _ in streams:
        last = list(events)[-1]
        assert (last.kind, last.data["code"]) == ("error", "cancelled")
        connection.close()
    assert daemon.stop() == 0
    with connect(daemon.data / "lectern.db") as database:
        assert database.execute("SELECT state, COUNT(*) FROM ai_call_end GROUP BY state").fetchall() == [("cancelled", 5)]


# ---- many at once ----


def test_sixty_four_clients_at_once_leave_nothing_behind(daemon, upstream):
    add_vendor(daemon, upstream)
    daemon.accept_policy(daemon.learner)
    seed = random.randrange(2**32)
    print(f"seed {seed}")

    def one(i):
        pick = random.Random(seed + i)
        key = pick.choice([daemon.learner, daemon.admin_key, daemon.service_key])
        kind = pick.randrange(8)
        if kind == 0:
            return daemon.request(
                "PATCH", "/v1/providers/vendor", daemon.admin_key, {"actions": {"explain_text": {"enabled": pick.random() < 0.5}}}
            ).status
        if kind == 1:
            return daemon.request("GET", pick.choice(["/v1/register?limit=20", "/v1/actions", "/v1/providers", "/demo/"]), key).status
        scenario = pick.choice(
            ["ok", "ok", "chunks?n=5", "think", "500", "wrong_json", "close_mid", "reset", "one_byte?text=hello", "error_mid", "html"]
        )
        body = {"input": {"text": TEXT}, "stream": pick.random() < 0.6}
        upstream.default = scenario
        if kind == 2:
            connection, response = daemon.open("POST", "/v1/actions/summarise_text", key, body)
            response.read1(10)
            connection.close()
            return 200
        return daemon.request("POST", "/v1/actions/summarise_text", key, body).status

    def files():
        return len(os.listdir(f"/proc/{daemon.process.pid}/fd"))

    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        list(pool.map(one, range(128)))
        quiet = files()
        statuses = set(pool.map(one, range(128, 1000)))
    assert statuses <= {200, 403, 502}, statuses
    wait_until(lambda: daemon.request("GET", "/v1/register?state=running", daemon.admin_key).json["calls"] == [], what="the end of all calls")
    for name in ("lectern_calls_running", "lectern_streams_running"):
        wait_until(lambda: daemon.figure(name) == 0, what=name)
    assert daemon.figure("lectern_store_failed_total") == 0
    wait_until(lambda: files() <= quiet + 64, what="the closing of connections")  # 64: idle ones to the vendor may be kept


# ---- the command line ----


@pytest.mark.parametrize("signal_sent", [signal.SIGTERM, signal.SIGHUP])
def test_an_ask_that_is_told_to_end_is_cancelled_and_not_left_running(daemon, upstream, signal_sent):
    add_vendor(daemon, upstream)
    upstream.default = "stall"
    process = subprocess.Popen(
        [LECTERN, "ask", "generate_text", "--input", "x", "--accept-policy", "--data", daemon.data], stderr=subprocess.PIPE, text=True
    )
    upstream.wait_for(lambda r: r["path"].endswith("/chat/completions"))
    process.send_signal(signal_sent)
    process.communicate(timeout=60)
    assert process.returncode == 1
    assert daemon.request("GET", "/v1/register?limit=1", daemon.admin_key).json["calls"][0]["state"] == "cancelled"


@pytest.mark.parametrize("words", [["version"], ["site", "list"], ["ask", "summarise_text", "--input", TEXT, "--accept-policy"]])
def test_output_that_cannot_be_written_is_a_failure(shared, words):
    with open("/dev/full", "w") as full:
        done = subprocess.run([LECTERN, *words, "--data", shared.data], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 1 and "standard output" in done.stderr


def test_an_answer_cannot_steer_the_terminal(daemon, upstream):
    try:
        for end in pty.openpty():
            os.close(end)
    except OSError as why:
        pytest.skip(f"this machine has no pseudo-terminals: {why}")
    add_vendor(daemon, upstream)
    upstream.default = "ok?text=a%1b%5d0;evil%07%1b%5b31mb"
    for options in ([], ["--stream"]):
        master, slave = pty.openpty()
        words = [LECTERN, "ask", "generate_text", "--input", "x", "--accept-policy", *options, "--data", daemon.data]
        subprocess.run(words, stdout=slave, stderr=subprocess.DEVNULL, check=True, timeout=60)
        os.close(slave)
        shown = os.read(master, 4096)
        os.close(master)
        assert shown.strip() == b"a ]0;evil  [31mb"
        piped = subprocess.run(words, capture_output=True, check=True, timeout=60).stdout
        assert piped == b"a\x1b]0;evil\x07\x1b[31mb\n"


def test_a_state_that_is_none_is_refused_by_the_command_too(shared):
    done = shared.cli("register", "list", "--state", "nonsense", "--json", check=False)
    assert done.returncode == 1 and json.loads(done.stdout)["error"]["field"] == "/state"
