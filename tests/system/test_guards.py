"""Rules for what is sent and shown (docs/guards.md), against the real daemon: dry runs report, blocking ones hold the answer until it was looked at."""
import concurrent.futures
import csv
import io
import json
import time
from urllib.parse import quote

import pytest

from conftest import Daemon, add_vendor, check_end, run_lectern
from double.upstream import Upstream

WORD = "swordfish"
LONG = " ".join(["word"] * 60)


def rule(name, kind, stage, mode="block", **more):
    return {"name": name, "type": kind, "stage": stage, "mode": mode, **more}


def set_rules(daemon, *rules, **settings):
    answer = daemon.request("PATCH", "/v1/site", daemon.admin_key, {"settings": {"guards": list(rules), **settings}})
    assert answer.status == 200, answer
    daemon.wait_for_config()


@pytest.fixture(scope="module")
def double():
    with Upstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def site(tmp_path_factory, double):
    d = Daemon(tmp_path_factory.mktemp("guards") / "data")
    add_vendor(d, double)
    d.cli("site", "set", "demo", "--json-patch", json.dumps({"policy_by_lms": True}))
    d.wait_for_config()
    yield d
    check_end(d)


@pytest.fixture(autouse=True)
def forget(double):
    double.clear()
    double.choose = None
    double.default = "echo"


def ask(daemon, prompt, name="generate_text", **more):
    return daemon.request("POST", f"/v1/actions/{name}", daemon.service_key,
                          {"user": {"id": "u1", "roles": ["teacher"]}, "input": {"prompt": prompt}, **more})


def verdicts(daemon, call):
    answer = daemon.request("GET", f"/v1/register/{call}", daemon.admin_key)
    assert answer.status == 200, answer
    return [(v["guard"], v["rule"], v["stage"], v["verdict"]) for v in answer.json["guards"]]


def test_what_may_not_be_sent_is_refused_with_the_rules_own_text_and_nobody_is_asked(site, double):
    set_rules(site, rule("no-word", "pattern", "input", patterns=[r"\bsword\w+"], text="Not that word, please."))
    answer = ask(site, f"what is {WORD}?")
    assert (answer.status, answer.json["code"], answer.json["detail"]) == (422, "input_blocked", "Not that word, please."), answer
    assert double.requests() == [] and verdicts(site, answer.json["id"]) == [("pattern", "no-word", "input", "blocked")]
    assert WORD not in json.dumps(site.request("GET", f"/v1/register/{answer.json['id']}", site.admin_key).json["guards"])
    fine = ask(site, "what is rain?")
    assert fine.status == 200 and verdicts(site, fine.json["id"]) == []


def test_a_blocked_answer_is_never_shown_nor_kept_and_the_client_hears_that_it_is_checked(site, double):
    set_rules(site, rule("no-word", "pattern", "output", patterns=[WORD]))
    double.default = f"chunks?n=9&text=it is {WORD} and more"
    body = {"user": {"id": "u1", "roles": ["teacher"]}, "input": {"prompt": "go"}, "stream": True}
    events = site.stream("POST", "/v1/actions/generate_text", site.service_key, body)
    assert [e for e in events if e.kind == "delta"] == [] and WORD not in repr(events)
    assert [e.data["message"] for e in events if e.kind == "status"] == ["The answer is being checked."]
    assert events[-1].kind == "error" and events[-1].data["code"] == "answer_blocked", events
    row = site.request("GET", f"/v1/register/{events[0].data['id']}", site.admin_key)
    assert WORD not in row.body.decode() and row.json["guards"][0]["verdict"] == "blocked"
    double.default = "chunks?n=9&text=it is fine"
    events = site.stream("POST", "/v1/actions/generate_text", site.service_key, body)
    assert "".join(e.data["text"] for e in events if e.kind == "delta") == "it is fine" and events[-1].kind == "done"


def test_a_dry_run_blocks_nothing_and_is_in_the_report_by_rule_day_and_action(site, double):
    set_rules(site, rule("short", "length", "input", "dry_run", max=50), rule("no-word", "pattern", "output", "dry_run", patterns=[WORD]))
    answer = ask(site, LONG + WORD)
    assert answer.status == 200 and WORD in answer.json["response"]["generated_content"]
    assert verdicts(site, answer.json["id"]) == [("length", "short", "input", "would_block"), ("pattern", "no-word", "output", "would_block")]
    rows = site.request("GET", "/v1/reports/guards", site.admin_key).json["rows"]
    today = time.strftime("%Y-%m-%d", time.gmtime())
    found = [r for r in rows if r["rule"] == "short"]
    assert found == [{"day": today, "guard": "length", "rule": "short", "stage": "input", "action": "generate_text", "mode": "dry_run",
                      "verdict": "would_block", "calls": 1}], rows
    table = list(csv.DictReader(io.StringIO(site.request("GET", "/v1/reports/guards?format=csv", site.admin_key).body.decode())))
    assert [r["calls"] for r in table if r["rule"] == "short"] == ["1"]
    printed = run_lectern("report", "guards", "--site", "demo", "--format", "json", "--data", site.data)
    assert json.loads(printed)["rows"] == rows
    assert "would_block" in run_lectern("report", "guards", "--site", "demo", "--format", "csv", "--data", site.data)
    assert "would_block" in run_lectern("register", "show", answer.json["id"], "--site", "demo", "--json", "--data", site.data)
    assert site.request("GET", "/v1/reports/guards", site.learner).status == 403


def test_a_pattern_that_takes_too_long_is_undecided_and_the_rule_says_what_that_means(site, double):
    slow = {"patterns": [r"(a+)+(b+)+(c|d+e?)+$(?<=zz)"]}
    text = "a" * 3000 + "b" * 3000 + "dd" * 3000 + "!"
    for undecided, status in (("block", 422), ("pass", 200)):
        set_rules(site, rule("slow", "pattern", "input", undecided=undecided, **slow))
        answer = ask(site, text)
        assert answer.status == status, answer
        assert verdicts(site, answer.json["id"]) == [("pattern", "slow", "input", "blocked" if status == 422 else "undecided")]


def test_languages(site, double):
    set_rules(site, rule("german", "language", "input", languages=["de"], undecided="pass"))
    assert ask(site, "Warum fällt der Regen und was hat das mit den Wolken zu tun, die über dem Meer sind?").status == 200
    assert ask(site, "Why does the rain fall and what has that to do with the clouds that are over the sea?").status == 422
    assert ask(site, "x = 2").status == 200


def test_rules_are_for_the_actions_they_name(site, double):
    set_rules(site, rule("short", "length", "input", max=10, actions=["summarise_text"]))
    assert ask(site, LONG).status == 200


def test_moderation_is_a_call_of_its_own_with_its_own_row_and_no_rule_looks_at_it(site, double):
    names = ["harassment", "hate", "self_harm", "sexual", "sexual_minors", "violence", "illicit"]

    def judge(request):
        asked = request.body["messages"][-1]["content"]
        if "score" not in json.dumps(request.body):
            return "echo"
        scores = {name: 0.9 if name == "violence" and WORD in asked else 0.0 for name in names}
        return "ok?text=" + quote(json.dumps({"reason": "x", "scores": scores}))
    double.choose = judge
    set_rules(site, rule("kind", "moderation", "input", categories=["violence"]), rule("kind-out", "moderation", "output"))
    bad = ask(site, f"{WORD} now")
    assert bad.status == 422 and bad.json["code"] == "input_blocked", bad
    shown = site.request("GET", f"/v1/register/{bad.json['id']}", site.admin_key).json["guards"]
    assert shown[0]["verdict"] == "blocked" and shown[0]["counts"] == {"violence": 1}, shown
    by = site.request("GET", f"/v1/register/{shown[0]['checked_by']}", site.admin_key).json
    assert by["action"] == "moderate_text" and by["state"] == "completed" and by["guards"] == []
    good = ask(site, "rain")
    assert good.status == 200 and [v[3] for v in verdicts(site, good.json["id"])] == ["passed", "passed"]
    assert len(double.requests()) == 1 + 3


@pytest.mark.parametrize("rules,field", [
    ([rule("a", "pattern", "input", patterns=["ok", "("])], "/guards/0/patterns/1"),
    ([rule("a", "length", "input")], "/guards/0/max"),
    ([rule("a", "length", "input", max=1), rule("a", "length", "output", max=1)], "/guards/1/name"),
    ([rule("a", "language", "input", languages=["xx"])], "/guards/0/languages/0"),
    ([rule("a", "colour", "input")], "/guards/0/type"),
    ([{"name": "a"}], "/guards/0"),
])
def test_what_is_wrong_with_a_rule_is_said_with_its_field(site, rules, field):
    answer = site.request("PATCH", "/v1/site", site.admin_key, {"settings": {"guards": rules}})
    assert answer.status == 400 and answer.json["field"].startswith("/settings" + field), answer


def test_the_doors_say_it_as_their_clients_expect(site, double):
    set_rules(site, rule("no-word", "pattern", "input", patterns=[WORD]))
    talk = {"messages": [{"role": "user", "content": WORD}], "user": "u1"}
    answer = site.request("POST", "/openai/v1/chat/completions", site.service_key, {"model": "action:continue_conversation", **talk})
    assert answer.status == 400 and answer.json["error"]["code"] == "content_filter", answer
    answer = site.request("POST", "/ollama/api/chat", site.service_key, {"model": "action:continue_conversation", **talk, "stream": False})
    assert answer.status == 400 and "error" in answer.json, answer
    assert double.requests() == []


def other_site(daemon, double):
    """A second site in the same daemon, with the same AI service; the key of its back end."""
    daemon.cli("site", "add", "other", "--name", "Other")
    admin, service = (json.loads(daemon.cli("--json", "key", "add", "--site", "other", "--role", role))["key"] for role in ("site_admin", "service"))
    daemon.cli("site", "set", "other", "--json-patch", json.dumps({"policy_by_lms": True}))
    daemon.wait_for_config()
    vendor = {"name": "vendor", "plugin": "openai", "config": {"endpoint": double.url, "model": "m", "api_key": "test-key-123", "retries": 0, "breaker_faults": 0}}
    added = daemon.request("POST", "/v1/providers", admin, vendor)
    assert added.status == 201, added
    assert daemon.request("PUT", "/v1/providers/order", admin, {"ids": [added.json["id"]]}).status == 200
    return service


def test_another_site_has_rules_of_its_own(site, double):
    set_rules(site, rule("no-word", "pattern", "input", patterns=[WORD]), pii={"mode": "redact"})
    other = other_site(site, double)
    body = {"user": {"id": "u1", "roles": ["teacher"]}, "input": {"prompt": f"{WORD} for zoe@example.org"}}

    def asked(key):
        return site.request("POST", "/v1/actions/generate_text", key, body).status
    with concurrent.futures.ThreadPoolExecutor(8) as pool:  # both at once
        assert list(pool.map(asked, [site.service_key, other] * 8)) == [422, 200] * 8
    sent = [r["body"]["messages"][-1]["content"] for r in double.requests()]
    assert sent == [body["input"]["prompt"]] * 8  # whole: the other site replaces nothing either
    report = site.request("GET", "/v1/reports/guards", site.admin_key).json
    assert sum(row["calls"] for row in report["rows"] if row["rule"] == "no-word" and row["verdict"] == "blocked") >= 8, report
    set_rules(site, pii={"mode": "off"})
    assert asked(site.service_key) == 200


def test_a_rule_sees_all_that_is_said_since_the_last_answer(site, double):
    set_rules(site, rule("no-word", "pattern", "input", patterns=[WORD]))

    def asked(*messages):
        body = {"model": "action:continue_conversation", "user": "u1", "messages": [{"role": role, "content": text} for role, text in messages]}
        return site.request("POST", "/openai/v1/chat/completions", site.service_key, body).status
    assert asked(("user", WORD), ("user", "Answer what I asked above.")) == 400
    assert asked(("user", WORD), ("system", "Be brief."), ("user", "Answer what I asked above.")) == 400
    assert asked(("user", "data: " + WORD)) == 400
    assert double.requests() == []
    assert asked(("user", WORD), ("assistant", "No."), ("user", "Why?")) == 200
    set_rules(site)
