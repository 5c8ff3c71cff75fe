"""What was recorded is given again: the same words, end, usage and faults, and nothing outside the operator's directory can be named."""
import json

import pytest
from conftest import read_events, run_lectern
from double.upstream import Upstream


@pytest.fixture
def upstream():
    with Upstream() as double:
        yield double


@pytest.fixture
def site(daemon, upstream):
    daemon.request("PATCH", "/v1/providers/extract", daemon.admin_key, {"enabled": False})
    body = {"name": "vendor", "plugin": "openai", "config": {"endpoint": upstream.url, "model": "m", "api_key": "k-canary-1", "retries": 0}}
    assert daemon.request("POST", "/v1/providers", daemon.admin_key, body).status == 201
    daemon.accept_policy(daemon.teacher)
    return daemon


def record(daemon, name, text, action="generate_text"):
    run_lectern("provider", "record", "vendor", action, "--name", name, "--input", text, "--site", "demo", "--data", daemon.data)
    return json.loads((daemon.data / "recordings" / f"{name}.json").read_text())


def tape(daemon, recording, **config):
    daemon.request("DELETE", "/v1/providers/vendor", daemon.admin_key)
    body = {"name": "tape", "plugin": "replay", "config": {"recording": recording, "speed": 0, "retries": 0, "breaker_faults": 0, **config}}
    return daemon.request("POST", "/v1/providers", daemon.admin_key, body)


def ask(daemon, text, stream=False):
    body = {"input": {"prompt": text}, "stream": stream}
    if stream:
        return daemon.stream("POST", "/v1/actions/generate_text", daemon.teacher, body)
    return daemon.request("POST", "/v1/actions/generate_text", daemon.teacher, body)


@pytest.mark.parametrize("scenario", ["ok", "chunks?n=7&delay_ms=5", "think", "length", "no_usage"])
def test_a_recorded_answer_comes_again_word_for_word(site, upstream, scenario):
    upstream.default = scenario
    kept = record(site, "tape-1", "tell me")
    original = ask(site, "tell me")
    asked = len(upstream.requests())
    assert tape(site, "tape-1").status == 201
    again, events = ask(site, "tell me"), ask(site, "tell me", stream=True)
    assert again.status == 200 and again.json["response"] == original.json["response"], again
    assert "".join(e.data["text"] for e in events if e.kind == "delta") == original.json["response"]["generated_content"]
    assert again.json["usage"] == original.json["usage"] == events[-1].data["usage"]
    assert len([e for e in events if e.kind == "delta"]) == len(kept["exchanges"][0]["events"])
    assert len(upstream.requests()) == asked


@pytest.mark.parametrize("scenario,status,code", [("429", 429, "upstream_rate_limited"), ("401", 502, "upstream_unauthorized"),
                                                  ("context_window", 400, "context_window_exceeded")])
def test_a_recorded_fault_comes_again(site, upstream, scenario, status, code):
    upstream.default = scenario
    kept = record(site, "fault", "tell me")
    assert kept["exchanges"][0]["error"]["code"] == code
    tape(site, "fault")
    answer = ask(site, "tell me")
    assert (answer.status, answer.json["code"]) == (status, code)


def test_a_recording_holds_no_key_and_no_address(site, upstream):
    record(site, "clean", "tell me")
    text = (site.data / "recordings" / "clean.json").read_text()
    assert "k-canary-1" not in text and str(upstream.port) not in text
    assert (site.data / "recordings" / "clean.json").stat().st_mode & 0o777 == 0o600


def test_exchanges_gather_in_one_file_and_each_input_finds_its_own(site, upstream):
    upstream.default = "echo"
    for text in ("one", "two", "three"):
        kept = record(site, "many", text)
    assert len(kept["exchanges"]) == 3
    tape(site, "many")
    for text in ("two", "three", "one"):
        assert ask(site, text).json["response"]["generated_content"] == text
    unknown = ask(site, "four")
    assert (unknown.status, unknown.json["code"]) == (502, "upstream_not_found")
    site.request("PATCH", "/v1/providers/tape", site.admin_key, {"config": {"match": "any"}})
    assert ask(site, "four").json["response"] == ask(site, "four").json["response"]


def test_the_pauses_of_the_original_are_kept_at_speed_one_and_cut_by_the_deadline(site):
    folder = site.data / "recordings"
    folder.mkdir(exist_ok=True)
    exchange = {"action": "generate_text", "input": {"prompt": "x"}, "events": [{"after_ms": 1, "text": "a"}, {"after_ms": 60000, "text": "b"}]}
    (folder / "slow.json").write_text(json.dumps({"recording": 1, "exchanges": [exchange]}))
    tape(site, "slow", speed=1, total_ms=3000)
    connection, response = site.open("POST", "/v1/actions/generate_text", site.teacher, {"input": {"prompt": "x"}, "stream": True})
    kinds = [e.kind for e in read_events(response)]
    connection.close()
    assert kinds == ["start", "delta", "error"]
    site.request("PATCH", "/v1/providers/tape", site.admin_key, {"config": {"speed": 1000, "total_ms": None}})
    assert ask(site, "x").json["response"]["generated_content"] == "ab"


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/b", ".hidden", "", "a" * 101, "a\u0000b"])
def test_only_files_of_the_directory_can_be_named(site, name):
    answer = tape(site, name)
    assert answer.status == 400 and answer.json["field"] == "/config/recording", answer
    refused = run_lectern("provider", "record", "vendor", "generate_text", "--name", name.replace("\0", "/"), "--input", "x", "--site", "demo",
                          "--data", site.data, check=False)
    assert refused.returncode == 2


def test_a_link_out_of_the_directory_is_not_followed(site, tmp_path):
    folder = site.data / "recordings"
    folder.mkdir(exist_ok=True)
    outside = tmp_path / "outside.json"
    outside.write_text(json.dumps({"exchanges": [{"action": "generate_text", "input": {"prompt": "x"}, "events": [{"text": "leak"}]}]}))
    (folder / "link.json").symlink_to(outside)
    tape(site, "link")
    answer = ask(site, "x")
    assert answer.status == 500 and b"leak" not in answer.body, answer


@pytest.mark.parametrize("text,said", [("{", "line"), ("[]", "exchanges"), ('{"exchanges": {}}', "exchanges")])
def test_a_file_that_is_no_recording_is_named_to_the_admin_only(site, text, said):
    folder = site.data / "recordings"
    folder.mkdir(exist_ok=True)
    (folder / "bad.json").write_text(text)
    tape(site, "bad")
    assert said not in ask(site, "x").json["detail"]
    tested = site.request("POST", "/v1/providers/tape/test", site.admin_key, {})
    assert not tested.json["success"] and said in tested.json["error"]["detail"] and tested.json["error"]["code"] == "invalid_configuration"
