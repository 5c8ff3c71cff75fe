"""The response cache: what is answered from it and what is not, and what such a call leaves behind. docs/response-cache.md is what is checked."""
import json
import signal
import sqlite3
import uuid

import pytest

from conftest import Daemon, add_vendor, check_end, wait_until
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
        with sqlite3.connect(f"file:{self.d.data / 'lectern.db'}?mode=ro", uri=True, timeout=60) as database:
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
