"""Lists take q, sort and format=csv: whatever is asked, pages are disjoint, complete and in order, and the file has the same rows."""
import csv
import io
import json
import os
import random
import urllib.parse
import uuid

import pytest
from conftest import Daemon, check_end, wait_until
from database import connect
from test_pages import add_dead_event, add_destination, COURSE, MORE, add, grade, run

ROWS = 9
WORDS = ["Anna", "ANNA b", "anna,c", "50%", "5_0", "_", "%", "Élan",
         "élan", "Straße", "ŻÓŁW", "żółw", "=1+1", "-2", 'quo"te', "'", "日本", "a b", "*", "x" * 199]
NEEDLES = ["anna", "ANNA", "%", "_", "5_", "\\", "ÉLAN", "żó", "é", "e", '"', "'", "日", "nothing like it", "=1", "a b", " ", "X" * 199]


class Words:
    """Texts of which many are alike but for the case, and each is there once."""

    def __init__(self):
        self.seed = int(os.environ.get("SEED", random.randrange(1 << 32)))
        self.random = random.Random(self.seed)
        self.n = 0

    def text(self):
        self.n += 1
        return f"{self.random.choice(WORDS)}{self.random.choice(['', ' ', '-'])}{self.n}"

    def name(self):
        """As a slug may be."""
        self.n += 1
        return f"{self.random.choice(['anna', 'a-b', 'a_b', 'b5'])}-{self.n}"


def sql(daemon, statement, *values):
    with connect(daemon.data / "lectern.db", timeout=60) as db:
        db.execute(statement, values)


def add_session(d, w):
    sql(d, "INSERT INTO workflow_session (uuid, site_id, user_id, scope_id, profile_id, course_id, created_at, updated_at)"
        " SELECT ?, site_id, ?, 0, id, ?, ?, 1 FROM workflow_profile WHERE slug = 'chat'",
        str(uuid.uuid4()), w.text(), w.random.choice(["", w.text()]), w.random.randrange(1, 5) * 1000)


def add_acceptance(d, w):
    user = w.text()
    version = d.request("GET", f"/v1/policy?user_id={urllib.parse.quote(user)}", d.admin_key).json["version"]
    add(d, "PUT", "/v1/policy", {"accepted": True, "version": version, "user": {"id": user, "roles": ["student"]}})


RANDOM = {
    "/v1/register": lambda d, w: add(d, "POST", "/v1/actions/summarise_text", {"input": {"text": "One. Two."},
                                                                             "user": {"id": w.text(), "roles": ["student"]}}),
    "/v1/providers": lambda d, w: add(d, "POST", "/v1/providers", {"name": w.name(), "plugin": "extract", "enabled": w.random.random() < .5}),
    "/v1/content-sources": lambda d, w: add(d, "POST", "/v1/content-sources", {
        "name": w.name(), "kind": "moodle", "base_url": "https://lms.example.org", "client_id": w.text(), "enabled": w.random.random() < .5}),
    "/v1/mcp-servers": lambda d, w: add(d, "POST", "/v1/mcp-servers", {
        "label": w.name(), "transport": "http", "url": "https://mcp.example.org", "enabled": w.random.random() < .5}),
    "/v1/switches": lambda d, w: add(d, "PUT", "/v1/switches", {"course_id": w.random.choice([COURSE, w.text()]), "location_id": w.text(),
                                                                "enabled": w.random.random() < .5}),
    "/v1/tasks": lambda d, w: add(d, "POST", "/v1/workflows/run", {"profile": "mock", "async": True, "user": {"id": w.text(), "roles": ["student"]}}),
    "/v1/keys": lambda d, w: add(d, "POST", "/v1/keys", {"role": w.random.choice(["service", "metrics"]), "name": w.text()}),
    "/v1/limits": lambda d, w: add(d, "POST", "/v1/limits", {"subject": "course", "subject_id": w.text(),
                                                             "unit": w.random.choice(["requests", "tokens"]),
                                                             "amount": w.random.randrange(1000, 1003),
                                                             "window": w.random.choice(["day", "week"])}),
    "/v1/limits/notices": lambda d, w: sql(d, "INSERT INTO usage_notice (site_id, limit_id, counter_key, slot, percent, created_at)"
                                           " SELECT id, ?, ?, 1, 80, 1 FROM site", w.random.randrange(1, 4), f"u{w.n}{w.text()}"),
    "/v1/event-destinations": lambda d, w: add_destination(d, w.name(), events=w.random.choice([["call.completed"], ["call.failed"]])),
    "/v1/events/dead": lambda d, w: add_dead_event(d, w.text(), w.random.choice(["call.completed", "call.failed"])),
    "/v1/roles": lambda d, w: add(d, "PUT", "/v1/roles", {"user_id": w.text(), "role": w.random.choice(["teacher", "student"]),
                                                          "course_id": w.random.choice(["", COURSE])}),
    "/v1/profiles": lambda d, w: add(d, "POST", "/v1/profiles", {"slug": w.name(), "description": w.random.choice([None, w.text()]),
                                                                 "base_filepath": "mock/mock.json5"}),
    "/v1/profiles/{id}/history": lambda d, w: add(d, "PATCH", "/v1/profiles/chat", {"description": w.text()}),
    "/v1/prompts": lambda d, w: add(d, "POST", "/v1/prompts", {"slug": w.name(), "body": w.text()}),
    "/v1/prompts/{id}/history": lambda d, w: add(d, "PATCH", "/v1/prompts/hello", {"body": w.text()}),
    "/v1/scopes": lambda d, w: add(d, "POST", "/v1/scopes", {"profile_id": "chat", "course_id": COURSE, "location_regex": w.name(),
                                                             "enabled": w.random.random() < .5}),
    "/v1/sessions": add_session,
    "/v1/reports/policy": add_acceptance,
    "/v1/policy/texts": lambda d, w: add(d, "PUT", "/v1/policy/texts", {"version": f"{w.text()[:30]}.{w.n}", "language": w.random.choice(["en", "de", "fr"]),
                                                                        "text": w.text()}),
    "/v1/prices": lambda d, w: add(d, "POST", "/v1/prices", {"model": w.text(), "input": w.random.randrange(3), "output": 1}),
    "/v1/gradings": lambda d, w: grade(d),
}


@pytest.fixture(scope="module")
def words():
    w = Words()
    print("SEED", w.seed)
    return w


@pytest.fixture(scope="module")
def site(tmp_path_factory, words):
    d = Daemon(tmp_path_factory.mktemp("lists") / "data")
    d.cli("site", "set", "demo", "--json-patch", json.dumps({"policy_by_lms": True, "mcp_hosts": ["mcp.example.org"]}))
    for slug in ("chat", "mock"):
        add(d, "POST", "/v1/profiles", {"slug": slug, "base_filepath": "mock/mock.json5"})
    add(d, "POST", "/v1/profiles", {"slug": "grading", "base_filepath": "base/grading.json5"})
    add(d, "POST", "/v1/prompts", {"slug": "hello", "body": "0"})
    wait_until(lambda: run(d).status == 200, what="the site's settings")
    for more in RANDOM.values():
        for _ in range(ROWS):
            more(d, words)
    for path in sorted(set(MORE) - set(RANDOM)):
        for _ in range(ROWS):
            MORE[path](d)
    wait_until(lambda: all(t["state"] in ("completed", "failed") for t in get(d, "/v1/tasks", limit=1000).json["tasks"]), what="the end of the tasks")
    yield d
    check_end(d)


def filled(path):
    return path.replace("/v1/profiles/{id}", "/v1/profiles/chat").replace("/v1/prompts/{id}", "/v1/prompts/hello")


def get(daemon, path, key=None, **query):
    return daemon.request("GET", f"{filled(path)}?{urllib.parse.urlencode(query)}", key or daemon.admin_key)


PAGED = sorted(MORE)
WHOLE = sorted(["/v1/actions", "/v1/mcp-servers", "/v1/event-destinations", "/v1/provider-plugins", "/v1/placements", "/v1/quota", "/v1/prices", "/v1/content-sources", "/v1/permissions", "/v1/services",
                "/v1/profiles/{id}/diff", "/v1/profiles/{id}/usage", "/v1/privacy/metadata"])
ASKS_OTHERS = {"/v1/providers/{id}/models", "/v1/mcp-servers/{id}/tools"}
LISTS = sorted(PAGED + WHOLE)


@pytest.fixture(scope="module")
def lists(site):
    """{path: (array, cursor or None, [names to sort by])} from openapi.json."""
    found = {}
    for path, item in site.request("GET", "/v1/openapi.json").json["paths"].items():
        query = {p["name"]: p["schema"] for p in item.get("get", {}).get("parameters", []) if p.get("in") == "query"}
        if not {"q", "format"} <= set(query):  # a search has q, too
            continue
        content = item["get"]["responses"]["200"]["content"]
        arrays = [n for n, s in content["application/json"]["schema"]["properties"].items() if s.get("type") == "array"]
        assert "text/csv" in content and query["format"]["enum"] == ["json", "csv"]
        cursor = next(iter({"after", "before"} & set(query)), None)
        found[path] = (arrays[0], cursor, [n for n in query.get("sort", {}).get("enum", []) if not n.startswith("-")])
    return found


def test_every_list_is_looked_at(lists):
    assert set(lists) == set(LISTS) | ASKS_OTHERS


def identity(row):
    return json.dumps([row.get(k) for k in ("id", "path", "version", "name", "permission", "service", "table", "limit") if k in row])


def pages(site, lists, path, limit=None, meanwhile=lambda: None, **query):
    """All rows, page by page."""
    array, cursor, _ = lists[path]
    found = []
    if cursor and limit:
        query["limit"] = limit
    for _ in range(500):
        answer = get(site, path, **query)
        assert answer.status == 200, answer
        assert limit is None or not cursor or len(answer.json[array]) <= limit
        found += answer.json[array]
        if not cursor or answer.json["next"] is None:
            return found
        query[cursor] = answer.json["next"]
        meanwhile()
    raise AssertionError("the pages have no end")


def key_of(value):
    if isinstance(value, str):
        return (3, value[:200].lower())
    return (0, 0) if value is None else (1, value) if isinstance(value, bool) else (2, value)


def texts(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from texts(inner)


def is_time(name):
    return name.endswith("_at") or name in ("until", "valid_from", "valid_to")


def table(site, path, **query):
    answer = get(site, path, format="csv", **query)
    assert answer.status == 200, answer
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8; header=present" and "X-Lectern-Cut" not in answer.headers
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=\"")
    rows = list(csv.reader(io.StringIO(answer.body.decode(), newline="")))
    assert all(len(row) == len(rows[0]) for row in rows) and answer.body.endswith(b"\r\n")
    return rows[0], rows[1:]


def cell(value):
    """As a spreadsheet gets it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return "'" + text if isinstance(value, str) and text.lstrip(" ")[:1] in tuple("=+-@\t\r\n") else text


@pytest.mark.parametrize("path", LISTS)
def test_sorted_pages_are_disjoint_complete_and_in_order(site, lists, path):
    whole = pages(site, lists, path, 100)
    assert len(whole) >= 3 or path in ("/v1/quota", "/v1/profiles/{id}/diff", "/v1/services")
    for name in lists[path][2]:
        for sort in (name, f"-{name}"):
            rows = pages(site, lists, path, 4, sort=sort)
            keys = [key_of(row.get(name)) for row in rows]
            assert sorted(map(identity, rows)) == sorted(map(identity, whole)), (path, sort)
            assert keys == sorted(keys, reverse=sort != name), (path, sort)


@pytest.mark.parametrize("path", LISTS)
def test_q_finds_what_contains_it_in_the_order_of_the_list(site, lists, path, words):
    whole, (columns, _) = pages(site, lists, path, 100), table(site, path)
    shown = [[t for c in columns if not is_time(c) for t in texts(row.get(c))] for row in whole]
    some = [t for row in shown for t in row if 0 < len(t.encode()) <= 200]
    needles = NEEDLES + [words.random.choice(some).swapcase() for _ in range(5) if some]
    for needle in needles:
        expected = [identity(row) for row, row_texts in zip(whole, shown) if any(needle.lower() in t.lower() for t in row_texts)]
        assert [identity(row) for row in pages(site, lists, path, 2, q=needle)] == expected, (path, needle)
        for name in lists[path][2][:2]:
            assert sorted(identity(row) for row in pages(site, lists, path, 2, q=needle, sort=f"-{name}")) == sorted(expected), (path, needle, name)


@pytest.mark.parametrize("path", LISTS)
def test_the_file_has_the_same_rows(site, lists, path):
    sorts = [{}] + [{"sort": name} for name in lists[path][2][:3]]
    for query in sorts + [{"q": "anna"}, {"q": "%"}]:
        columns, rows = table(site, path, **query)
        asked = pages(site, lists, path, 5, **query)
        assert rows == [[cell(row.get(c)) for c in columns] for row in asked], (path, query)


@pytest.mark.parametrize("path", LISTS)
def test_what_cannot_be_asked_is_refused(site, lists, path):
    _, cursor, names = lists[path]
    for sort in ("nothing", "-", "--" + (names[0] if names else "id"), "id,name", "id; DROP TABLE site", "Id"):
        answer = get(site, path, sort=sort)
        assert (answer.status, answer.json["code"], answer.json["field"]) == (400, "invalid_input", "/sort"), answer
        assert all(name in answer.json["detail"] for name in names), answer
    for query, field in (({"q": "x" * 201}, "/q"), ({"format": "xls"}, "/format")):
        answer = get(site, path, **query)
        assert (answer.status, answer.json["field"]) == (400, field), answer
    assert get(site, path, q="x" * 200).status == get(site, path, q="", sort="", format="").status == 200
    in_memory = [n for n in names if (path, n) != ("/v1/register", "created_at")]
    for wrong in ["x", "W10", "-1"] + ["y" * 4000] if cursor and in_memory else []:
        answer = get(site, path, sort=in_memory[0], **{cursor: wrong})
        assert (answer.status, answer.json["field"]) == (400, f"/{cursor}"), answer


def test_a_cursor_is_of_one_order(site, lists):
    following = get(site, "/v1/roles", sort="user_id", limit=2).json["next"]
    assert get(site, "/v1/roles", sort="user_id", limit=2, after=following).status == 200
    for query in ({"sort": "-user_id"}, {"sort": "role"}, {}):
        assert get(site, "/v1/roles", limit=2, after=following, **query).status == 400, query


@pytest.mark.parametrize("path", sorted(set(RANDOM) & set(PAGED)))
def test_rows_that_come_meanwhile_move_nothing(site, lists, path, words):
    """What was there at the start comes exactly once, in the same order."""
    lasting = [name for name in lists[path][2] if name not in ("state", "status")]  # of a task that runs they change
    for query in [{"q": "a"}] + [{"sort": name} for name in lasting[:2]]:
        before = [identity(row) for row in pages(site, lists, path, 100, **query)]
        left = [3]

        def more():
            left[0] -= 1
            if left[0] >= 0:
                RANDOM[path](site, words)
        found = [identity(row) for row in pages(site, lists, path, 4, more, **query)]
        assert [row for row in found if row in set(before)] == before, (path, query)
        assert len(set(found)) == len(found)


def test_rows_that_go_meanwhile_move_nothing(site, lists):
    """Even the row at which the page ended."""
    for query in ({"q": "gone"}, {"q": "gone", "sort": "-name"}):
        for i in range(6):
            add(site, "POST", "/v1/keys", {"role": "service", "name": f"gone {i}"})
        first = get(site, "/v1/keys", limit=2, **query).json
        assert site.request("DELETE", f"/v1/keys/{first['keys'][1]['id']}", site.admin_key).status == 204
        rest = pages(site, lists, "/v1/keys", 2, after=first["next"], **query)
        names = [k["name"] for k in first["keys"] + rest]
        assert names == sorted((f"gone {i}" for i in range(6)), reverse="sort" in query)
        for k in first["keys"][:1] + rest:
            site.request("DELETE", f"/v1/keys/{k['id']}", site.admin_key)


def test_the_register_goes_up_and_down(site, lists):
    down = [row["id"] for row in pages(site, lists, "/v1/register", 100)]
    assert [row["id"] for row in pages(site, lists, "/v1/register", 4, sort="-created_at")] == down
    assert [row["id"] for row in pages(site, lists, "/v1/register", 4, sort="created_at")] == down[::-1]
    middle = get(site, "/v1/register", limit=1000).json["calls"][4]["created_at"]
    since = [row["id"] for row in pages(site, lists, "/v1/register", 100, since=middle)]
    assert [row["id"] for row in pages(site, lists, "/v1/register", 2, since=middle, sort="created_at")] == since[::-1]


def test_a_list_shows_nobody_more_than_before(site):
    """q and sort choose among what the caller may see."""
    learner = {"user_id": "somebody", "role": "student"}
    ask = lambda path, **query: get(site, path, site.service_key, **learner, **query)
    add(site, "POST", "/v1/workflows/run", {"profile": "mock", "async": True, "user": {"id": "somebody", "roles": ["student"]}})
    for query in ({"q": ""}, {"q": "mock"}, {"sort": "user_id"}):
        assert {t["user_id"] for t in ask("/v1/tasks", **query).json["tasks"]} == {"somebody"}, query
    rows = list(csv.DictReader(io.StringIO(ask("/v1/tasks", format="csv").body.decode())))
    assert [row["user_id"] for row in rows] == ["somebody"]
    for path in ("/v1/scopes", "/v1/register", "/v1/keys"):
        for query in ({"q": "a"}, {"sort": "id"}, {"format": "csv"}):
            assert ask(path, **query).status == 403
            assert site.request("GET", f"{path}?{urllib.parse.urlencode(query)}").status == 401


def test_an_etag_tells_of_a_change(site, words):
    first = get(site, "/v1/limits", sort="amount", q="a")
    ask = lambda: site.request("GET", "/v1/limits?sort=amount&q=a", site.admin_key, headers={"If-None-Match": first.headers["ETag"]})
    assert ask().status == 304
    add(site, "POST", "/v1/limits", {"subject": "course", "subject_id": "changed", "unit": "requests", "amount": 9, "window": "day"})
    assert ask().status == 200 and ask().headers["ETag"] != first.headers["ETag"]


def test_what_is_too_much_is_cut_and_says_so(tmp_path):
    """A file has at most 50,000 rows; more than 100,000 are not sorted, but searched."""
    d = Daemon(tmp_path / "data")
    add(d, "POST", "/v1/profiles", {"slug": "chat", "base_filepath": "mock/mock.json5"})
    with connect(d.data / "lectern.db", timeout=60) as db:
        site_id, profile = db.execute("SELECT site_id, id FROM workflow_profile").fetchone()
        db.executemany("INSERT INTO workflow_session (uuid, site_id, user_id, scope_id, profile_id, created_at, updated_at)"
                       " VALUES (?, ?, ?, 0, ?, 1, 1)",
                       ((str(uuid.uuid4()), site_id, f"u{i}", profile) for i in range(100_001)))
    answer = get(d, "/v1/sessions", format="csv")
    rows = answer.body.decode().splitlines()
    assert len(rows) == 1 + int(answer.headers["X-Lectern-Cut"]) and 1 < len(rows) <= 50_001
    assert f"sessions-first-{len(rows) - 1}.csv" in answer.headers["Content-Disposition"]
    refused = get(d, "/v1/sessions", sort="user_id")
    assert (refused.status, refused.json["field"]) == (400, "/sort") and "100000" in refused.json["detail"]
    found, query = [], {"q": "u77"}
    while True:
        page = get(d, "/v1/sessions", limit=1000, **query).json
        found += [s["user_id"] for s in page["sessions"]]
        if page["next"] is None:
            break
        query["before"] = page["next"]
    assert found == [f"u{i}" for i in range(100_000, -1, -1) if str(i).startswith("77")]
    check_end(d)
