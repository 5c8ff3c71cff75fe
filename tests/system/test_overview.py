"""/v1/overview: the figures of the parts are those of the register, and what is so now is the site's own."""
import collections
import json

import pytest
from conftest import wait_until
from test_reports import CURRENCY, DAY, ZONE, day_of, iso, ms_of, nearest_rank, school, sums_of  # noqa: F401: a fixture

HOUR = 3600000


def overview(school, **query):
    return school.get("/v1/overview", **query)


def sums(calls):
    cost = sums_of("cost", calls)
    durations = [ms_of(c["completed_at"]) - ms_of(c["created_at"]) for c in calls if c["state"] == "completed"]
    return {**sums_of("usage", calls), **{f"p{p}_ms": nearest_rank(durations, p) if durations else None for p in (50, 95, 99)},
            "cost": cost["cost"], "unpriced_calls": cost["unpriced_calls"]}


@pytest.mark.parametrize("days, buckets, step_s", [(1, 24, 3600), (1, 4, 21600), (2, 120, 1800), (3, 6, 43200), (14, 20, 86400), (60, 24, 86400)])
def test_each_part_is_what_the_register_has_of_it(school, days, buckets, step_s):
    answer = overview(school, since=iso(school.now - days * DAY), until=iso(school.now), buckets=buckets)
    assert (answer["step_s"], answer["time_zone"], answer["currency"]) == (step_s, ZONE, CURRENCY)
    edges = [ms_of(part["at"]) for part in answer["series"]] + [ms_of(answer["until"])]
    assert edges == sorted(edges) and edges[0] == ms_of(answer["since"]) <= school.now - days * DAY
    if step_s < 86400:
        assert all(at % (step_s * 1000) == 0 for at in edges[:-1])
    else:
        assert len({day_of(part["at"]) for part in answer["series"]}) == len(answer["series"])
    for part, since, until in zip(answer["series"], edges[:-1], edges[1:], strict=True):
        calls = [c for c in school.register if since <= ms_of(c["created_at"]) < until]
        assert {k: v for k, v in part.items() if k != "at"} == sums(calls), part["at"]
    assert answer["total"] == sums([c for c in school.register if edges[0] <= ms_of(c["created_at"]) < edges[-1]])


def test_errors_are_told_by_provider_and_code(school):
    answer = overview(school, since=iso(school.now - 60 * DAY), until=iso(school.now))
    found = collections.Counter((a["instance"], a["code"]) for c in school.calls for a in c["attempts"] if not a["success"])
    assert {(e["provider"], e["code"]): e["count"] for e in answer["errors"]} == found
    counts = [e["count"] for e in answer["errors"]]
    assert counts == sorted(counts, reverse=True)


def test_without_a_word_it_is_the_last_day(school):
    answer = overview(school)
    assert answer["step_s"] == 3600 and 24 <= len(answer["series"]) <= 25
    assert ms_of(answer["until"]) - ms_of(answer["since"]) <= DAY + HOUR


@pytest.mark.parametrize("query, field", [({"buckets": 0}, "/buckets"), ({"buckets": 121}, "/buckets"), ({"buckets": "many"}, "/buckets"),
                                          ({"since": "yesterday"}, "/since"), ({"until": "2026-13-01"}, "/until"),
                                          ({"since": "2026-11-21", "until": "2026-11-01"}, "/since"), ({"since": "2020-01-01", "until": "2026-01-01"}, "/since")])
def test_what_cannot_be_meant_is_refused_by_field(school, query, field):
    answer = school.ask("/v1/overview", **query)
    assert answer.status == 400 and answer.json["field"] == field, answer


def test_who_may_not_see_money_sees_none(school):
    d = school.daemon
    assert "cost" in overview(school)["total"]
    d.cli("limit", "set", "subject=site", "unit=cost", "amount=5", "window=month", "--site", "demo")
    d.cli("limit", "set", "subject=site", "unit=requests", "amount=100000", "window=month", "--site", "demo")
    assert d.request("PUT", "/v1/permissions", d.admin_key, {"role": "service", "permission": "view_cost", "allowed": False}).status == 200
    wait_until(lambda: len(overview(school)["budgets"]) == 2, what="the limits")
    assert [b["unit"] for b in overview(school)["budgets"]] == ["cost", "requests"]
    poor = school.get("/v1/overview", key=d.service_key)
    assert "cost" not in poor["total"] and not any("cost" in part for part in poor["series"])
    assert [b["unit"] for b in poor["budgets"]] == ["requests"]
    assert poor["budgets"][0]["left"] == 100000 - poor["budgets"][0]["used"]


def test_the_stop_the_providers_and_what_is_set_up(school):
    d = school.daemon
    before = overview(school)
    assert before["stop"]["stopped"] is False
    assert {p["name"]: (p["enabled"], p["configured"], p["circuit"]["state"]) for p in before["providers"]}["extract"] == (True, True, "closed")
    assert d.request("PUT", "/v1/placements/chat", d.admin_key, {"enabled": False}).status == 200
    assert d.request("POST", "/v1/profiles", d.admin_key, {"slug": "another", "base_filepath": "mock/mock.json5"}).status == 201
    assert d.request("PUT", "/v1/emergency-stop", d.admin_key, {"reason": "A test."}).status == 200
    after = overview(school)
    assert after["stop"]["site"]["reason"] == "A test." and after["stop"]["stopped"] is True
    assert after["counts"]["placements_on"] == before["counts"]["placements_on"] - 1
    assert after["counts"]["profiles"] == before["counts"]["profiles"] + 1
    assert d.request("DELETE", "/v1/emergency-stop", d.admin_key).status == 200


def test_another_site_has_its_own_figures(school):
    key = json.loads(school.daemon.cli("--json", "key", "add", "--site", "b", "--role", "site_admin"))["key"]
    wait_until(lambda: school.ask("/v1/overview", key).status == 200, what="the key of b")
    query = {"since": iso(school.now - 60 * DAY), "until": iso(school.now)}
    here, there = overview(school, **query), school.get("/v1/overview", key=key, **query)
    assert here["total"]["calls"] == len(school.calls) and 0 < there["total"]["calls"] < len(school.calls)
    assert there["providers"] == [] and there["counts"]["providers"] == 0 and there["counts"]["profiles"] == 0
