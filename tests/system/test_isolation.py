"""Two sites in one daemon: an administrator of the one finds nothing of the other, by no id and in no list, and changes nothing there."""
import contextlib
import datetime
import json
import random
import re
import urllib.parse
import uuid

import pytest
from conftest import Daemon, add_vendor, check_end, wait_until
from database import connect
from double.upstream import Upstream
from course_packages import write_cc
from routes import NOWHERE, body_schema, fill, least, routes

MARK = "only-of-site-a"
COURSE = "course-v1:Org+SiteA+Run"
DOOR = "/openedx-ai-extensions/v1"
USER = {"id": MARK, "roles": ["student"]}

# What the parameter of a route names: a kind of thing of which site A has one. Longest prefix first.
KINDS = {"/v1/actions/calls/": "call", "/v1/register/": "call", "/v1/providers/": "provider", "/v1/mcp-servers/": "mcp", "/v1/tasks/": "task", "/v1/gradings/": "grading", "/v1/submissions/": "submission", "/v1/roles/": "role", "/v1/courses/": "course",
         "/v1/limits/": "limit", "/v1/event-destinations/": "destination", "/v1/events/dead/": "dead event", "/v1/prices/": "price", "/v1/courses/": "course", "/v1/content-sources/": "source", "/v1/keys/": "key", "/v1/profiles/": "profile", f"{DOOR}/prompts/": "prompt", "/v1/prompts/": "prompt",
         "/v1/privacy/jobs/": "privacy", "/v1/scopes/": "scope", "/v1/sessions/": "session", "/openai/v1/models/": "model", "/openai/v1/responses/": "response"}
# Parameters that name what the program has, the same for every site.
OF_NO_SITE = {"/v1/actions/{name}", "/v1/placements/{name}", "/v1/templates/{path}", "/v1/services/{name}", "/demo/units/{id}",
              "/v1/files/{id}",  # opened by links alone: test_images.py
              "/demo/static/{path}", "/widgets/{path}", "/docs", "/docs/{path}", "/admin/{path}", "/admin/static/{path}"}
BODIES = {f"{DOOR}/prompts/{{id}}": {"body": "changed"}, "/v1/prompts/{id}": {"body": "changed"}, "/v1/profiles/{id}": {"description": "changed"},
          "/v1/limits/{id}": {"amount": 1}, "/v1/event-destinations/{id}": {"enabled": True}, "/v1/content-sources/{id}": {"enabled": False}, "/v1/mcp-servers/{id}": {"enabled": False}}
DAYS = [(datetime.date.today() + datetime.timedelta(days=n)).isoformat() for n in (-3, 3)]
# Lists of site A that must be as before when B has tried everything.
LISTS = ["/v1/site", "/v1/policy/texts", "/v1/providers", "/v1/mcp-servers", "/v1/placements", "/v1/switches", "/v1/tasks", "/v1/roles", "/v1/keys", "/v1/permissions", "/v1/profiles",
         "/v1/prompts", "/v1/scopes", "/v1/sessions", "/v1/register", "/v1/gradings", "/v1/limits", "/v1/prices", "/v1/event-destinations", "/v1/events/dead", "/v1/courses", "/v1/content-sources",
         "/v1/reports/policy", "/v1/reports/guards", "/v1/emergency-stop",
         *(f"/v1/reports/{kind}?group_by=user,provider,course&since={DAYS[0]}&until={DAYS[1]}" for kind in ("usage", "cost", "latency", "feedback"))]


# Query parameters and members of bodies that name a thing of a site: the kinds of which site A's are tried.
NAMING = {"provider": ["provider"], "ids": ["provider"], "subject_id": ["provider", "course"], "profile": ["profile"], "profile_id": ["profile"], "scope_id": ["scope"],
          "destination": ["destination"], "previous_response_id": ["response"], "model": ["model"], "course_id": ["course"], "courseId": ["course"],
          "before": ["call", "session", "task", "grading", "dead event"], "after": ["call", "profile", "role", "key", "limit"], "from": ["profile"], "to": ["profile"],
          "slug": ["prompt", "profile"], "label": ["mcp"], "name": ["provider", "source", "destination"], "command": ["mcp"], "context": ["course"]}
# Those that do not: people, whose ids are the LMS's and alike in all sites; places in courses, which are looked for below a course; words, numbers, settings.
NAMING_NOTHING = set("""user user_id user_ids learner_id visible_user role location_id locationId ui_slot_selector_id uiSlotSelectorId service_variant serviceVariant placement
    as_named q format sort lang version language state since until limit action actions enabled input stream trace rating reason comment approve accepted text dry_run plugin
    subject content_type config kind base_url client_id secret options approval connect_ms call_ms idle_ms max_bytes url headers transport resources tools tool_approval events unit amount window
    window_s when_spent per_user cached_input output request image valid_from valid_to prompt user_input async no_store decision staff_at title replace rows choose_provider
    expires_at overlap_s permission allowed settings buckets component description base_filepath content_patch body location_regex view questions library_id shown site
    expires signature content code group_by of timestamp request_id messages key expires_in order""".split())


class Two:
    def __init__(self, daemon, upstream):
        self.daemon, self.a = daemon, daemon.admin_key
        daemon.cli("site", "set", "demo", "policy_by_lms=true", f"name={MARK}")
        daemon.cli("site", "add", "b")
        self.b = json.loads(daemon.cli("--json", "key", "add", "--site", "b", "--role", "site_admin"))["key"]
        self.b_service = json.loads(daemon.cli("--json", "key", "add", "--site", "b", "--role", "service"))["key"]
        daemon.cli("site", "add", "c")
        self.c = json.loads(daemon.cli("--json", "key", "add", "--site", "c", "--role", "site_admin"))["key"]  # of which nothing is expected afterwards
        wait_until(lambda: daemon.request("GET", "/v1/keys", self.c).status == 200, what="the key of c")
        wait_until(lambda: daemon.request("GET", "/v1/actions", self.b_service).status == 200, what="the keys of b")
        self.ids = self.fill_site_a(upstream)

    def made(self, method, path, body, status=(200, 201, 202)):
        answer = self.daemon.request(method, path, self.a, body)
        assert answer.status in status, answer
        return answer.json

    def fill_site_a(self, upstream):
        provider = add_vendor(self.daemon, upstream, name=MARK)
        self.made("PATCH", "/v1/site", {"settings": {
            "mcp_hosts": ["127.0.0.1"], "guards": [{"name": MARK.lower(), "type": "length", "stage": "input", "mode": "dry_run", "max": 1}]}})
        mcp = self.made("POST", "/v1/mcp-servers", {"label": MARK, "transport": "http", "url": "http://127.0.0.1:9/" + MARK})
        patch = {"orchestrator_class": "ThreadedLLMResponse", "processor_config": {"LLMProcessor": {"prompt": MARK, "stream": False}}}
        profile = self.made("POST", "/v1/profiles", {"slug": MARK, "base_filepath": "base/blank.json5", "content_patch": patch})
        self.made("PATCH", f"/v1/profiles/{MARK}", {"description": "twice"})
        prompt = self.made("POST", "/v1/prompts", {"slug": MARK, "body": MARK})
        scope = self.made("POST", "/v1/scopes", {"profile_id": MARK, "course_id": COURSE, "ui_slot_selector_id": MARK})
        role = self.made("PUT", "/v1/roles", {"user_id": MARK, "course_id": COURSE, "role": "teacher"})
        key = self.made("POST", "/v1/keys", {"role": "service", "name": MARK})
        limit = self.made("POST", "/v1/limits", {"subject": "course", "subject_id": MARK, "unit": "requests", "amount": 1000, "window": "day"})
        course = self.daemon.request("POST", f"/v1/courses?course_id={MARK}", self.a, write_cc(), {"Content-Type": "application/zip"}).json
        price = self.made("POST", "/v1/prices", {"model": MARK, "input": 1, "output": 1})
        destination = self.made("POST", "/v1/event-destinations", {"name": MARK, "kind": "webhook", "url": "http://127.0.0.1:9/" + MARK, "enabled": False})
        with contextlib.closing(connect(self.daemon.data / "lectern.db", timeout=60)) as database, database:
            dead = database.execute("INSERT INTO event_outbox (destination_id, site_id, user_id, event_id, kind, subject, at_us, data, dead_at) VALUES"
                                    " (?, (SELECT id FROM site WHERE slug = 'demo'), ?, ?, 'call.completed', '', 1795348800000000, '{}', 1795348800000) RETURNING id",
                                    (destination["id"], MARK, MARK)).fetchone()[0]
        source = self.made("POST", "/v1/content-sources", {"name": MARK, "kind": "moodle", "base_url": upstream.url, "secret": MARK})
        self.made("PUT", "/v1/switches", {"course_id": MARK, "enabled": False})
        self.made("PUT", "/v1/policy", {"accepted": True, "version": self.made("GET", f"/v1/policy?user_id={MARK}", None)["version"], "user": USER})
        self.made("PUT", "/v1/policy/texts", {"version": self.made("GET", "/v1/policy/texts", None)["version"], "language": "fr", "text": MARK})
        self.made("PUT", "/v1/permissions", {"role": "teacher", "permission": "view_register", "allowed": True})
        call = self.made("POST", "/v1/actions/summarise_text", {"input": {"text": f"{MARK}. Plants make sugar from light."}, "user": USER})
        self.made("PUT", f"/v1/actions/calls/{call['id']}/feedback", {"rating": "down", "comment": MARK, "user": USER})
        run = {"profile": MARK, "context": {"course_id": COURSE, "ui_slot_selector_id": MARK}, "action": "run", "user_input": MARK, "user": USER}
        session = self.made("POST", "/v1/workflows/run", run)["session_id"]
        task = self.made("POST", "/v1/workflows/run", {**run, "async": True})["task_id"]
        wait_until(lambda: self.daemon.request("GET", f"/v1/tasks/{task}", self.a).json["state"] == "completed", what="the task")
        response = self.made("POST", "/openai/v1/responses", {"model": "action:summarise_text", "input": f"{MARK}. Leaves are green.", "user": MARK})
        self.made("POST", "/v1/profiles", {"slug": f"{MARK}-grading", "base_filepath": "base/grading.json5"})
        rubric = {"criteria": [{"id": "c", "name": MARK, "options": [{"id": "o", "name": "O", "points": 1}]}]}
        grading = self.made("POST", "/v1/workflows/run", {"profile": f"{MARK}-grading", "user_input": {"submission_id": MARK, "rubric": rubric,
                                                                                                       "submission": {"parts": []}}})["response"]
        self.made("PUT", "/v1/emergency-stop", {"reason": MARK})
        export = self.daemon.request("POST", "/v1/privacy/export", self.a, {"user_id": MARK})
        return {"privacy": [json.loads(export.body.splitlines()[0])["id"]], "grading": [grading["id"], grading["number"], MARK], "submission": [MARK], "model": [f"profile:{MARK}"], "response": [response["id"]], "provider": [provider, MARK], "mcp": [mcp["id"], MARK], "profile": [profile["id"], profile["uuid"], MARK], "prompt": [prompt["id"], MARK],
                "scope": [scope["id"], scope["uuid"]], "role": [role["id"]], "key": [key["id"], key["prefix"]], "limit": [limit["id"]], "destination": [destination["id"], MARK], "dead event": [dead],
                "price": [price["id"]], "course": [course["course_id"], "course-v1:Lectern+Demo+2026"], "source": [source["id"], MARK], "call": [call["id"]],
                "session": [session], "task": [task]}

    def lists(self):
        return {path: self.daemon.request("GET", path, self.a).json for path in LISTS}


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    with Upstream() as upstream:
        d = Daemon(tmp_path_factory.mktemp("isolation") / "data")
        yield Two(d, upstream)
        check_end(d)


def kind_of(path):
    kind = next((kind for prefix, kind in KINDS.items() if path.startswith(prefix + "{")), None)
    assert kind or path in OF_NO_SITE, f"{path}: say what its parameter names"
    return kind


def with_parameter(two):
    return {(method, path): operation for (method, path), operation in routes(two.daemon).items() if "{" in path and kind_of(path)}


def asked(two, method, path, operation, value, key):
    schema = body_schema(operation)
    body = None if schema is None else BODIES.get(path) if method == "PATCH" and path in BODIES else least(schema)
    return two.daemon.request(method, fill(path, id=value), key, body)


def test_no_id_of_site_a_is_known_in_site_b(two):
    before, tried = two.lists(), 0
    for (method, path), operation in with_parameter(two).items():
        for value in two.ids[kind_of(path)]:
            for key in (two.b, two.b_service):
                answer = asked(two, method, path, operation, value, key)
                refused = (404,) if key == two.b or operation["x-permission"] == "caller" and not path.startswith(DOOR) else (403, 404)
                assert answer.status in refused, f"{method} {path} with {value}: {answer}"
                nothing = asked(two, method, path, operation, NOWHERE, key)
                assert answer.status == nothing.status, f"{method} {path}: what is there and what is not are told apart: {answer}, {nothing}"
                assert MARK not in answer.body.decode().replace(str(value), ""), answer
                tried += 1
    assert two.lists() == before
    print(f"{tried} requests")


def test_the_same_ids_are_known_in_site_a(two):
    """So that the test above asks for what there is."""
    for (method, path), operation in with_parameter(two).items():
        if method == "GET":
            for value in two.ids[kind_of(path)]:
                answer = asked(two, method, path, operation, value, two.a)
                assert answer.status not in (401, 403, 404) or path.endswith("/collection"), f"{path} with {value}: {answer}"


# ---- ids in queries and bodies ----

def fields(two):
    """(method, path, where, name, schema) of every query parameter and every member of a body, of routes that take no other thing's id."""
    shared = two.daemon.request("GET", "/v1/openapi.json").json["components"].get("parameters", {})
    for (method, path), operation in routes(two.daemon).items():
        if not operation["security"] or ("{" in path and kind_of(path)):
            continue
        for parameter in operation.get("parameters", []):
            parameter = shared[parameter["$ref"].split("/")[-1]] if "$ref" in parameter else parameter
            if parameter["in"] == "query":
                yield method, path, "query", parameter["name"], parameter["schema"], operation
        schema = body_schema(operation) or {}
        for name, member in schema.get("properties", {}).items():
            yield method, path, "body", name, member, operation
        for name, member in schema.get("properties", {}).get("context", {}).get("properties", {}).items():
            yield method, path, "context", name, member, operation


def with_field(two, method, path, where, name, member, operation, value):
    schema = body_schema(operation)
    body = None if schema is None else {**least(schema), **BODIES.get(path, {})}
    query = ""
    if where == "query":
        query = "?" + urllib.parse.urlencode({name: json.dumps({"courseId": value}) if name == "context" else value})
    elif where == "context":
        body["context"] = {name: value}
    else:
        body[name] = [value] if member.get("type") == "array" else {"course_id": value} if name == "context" else value
        if name == "subject_id":
            body["subject"] = "provider" if str(value).isdigit() else "course"
    return two.daemon.request(method, fill(path, name="summarise_text") + query, two.c, body)


def like(value):
    """What no site has, of the same form; another one each time."""
    text = str(value)
    if text.isdigit():
        return random.randrange(10**8, 10**9)
    if len(text) == 36 and text.count("-") == 4:
        return str(uuid.uuid4())
    if text.startswith("resp_"):
        return "resp_" + uuid.uuid4().hex
    word = list(re.finditer(r"[A-Za-z0-9]{4,}", text))[-2 if text.startswith("course-v1") else -1]
    return text[:word.start()] + f"zq{random.randrange(10**8)}" + text[word.end():]


def test_every_field_says_whether_it_names_a_thing(two):
    doors = ("/openai/", "/ollama/", "/mcp")  # their bodies are those of other APIs: what of it names a thing of ours is in NAMING
    unknown = {f"{method} {path}: {name}" for method, path, _, name, *_ in fields(two) if name not in NAMING and name not in NAMING_NOTHING and not path.startswith(doors)}
    assert not unknown, "say in NAMING or NAMING_NOTHING what these name: " + ", ".join(sorted(unknown))
    assert not set(NAMING) & NAMING_NOTHING


def test_no_id_of_site_a_in_a_query_or_body_does_anything_in_another_site(two):
    """What names a thing of A is answered as what names nothing, tells nothing of A, and changes nothing there."""
    before, tried = two.lists(), 0
    for method, path, where, name, member, operation in fields(two):
        kinds = NAMING.get(name, [])
        for value in {str(value): value for kind in kinds for value in two.ids[kind]}.values():
            field = (method, path, where, name, member, operation)
            if member.get("type") == "integer" and not str(value).isdigit() or method == "POST" and path.endswith(("/workflows", "/mcp")) and where == "body":
                continue
            value = int(value) if member.get("type") == "integer" else value
            first, answer, last = (with_field(two, *field, v) for v in (like(value), value, like(value)))
            shown = answer.body.decode(errors="replace").replace(str(value), "")
            assert answer.status in (first.status, last.status), f"{method} {path} with {where} {name}={value}: {answer}, but {last}"
            assert MARK not in shown and answer.status < 500 or b"no_provider" in answer.body, f"{method} {path} with {where} {name}={value}: {answer}"
            tried += 1
    assert two.lists() == before and tried > 150
    print(f"{tried} requests")


def test_no_list_of_site_b_shows_anything_of_site_a(two):
    texts = [MARK, COURSE] + [str(value) for values in two.ids.values() for value in values if len(str(value)) > 8]
    shown = {path: body for path, body in two.lists().items() if MARK in json.dumps(body)}
    missing = set(LISTS) - set(shown)
    assert missing <= {"/v1/placements", "/v1/permissions"}, missing  # these name nothing that is a site's own
    for (method, path), operation in routes(two.daemon).items():
        if method == "GET" and "{" not in path and operation["security"]:
            for query in ("", "?user=" + MARK, "?course_id=" + COURSE.replace("+", "%2B"), "?user_id=" + MARK):
                answer = two.daemon.request("GET", path + query, two.b)
                assert answer.status < 500
                text = answer.body.decode()
                found = [t for t in texts if f'"{t}"' in text or (t in text and t not in (MARK, COURSE))]
                repeated = path == "/v1/roles/mine" and found == [COURSE]  # what was asked
                assert not found or repeated, f"{path}{query}: {found}: {answer}"


def test_what_site_b_changes_is_its_own(two):
    before = two.lists()
    ask = two.daemon.request
    assert ask("PUT", "/v1/permissions", two.b, {"role": "student", "permission": "view_register", "allowed": True}).status == 200
    assert ask("PUT", "/v1/switches", two.b, {"course_id": MARK, "enabled": True}).status == 200
    assert ask("PUT", "/v1/emergency-stop", two.b, {"reason": "of b"}).status == 200
    assert ask("DELETE", "/v1/emergency-stop", two.b).json["stopped"] is False
    assert ask("POST", "/v1/policy/status", two.b, {"user_ids": [MARK]}).json["users"][0].keys() == {"user_id", "accepted"}
    assert ask("PUT", "/v1/placements/chat", two.b, {"enabled": False}).status == 200
    assert ask("POST", "/v1/roles/import", two.b, {"rows": [], "replace": True}).status == 200
    assert ask("PUT", "/v1/providers/order", two.b, {"ids": [two.ids["provider"][0]]}).status == 404
    assert ask("PUT", "/v1/providers/order", two.b, {"ids": []}).status == 200
    assert ask("POST", "/v1/prompts", two.b, {"slug": MARK, "body": "of b"}).status == 201  # the name is free here
    limit = {"subject": "provider", "subject_id": str(two.ids["provider"][0]), "unit": "requests", "amount": 0, "window": "day"}
    assert ask("POST", "/v1/limits", two.b, limit).status == 400  # that instance is not b's
    assert ask("POST", "/v1/limits", two.b, {**limit, "subject": "site", "subject_id": ""}).status == 201
    assert ask("POST", "/v1/scopes", two.b, {"profile_id": two.ids["profile"][0]}).status in (400, 404)
    assert ask("POST", "/v1/workflows/run", two.b, {"profile": MARK}).status == 404
    assert two.lists() == before
