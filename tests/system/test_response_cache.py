"""The response cache: what is answered from it and what is not, and what such a call leaves behind. docs/response-cache.md is what is checked."""
import http.client
import json
import random
import re
import signal
import threading
import time
import uuid
from urllib.parse import quote

import pytest

from conftest import Daemon, add_vendor, check_end, wait_until
from database import connect, is_sound
from double.upstream import TEXT, Upstream

HERE, ELSEWHERE = "course-v1:Org+Here+Run", "course-v1:Org+Elsewhere+Run"
RUN = "/v1/workflows/run"


class Site:
    def __init__(self, daemon, double):
        self.d, self.double = daemon, double

    def profile(self, cache={"ttl_s": 600, "scope": "site"}, slug=None, **llm):
        slug = slug or f"cache-{uuid.uuid4().hex}"
        step = {"prompt": "Be brief.", **({} if cache is None else {"response_cache": cache}), **llm}
        patch = {"orchestrator_class": "DirectLLMResponse", "processor_config": {"LLMProcessor": step}}
        answer = self.d.request("POST", "/v1/profiles", self.d.admin_key, {"slug": slug, "base_filepath": "base/blank.json5", "content_patch": patch})
        return slug if answer.status == 201 else answer

    def run(self, slug, text="Why does it rain?", user="u1", course=HERE, headers=None, key=None, **more):
        """The answer, and how often the vendor was asked for it."""
        before = len(self.double.requests())
        body = {"profile": slug, "user_input": text, "context": {"course_id": course}, "user": {"id": user, "roles": ["teacher"]}, **more}
        answer = self.d.request("POST", RUN, key or self.d.admin_key, body, headers=headers)
        return answer, len(self.double.requests()) - before

    def hits(self, slug, **more):
        """Is the call answered from the cache? Both the answer and the vendor say so."""
        answer, asked = self.run(slug, **more)
        assert answer.status == 200 and (asked == 0) == answer.json.get("cached", False), answer
        return asked == 0

    def rows(self, sql, *values):
        with connect(f"file:{self.d.data / 'lectern.db'}?mode=ro", uri=True, timeout=60) as database:
            return database.execute(sql, values).fetchall()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with Upstream() as double:
        d = Daemon(tmp_path_factory.mktemp("cache") / "data")
        add_vendor(d, double)
        d.cli("site", "set", "demo", "--json-patch", json.dumps({"policy_by_lms": True}))
        d.wait_for_config()
        yield Site(d, double)
        check_end(d)


# name → settings of the profile's rule, what the second call says otherwise, whether it hits
CASES = {
    "the same call": ("site", {}, True),
    "another user, for the site": ("site", {"user": "u2"}, True),
    "another course, for the site": ("site", {"course": ELSEWHERE}, True),
    "another user, for the course": ("course", {"user": "u2"}, True),
    "another course, for the course": ("course", {"course": ELSEWHERE}, False),
    "the same user, for the user": ("user", {}, True),
    "another user, for the user": ("user", {"user": "u2"}, False),
    "the same user in another course": ("user", {"course": ELSEWHERE}, True),
    "another question": ("site", {"text": "Why does it snow?"}, False),
    "a question that differs by a sign": ("site", {"text": "Why does it rain!"}, False),
    "no-store in the head": ("site", {"headers": {"Cache-Control": "max-age=0, No-Store"}}, False),
    "another word in the head": ("site", {"headers": {"Cache-Control": "no-cache"}}, True),
    "no_store in the body": ("site", {"no_store": True}, False),
    "traced": ("site", {"trace": True}, False),
}


@pytest.mark.parametrize("name", CASES)
def test_what_hits(site, name):
    scope, other, hit = CASES[name]
    slug = site.profile({"ttl_s": 600, "scope": scope})
    assert not site.hits(slug)
    if other.pop("trace", False):
        answer, asked = site.run(slug, trace=True)
        assert answer.status == 200 and asked == 1
        return
    assert site.hits(slug, **other) == hit


# Changes of the instance, which leave the profile as it was.
CHANGES = {"model": {"config": {"model": "other"}},
           "temperature": {"actions": {"continue_conversation": {"enabled": True, "settings": {"temperature": 0.3}}}},
           "length": {"actions": {"continue_conversation": {"enabled": True, "settings": {"max_tokens": 77}}}}}


@pytest.mark.parametrize("name", CHANGES)
def test_another_setting_of_the_instance_has_its_own_answers(site, name):
    slug = site.profile()
    number = next(p["id"] for p in site.d.request("GET", "/v1/providers", site.d.admin_key).json["providers"] if p["name"] == "vendor")
    assert not site.hits(slug) and site.hits(slug)
    assert site.d.request("PATCH", f"/v1/providers/{number}", site.d.admin_key, CHANGES[name]).status == 200
    assert not site.hits(slug) and site.hits(slug)


def test_another_profile_or_version_has_its_own_answers(site):
    slug = site.profile()
    assert not site.hits(slug) and site.hits(slug)
    assert not site.hits(site.profile())
    assert site.d.request("PATCH", f"/v1/profiles/{slug}", site.d.admin_key, {"description": "newer"}).status == 200
    assert not site.hits(slug)
    plain = site.profile(None)
    assert not site.hits(plain) and not site.hits(plain)


def test_nothing_is_kept_without_being_asked_for(site):
    before = site.rows("SELECT count(*) FROM answer_cache")
    slug = site.profile(None)
    site.hits(slug)
    kept = site.profile()
    site.hits(kept, no_store=True)
    assert site.rows("SELECT count(*) FROM answer_cache") == before


@pytest.mark.parametrize("rule", [7, "on", [], {}, {"ttl_s": 0}, {"ttl_s": 604801}, {"ttl_s": 1.5}, {"ttl_s": "60"}, {"ttl_s": 60, "scope": "all"},
                                  {"ttl_s": 60, "scope": 1}, {"ttl_s": 60, "more": 1}])
def test_a_rule_that_is_wrong_is_not_saved(site, rule):
    answer = site.profile(rule)
    assert not isinstance(answer, str) and answer.status == 400 and "response_cache" in answer.body.decode(), answer


@pytest.mark.parametrize("scenario", ["status?code=500", "length"])
def test_what_did_not_end_well_is_not_kept(site, scenario):
    slug = site.profile()
    site.double.default = scenario
    try:
        answer, asked = site.run(slug)
        assert asked > 0 and "cached" not in (answer.json or {})
    finally:
        site.double.default = "ok"
    assert not site.hits(slug) and site.hits(slug)


def test_an_entry_ends(site):
    slug = site.profile({"ttl_s": 1})
    assert not site.hits(slug) and wait_until(lambda: not site.hits(slug), what="the end of the entry") and site.hits(slug)


def test_a_hit_is_a_call_of_the_register(site):
    slug = site.profile()
    first, _ = site.run(slug)
    second, asked = site.run(slug, user="u9")
    assert asked == 0 and second.json["cached"] is True and "cached" not in first.json
    assert second.json["response"]["response"] == first.json["response"]["response"] and second.json["usage"]["total_tokens"] == 0
    row = site.d.request("GET", f"/v1/register/{second.json['calls'][0]}", site.d.admin_key).json
    source = site.d.request("GET", f"/v1/register/{first.json['calls'][0]}", site.d.admin_key).json
    assert (row["state"], row["user_id"], row["attempts"], row["total_tokens"], row["cost"]) == ("completed", "u9", [], 0, 0), row
    assert row["cached"] == {"call": source["id"], "saved_cost": source.get("cost")} and "cached" not in source
    contents = [{k: v for k, v in found["content"].items() if k not in ("call_id", "responseid", "fingerprint")} for found in (row, source)]
    assert contents[0] == contents[1] and TEXT in json.dumps(contents[0], ensure_ascii=False)


def test_a_hit_is_streamed_and_counts_as_a_request(site):
    slug = site.profile()
    site.hits(slug)
    limit = {"subject": "user", "subject_id": "cache-limited", "unit": "requests", "amount": 2, "window": "day"}
    assert site.d.request("POST", "/v1/limits", site.d.admin_key, limit).status == 201
    body = {"profile": slug, "user_input": "Why does it rain?", "context": {"course_id": HERE}, "user": {"id": "cache-limited", "roles": ["teacher"]}}
    events = site.d.stream("POST", RUN, site.d.admin_key, {**body, "stream": True})
    assert events[-1].kind == "done" and events[-1].data["cached"] is True
    assert "".join(e.data["text"] for e in events if e.kind == "delta") in (TEXT, "")
    assert site.hits(slug, user="cache-limited")
    answer, asked = site.run(slug, user="cache-limited")
    assert answer.status == 429 and asked == 0


def test_a_site_that_keeps_no_content_has_no_cache(site):
    slug = site.profile()
    site.d.cli("site", "set", "demo", "--json-patch", json.dumps({"store_content": False}))
    site.d.wait_for_config()
    try:
        assert not site.hits(slug) and not site.hits(slug)
    finally:
        site.d.cli("site", "set", "demo", "--json-patch", json.dumps({"store_content": True}))
        site.d.wait_for_config()
    assert not site.hits(slug) and site.hits(slug)


def test_erasing_a_user_removes_the_answers_of_their_calls(site):
    slug = site.profile()
    assert not site.hits(slug, user="cache-erased") and site.hits(slug, user="u1")
    job = site.d.request("POST", "/v1/privacy/erase", site.d.admin_key, {"user_id": "cache-erased"})
    assert job.status in (200, 202), job
    wait_until(lambda: not site.rows("SELECT 1 FROM answer_cache WHERE user_id = 'cache-erased'"), what="the erasure")
    assert not site.hits(slug, user="u1")


def test_another_site_has_its_own_answers(site):
    site.d.cli("site", "add", "cache-other")
    site.d.cli("site", "set", "cache-other", "--json-patch", json.dumps({"policy_by_lms": True}))
    key = json.loads(site.d.cli("--json", "key", "add", "--site", "cache-other", "--role", "site_admin"))["key"]
    site.d.wait_for_config()
    slug = site.profile(slug="shared-name")
    assert not site.hits(slug) and site.hits(slug)
    patch = {"orchestrator_class": "DirectLLMResponse", "processor_config": {"LLMProcessor": {"prompt": "Be brief.",
                                                                                             "response_cache": {"ttl_s": 600, "scope": "site"}}}}
    profile = {"slug": slug, "base_filepath": "base/blank.json5", "content_patch": patch}
    assert site.d.request("POST", "/v1/profiles", key, profile).status == 201
    vendor = {"name": "vendor", "plugin": "openai", "config": {"endpoint": site.double.url, "model": "m", "api_key": "test-key-123"}}
    assert site.d.request("POST", "/v1/providers", key, vendor).status == 201
    answer, asked = site.run(slug, key=key)
    assert answer.status == 200 and asked == 1


# ---- what is not kept ----

def kept(site):
    return site.rows("SELECT count(*) FROM answer_cache")[0][0]


@pytest.mark.parametrize("broken", ["close_mid", "truncated", "error_mid", "reset_mid"])
def test_a_stream_that_breaks_off_is_not_kept(site, broken):
    slug, before = site.profile(stream=True), kept(site)
    body = {"profile": slug, "user_input": "Why does it rain?", "context": {"course_id": HERE}, "user": {"id": "u1", "roles": ["teacher"]}, "stream": True}
    site.double.default = broken
    try:
        events = site.d.stream("POST", RUN, site.d.admin_key, body)
        assert events[-1].kind == "error", events
    finally:
        site.double.default = "ok"
    assert kept(site) == before
    assert not site.hits(slug) and site.hits(slug) and kept(site) == before + 1


def test_a_stream_whose_client_leaves_is_not_kept(site):
    site.d.cli("site", "set", "demo", "--json-patch", json.dumps({"resume_grace_ms": 100}))
    site.d.wait_for_config()
    slug, before = site.profile(stream=True), kept(site)
    body = {"profile": slug, "user_input": "Why does it rain?", "context": {"course_id": HERE}, "user": {"id": "cache-left", "roles": ["teacher"]}, "stream": True}
    site.double.default = "endless?delay_ms=20"
    try:
        connection, response = site.d.open("POST", RUN, site.d.admin_key, body)
        assert response.status == 200 and response.read1(200)
        response.close(), connection.close()
        calls = lambda: site.d.request("GET", "/v1/register?user=cache-left", site.d.admin_key).json["calls"]  # noqa: E731
        wait_until(lambda: [c["state"] for c in calls()] == ["cancelled"], what="the end of the call")
    finally:
        site.double.default = "ok"
    assert kept(site) == before and not site.hits(slug) and site.hits(slug)


# ---- doors and tasks ----

def asked_at(site, door, slug, **headers):
    """How often the vendor was asked for a question at a door."""
    before, fields = len(site.double.requests()), {"X-Lectern-Course": HERE, **headers}
    messages = [{"role": "user", "content": "Why does it rain?"}]
    if door == "openai":
        answer = site.d.request("POST", "/openai/v1/chat/completions", site.d.admin_key, {"model": f"profile:{slug}", "messages": messages}, headers=fields)
    elif door == "ollama":
        answer = site.d.request("POST", "/ollama/api/chat", site.d.admin_key, {"model": f"profile:{slug}", "messages": messages, "stream": False}, headers=fields)
    else:
        context = quote(json.dumps({"courseId": HERE, "uiSlotSelectorId": slug}))
        answer = site.d.request("POST", f"/openedx-ai-extensions/v1/workflows/?context={context}", site.d.learner,
                                {"action": "run", "user_input": "Why does it rain?"}, headers=headers)
    assert answer.status == 200, answer
    return len(site.double.requests()) - before


@pytest.mark.parametrize("door", ["openai", "ollama", "openedx"])
def test_doors_heed_no_store(site, door):
    slug = site.profile()
    assert site.d.request("POST", "/v1/scopes", site.d.admin_key, {"profile_id": slug, "course_id": HERE, "ui_slot_selector_id": slug}).status == 201
    assert asked_at(site, door, slug, **{"Cache-Control": "no-store"}) == 1
    assert asked_at(site, door, slug) == 1  # the first was not kept
    assert asked_at(site, door, slug) == 0
    assert asked_at(site, door, slug, **{"Cache-Control": "no-store"}) == 1  # and is not looked up


@pytest.mark.parametrize("how", [{"no_store": True}, {"headers": {"Cache-Control": "no-store"}}])
def test_a_task_keeps_the_wish(site, how):
    slug = site.profile()

    def in_background(**more):
        before = len(site.double.requests())
        answer, _ = site.run(slug, **{"async": True}, **more)
        assert answer.status == 202, answer
        task = f"/v1/tasks/{answer.json['task_id']}"
        ended = wait_until(lambda: (t := site.d.request("GET", task, site.d.admin_key).json)["state"] in ("completed", "failed") and t, what="the task")
        assert ended["state"] == "completed", ended
        return len(site.double.requests()) - before

    before = kept(site)
    assert in_background(**how) == 1 and kept(site) == before
    assert in_background() == 1 and kept(site) == before + 1
    assert in_background() == 0 and in_background(**how) == 1


# ---- figures ----

def test_metrics_count_hits_and_misses_of_calls_with_a_cache(site):
    def figures():
        return [site.d.figure(f"lectern_response_cache_{name}_total") for name in ("hits", "misses")]

    slug, plain = site.profile(), site.profile(None)
    hits, misses = figures()
    site.hits(slug), site.hits(slug), site.hits(slug), site.hits(slug, no_store=True), site.hits(plain)
    assert figures() == [hits + 2, misses + 1]


def test_the_cost_report_has_what_was_saved(site):
    slug = site.profile()
    answers = [site.run(slug, user="cache-saved")[0] for _ in range(3)]
    register = [site.d.request("GET", f"/v1/register/{a.json['calls'][0]}", site.d.admin_key).json for a in answers]
    total = site.d.request("GET", "/v1/reports/cost?group_by=none&user=cache-saved", site.d.admin_key).json["total"]
    assert (total["calls"], total["cached_calls"]) == (3, 2), total
    assert total["saved_cost"] == sum(c["cached"]["saved_cost"] or 0 for c in register[1:])
    assert total["cost"] == sum(c.get("cost") or 0 for c in register)
    with connect(site.d.data / "lectern.db", timeout=60) as database:  # as if the first call had had a price
        database.execute("UPDATE answer_cache_hit SET saved_cost = 70 WHERE call_id IN (SELECT id FROM ai_call WHERE user_id = 'cache-saved')")
    total = site.d.request("GET", "/v1/reports/cost?group_by=none&user=cache-saved", site.d.admin_key).json["total"]
    assert total["saved_cost"] == 140
    usage = site.d.request("GET", "/v1/reports/usage?group_by=none&user=cache-saved", site.d.admin_key).json["total"]
    assert usage["calls"] == 3


# ---- guards, personal data ----

def set_site(site, **settings):
    answer = site.d.request("PATCH", "/v1/site", site.d.admin_key, {"settings": settings})
    assert answer.status == 200, answer
    site.d.wait_for_config()


def test_an_answer_that_passed_other_rules_is_not_given_again(site):
    rule = {"name": "no-word", "type": "pattern", "stage": "output", "mode": "block", "patterns": ["swordfish"]}
    slug = site.profile()
    assert not site.hits(slug) and site.hits(slug)
    try:
        set_site(site, guards=[rule])
        assert not site.hits(slug) and site.hits(slug)
        set_site(site, guards=[{**rule, "patterns": ["swordfish", "tuna"]}])
        assert not site.hits(slug) and site.hits(slug)
    finally:
        set_site(site, guards=[])
    assert site.hits(slug)  # of the beginning


MAIL = "zoe.brandt@example.org"


def test_nobody_is_shown_what_another_user_has_said(site):
    """Placeholders are a user's own, so the same question is another call; and one that stands in a shared answer stays what it is for others."""
    slug = site.profile({"ttl_s": 600, "scope": "course"})
    text = f"Write to {MAIL}, please."
    site.double.default = "echo"
    try:
        set_site(site, pii={"mode": "redact"})
        for user in ("cache-p1", "cache-p2"):
            answer, asked = site.run(slug, text, user=user)
            assert (answer.status, asked) == (200, 1) and MAIL in answer.json["response"]["response"], answer
            assert site.hits(slug, text=text, user=user)
        mark = re.findall(r"\[EMAIL_[A-Z2-7]{6}\]", json.dumps(site.double.requests()[-2]["body"]))[0]
        site.double.default = "ok?text=" + quote(f"The address is {mark}.")
        first, asked = site.run(slug, "Which address?", user="cache-p1")
        assert asked == 1
        second, asked = site.run(slug, "Which address?", user="cache-p2")
        assert asked == 0 and MAIL not in second.body.decode() and mark in second.json["response"]["response"], second
        assert not [row for row in site.rows("SELECT answer FROM answer_cache") if MAIL in row[0]]
    finally:
        site.double.default = "ok"
        set_site(site, pii={"mode": "off"})


# ---- crashes ----

def test_what_is_kept_after_sigkill_is_of_calls_that_ended_well(tmp_path):
    seed = time.time_ns()
    rng = random.Random(seed)
    print(f"seed {seed}")
    with Upstream() as double:
        d = Daemon(tmp_path / "data")
        add_vendor(d, double)
        d.cli("site", "set", "demo", "--json-patch", json.dumps({"policy_by_lms": True}))
        d.wait_for_config()
        slug, total = Site(d, double).profile(), 0
        for round in range(3):
            one, told = Site(d, double), []

            def ask(worker):
                for i in range(1000):
                    question = f"{round} {worker} {i}"
                    try:
                        if one.run(slug, question)[0].status == 200:
                            told.append(question)
                    except (OSError, http.client.HTTPException):
                        return

            workers = [threading.Thread(target=ask, args=(i,)) for i in range(4)]
            [w.start() for w in workers]
            wanted = rng.randrange(3, 12)
            wait_until(lambda: len(told) >= wanted, what="some answers")
            d.stop(signal.SIGKILL)
            [w.join() for w in workers]
            d = Daemon(tmp_path / "data")
            one = Site(d, double)
            with connect(d.data / "lectern.db", timeout=60) as db:
                assert is_sound(db)
            assert one.rows("SELECT count(*) FROM answer_cache a LEFT JOIN ai_call_end e ON e.call_id = a.call_id AND e.state = 'completed' "
                            "WHERE e.call_id IS NULL OR a.answer = ''") == [(0,)]
            total += len(told)
            assert one.rows("SELECT count(*) FROM answer_cache")[0][0] >= total
            for question in told:  # what was shown was durable, its entry with it
                assert one.hits(slug, text=question)
        check_end(d)


def test_an_entry_outlives_the_process(tmp_path):
    with Upstream() as double:
        first = Daemon(tmp_path / "data")
        add_vendor(first, double)
        first.cli("site", "set", "demo", "--json-patch", json.dumps({"policy_by_lms": True}))
        first.wait_for_config()
        one = Site(first, double)
        slug = one.profile()
        assert not one.hits(slug)
        first.stop(signal.SIGKILL)
        second = Daemon(tmp_path / "data")
        assert Site(second, double).hits(slug)
        check_end(second)
