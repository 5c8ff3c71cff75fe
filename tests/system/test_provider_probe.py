"""What an administrator asks of one instance: a live test, the list of models, the state of its circuit."""
import json

import pytest
from conftest import run_lectern, wait_until
from double.upstream import Upstream


@pytest.fixture
def upstream():
    with Upstream() as double:
        yield double


def add(daemon, upstream, enabled=True, **config):
    body = {"name": "vendor", "plugin": "openai", "enabled": enabled,
            "config": {"endpoint": upstream.url, "model": "m", "api_key": "k-1", "retries": 0, **config}}
    answer = daemon.request("POST", "/v1/providers", daemon.admin_key, body)
    assert answer.status == 201, answer
    return answer.json["id"]


def shown(daemon):
    return daemon.request("GET", "/v1/providers/vendor", daemon.admin_key).json


def test_a_test_asks_the_vendor_and_is_recorded(daemon, upstream):
    add(daemon, upstream)
    answer = daemon.request("POST", "/v1/providers/vendor/test", daemon.admin_key, {})
    assert answer.status == 200 and answer.json["success"] and answer.json["response"]["generated_content"], answer
    record = daemon.request("GET", f"/v1/register/{answer.json['id']}", daemon.admin_key).json
    assert record["state"] == "completed" and record["provider"] == "vendor" and len(record["attempts"]) == 1


def test_a_disabled_instance_can_be_tried_before_it_is_enabled(daemon, upstream):
    number = add(daemon, upstream, enabled=False)
    assert daemon.request("POST", f"/v1/providers/{number}/test", daemon.admin_key, {}).json["success"]
    assert not shown(daemon)["enabled"]


@pytest.mark.parametrize("scenario,code", [("401", "upstream_unauthorized"), ("429", "upstream_rate_limited"), ("500", "upstream_unavailable"),
                                           ("wrong_json", "upstream_invalid")])
def test_a_failed_test_says_plainly_what_the_vendor_said(daemon, upstream, scenario, code):
    add(daemon, upstream)
    upstream.default = scenario
    answer = daemon.request("POST", "/v1/providers/vendor/test", daemon.admin_key, {})
    assert answer.status == 200 and not answer.json["success"] and answer.json["error"]["code"] == code, answer
    assert answer.json["error"]["detail"] != answer.json["error"]["title"] and b"k-1" not in answer.body


def test_an_instance_that_is_not_configured_is_not_asked(daemon, upstream):
    body = {"name": "vendor", "plugin": "openai", "config": {}}
    assert daemon.request("POST", "/v1/providers", daemon.admin_key, body).status == 201
    answer = daemon.request("POST", "/v1/providers/vendor/test", daemon.admin_key, {})
    assert (answer.status, answer.json["code"]) == (503, "no_provider"), answer
    assert upstream.requests() == []


def test_the_embedded_provider_can_be_tested_and_has_no_models(daemon):
    assert daemon.request("POST", "/v1/providers/extract/test", daemon.admin_key, {}).json["success"]
    answer = daemon.request("GET", "/v1/providers/extract/models", daemon.admin_key)
    assert (answer.status, answer.json["code"]) == (422, "not_supported"), answer


def test_models_are_the_vendors_own_list(daemon, upstream):
    add(daemon, upstream)
    answer = daemon.request("GET", "/v1/providers/vendor/models", daemon.admin_key)
    assert answer.status == 200, answer
    models = answer.json["models"]
    assert models and models == sorted(set(models)) and all(isinstance(m, str) and m for m in models)
    cli = json.loads(run_lectern("provider", "models", "vendor", "--json", "--site", "demo", "--data", daemon.data))
    assert [m["model"] for m in cli] == models


def test_the_shell_tests_an_instance(daemon, upstream):
    add(daemon, upstream)
    done = json.loads(run_lectern("provider", "test", "vendor", "--json", "--site", "demo", "--data", daemon.data))
    assert done["success"] and done["action"] == "generate_text"
    upstream.default = "401"
    done = run_lectern("provider", "test", "vendor", "--site", "demo", "--data", daemon.data, check=False)
    assert done.returncode == 1 and "upstream_unauthorized" in done.stderr


@pytest.mark.parametrize("method,path", [("POST", "/v1/providers/extract/test"), ("GET", "/v1/providers/extract/models")])
def test_learners_may_neither_test_nor_list(daemon, method, path):
    assert daemon.request(method, path, daemon.learner, {} if method == "POST" else None).status == 403
    assert daemon.request(method, path.replace("extract", "nobody"), daemon.admin_key, {} if method == "POST" else None).status == 404


def test_profiles_that_name_an_instance_have_a_veto_against_its_going(daemon, upstream):
    add(daemon, upstream)

    def ask(method, path, body=None):
        return daemon.request(method, path, daemon.admin_key, body)

    def profile(slug, provider="vendor"):
        return ask("POST", "/v1/profiles", {"slug": slug, "base_filepath": "base/summary.json5",
                                            "content_patch": {"processor_config": {"LLMProcessor": {"provider": provider}}}})

    unknown = profile("p", "nobody")
    assert unknown.status == 400 and unknown.json["errors"] == [
        "content_patch: processor_config.LLMProcessor.provider: the site has no provider instance 'nobody'"], unknown
    assert profile("tutor").status == profile("cards").status == profile("other", "extract").status == 201
    assert ask("GET", "/v1/providers/vendor").json["used_by"] == "profile 'cards', profile 'tutor'"
    removed = ask("DELETE", "/v1/providers/vendor")
    disabled = ask("PATCH", "/v1/providers/vendor", {"enabled": False, "config": {"model": "other"}})
    renamed = ask("PATCH", "/v1/providers/vendor", {"name": "seller"})
    for refused in (removed, disabled, renamed):
        assert (refused.status, refused.json["code"]) == (409, "conflict"), refused
        assert refused.json["detail"].endswith("it is used by profile 'cards', profile 'tutor'"), refused
    assert shown(daemon)["enabled"] and shown(daemon)["config"]["model"] == "m"  # nothing is half done
    assert ask("PATCH", "/v1/providers/vendor", {"config": {"model": "other"}}).status == 200
    shell = run_lectern("provider", "remove", "vendor", "--site", "demo", "--data", daemon.data, check=False)
    assert shell.returncode == 1 and "profile 'tutor'" in shell.stderr
    assert ask("PATCH", "/v1/profiles/cards", {"content_patch": ""}).status == 200
    assert ask("DELETE", "/v1/profiles/tutor").status == 204
    assert ask("GET", "/v1/providers/vendor").json["used_by"] is None
    assert ask("PATCH", "/v1/providers/vendor", {"enabled": False}).status == 200
    assert ask("DELETE", "/v1/providers/vendor").status == 204


def test_settings_of_a_model_are_kept_while_another_is_used(daemon, upstream):
    """Reference §A6: switching back to a model brings its values back."""
    add(daemon, upstream)
    settings = {"model": "a", "models": {"a": {"temperature": 0.1}, "b": {"temperature": 0.9, "extra": {"presence_penalty": 0.5}}}}
    daemon.request("PATCH", "/v1/providers/vendor", daemon.admin_key, {"actions": {"generate_text": {"settings": settings}}})
    daemon.accept_policy(daemon.teacher)
    for model, temperature, penalty in (("a", 0.1, None), ("b", 0.9, 0.5), ("a", 0.1, None), ("c", None, None)):
        daemon.request("PATCH", "/v1/providers/vendor", daemon.admin_key, {"actions": {"generate_text": {"settings": {"model": model}}}})
        assert daemon.request("POST", "/v1/actions/generate_text", daemon.teacher, {"input": {"prompt": "x"}}).status == 200
        sent = upstream.requests()[-1]["body"]
        assert (sent["model"], sent.get("temperature"), sent.get("presence_penalty")) == (model, temperature, penalty)
    wrong = daemon.request("PATCH", "/v1/providers/vendor", daemon.admin_key, {"actions": {"generate_text": {"settings": {"models": {"a": 1}}}}})
    assert (wrong.status, wrong.json["field"]) == (400, "/actions/generate_text/settings/models/a")


def test_the_circuit_of_an_instance_is_shown_and_a_successful_test_closes_it(daemon, upstream):
    add(daemon, upstream, breaker_faults=2, breaker_open_ms=60000)
    daemon.request("PATCH", "/v1/providers/extract", daemon.admin_key, {"enabled": False})
    assert shown(daemon)["circuit"] == {"state": "closed", "faults": 0}
    upstream.default = "500"
    call = {"input": {"prompt": "hello"}, "user": {"id": "u", "roles": ["teacher"]}}
    daemon.request("PUT", "/v1/policy", daemon.service_key, {"accepted": True, "version": "1", "user": {"id": "u", "roles": ["teacher"]}})
    for _ in range(2):
        assert daemon.request("POST", "/v1/actions/generate_text", daemon.service_key, call).status == 502
    circuit = shown(daemon)["circuit"]
    assert circuit["state"] == "open" and circuit["cause"] == "upstream_unavailable" and 0 < circuit["retry_in_ms"] <= 72000
    asked = len(upstream.requests())
    upstream.default = "ok"
    refused = daemon.request("POST", "/v1/actions/generate_text", daemon.service_key, call)
    assert refused.status == 502 and refused.json["retry_after"] >= 1 and refused.headers["Retry-After"]
    assert len(upstream.requests()) == asked
    assert daemon.request("POST", "/v1/providers/vendor/test", daemon.admin_key, {}).json["success"]
    assert shown(daemon)["circuit"]["state"] == "closed"
    assert daemon.request("POST", "/v1/actions/generate_text", daemon.service_key, call).status == 200
