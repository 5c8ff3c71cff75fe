"""Lists come in pages: every list of openapi.json that takes ?limit, page by page, is the whole list, also while rows come."""
import base64
import itertools
import json
import urllib.parse
import uuid

import pytest
from conftest import Daemon, check_end, wait_until
from course_packages import write_cc
from database import connect

COURSE = "course-v1:Org+Course+Run"
# Lists that have no pages, and why.
WHOLE = {
    "/v1/console/session": "permissions of one key", "/v1/actions": "what the program can do", "/v1/placements": "what the program knows", "/v1/provider-plugins": "what the program knows",
    "/v1/services": "what the program knows", "/v1/services/{name}": "candidates of one service",
    "/v1/roles/mine": "a handful of names", "/v1/profiles/{id}/diff": "one change", "/v1/profiles/{id}/usage": "the same as /v1/scopes?profile_id=",
    "/v1/scopes/resolve": "cut, with considered_total", "/v1/providers/{id}/models": "the vendor's", "/v1/mcp-servers": "64 at most", "/v1/mcp-servers/{id}": "tools of one server",
    "/v1/mcp-servers/{id}/tools": "the server's", "/v1/sessions/{id}/thread": "one conversation",
    "/v1/sessions/{id}/messages": "goes by how many the client shows already: ?shown", "/v1/sessions/{id}/collection": "one file",
    "/v1/actions/calls/{id}": "attempts of one call", "/v1/placements/{name}": "actions of one placement", "/v1/scopes/{id}": "warnings of one scope",
    "/v1/reports/guards": "days, rules and actions of a period",
    **{f"/v1/reports/{kind}": "made anew for each page: test_reports.py" for kind in ("usage", "cost", "errors", "latency", "feedback")},
    "/v1/policy": "languages of one text", "/v1/quota": "what counts for one caller", "/v1/privacy/metadata": "tables that there are",
    "/v1/courses/{id}": "warnings of one import", "/v1/prices": "2,000 at most", "/v1/event-destinations": "20 at most", "/v1/event-destinations/{id}": "events of one destination", "/v1/content-sources": "50 at most", "/v1/site": "settings that there are",
    "/v1/plugins": "what the program knows", "/v1/health": "checks that there are", "/v1/overview": "a picture of the whole", "/v1/permissions": "a row for each permission that there is", "/openai/v1/models": "OpenAI's form",
    "/v1/courses/{id}/search": "20 at most, the best first", "/v1/gradings/{id}": "criteria of one rubric", "/v1/submissions/{id}/grading": "criteria of one rubric", "/openai/v1/responses/{id}": "one answer",
    "/openai/v1/responses/{id}/input_items": "OpenAI's form of pages", "/ollama/api/tags": "Ollama's form", "/ollama/api/ps": "Ollama's form",
    "/openedx-ai-extensions/v1/profiles": "the platform's form", "/openedx-ai-extensions/v1/profile": "the platform's form"}
numbers = itertools.count(1)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    d = Daemon(tmp_path_factory.mktemp("pages") / "data")
    d.cli("site", "set", "demo", "--json-patch", json.dumps({"policy_by_lms": True}))
    for slug in ("chat", "mock"):
        add(d, "POST", "/v1/profiles", {"slug": slug, "base_filepath": "mock/mock.json5"})
    add(d, "POST", "/v1/profiles", {"slug": "grading", "base_filepath": "base/grading.json5"})
    add(d, "POST", "/v1/prompts", {"slug": "hello", "body": "0"})
    wait_until(lambda: run(d).status == 200, what="the site's settings")
    for path, more in MORE.items():
        for _ in range(7):
            more(d)
    yield d
    check_end(d)


def add(daemon, method, path, body, status=(200, 201, 202)):
    answer = daemon.request(method, path, daemon.admin_key, body)
    assert answer.status in status, answer
    return answer


def run(daemon):
    return daemon.request("POST", "/v1/actions/summarise_text", daemon.admin_key, {"input": {"text": "One. Two."}})


def grade(daemon):
    """An empty submission, which no model is asked about."""
    rubric = {"criteria": [{"id": "c", "name": "C", "options": [{"id": "o", "name": "O", "points": 1}]}]}
    add(daemon, "POST", "/v1/workflows/run", {"profile": "grading", "user_input": {"submission_id": f"{n()}", "rubric": rubric, "submission": {"parts": []}}})


def add_session(daemon):
    with connect(daemon.data / "lectern.db", timeout=60) as db:
        db.execute("INSERT INTO workflow_session (uuid, site_id, user_id, scope_id, profile_id, created_at, updated_at)"
                   " SELECT ?, site_id, ?, 0, id, 1, 1 FROM workflow_profile WHERE slug = 'chat'", (str(uuid.uuid4()), f"u{n()}"))


def add_notice(daemon):
    with connect(daemon.data / "lectern.db", timeout=60) as db:
        db.execute("INSERT INTO usage_notice (site_id, limit_id, counter_key, slot, percent, created_at) SELECT id, 1, ?, 1, 80, 1 FROM site", (f"u{n()}",))


def add_destination(daemon, name, **more):
    if daemon.request("GET", f"/v1/event-destinations/{name}", daemon.admin_key).status == 404:
        add(daemon, "POST", "/v1/event-destinations", {"name": name, "kind": "webhook", "url": "http://127.0.0.1:9/", "enabled": False, **more})


def add_dead_event(daemon, user=None, kind="call.completed"):
    add_destination(daemon, "nobody")
    with connect(daemon.data / "lectern.db", timeout=60) as db:
        db.execute("INSERT INTO event_outbox (destination_id, site_id, user_id, event_id, kind, subject, at_us, data, dead_at) SELECT id, site_id, ?, ?, ?, '',"
                   " 1795348800000000, '{}', ? FROM event_destination WHERE name = 'nobody'", (user or f"u{n()}", f"e{n()}", kind, 4102444800000))


def n():
    return next(numbers)


def accept(daemon):
    user = f"u{n()}"
    version = daemon.request("GET", f"/v1/policy?user_id={user}", daemon.admin_key).json["version"]
    add(daemon, "PUT", "/v1/policy", {"accepted": True, "version": version, "user": {"id": user, "roles": ["student"]}})


def add_course(daemon):
    answer = daemon.request("POST", f"/v1/courses?course_id=c{n() * 7919 % 101}-{n()}", daemon.admin_key, write_cc(), {"Content-Type": "application/zip"})
    assert answer.status == 201, answer


# A row more in each.
MORE = {
    "/v1/register": run,
    "/v1/providers": lambda d: add(d, "POST", "/v1/providers", {"name": f"p{n()}", "plugin": "extract"}),
    "/v1/switches": lambda d: add(d, "PUT", "/v1/switches", {"course_id": COURSE, "location_id": f"é{n() * 7919 % 101}-{n()}", "enabled": False}),
    "/v1/tasks": lambda d: add(d, "POST", "/v1/workflows/run", {"profile": "mock", "async": True}),
    "/v1/gradings": grade,
    "/v1/courses": lambda d: add_course(d),
    "/v1/keys": lambda d: add(d, "POST", "/v1/keys", {"role": "service", "name": f"k{n()}"}),
    "/v1/limits": lambda d: add(d, "POST", "/v1/limits", {"subject": "course", "subject_id": f"c{n()}", "unit": "requests", "amount": 9, "window": "day"}),
    "/v1/limits/notices": lambda d: add_notice(d),
    "/v1/events/dead": lambda d: add_dead_event(d),
    "/v1/roles": lambda d: add(d, "PUT", "/v1/roles", {"user_id": f"u{n()}", "role": "teacher", "course_id": COURSE}),
    "/v1/profiles": lambda d: add(d, "POST", "/v1/profiles", {"slug": f"s{n() * 7919 % 101}-{n()}", "base_filepath": "mock/mock.json5"}),
    "/v1/profiles/{id}/history": lambda d: add(d, "PATCH", "/v1/profiles/chat", {"description": f"{n()}"}),
    "/v1/prompts": lambda d: add(d, "POST", "/v1/prompts", {"slug": f"s{n() * 7919 % 101}-{n()}", "body": "x"}),
    "/v1/prompts/{id}/history": lambda d: add(d, "PATCH", "/v1/prompts/hello", {"body": f"{n()}"}),
    "/v1/scopes": lambda d: add(d, "POST", "/v1/scopes", {"profile_id": "chat", "course_id": COURSE, "location_regex": f"l{n()}"}),
    "/v1/sessions": lambda d: add_session(d),
    "/v1/reports/policy": lambda d: accept(d),
    "/v1/policy/texts": lambda d: add(d, "PUT", "/v1/policy/texts", {"version": f"1.{n()}", "text": "x"}),
    "/v1/templates": lambda d: None,
}


@pytest.fixture(scope="module")
def lists(site):
    """{path: (name of the array, name of the cursor, its type)} of every list with pages, from openapi.json."""
    found = {}
    for path, item in site.request("GET", "/v1/openapi.json").json["paths"].items():
        operation = item.get("get", {})
        query = {p["name"]: p["schema"] for p in operation.get("parameters", []) if p.get("in") == "query"}
        schema = operation.get("responses", {}).get("200", {}).get("content", {}).get("application/json", {}).get("schema", {})
        arrays = [name for name, s in schema.get("properties", {}).items() if "array" in str(s.get("type"))]
        if not arrays or path in WHOLE:
            continue
        cursor = {"after", "before"} & set(query)
        assert "limit" in query and len(cursor) == 1 and "next" in schema["properties"] and len(arrays) == 1, f"{path} has no pages"
        found[path] = (arrays[0], cursor.pop(), query)
    return found


def test_every_list_of_the_api_is_looked_at(lists):
    assert set(lists) == set(MORE)


def test_lists_without_pages_are_named_with_a_reason(site):
    paths = site.request("GET", "/v1/openapi.json").json["paths"]
    assert set(WHOLE) <= set(paths)


def get(site, path, **query):
    path = path.replace("/v1/profiles/{id}", "/v1/profiles/chat").replace("/v1/prompts/{id}", "/v1/prompts/hello")
    return site.request("GET", f"{path}?{urllib.parse.urlencode(query)}", site.admin_key)


def identity(row):
    return json.dumps([row.get(k) for k in ("id", "path", "version", "user_id", "course_id", "location_id", "action") if k in row])


def pages(site, lists, path, limit, meanwhile=lambda: None):
    """Identities of the rows, page by page."""
    name, cursor, _ = lists[path]
    query, found = {"limit": limit}, []
    while True:
        answer = get(site, path, **query)
        assert answer.status == 200, answer
        rows = [identity(row) for row in answer.json[name]]
        assert len(rows) <= limit
        found.append(rows)
        if answer.json["next"] is None:
            return found
        assert len(found) < 200
        query[cursor] = answer.json["next"]
        meanwhile()


@pytest.mark.parametrize("path", MORE)
@pytest.mark.parametrize("limit", [1, 3, 100])
def test_the_pages_together_are_the_list(site, lists, path, limit):
    whole = [row for page in pages(site, lists, path, 100) for row in page]
    found = [row for page in pages(site, lists, path, limit) for row in page]
    assert len(whole) >= 4 and len(set(whole)) == len(whole)
    assert found == whole


@pytest.mark.parametrize("path", MORE)
def test_rows_that_come_meanwhile_move_nothing(site, lists, path):
    """What was there at the start comes exactly once, in the same order."""
    before = [row for page in pages(site, lists, path, 100) for row in page]
    found = [row for page in pages(site, lists, path, 3, lambda: MORE[path](site)) for row in page] if path != "/v1/templates" else before
    assert [row for row in found if row in set(before)] == before
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("path", MORE)
def test_bad_cursors_and_limits_are_refused(site, lists, path):
    _, cursor, query = lists[path]
    kind = query[cursor]
    bad = ["x", "-1", "1.5", "99999999999999999999"] if "integer" in kind["type"] else ["x", "0"] if kind.get("format") == "uuid" else ["x" * 300]
    bad += {"/v1/switches": ["x", "a b", "_w"], "/v1/templates": ["nothing"], "/v1/providers": ["999999"]}.get(path, [])
    for value in bad:
        answer = get(site, path, **{cursor: value})
        assert (answer.status, answer.json["code"], answer.json["field"]) == (400, "invalid_input", f"/{cursor}"), (value, answer)
    for value in ("0", "-1", "x", "1.5", str(query["limit"]["maximum"] + 1), "99999999999999999999"):
        answer = get(site, path, limit=value)
        assert (answer.status, answer.json["code"], answer.json["field"]) == (400, "invalid_input", "/limit"), (value, answer)
    assert get(site, path, limit=query["limit"]["maximum"]).status == 200
    assert get(site, path, limit=query["limit"]["minimum"]).status == 200


def test_a_cursor_of_switches_is_no_way_around_the_course(site):
    """A made-up cursor only says where to begin."""
    made_up = base64.urlsafe_b64encode(b"a\0b\0c").rstrip(b"=").decode()
    everything = get(site, "/v1/switches").json["switches"]
    assert get(site, "/v1/switches", after=made_up).json["switches"] == [s for s in everything if s["course_id"] > "a"]
