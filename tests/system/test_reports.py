"""Reports against the real daemon: every sum is the one that Python makes of the register, every view a part of the whole, every form the same table."""
import collections
import contextlib
import csv
import datetime
import io
import json
import os
import random
import threading
import time
import urllib.parse
import zoneinfo

import pytest
from conftest import Daemon, add_vendor, check_end, wait_until
from database import connect
from double.upstream import Upstream
from test_roles import Lms, take_issuer, token

ZONE, CURRENCY = "Asia/Kathmandu", "EUR"  # days begin at 18:15 UTC
COURSES = ["course-v1:Org+A+Run", "course-v1:Org+B+Run", "=2+3", ""]
PEOPLE = [f"u{n}" for n in range(12)]
PROVIDERS = {"alpha": ["a-small", "a-large"], "beta, \"ß\"": ["b"], "@gamma": ["g"]}
STATES = ["completed"] * 12 + ["failed"] * 3 + ["refused"] * 2 + ["cancelled", "interrupted", "running"]
CODES = ["upstream_timeout", "upstream_unavailable", "upstream_bad_request"]
DAY = 86400000
SEED = int(os.environ.get("LECTERN_SEED", "20261121"))
KEYS = {"provider": "provider", "model": "model", "action": "action", "course": "course_id", "placement": "placement", "user": "user_id", "state": "state"}
CALLS = 4000


# ---- records ----


def make_id(ms, number):
    """UUIDv7 with a number in it that tells it from others."""
    return (ms << 80 | 7 << 76 | 2 << 62 | number).to_bytes(16, "big")


def random_call(dice, number, now):
    ms = now - dice.randrange(40 * DAY) - 1000
    state = dice.choice(STATES)
    call = {"id": make_id(ms - dice.choice([0, 0, 3, 900]), number), "site": 1, "user_id": dice.choice(PEOPLE), "course_id": dice.choice(COURSES),
            "action": dice.choice(["generate_text", "summarise_text"]), "placement": dice.choice(["chat", "editor", ""]), "created_at": ms, "state": state,
            "code": "", "model": "", "tokens": (None, None, None), "cost": None, "attempts": [], "ms": dice.choice([0, 1, 7, 80, dice.randrange(60000)])}
    tried = 0 if state in ("refused", "running") else dice.choice([1, 1, 1, 2, 3])
    for n in range(tried):
        last = n == tried - 1 and state == "completed"
        provider = dice.choice(list(PROVIDERS))
        call["attempts"].append({"instance": provider, "model": dice.choice(PROVIDERS[provider]), "success": int(last), "ms": dice.randrange(5000),
                                 "code": "" if last else dice.choice(CODES), "status": 0 if last else dice.choice([0, 429, 500])})
    if state == "completed":
        call["model"] = call["attempts"][-1]["model"]
    if state != "completed":
        call["code"] = {"refused": "policy_not_accepted", "failed": "upstream_timeout"}.get(state, "" if state == "running" else state)
    if tried:
        a, b = dice.randrange(500), dice.randrange(500)
        call["tokens"] = dice.choice([(a, b, a + b)] * 4 + [(None, None, None), (a, None, None)])
        call["cost"] = dice.choice([None, 0, dice.randrange(10**7)])
    return call


def write(database, calls):
    with contextlib.closing(connect(database, timeout=60)) as db, db:
        for c in calls:
            db.execute("INSERT INTO ai_call (id, site_id, user_id, action, course_id, location_id, placement, created_at) VALUES (?, ?, ?, ?, ?, '', ?, ?)",
                       (c["id"], c["site"], c["user_id"], c["action"], c["course_id"], c["placement"], c["created_at"]))
            for n, a in enumerate(c["attempts"], 1):
                db.execute("INSERT INTO ai_call_attempt (call_id, n, instance_id, instance, plugin, model, success, code, vendor_status, detail, duration_ms)"
                           " VALUES (?, ?, 1, ?, 'p', ?, ?, ?, ?, '', ?)", (c["id"], n, a["instance"], a["model"], a["success"], a["code"], a["status"], a["ms"]))
            if c["state"] != "running":
                db.execute("INSERT INTO ai_call_end (call_id, state, code, detail, model, prompt_tokens, completion_tokens, total_tokens, completed_at, cost)"
                           " VALUES (?, ?, ?, '', ?, ?, ?, ?, ?, ?)", (c["id"], c["state"], c["code"], c["model"], *c["tokens"], c["created_at"] + c["ms"], c["cost"]))


class School:
    def __init__(self, folder):
        self.seed = SEED
        print(f"LECTERN_SEED={self.seed}")
        self.dice = random.Random(self.seed)
        self.daemon = Daemon(folder / "data")
        self.daemon.cli("site", "set", "demo", f"time_zone={ZONE}", f"currency={CURRENCY}", "policy_by_lms=true")
        self.daemon.cli("site", "add", "b")
        take_issuer(self.daemon, folder / "secret")
        self.now = int(time.time() * 1000)
        calls = [random_call(self.dice, n, self.now) for n in range(CALLS)]
        for call in calls[::10]:
            call["site"] = 2
        write(self.daemon.data / "lectern.db", calls)
        self.calls = [c for c in calls if c["site"] == 1]
        self.attempts = {c["id"]: c["attempts"] for c in self.calls}
        self.register = self.read_register()
        assert len(self.register) == len(self.calls)

    def read_register(self):
        found, before = [], None
        while before or not found:
            page = self.get("/v1/register", limit=1000, **({"before": before} if before else {}))
            found += page["calls"]
            before = page["next"]
            if not before:
                return found

    def ask(self, path, key=None, headers=None, **query):
        return self.daemon.request("GET", path + "?" + urllib.parse.urlencode(query, doseq=True), key or self.daemon.admin_key, headers=headers)

    def get(self, path, key=None, **query):
        answer = self.ask(path, key, **query)
        assert answer.status == 200, answer
        return answer.json


@pytest.fixture(scope="module")
def school(tmp_path_factory):
    s = School(tmp_path_factory.mktemp("reports"))
    yield s
    check_end(s.daemon)


# ---- the same in Python ----


def ms_of(text):
    return int(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000 + 0.5)


def day_of(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(zoneinfo.ZoneInfo(ZONE)).date().isoformat()


def key_of(call, names):
    return tuple(day_of(call["created_at"]) if name == "day" else call[KEYS[name]] for name in names)


def sums_of(kind, calls):
    if kind == "cost":
        calls = [c for c in calls if c["state"] not in ("refused", "running")]
        priced = [c["cost"] for c in calls if "cost" in c]
        return {"currency": CURRENCY, "calls": len(calls), "priced_calls": len(priced), "unpriced_calls": len(calls) - len(priced), "cost": sum(priced),
                "cached_calls": 0, "saved_cost": 0}
    states = collections.Counter(c["state"] for c in calls)
    tokens = {name: sum(c[name] or 0 for c in calls) for name in ("prompt_tokens", "completion_tokens", "total_tokens")}
    unknown = sum(c["total_tokens"] is None and c["state"] not in ("refused", "running") for c in calls)
    return {"calls": len(calls), "succeeded": states["completed"], **{s: states[s] for s in ("failed", "refused", "cancelled", "interrupted", "running")},
            **tokens, "unknown_token_calls": unknown}


def grouped(kind, calls, names):
    if kind == "cost":
        calls = [c for c in calls if c["state"] not in ("refused", "running")]
    groups = collections.defaultdict(list)
    for call in calls:
        groups[key_of(call, names)].append(call)
    return {key: sums_of(kind, of) for key, of in groups.items()}


def table_of(report):
    names = report["group_by"]
    rows = {tuple(row[n] for n in names): {k: v for k, v in row.items() if k not in names} for row in report["rows"]}
    assert len(rows) == len(report["rows"]) == report["rows_total"]
    return rows


def chosen(school, query):
    since, until = query["since"], query["until"]
    return [c for c in school.register if since <= ms_of(c["created_at"]) < until
            and all(c[{"user": "user_id"}.get(name, name)] == value for name, value in query.items() if name not in ("since", "until"))]


def iso(ms):
    return datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def random_query(school, dice):
    query = {"until": school.now - dice.choice([0, 1, 5]) * DAY}
    query["since"] = query["until"] - dice.choice([1, 7, 29, 60]) * DAY - dice.randrange(DAY)
    for name, values in {"course_id": COURSES[:3], "provider": list(PROVIDERS), "model": ["a-small", "b"], "action": ["generate_text"], "user": PEOPLE,
                         "state": sorted(set(STATES))}.items():
        if dice.random() < 0.2:
            query[name] = dice.choice(values)
    return query


def test_every_sum_is_the_one_of_the_register(school):
    dice = random.Random(school.seed + 1)
    rows = 0
    for _ in range(60):
        kind, query = dice.choice(["usage", "cost"]), random_query(school, dice)
        names = dice.sample([*KEYS, "day"], dice.randrange(4))
        calls = chosen(school, query)
        said = {**query, "since": iso(query["since"]), "until": iso(query["until"])}
        report = school.get(f"/v1/reports/{kind}", group_by=",".join(names) or "none", limit=10000, **said)
        if names:
            assert table_of(report) == grouped(kind, calls, names), (kind, names, said)
        else:
            assert report["rows"] == [report["total"]]
        assert report["total"] == sums_of(kind, calls), (kind, said)
        assert (report["since"], report["until"], report["time_zone"], report["next"]) == (said["since"], said["until"], ZONE, None)
        rows += len(report["rows"])
    assert rows > 1000


@pytest.mark.parametrize("kind", ["usage", "cost", "errors", "latency"])
def test_the_total_is_the_same_however_it_is_grouped(school, kind):
    whole = {"since": iso(school.now - 60 * DAY), "until": iso(school.now), "limit": 10000}
    total = school.get(f"/v1/reports/{kind}", group_by="none", **whole)["total"]
    for name in [*KEYS, "day", "user,day", "course,state"]:
        report = school.get(f"/v1/reports/{kind}", group_by=name, **whole)
        assert report["total"] == total, name
        first = "count" if kind in ("errors", "latency") else "calls"
        assert sum(row[first] for row in report["rows"]) == total[first] > 0


def nearest_rank(values, p):
    return sorted(values)[-(-len(values) * p // 100) - 1]


def figures(values):
    return {"count": len(values), "min_ms": min(values), "mean_ms": (sum(values) + len(values) // 2) // len(values), "max_ms": max(values),
            **{f"p{p}_ms": nearest_rank(values, p) for p in (50, 90, 95, 99)}}


def test_percentiles_are_exact(school):
    query = {"since": iso(school.now - 60 * DAY), "until": iso(school.now)}
    durations = collections.defaultdict(list)
    for c in school.register:
        if c["state"] == "completed":
            durations[c["provider"], c["model"], c["action"]].append(ms_of(c["completed_at"]) - ms_of(c["created_at"]))
    report = school.get("/v1/reports/latency", **query)
    assert table_of(report) == {key: figures(values) for key, values in durations.items()}
    assert report["total"] == figures([v for values in durations.values() for v in values])
    of_attempts = collections.defaultdict(list)
    for call in school.calls:
        for a in call["attempts"]:
            if a["success"]:
                of_attempts[a["instance"], call["user_id"]].append(a["ms"])
    report = school.get("/v1/reports/latency", of="attempt", group_by="provider,user", **query)
    assert table_of(report) == {key: figures(values) for key, values in of_attempts.items()}
    one = school.get("/v1/reports/latency", group_by="none", course_id="there is none", **query)
    assert one["rows"] == [one["total"]] == [{"count": 0, **dict.fromkeys(["min_ms", "mean_ms", "p50_ms", "p90_ms", "p95_ms", "p99_ms", "max_ms"])}]


def test_errors_of_calls_and_attempts_with_the_newest_of_each(school):
    found = collections.defaultdict(list)
    for call in school.calls:
        if call["code"]:
            provider = next((a["instance"] for a in call["attempts"] if a["success"]), "")
            found["call", call["code"], provider, call["model"], None].append(call)
        for a in call["attempts"]:
            if not a["success"]:
                found["attempt", a["code"], a["instance"], a["model"], a["status"] or None].append(call)
    text = lambda b: "-".join([b.hex()[:8], b.hex()[8:12], b.hex()[12:16], b.hex()[16:20], b.hex()[20:]])
    expected = {key: {"count": len(of), "last_seen": iso(max(c["created_at"] for c in of)), "example": text(max(c["id"] for c in of))}
                for key, of in found.items()}
    report = school.get("/v1/reports/errors", since=iso(school.now - 60 * DAY), until=iso(school.now))
    assert report["group_by"] == ["of", "code", "provider", "model", "vendor_status"]
    assert table_of(report) == expected and len(expected) > 20
    assert report["total"]["count"] == sum(row["count"] for row in expected.values())
    only = school.get("/v1/reports/errors", since=iso(school.now - 60 * DAY), until=iso(school.now), of="attempt", group_by="code")
    assert {row["code"] for row in only["rows"]} == set(CODES)
    assert [row["count"] for row in only["rows"]] == sorted((row["count"] for row in only["rows"]), reverse=True)


# ---- forms ----


def cells(row, names):
    """A row as a spreadsheet has it: nothing for null, an apostrophe before what would be a formula."""
    for name in names:
        value = row[name]
        text = "" if value is None else str(value)
        yield "'" + text if isinstance(value, str) and text[:1] in "=+-@" and text else text


@pytest.mark.parametrize("kind", ["usage", "cost", "errors", "latency"])
def test_csv_is_the_same_table_and_runs_no_formula(school, kind):
    query = {"since": iso(school.now - 60 * DAY), "until": iso(school.now), "group_by": "course,provider,user", "limit": 10000}
    report = school.get(f"/v1/reports/{kind}", **query)
    for answer in (school.ask(f"/v1/reports/{kind}", format="csv", **query), school.ask(f"/v1/reports/{kind}", headers={"Accept": "text/csv"}, **query)):
        assert answer.status == 200 and answer.headers["Content-Type"].startswith("text/csv")
        assert f"{kind}.csv" in answer.headers["Content-Disposition"]
        text = answer.body.decode()
        assert text.endswith("\r\n") and text.count("\r\n") == len(report["rows"]) + 1
        names, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
        assert names == list(report["rows"][0])
        assert rows == [list(cells(row, names)) for row in report["rows"]]
    assert any("'=2+3" in row for row in rows) and any("'@gamma" in row for row in rows) and any('beta, "ß"' in row for row in rows)


def test_the_command_line_gives_the_same(school):
    query = {"since": iso(school.now - 60 * DAY), "until": iso(school.now)}
    for kind in ("usage", "cost", "errors", "latency"):
        report = school.get(f"/v1/reports/{kind}", group_by="day,provider", **query)
        words = ["report", kind, "--site", "demo", "--by", "day,provider", "--since", query["since"], "--until", query["until"]]
        assert json.loads(school.daemon.cli(*words, "--json")) == report
        table = school.ask(f"/v1/reports/{kind}", group_by="day,provider", format="csv", **query).body.decode()
        assert school.daemon.cli(*words, "--format", "csv").replace("\r\n", "\n") == table.replace("\r\n", "\n")
        lines = school.daemon.cli(*words).splitlines()
        assert lines[0].split()[0] == "day" and [line.split()[0] for line in lines[1:]] == [row["day"] for row in report["rows"]]
    refused = school.daemon.cli("report", "usage", "--site", "demo", "--by", "king", check=False)
    assert refused.returncode == 1 and "/group_by" in refused.stderr


def test_pages_are_the_whole_and_rows_come_as_sorted(school):
    query = {"since": iso(school.now - 60 * DAY), "until": iso(school.now), "group_by": "user,action,course"}
    whole = school.get("/v1/reports/usage", limit=10000, **query)
    pages, after = [], 0
    while after is not None:
        page = school.get("/v1/reports/usage", limit=7, after=after, **query)
        assert page["total"] == whole["total"] and page["rows_total"] == len(whole["rows"])
        pages += page["rows"]
        after = page["next"]
    assert pages == whole["rows"] and len(pages) > 50
    assert [r["calls"] for r in pages] == sorted((r["calls"] for r in pages), reverse=True)
    for sort, value in [("total_tokens", lambda r: r["total_tokens"]), ("-user", None), ("user", lambda r: r["user"].encode())]:
        rows = school.get("/v1/reports/usage", limit=10000, sort=sort, **query)["rows"]
        if value:
            assert [value(r) for r in rows] == sorted(value(r) for r in rows)
        else:
            assert [r["user"].encode() for r in rows] == sorted((r["user"].encode() for r in rows), reverse=True)
        assert sorted(map(str, rows)) == sorted(map(str, whole["rows"]))
    assert school.get("/v1/reports/usage", after=10**12, **query)["rows"] == []


def test_days_are_the_sites_and_a_day_as_end_is_a_day_with(school):
    day = day_of(iso(school.now - 3 * DAY))
    report = school.get("/v1/reports/usage", since=day, until=day, group_by="day")
    calls = [c for c in school.register if day_of(c["created_at"]) == day]
    assert table_of(report) == {(day,): sums_of("usage", calls)} and calls
    assert (report["since"][11:], report["until"][11:]) == ("18:15:00.000Z", "18:15:00.000Z")
    standard = school.get("/v1/reports/usage", group_by="none")
    assert ms_of(standard["until"]) - ms_of(standard["since"]) == 30 * DAY


def test_a_call_belongs_to_when_it_began_whatever_its_id_says(school):
    """Ids are made a little earlier; both ends of a range are exact."""
    early = next(c for c in school.calls if c["created_at"] - (int.from_bytes(c["id"], "big") >> 80) == 900)
    count = lambda since, until: school.get("/v1/reports/usage", group_by="none", since=iso(since), until=iso(until))["total"]["calls"]
    at = early["created_at"]
    assert count(at, at + 1) >= 1 and count(at, at + 1) == sum(c["created_at"] == at for c in school.calls)
    assert count(at - 1000, at) == sum(at - 1000 <= c["created_at"] < at for c in school.calls)


@pytest.mark.parametrize("query, field", [
    ({"group_by": "king"}, "/group_by"), ({"group_by": "user,user"}, "/group_by"), ({"group_by": "code"}, "/group_by"), ({"since": "yesterday"}, "/since"),
    ({"since": "2026-02-30"}, "/since"), ({"until": "2026-13-01"}, "/until"), ({"since": "2026-03-02", "until": "2026-03-01"}, "/since"),
    ({"since": "2020-01-01", "until": "2026-01-01"}, "/since"), ({"state": "king"}, "/state"), ({"sort": "king"}, "/sort"), ({"sort": "user"}, "/sort"),
    ({"of": "call"}, "/of"), ({"view": "king"}, "/view"), ({"view": "course"}, "/course_id"), ({"format": "xml"}, "/format"), ({"limit": "0"}, "/limit"),
    ({"limit": "10001"}, "/limit"), ({"after": "x"}, "/after"), ({"view": "own"}, "/user_id")])
def test_what_cannot_be_meant_is_refused_by_field(school, query, field):
    answer = school.ask("/v1/reports/usage", **query)
    assert (answer.status, answer.json["code"], answer.json["field"]) == (400, "invalid_input", field), answer


# ---- who sees what ----

TEACHER, PUPIL = "u1", "u2"
A, B = COURSES[:2]


def seen(school, key, kind="usage", **query):
    return table_of(school.get(f"/v1/reports/{kind}", key, **{"since": iso(school.now - 60 * DAY), "until": iso(school.now), "group_by": "user,course",
                                                              "limit": 10000, **query}))


def refused(school, key, kind="usage", status=403, **query):
    answer = school.ask(f"/v1/reports/{kind}", key, **query)
    assert (answer.status, answer.json["code"]) == (status, "permission_denied"), answer
    return answer.json


def of_register(school, holds, kind="usage"):
    return grouped(kind, [c for c in school.register if holds(c)], ["user", "course"])


def test_each_view_is_a_part_of_the_wider_one(school):
    whole = seen(school, None)
    assert whole == of_register(school, lambda c: True)
    course = seen(school, token(TEACHER, ["teacher"]), course_id=A)
    assert course == {key: row for key, row in whole.items() if key[1] == A} and course
    own = seen(school, token(PUPIL, ["student"]), view="own")
    assert own == {key: row for key, row in whole.items() if key[0] == PUPIL} and own
    assert seen(school, token(PUPIL, ["student"]), view="own", course_id=A) == {(PUPIL, A): whole[PUPIL, A]}
    assert seen(school, token(TEACHER, ["teacher"], course_id=A)) == course, "a token of one course is about that course"


@pytest.mark.parametrize("roles, kinds", [
    (["student"], []), (["teacher"], []), (["editingteacher"], []), (["manager"], ["usage", "cost", "errors", "latency"]),
    (["admin"], ["usage", "cost", "errors", "latency"])])
def test_the_view_of_the_site_is_for_managers_admins_and_back_ends(school, roles, kinds):
    for kind in ("usage", "cost", "errors", "latency"):
        if kind in kinds:
            school.get(f"/v1/reports/{kind}", token("m", roles))
        else:
            refused(school, token("m", roles), kind)
            refused(school, token("m", roles), kind, view="site", course_id=A)
        school.get(f"/v1/reports/{kind}", school.daemon.service_key)


def test_a_teacher_sees_courses_and_never_money(school):
    for kind in ("usage", "errors", "latency"):
        assert school.get(f"/v1/reports/{kind}", token("t", ["teacher"]), course_id=B)["total"]
    assert "view_cost" in refused(school, token("t", ["teacher"]), "cost", course_id=B)["detail"]
    assert b"cost" not in school.ask("/v1/reports/usage", token("t", ["teacher"]), course_id=B).body
    bound = token("t", ["teacher"], course_id=A)
    assert refused(school, bound, course_id=B)["field"] == "/course_id"
    refused(school, bound, view="site")
    refused(school, token("m", ["manager"], course_id=A), view="site")


def test_a_role_of_the_table_counts_in_its_course(school):
    given = school.daemon.request("PUT", "/v1/roles", school.daemon.admin_key, {"user_id": PUPIL, "course_id": A, "role": "teacher"})
    assert given.status == 200
    assert len(seen(school, token(PUPIL), course_id=A)) > 1
    refused(school, token(PUPIL), course_id=B)
    for_pupil = {"user_id": PUPIL, "role": "student"}
    assert len(seen(school, school.daemon.service_key, course_id=A, **for_pupil)) > 1
    refused(school, school.daemon.service_key, course_id=B, **for_pupil)
    assert school.daemon.request("DELETE", f"/v1/roles/{given.json['id']}", school.daemon.admin_key).status == 204
    refused(school, token(PUPIL), course_id=A)


def test_of_their_own_people_see_usage_and_nothing_of_who_answered(school):
    own = token(PUPIL)
    for kind in ("cost", "errors", "latency"):
        assert refused(school, own, kind, view="own")["field"] == "/view"
    for field, query in {"group_by": "model", "provider": "alpha", "model": "b"}.items():
        assert refused(school, own, view="own", **{field: query})["field"] == f"/{field}"
    assert refused(school, own, view="own", user=TEACHER)["field"] == "/user"
    refused(school, own, user=PUPIL)
    assert school.ask("/v1/reports/usage", own, view="own", user_id=TEACHER).status == 403
    assert school.get("/v1/reports/usage", own, view="own")["group_by"] == ["action"]
    assert school.ask("/v1/quota", own).status == 200


def test_a_site_may_take_a_view_away(school):
    school.daemon.cli("permission", "set", "student", "view_own_usage", "off", "--site", "demo")
    try:
        wait_until(lambda: school.ask("/v1/reports/usage", token(PUPIL), view="own").status == 403, what="the permission")
    finally:
        school.daemon.cli("permission", "reset", "student", "view_own_usage", "--site", "demo")
    wait_until(lambda: school.ask("/v1/reports/usage", token(PUPIL), view="own").status == 200, what="the permission")


def test_another_site_sees_nothing(school):
    key = json.loads(school.daemon.cli("--json", "key", "add", "--site", "b", "--role", "site_admin"))["key"]
    wait_until(lambda: school.ask("/v1/reports/usage", key).status == 200, what="the key of b")
    total = school.get("/v1/reports/usage", key, since=iso(school.now - 60 * DAY))["total"]
    assert total["calls"] == CALLS // 10
    assert len(school.register) == CALLS - CALLS // 10


# ---- separate groups ----

GROUP = ["u3", "u4", "u5"]


def only_group(school, key, course=A, group=GROUP, **query):
    """In each report, in rows and in totals, nobody but these."""
    whole = {"since": iso(school.now - 60 * DAY), "until": iso(school.now), "course_id": course, **query}
    holds = lambda c: c["course_id"] == course and c["user_id"] in group
    calls = [c for c in school.register if holds(c)]
    assert seen(school, key, course_id=course, **query) == of_register(school, holds)
    assert school.get("/v1/reports/usage", key, group_by="none", **whole)["total"] == sums_of("usage", calls)
    durations = [ms_of(c["completed_at"]) - ms_of(c["created_at"]) for c in calls if c["state"] == "completed"]
    assert school.get("/v1/reports/latency", key, group_by="none", **whole)["total"] == figures(durations)
    mine = [c for c in school.calls if holds(c)]
    failed = sum(bool(c["code"]) for c in mine) + sum(not a["success"] for c in mine for a in c["attempts"])
    errors = school.get("/v1/reports/errors", key, **whole)
    assert errors["total"]["count"] == failed == sum(row["count"] for row in errors["rows"])
    ids = {c["id"] for c in school.register if holds(c)}
    assert all(row["example"] in ids for row in errors["rows"])
    assert seen(school, key, course_id=course, user=PUPIL, **query) == {}


def test_separate_groups_by_the_tokens_claim(school):
    only_group(school, token(TEACHER, ["teacher"], visible_users=GROUP))
    assert seen(school, token(TEACHER, ["teacher"], visible_users=[]), course_id=A) == {}
    for bad in ("u3", {"u3": 1}, [None], [["u3"]], [""]):
        assert school.ask("/v1/reports/usage", token(TEACHER, ["teacher"], visible_users=bad), course_id=A).status == 401
    assert seen(school, token(TEACHER, ["teacher"], visible_users=None), course_id=A) == of_register(school, lambda c: c["course_id"] == A)


def test_separate_groups_by_the_back_end(school):
    only_group(school, school.daemon.service_key, user_id=TEACHER, role="teacher", visible_user=GROUP)
    only_group(school, None, visible_user=GROUP)


@pytest.fixture()
def lms(school):
    double = Lms()
    school.daemon.cli("site", "set", "demo", "--json-patch", json.dumps({"lms_roles_url": double.url}))
    double.says("limited_staff", course=A)
    wait_until(lambda: school.ask("/v1/roles/mine", token(f"x{random.getrandbits(60)}"), course_id=A).json["roles"] == ["student", "teacher"], what="the LMS")
    yield double
    double.says()
    school.daemon.cli("site", "set", "demo", "--json-patch", json.dumps({"lms_roles_url": ""}))
    wait_until(lambda: school.ask("/v1/reports/usage", token("x", ["teacher"]), course_id=A).status == 200, what="no LMS")
    double.stop()


def answer_with(lms, **members):
    lms.answers(200, json.dumps({"roles": [{"course_id": A, "role": "limited_staff"}], **members}).encode())


def test_separate_groups_by_the_lms(school, lms):
    teacher = token(f"teacher-{random.getrandbits(60)}")
    answer_with(lms, visible_users=GROUP)
    lms.requests.clear()
    only_group(school, teacher)
    assert {"course_id": [A], "visible_users": ["1"]} in [r["query"] for r in lms.requests]
    answer_with(lms, visible_users=["u3", 7])
    assert set(seen(school, teacher, course_id=A)) == {("u3", A)}, "the list is asked for each time"
    assert set(seen(school, token("t2", visible_users=["u3", "u4"]), course_id=A)) == {("u3", A)}, "each list narrows"
    answer_with(lms, visible_users=None)
    assert seen(school, teacher, course_id=A) == of_register(school, lambda c: c["course_id"] == A)
    refused(school, teacher, course_id=B)


def test_without_a_word_of_the_lms_nobody_is_shown(school, lms):
    teacher = token("t3", ["teacher"])  # whose role the token says, so that it needs no LMS
    for status, body in [(500, b"{}"), (200, b"["), (200, b'{"visible_users": "all"}'), (200, b'{"visible_users": [null]}'),
                         (200, json.dumps({"visible_users": ["u3"] * 10001}).encode()), (200, b" " * 300000)]:
        lms.answers(status, body)
        answer = school.ask("/v1/reports/usage", teacher, course_id=A)
        assert answer.status >= 500 and b"u3" not in answer.body, answer
    assert school.ask("/v1/reports/usage", token("m", ["manager"]), course_id=A).status == 200, "who sees the site is not asked for"
    assert school.ask("/v1/reports/usage", teacher, view="own").status == 200
    answer_with(lms, visible_users=[f"p{n}" for n in range(9999)] + ["u3"])
    assert set(seen(school, teacher, course_id=A)) == {("u3", A)}


# ---- calls that were removed by age ----


@pytest.fixture()
def removed(school):
    """Daily summaries beside the calls that are there, as retention leaves them."""
    dice = random.Random(school.seed + 2)
    days = [day_of(iso(school.now - n * DAY)) for n in range(10, 60)]
    rows = [(1, dice.choice(days), "generate_text", dice.choice(["alpha", "old", ""]), "m", dice.choice(COURSES), dice.choice(["completed", "failed", "refused"]),
             dice.randrange(1, 90), dice.randrange(900), dice.randrange(900), dice.randrange(1800), dice.randrange(10**6), 1) for _ in range(300)]
    with contextlib.closing(connect(school.daemon.data / "lectern.db", timeout=60)) as db, db:
        db.executemany("INSERT INTO register_summary VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", rows)
        kept = db.execute("SELECT day, provider, course_id, state, calls, total_tokens, cost, unpriced FROM register_summary").fetchall()
    yield kept
    with contextlib.closing(connect(school.daemon.data / "lectern.db", timeout=60)) as db, db:
        db.execute("DELETE FROM register_summary")


def test_summaries_of_removed_calls_are_counted_in(school, removed):
    whole = {"since": day_of(iso(school.now - 61 * DAY)), "until": day_of(iso(school.now + DAY))}
    live = grouped("usage", school.register, ["day", "provider", "course"])
    expected = collections.Counter({key: row["total_tokens"] for key, row in live.items()})
    calls = collections.Counter({key: row["calls"] for key, row in live.items()})
    for day, provider, course, _, n, tokens, *_ in removed:
        expected[day, provider, course] += tokens
        calls[day, provider, course] += n
    report = school.get("/v1/reports/usage", group_by="day,provider,course", limit=10000, **whole)
    assert {key: row["total_tokens"] for key, row in table_of(report).items()} == expected
    assert {key: row["calls"] for key, row in table_of(report).items()} == calls
    assert report["summarised_calls"] == sum(row[4] for row in removed)
    cost = school.get("/v1/reports/cost", group_by="none", **whole)["total"]
    paid = [row for row in removed if row[3] != "refused"]
    alone = sums_of("cost", school.register)
    assert cost == {"currency": CURRENCY, "calls": alone["calls"] + sum(r[4] for r in paid), "unpriced_calls": alone["unpriced_calls"] + sum(r[7] for r in paid),
                    "priced_calls": alone["priced_calls"] + sum(r[4] - r[7] for r in paid), "cost": alone["cost"] + sum(r[6] for r in paid), "cached_calls": 0, "saved_cost": 0}


def test_summaries_are_left_out_where_they_cannot_be_told_apart(school, removed):
    """They know no users and no times of a day."""
    whole = {"since": day_of(iso(school.now - 61 * DAY)), "until": day_of(iso(school.now + DAY))}
    by_user = school.get("/v1/reports/usage", group_by="user", **whole)
    assert by_user["summarised_calls"] is None and by_user["total"] == sums_of("usage", school.register)
    assert seen(school, token(TEACHER, ["teacher"], visible_users=GROUP), group_by="user,course", course_id=A, **whole) == of_register(
        school, lambda c: c["course_id"] == A and c["user_id"] in GROUP)
    day = sorted(row[0] for row in removed)[0]
    a_day = school.get("/v1/reports/usage", since=day, until=day, group_by="none")
    assert a_day["summarised_calls"] == sum(row[4] for row in removed if row[0] == day) > 0
    cut = school.get("/v1/reports/usage", since=iso(ms_of(a_day["since"]) + 1), until=a_day["until"], group_by="none")
    assert cut["summarised_calls"] == 0


# ---- calls that were really made ----


def test_what_calls_came_to(tmp_path):
    with Upstream() as upstream:
        d = Daemon(tmp_path / "data")
        d.cli("site", "set", "demo", "policy_by_lms=true")
        add_vendor(d, upstream)
        ask = lambda text: d.request("POST", "/v1/actions/summarise_text", d.service_key,
                                     {"input": {"text": text}, "user": {"id": "pupil", "roles": ["student"]}, "context": {"course_id": "c"}})
        wait_until(lambda: ask("Plants make sugar. They take water.").status == 200, what="the vendor")
        d.cli("price", "set", "input=1000000", "output=2000000", "--site", "demo")
        d.wait_for_config()
        answer = ask("Plants make sugar. They take water.").json
        wait_until(lambda: d.request("GET", "/v1/reports/cost", d.admin_key).json["total"]["priced_calls"] >= 1, what="the price")
        register = d.request("GET", "/v1/register?limit=1000", d.admin_key).json["calls"]
        usage = d.request("GET", "/v1/reports/usage?group_by=user,course", d.admin_key).json
        assert (usage["total"]["calls"], usage["total"]["succeeded"]) == (len(register), sum(c["state"] == "completed" for c in register))
        assert usage["total"]["total_tokens"] == sum(c["total_tokens"] or 0 for c in register)
        cost = d.request("GET", "/v1/reports/cost", d.admin_key).json["total"]
        assert cost["cost"] == sum(c.get("cost", 0) for c in register) and cost["unpriced_calls"] == sum("cost" not in c for c in register) >= 1
        assert answer["success"]
        own = d.request("GET", "/v1/reports/usage?view=own&user_id=pupil&role=student", d.service_key).json
        assert own["total"]["calls"] == len([c for c in register if c["user_id"] == "pupil"])
        check_end(d)


# ---- many ----


def test_a_report_over_many_calls_lets_calls_go_on(tmp_path):
    """Far more than a portion; while it is made, calls are answered and recorded."""
    d = Daemon(tmp_path / "data", "--threads", "1")
    d.cli("site", "set", "demo", "policy_by_lms=true")
    many, now = 60000, int(time.time() * 1000)
    dice = random.Random(SEED)
    with contextlib.closing(connect(d.data / "lectern.db", timeout=60)) as db, db:
        ids = [(make_id(now - n * 1000 - 5000, n), now - n * 1000 - 5000, f"u{dice.randrange(500)}", dice.randrange(30000)) for n in range(many)]
        db.executemany("INSERT INTO ai_call (id, site_id, user_id, action, course_id, location_id, placement, created_at)"
                       " VALUES (?, 1, ?, 'generate_text', 'c', '', '', ?)", [(i, user, ms) for i, ms, user, _ in ids])
        db.executemany("INSERT INTO ai_call_end (call_id, state, code, detail, completed_at, total_tokens) VALUES (?, 'completed', '', '', ?, 3)",
                       [(i, ms + took) for i, ms, _, took in ids])
    wait_until(lambda: d.request("GET", "/v1/actions", d.service_key).status == 200)
    answered, over, made = [], threading.Event(), {}

    def report(kind):
        made[kind] = d.request("GET", f"/v1/reports/{kind}?group_by=user&course_id=c&limit=10000", d.admin_key, timeout=300)

    threads = [threading.Thread(target=report, args=(kind,)) for kind in ("usage", "latency", "cost")]
    caller = threading.Thread(target=lambda: [answered.append(d.request("POST", "/v1/actions/summarise_text", d.service_key, {
        "input": {"text": "Plants make sugar. They take water."}}).status) for _ in iter(over.is_set, True)])
    caller.start()
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    over.set()
    caller.join()
    assert all(answer.status == 200 for answer in made.values()), made
    assert (made["usage"].json["total"]["calls"], made["usage"].json["total"]["total_tokens"]) == (many, 3 * many)
    durations = collections.defaultdict(list)
    for _, _, user, took in ids:
        durations[user,].append(took)
    assert table_of(made["latency"].json) == {user: figures(values) for user, values in durations.items()}
    assert made["cost"].json["total"]["unpriced_calls"] == many
    assert answered and set(answered) == {200}
    check_end(d)
