"""Limits, prices and budgets: who is refused when, what is counted, what it costs, and that a kill forgets nothing of it."""
import collections
import concurrent.futures
import json
import signal

import pytest
from conftest import Daemon, add_vendor, check_end, wait_until
from database import SPENT, connect

CLIENTS = 64
TEXT = "Plants take in light. They make sugar of it with water and air. Animals eat the plants. So all food begins with light."


@pytest.fixture()
def site(tmp_path, upstream):
    """A daemon whose site asks for no policy, and the double as its first provider."""
    d = Daemon(tmp_path / "data", "--threads", "2")
    d.cli("site", "set", "demo", "policy_by_lms=true", "resume_grace_ms=0")
    d.vendor = add_vendor(d, upstream)
    yield d
    check_end(d)


def limit(d, **form):
    answer = d.request("POST", "/v1/limits", d.admin_key, {"unit": "requests", "window": "fixed", **({"window_s": 3600} if "window" not in form else {}), **form})
    assert answer.status in (200, 201), answer
    return answer.json["id"]


def ask(d, user="ann", key=None, roles=("teacher",), **body):
    body = {"input": {"prompt": "Why does it rain?"}, **body}
    if not key:
        body["user"] = {"id": user, "roles": list(roles)}
    return d.request("POST", "/v1/actions/generate_text", key or d.service_key, body, timeout=120)


def used(d, number, user="ann", key=None):
    path = f"/v1/quota?user_id={user}&role=teacher" if not key else "/v1/quota"
    quotas = d.request("GET", path, key or d.service_key).json["limits"]
    return next(q["used"] for q in quotas if q["limit"] == number)


def used_of(d, user, course):
    """(used, left) of all limits of the user in the course."""
    quotas = d.request("GET", f"/v1/quota?user_id={user}&role=teacher&course_id={course}", d.service_key).json["limits"]
    return [(q["used"], q["left"]) for q in quotas]


def rows(d, sql, *values):
    with connect(f"file:{d.data / 'lectern.db'}?mode=ro", uri=True) as db:
        return db.execute(sql, values).fetchall()


# ---- Moodle's cases, each instance for itself; those with a clock are in tests/unit/test_limits.c ----


def test_case_41_a_user_s_limit_of_an_instance(site):
    limit(site, subject="provider", subject_id="vendor", amount=3, per_user=True)
    limit(site, subject="provider", subject_id="vendor", amount=5)
    assert [ask(site, "1").status for _ in range(3)] == [200] * 3
    denied = ask(site, "1")
    assert denied.status == 429 and denied.json["code"] == "rate_limited" and "this user" in denied.json["detail"], denied
    assert 3500 < int(denied.headers["Retry-After"]) <= 3601 and denied.json["retry_after"] == int(denied.headers["Retry-After"])


def test_case_42_the_limit_for_all_of_an_instance(site, upstream):
    limit(site, subject="provider", subject_id="vendor", amount=3, per_user=True)
    limit(site, subject="provider", subject_id=str(site.vendor), amount=5)
    assert [ask(site, "1").status for _ in range(3)] + [ask(site, "2").status for _ in range(2)] == [200] * 5
    denied = ask(site, "2")
    assert denied.status == 429 and "for all" in denied.json["detail"], denied
    add_vendor(site, upstream, "other", first=False)
    assert ask(site, "2").status == 200  # another instance of the same plugin counts for itself


def test_the_next_instance_is_asked_when_one_has_reached_its_limit(site, upstream):
    add_vendor(site, upstream, "second", first=False)
    limit(site, subject="provider", subject_id="vendor", amount=1)
    assert [ask(site, key=site.admin_key).json["provider"]["name"] for _ in range(2)] == ["vendor", "second"]
    attempts = ask(site, key=site.admin_key).json["attempts"]
    assert [(a["provider"], a["code"]) for a in attempts] == [("vendor", "rate_limited"), ("second", "ok")]


# ---- exactly ----


@pytest.mark.parametrize("window", ["fixed", "sliding", "day", "month"])
def test_64_clients_at_once_get_exactly_as_many_answers_as_there_are(site, upstream, window):
    number = limit(site, subject="site", amount=23, window=window, **({"window_s": 86400} if window in ("fixed", "sliding") else {}))
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(pool.map(lambda i: ask(site, f"user-{i}").status, range(CLIENTS)))
    assert collections.Counter(answers) == {200: 23, 429: CLIENTS - 23}
    assert used(site, number) == 23 and len(upstream.requests()) == 23


def test_what_another_limit_refuses_is_not_spent(site):
    own = limit(site, subject="user", amount=10)
    course = limit(site, subject="course", amount=1)
    whole = limit(site, subject="site", amount=10)
    assert ask(site, context={"course_id": "c1"}).status == 200
    assert [ask(site, context={"course_id": "c1"}).status for _ in range(3)] == [429] * 3
    assert (used(site, own), used(site, whole)) == (1, 1)
    quotas = site.request("GET", "/v1/quota?user_id=ann&role=teacher&course_id=c1", site.service_key).json["limits"]
    assert {q["limit"]: q["left"] for q in quotas} == {own: 9, course: 0, whole: 9}
    assert ask(site, context={"course_id": "c2"}).status == 200  # each course has its own


def test_a_call_counts_when_a_vendor_was_asked(site, upstream):
    number = limit(site, subject="site", amount=100)
    assert ask(site, input={}).status == 400  # refused at the gates
    assert used(site, number) == 0
    upstream.default = "status?code=500"
    assert ask(site).status >= 500
    assert used(site, number) == 1
    site.cli("provider", "set", "vendor", "enabled=false")
    wait_until(lambda: ask(site).json["code"] == "no_provider", 60, "the configuration, at one loop")
    wait_until(lambda: all(ask(site).json["code"] == "no_provider" for _ in range(10)), 60, "the configuration, at all of them")
    before = used(site, number)
    assert ask(site).json["code"] == "no_provider" and used(site, number) == before


def test_roles_and_actions_have_limits_of_their_own(site):
    limit(site, subject="role", subject_id="teacher", amount=1, action="generate_text")
    assert [ask(site).status, ask(site).status] == [200, 429]
    assert ask(site, "bob").status == 200  # each of them
    assert ask(site, roles=("manager",)).status == 200
    text = {"input": {"text": TEXT}, "user": {"id": "ann", "roles": ["teacher"]}}
    assert site.request("POST", "/v1/actions/summarise_text", site.service_key, text).status == 200


def test_a_limit_of_a_role_counts_for_who_has_it_in_the_course(site):
    limit(site, subject="role", subject_id="student", amount=1)
    site.cli("role", "add", "ann", "student", "--course", "c1")
    here = {"context": {"course_id": "c1"}, "roles": ("teacher",)}
    assert used_of(site, "ann", "c1") == [(0, 1)] and used_of(site, "ann", "c2") == []
    assert [ask(site, **here).status for _ in range(2)] == [200, 429]
    assert used_of(site, "ann", "c1") == [(1, 0)]
    assert [ask(site, user="bob", **here).status for _ in range(2)] == [200, 200]
    assert [ask(site, context={"course_id": "c2"}).status for _ in range(2)] == [200, 200]


def test_who_is_refused_reads_which_limit_it_was(site):
    number = limit(site, subject="user", amount=1, action="generate_text")
    first, refused = ask(site), ask(site)
    assert (first.status, refused.status) == (200, 429)
    assert refused.json["limit"] == {"id": number, "subject": "user", "per_user": True, "action": "generate_text", "unit": "requests", "amount": 1,
                                     "window": "fixed"}
    assert int(refused.headers["Retry-After"]) == refused.json["retry_after"] > 0


def test_who_has_nothing_left_is_not_offered_the_action(site):
    limit(site, subject="user", amount=1, action="generate_text")

    def offered():
        listed = site.request("GET", "/v1/actions?user_id=ann&role=teacher", site.service_key).json["actions"]
        return {a["name"]: a.get("reason", "yes") for a in listed}

    assert [offered()["generate_text"] for _ in range(3)] == ["yes"] * 3  # looking spends nothing
    assert ask(site).status == 200
    assert offered()["generate_text"] == "rate_limited" and offered()["summarise_text"] == "yes"


def test_a_try_of_an_administrator_is_at_nobody_s_expense(site):
    number = limit(site, subject="site", amount=0)
    assert ask(site, key=site.admin_key).status == 429
    assert site.request("POST", f"/v1/providers/{site.vendor}/test", site.admin_key, {}).json["success"] is True
    assert used(site, number, key=site.admin_key) == 0


# ---- what is kept ----


def start_again(d):
    new = Daemon(d.data, "--threads", "2")
    d.process, d.errors, d.port, d.keys, d.base_url = new.process, new.errors, new.port, new.keys, new.base_url


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_restart_forgets_nothing(site, how):
    kinds = {w: limit(site, subject="user", amount=3, window=w, **({"window_s": 7200} if w in ("fixed", "sliding") else {}))
             for w in ("fixed", "sliding", "day", "week", "month")}
    assert [ask(site).status for _ in range(2)] == [200, 200]
    site.stop(how)
    start_again(site)
    assert {w: used(site, n) for w, n in kinds.items()} == dict.fromkeys(kinds, 2)
    assert [ask(site).status for _ in range(2)] == [200, 429]


def test_what_a_killed_process_had_under_way_counts(site, upstream):
    requests = limit(site, subject="user", amount=10)
    tokens = limit(site, subject="user", unit="tokens", amount=100000)
    upstream.default = "stall"
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(lambda: pytest.raises(Exception, ask, site))
        wait_until(lambda: len(upstream.requests()) == 1, 60, "the call")
        wait_until(lambda: len(rows(site, "SELECT * FROM usage_counter WHERE used > 1")) == 1, 60, "what it may need at most")
        site.stop(signal.SIGKILL)
        running.result(60)
    start_again(site)
    assert used(site, requests) == 1
    assert used(site, tokens) >= 4096  # as much as the answer might have had


# ---- tokens ----


def test_tokens_are_reserved_at_most_and_settled_to_what_was_used(site, upstream):
    number = limit(site, subject="user", unit="tokens", amount=6000)
    first = ask(site)
    body = upstream.requests()[-1]["body"]
    assert body.get("max_tokens", body.get("max_completion_tokens")) == 4096
    assert first.status == 200 and used(site, number) == first.json["usage"]["total_tokens"]
    assert ask(site).status == 200  # what the first did not need is there for others
    limit(site, subject="user", unit="tokens", amount=4000)  # less than one call may need
    denied = ask(site)
    assert denied.status == 429 and "more than all" in denied.json["detail"] and "Retry-After" not in denied.headers, denied
    assert len(upstream.requests()) == 2 and used(site, number) == 2 * first.json["usage"]["total_tokens"]


def test_a_call_that_is_cancelled_counts_what_it_may_have_used(site, upstream):
    requests = limit(site, subject="user", amount=10)
    tokens = limit(site, subject="user", unit="tokens", amount=100000)
    upstream.default = "endless?delay_ms=5"
    connection, answer = site.open("POST", "/v1/actions/generate_text", site.service_key,
                                   {"input": {"prompt": "Why does it rain?"}, "stream": True, "user": {"id": "ann", "roles": ["teacher"]}}, timeout=60)
    assert answer.status == 200 and answer.read(200)
    assert used(site, tokens) > 4096  # reserved as long as it runs
    connection.close()
    wait_until(lambda: rows(site, "SELECT state FROM ai_call_end") == [("cancelled",)], 60, "the end")
    assert used(site, requests) == 1 and 0 < used(site, tokens) < 4096
    kept = rows(site, f"SELECT limit_id, {SPENT} FROM usage_counter c ORDER BY limit_id")
    assert kept == [(requests, 1), (tokens, used(site, tokens))]


# ---- money ----


def test_money_is_counted_in_integers_and_frozen_when_it_was_spent(site, upstream):
    site.cli("price", "set", "provider=vendor", "model=m", "input=2500000", "output=10000000")
    wait_until(lambda: site.request("GET", "/v1/prices", site.admin_key).json["prices"], 60, "the price")
    answer = ask(site, key=site.admin_key).json
    usage = answer["usage"]
    cost = -(-(usage["prompt_tokens"] * 2500000 + usage["completion_tokens"] * 10000000) // 1000000)
    assert usage["cost"] == cost > 0 and usage["currency"] == "USD"
    site.cli("price", "set", "provider=vendor", "model=m", "input=1", "output=1")
    wait_until(lambda: len(site.request("GET", "/v1/prices", site.admin_key).json["prices"]) == 2, 60, "the new price")
    assert ask(site, key=site.admin_key).json["usage"]["cost"] == 1  # rounded up
    kept = site.request("GET", f"/v1/actions/calls/{answer['id']}", site.admin_key).json
    assert kept["usage"]["cost"] == cost and kept["attempts"][0]["cost"] == cost
    assert site.request("GET", "/v1/register", site.admin_key).json["calls"][1]["cost"] == cost


def test_learners_never_see_money(site):
    site.cli("price", "set", "input=2500000", "output=10000000")
    limit(site, subject="site", unit="cost", amount=10**9, window="month")
    count = limit(site, subject="user", amount=100)
    site.cli("permission", "set", "student", "action:generate_text", "on")
    site.cli("permission", "set", "student", "view_cost", "on")  # not even so
    wait_until(lambda: ask(site, key=site.learner).status == 200, 60, "the permission")
    answer = ask(site, key=site.learner)
    assert "cost" not in answer.json["usage"] and "currency" not in answer.json["usage"], answer
    quota = site.request("GET", "/v1/quota", site.learner)
    assert [q["limit"] for q in quota.json["limits"]] == [count]
    limit(site, subject="site", unit="cost", amount=0, window="month")
    denied = ask(site, key=site.learner)
    assert denied.status == 429 and denied.json["code"] == "budget_exceeded"
    assert "limit" not in denied.json["detail"] and "millionths" not in denied.json["detail"], denied
    assert "limit" not in denied.json and "limit" in ask(site, key=site.admin_key).json


def test_what_has_no_price_is_not_free(site):
    answer = ask(site, key=site.admin_key).json
    assert "cost" not in answer["usage"]
    assert rows(site, "SELECT cost FROM ai_call_end WHERE completed_at = (SELECT MAX(completed_at) FROM ai_call_end)") == [(None,)]
    limit(site, subject="site", unit="cost", amount=10**12, window="month")
    denied = ask(site)
    assert denied.status == 429 and denied.json["code"] == "budget_exceeded" and "no price" in denied.json["detail"], denied


def summarise(d):
    return d.request("POST", "/v1/actions/summarise_text", d.admin_key, {"input": {"text": TEXT}})


def test_a_budget_that_is_spent_stops_or_leaves_what_costs_nothing(site):
    site.cli("price", "set", "provider=vendor", "input=1000000", "output=1000000")
    hard = limit(site, subject="site", unit="cost", amount=20000, window="month")
    assert summarise(site).json["provider"]["name"] == "vendor"
    site.request("PATCH", f"/v1/limits/{hard}", site.admin_key, {"amount": 1})
    denied = summarise(site)
    assert denied.status == 429 and denied.json["code"] == "budget_exceeded" and int(denied.headers["Retry-After"]) > 0, denied
    assert site.request("PATCH", f"/v1/limits/{hard}", site.admin_key, {"when_spent": "fallback"}).json["when_spent"] == "fallback"
    spared = summarise(site).json
    assert spared["provider"]["name"] != "vendor" and spared["usage"]["cost"] == 0, spared
    site.request("PATCH", f"/v1/limits/{hard}", site.admin_key, {"when_spent": "notice"})
    assert summarise(site).json["provider"]["name"] == "vendor"


def test_64_clients_at_once_never_spend_more_than_the_budget(site):
    site.cli("price", "set", "provider=vendor", "input=1000000", "output=1000000")
    wait_until(lambda: site.request("GET", "/v1/prices", site.admin_key).json["prices"], 60, "the price")
    cost = ask(site, key=site.admin_key).json["usage"]["cost"]
    number = limit(site, subject="site", unit="cost", amount=20000, window="month")  # about four calls at their worst, many at what they come to
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(pool.map(lambda i: ask(site, f"user-{i}"), range(CLIENTS)))
    done = [a for a in answers if a.status == 200]
    assert done and {a.status for a in answers} <= {200, 429}
    spent = used(site, number, key=site.admin_key)
    assert spent == len(done) * cost <= 20000
    late = {(a.headers["Retry-After"], a.json["detail"]) for a in answers if a.status == 429 and a.headers["Retry-After"] != "1"}
    assert not late or spent > 15000, late  # else it is only reserved, and soon settled; clients that come one after the other do spend it
    assert site.request("PATCH", f"/v1/limits/{number}", site.admin_key, {"amount": spent + 5000}).status == 200
    assert ask(site).status == 200, "nothing is reserved any more"


def test_80_and_100_percent_are_told_once(site):
    site.cli("price", "set", "provider=vendor", "input=0", "output=0", "request=30")
    number = limit(site, subject="site", unit="cost", amount=100, window="month", when_spent="notice")
    for told in ([], [], [80], [80, 100], [80, 100]):
        assert ask(site, key=site.admin_key).json["usage"]["cost"] == 30
        assert [p for p, in rows(site, "SELECT percent FROM usage_notice WHERE limit_id = ? ORDER BY percent", number)] == told
    assert site.log().count("budget.used") == 2
    assert used(site, number, key=site.admin_key) == 150
    notices = site.request("GET", "/v1/limits/notices", site.admin_key).json
    assert [(n["limit"], n["percent"], n["of"], n["user_id"]) for n in notices["notices"]] == [(number, 100, "", ""), (number, 80, "", "")]
    page = site.request("GET", "/v1/limits/notices?limit=1", site.admin_key).json
    assert site.request("GET", f"/v1/limits/notices?limit=1&before={page['next']}", site.admin_key).json["notices"] == notices["notices"][1:]
    assert [n["percent"] for n in json.loads(site.cli("--json", "limit", "notices"))] == [100, 80]


def test_a_notice_says_whose_budget_it_is(site):
    site.cli("price", "set", "provider=vendor", "input=0", "output=0", "request=30")
    limit(site, subject="course", per_user=True, unit="cost", amount=30, window="day", when_spent="notice")
    assert ask(site, context={"course_id": "c1"}).status == 200
    notices = site.request("GET", "/v1/limits/notices", site.admin_key).json["notices"]
    assert [(n["of"], n["user_id"], n["percent"]) for n in notices] == [("c1", "ann", 100)]


# ---- administration ----


@pytest.mark.parametrize("form, field", [
    ({"subject": "planet"}, "/subject"), ({"unit": "steps"}, "/unit"), ({"amount": -1}, "/amount"), ({"window": "year"}, "/window"),
    ({"window_s": 0}, "/window_s"), ({"window": "day", "window_s": 5}, "/window_s"), ({"subject": "role", "subject_id": "king"}, "/subject_id"),
    ({"subject": "provider", "subject_id": "none"}, "/subject_id"), ({"subject_id": "x"}, "/subject_id"), ({"action": "sing"}, "/action"),
    ({"when_spent": "fallback"}, "/when_spent"), ({"subject": "user", "per_user": False}, "/per_user"), ({"more": 1}, "/more")])
def test_a_limit_that_makes_no_sense_is_refused_with_its_field(shared, form, field):
    body = {"subject": "site", "unit": "requests", "amount": 1, "window": "fixed", "window_s": 60, **form}
    answer = shared.request("POST", "/v1/limits", shared.admin_key, body)
    assert answer.status == 400 and answer.json["code"] == "invalid_input" and answer.json["field"].startswith(field), answer


def test_limits_are_set_listed_changed_and_removed(site):
    first = limit(site, subject="site", amount=5)
    assert limit(site, subject="site", amount=7) == first  # the same but for its amount
    second = json.loads(site.cli("--json", "limit", "set", "subject=course", "subject_id=c1", "unit=tokens", "amount=10", "window=week"))["id"]
    listed = wait_until(lambda: (found := site.request("GET", "/v1/limits", site.admin_key).json["limits"])[1:] and found, 60, "the second limit")
    assert [(x["id"], x["amount"], x["window"]) for x in listed] == [(first, 7, "fixed"), (int(second), 10, "week")]
    page = site.request("GET", "/v1/limits?limit=1", site.admin_key).json
    assert page["next"] == first and [x["id"] for x in page["limits"]] == [first]
    assert site.request("PATCH", f"/v1/limits/{second}", site.admin_key, {"amount": 11}).json["amount"] == 11
    assert len(json.loads(site.cli("--json", "limit", "list"))) == 2
    assert site.request("DELETE", f"/v1/limits/{first}", site.admin_key).status == 204
    assert site.request("DELETE", f"/v1/limits/{first}", site.admin_key).status == 404
    site.cli("limit", "remove", second)
    assert site.cli("limit", "remove", second, check=False).returncode == 1
    assert json.loads(site.cli("--json", "limit", "list")) == []


def test_a_limit_is_changed_only_as_it_was_seen(site):
    number = limit(site, subject="site", amount=5)
    seen = site.request("GET", f"/v1/limits/{number}", site.admin_key)
    assert (seen.status, seen.json["amount"]) == (200, 5)
    match = {"If-Match": seen.headers["ETag"]}
    assert site.request("PATCH", f"/v1/limits/{number}", site.admin_key, {"amount": 6}, match).json["amount"] == 6
    assert site.request("PATCH", f"/v1/limits/{number}", site.admin_key, {"amount": 7}, match).status == 412
    assert site.request("GET", f"/v1/limits/{number}", site.admin_key).json["amount"] == 6
    assert site.request("GET", "/v1/limits/999999", site.admin_key).status == 404


def test_the_list_says_what_is_used_where_one_counter_is_for_all(site):
    forms = {"site": {}, "course": {"subject_id": "c1"}, "user": {"subject_id": "ann"}, "provider": {"subject_id": "vendor"}, "role": {"subject_id": "teacher", "per_user": False}}
    one = {limit(site, subject=name, amount=10, **form) for name, form in forms.items()}
    each = {limit(site, subject="course", amount=10), limit(site, subject="user", amount=10), limit(site, subject="provider", amount=10),
            limit(site, subject="role", subject_id="teacher", amount=10), limit(site, subject="site", per_user=True, amount=10)}
    tags = {n: site.request("GET", f"/v1/limits/{n}", site.admin_key).headers["ETag"] for n in one}
    assert ask(site, context={"course_id": "c1"}).status == 200
    listed = {row["id"]: row for row in site.request("GET", "/v1/limits", site.admin_key).json["limits"]}
    assert {n: (row["used"], row["left"]) for n, row in listed.items()} == {**dict.fromkeys(one, (1, 9)), **dict.fromkeys(each, (None, None))}
    for n in one:
        answer = site.request("GET", f"/v1/limits/{n}", site.admin_key)
        assert (answer.json["used"], answer.json["currency"], answer.headers["ETag"]) == (1, "USD", tags[n])  # use is no change


def test_prices_are_set_listed_and_removed(site):
    bad = site.request("POST", "/v1/prices", site.admin_key, {"input": 1, "output": 1, "valid_from": "soon"})
    assert bad.status == 400 and bad.json["field"] == "/valid_from"
    made = site.request("POST", "/v1/prices", site.admin_key, {"model": "m", "input": 3, "output": 4, "valid_from": "2026-01-01T00:00:00Z"})
    assert made.status == 201 and made.json["cached_input"] == 3 and made.json["currency"] == "USD", made
    assert [p["id"] for p in site.request("GET", "/v1/prices", site.admin_key).json["prices"]] == [made.json["id"]]
    assert site.request("DELETE", f"/v1/prices/{made.json['id']}", site.admin_key).status == 204
    assert site.request("DELETE", f"/v1/prices/{made.json['id']}", site.admin_key).status == 404


def test_the_zone_and_the_currency_are_checked(site):
    assert site.cli("site", "set", "demo", "time_zone=Nowhere/City", check=False).returncode == 1
    assert site.cli("site", "set", "demo", "currency=euro", check=False).returncode == 1
    site.cli("site", "set", "demo", "time_zone=Europe/Berlin", "currency=EUR")
    wait_until(lambda: site.request("GET", "/v1/quota", site.admin_key).json["time_zone"] == "Europe/Berlin", 60, "the zone")
