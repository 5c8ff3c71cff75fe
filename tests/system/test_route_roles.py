"""Who may call what: every route of /v1/openapi.json with every kind of caller. Each cell is in the table; a route without a row fails the test."""
import json
import urllib.parse

import pytest
from conftest import Daemon, check_end, wait_until
from routes import body_schema, fill, least, routes
from tokens import claims, token

SECRET = "a shared secret of the test"
HERE, ELSEWHERE = "course-v1:Org+Here+Run", "course-v1:Org+Elsewhere+Run"
DOOR = "/openedx-ai-extensions/v1"

# nobody has signed in · users' tokens with that role · a back end's key that names nobody · the same, naming a student where it can · keys ·
# an admin's token bound to a course, asked about another one where the route takes a course
CALLERS = ["nobody", "student", "teacher", "editingteacher", "manager", "admin", "service", "for_student", "site_admin", "metrics", "bound"]

# . let in (whatever comes of it) · 1 is 401 · 3 is 403 permission_denied
#           nobody student teacher editing manager admin service for_student site_admin metrics bound
PUBLIC = "      .      .       .       .       .       .     .       .           .          .       .   "
CALLER = "      1      .       .       .       .       .     .       .           .          3       .   "
IN_COURSE = "   1      .       .       .       .       .     .       .           .          3       3   "
EDITORS = "     1      3       3       .       .       .     3       3           .          3       3   "
MANAGERS = "    1      3       3       3       .       .     3       3           .          3       3   "
LMS = "         1      3       3       3       3       3     .       .           .          3       3   "  # of whom it wants to know
LISTED = "      1      3       3       3       .       .     3       3           .          3       .   "  # of what is of the token's course
ADMINS = "      1      3       3       3       3       .     3       3           .          3       3   "
METRICS = "     1      3       3       3       3       .     3       3           .          .       3   "
STAFF = "       1      3       .       .       .       .     3       3           .          3       3   "
SPENDERS = "    1      3       3       3       .       .     .       3           .          3       3   "
REVIEWERS = "   1      3       .       .       .       .     .       3           .          3       3   "
PRIVACY = "     1      3       3       3       3       .     .       .           .          3       3   "
PRIVACY_GET = " 1      3       3       3       3       .     .       3           .          3       3   "
NOBODY = "      1      1       1       1       1       1     1       1           1          1       1   "  # the console's cookie or key alone
SIGNED_IN = "   1      1       1       1       1       1     1       1           1          3       1   "

TABLE = {
    "GET /v1/files/{id}": PUBLIC,  # whoever has a link
    "GET /healthz": PUBLIC, "GET /readyz": PUBLIC, "GET /v1/openapi.json": PUBLIC,
    "GET /demo": PUBLIC, "GET /demo/units/{id}": PUBLIC, "GET /demo/static/{path}": PUBLIC, "GET /widgets/{path}": PUBLIC,
    "GET /docs": PUBLIC, "GET /docs/{path}": PUBLIC,
    "GET /admin": PUBLIC, "GET /admin/{path}": PUBLIC, "GET /admin/static/{path}": PUBLIC,
    "POST /v1/console/session": NOBODY, "GET /v1/console/session": SIGNED_IN, "DELETE /v1/console/session": SIGNED_IN,
    "GET /metrics": METRICS,
    "GET /v1/actions": CALLER, "POST /v1/actions/{name}": IN_COURSE,
    "GET /v1/actions/calls/{id}": CALLER, "DELETE /v1/actions/calls/{id}": CALLER, "GET /v1/actions/calls/{id}/stream": CALLER,
    "GET /v1/actions/calls/{id}/feedback": CALLER, "PUT /v1/actions/calls/{id}/feedback": CALLER, "DELETE /v1/actions/calls/{id}/feedback": CALLER,
    "POST /v1/actions/calls/{id}/approvals/{approval}": CALLER,
    "GET /v1/policy": CALLER, "PUT /v1/policy": CALLER, "DELETE /v1/policy": CALLER,
    "POST /v1/policy/status": LMS, "GET /v1/reports/policy": MANAGERS, "GET /v1/reports/guards": MANAGERS,
    "GET /v1/emergency-stop": MANAGERS, "PUT /v1/emergency-stop": MANAGERS, "DELETE /v1/emergency-stop": MANAGERS,
    "GET /v1/provider-plugins": ADMINS, "GET /v1/providers": ADMINS, "POST /v1/providers": ADMINS, "PUT /v1/providers/order": ADMINS,
    "GET /v1/providers/{id}": ADMINS, "PATCH /v1/providers/{id}": ADMINS, "DELETE /v1/providers/{id}": ADMINS,
    "GET /v1/mcp-servers": ADMINS, "POST /v1/mcp-servers": ADMINS, "GET /v1/mcp-servers/{id}": ADMINS, "PATCH /v1/mcp-servers/{id}": ADMINS,
    "DELETE /v1/mcp-servers/{id}": ADMINS, "POST /v1/mcp-servers/{id}/test": ADMINS, "GET /v1/mcp-servers/{id}/tools": ADMINS,
    "POST /v1/providers/{id}/test": ADMINS, "GET /v1/providers/{id}/models": ADMINS,
    "GET /v1/placements": CALLER, "GET /v1/placements/{name}": CALLER, "PUT /v1/placements/{name}": MANAGERS,
    "GET /v1/switches": EDITORS, "PUT /v1/switches": EDITORS,
    "GET /v1/quota": CALLER, "GET /v1/limits": ADMINS, "GET /v1/limits/{id}": ADMINS, "GET /v1/limits/notices": ADMINS, "POST /v1/limits": ADMINS, "PATCH /v1/limits/{id}": ADMINS, "DELETE /v1/limits/{id}": ADMINS,
    "GET /v1/event-destinations": ADMINS, "POST /v1/event-destinations": ADMINS, "GET /v1/event-destinations/{id}": ADMINS, "PATCH /v1/event-destinations/{id}": ADMINS,
    "DELETE /v1/event-destinations/{id}": ADMINS, "POST /v1/event-destinations/{id}/test": ADMINS,
    "GET /v1/events/dead": ADMINS, "POST /v1/events/dead/retry": ADMINS, "DELETE /v1/events/dead": ADMINS, "POST /v1/events/dead/{id}/retry": ADMINS, "DELETE /v1/events/dead/{id}": ADMINS,
    "GET /v1/content-sources": ADMINS, "POST /v1/content-sources": ADMINS, "GET /v1/content-sources/{id}": ADMINS, "PATCH /v1/content-sources/{id}": ADMINS,
    "DELETE /v1/content-sources/{id}": ADMINS, "POST /v1/content-sources/{id}/test": ADMINS,
    "GET /v1/prices": ADMINS, "POST /v1/prices": ADMINS, "DELETE /v1/prices/{id}": ADMINS,
    "POST /v1/workflows/run": IN_COURSE,
    "GET /v1/tasks": CALLER, "GET /v1/tasks/{id}": CALLER, "DELETE /v1/tasks/{id}": CALLER, "GET /v1/tasks/{id}/events": CALLER,
    "GET /v1/gradings": REVIEWERS, "GET /v1/gradings/{id}": REVIEWERS, "GET /v1/submissions/{id}/grading": CALLER, "PUT /v1/gradings/{id}/decision": REVIEWERS,
    "GET /v1/courses/{id}/search": REVIEWERS, "GET /v1/courses/{id}/index": REVIEWERS,
    "GET /v1/roles": MANAGERS, "PUT /v1/roles": MANAGERS, "POST /v1/roles/import": MANAGERS, "GET /v1/roles/mine": CALLER,
    "DELETE /v1/roles/{id}": LISTED,
    "GET /v1/courses": MANAGERS, "POST /v1/courses": MANAGERS, "GET /v1/courses/{id}": MANAGERS, "DELETE /v1/courses/{id}": MANAGERS,
    "GET /v1/keys": ADMINS, "POST /v1/keys": ADMINS, "POST /v1/keys/{id}/rotate": ADMINS, "DELETE /v1/keys/{id}": ADMINS,
    "GET /v1/policy/texts": ADMINS, "PUT /v1/policy/texts": ADMINS, "GET /v1/plugins": ADMINS, "GET /v1/health": ADMINS, "GET /v1/overview": SPENDERS,
    "GET /v1/site": ADMINS, "PATCH /v1/site": ADMINS,
    "GET /v1/services": CALLER, "GET /v1/services/{name}": CALLER,
    "GET /v1/permissions": ADMINS, "PUT /v1/permissions": ADMINS,
    "GET /v1/templates": MANAGERS, "GET /v1/templates/{path}": MANAGERS,
    "GET /v1/profiles": MANAGERS, "POST /v1/profiles": MANAGERS, "POST /v1/profiles/validate": MANAGERS, "GET /v1/profiles/{id}": MANAGERS,
    "PATCH /v1/profiles/{id}": MANAGERS, "DELETE /v1/profiles/{id}": MANAGERS, "GET /v1/profiles/{id}/history": MANAGERS,
    "GET /v1/profiles/{id}/diff": MANAGERS, "GET /v1/profiles/{id}/usage": MANAGERS,
    "GET /v1/prompts": MANAGERS, "POST /v1/prompts": MANAGERS, "GET /v1/prompts/{id}": MANAGERS, "PATCH /v1/prompts/{id}": MANAGERS,
    "DELETE /v1/prompts/{id}": MANAGERS, "GET /v1/prompts/{id}/history": MANAGERS,
    "GET /v1/scopes": LISTED, "POST /v1/scopes": MANAGERS, "GET /v1/scopes/resolve": MANAGERS,
    "GET /v1/scopes/{id}": LISTED,
    "PATCH /v1/scopes/{id}": LISTED, "DELETE /v1/scopes/{id}": LISTED,
    "GET /v1/sessions": CALLER, "GET /v1/sessions/{id}": CALLER, "DELETE /v1/sessions/{id}": CALLER, "POST /v1/sessions/{id}/clear": CALLER,
    "GET /v1/sessions/{id}/thread": CALLER, "GET /v1/sessions/{id}/collection": CALLER, "GET /v1/sessions/{id}/messages": CALLER,
    "POST /v1/questions/convert": CALLER,
    "POST /v1/privacy/export": PRIVACY, "POST /v1/privacy/erase": PRIVACY, "GET /v1/privacy/metadata": PRIVACY_GET, "GET /v1/privacy/jobs/{id}": CALLER,
    "GET /v1/reports/usage": REVIEWERS, "GET /v1/reports/errors": REVIEWERS, "GET /v1/reports/latency": REVIEWERS, "GET /v1/reports/feedback": REVIEWERS, "GET /v1/reports/cost": SPENDERS,
    "GET /v1/register/export": MANAGERS, "GET /v1/register": MANAGERS, "GET /v1/register/{id}": MANAGERS,
    "GET /ollama": PUBLIC,
    "POST /mcp": CALLER, "GET /mcp": CALLER,
    f"POST {DOOR}/workflows": IN_COURSE, f"GET {DOOR}/profile": CALLER, f"GET {DOOR}/profiles": STAFF,
    f"GET {DOOR}/prompts/{{id}}": STAFF, f"PATCH {DOOR}/prompts/{{id}}": STAFF,
}
# Doors whose routes are all alike: one row for what begins so. TABLE goes first. They are asked for what every caller may use.
DOORS = {"/openai/": CALLER, "/ollama/": CALLER}
MODEL = "action:summarise_text"

# What a request says beyond the least that its schema takes: a course, where the route looks at it.
CONTEXT = "?context=" + urllib.parse.quote(json.dumps({"courseId": HERE, "uiSlotSelectorId": "slot"}))
COURSE = "?" + urllib.parse.urlencode({"course_id": HERE})
QUERIES = {**{f"GET /v1/reports/{kind}": COURSE for kind in ("usage", "errors", "latency", "cost", "feedback")}, "GET /v1/gradings": COURSE, "GET /v1/switches": COURSE, "GET /v1/roles": COURSE, "GET /v1/scopes": COURSE, "GET /v1/scopes/resolve": COURSE,
           f"GET {DOOR}/prompts/{{id}}": CONTEXT, f"PATCH {DOOR}/prompts/{{id}}": CONTEXT,
           f"POST {DOOR}/workflows": CONTEXT, f"GET {DOOR}/profile": CONTEXT, f"GET {DOOR}/profiles": CONTEXT}
BODIES = {"POST /v1/actions/{name}": {"input": {"text": "Plants make sugar from light. They take water."}, "context": {"course_id": HERE}},
          "POST /v1/workflows/run": {"profile": "walk", "context": {"course_id": HERE}},
          "PUT /v1/switches": {"course_id": HERE, "enabled": None}, "PUT /v1/roles": {"user_id": "u", "course_id": HERE, "role": "student"},
          "POST /v1/roles/import": {"rows": [{"user_id": "u", "course_id": HERE, "role": "student"}]},
          "POST /v1/scopes": {"profile_id": 999999, "course_id": HERE}}
NAMES = {"POST /v1/actions/{name}": "summarise_text", "GET /v1/services/{name}": "ai", "GET /v1/placements/{name}": "chat",
         "PUT /v1/placements/{name}": "chat"}


def row_of(route):
    path = route.split()[1]
    row = TABLE.get(route) or next((row for prefix, row in DOORS.items() if path.startswith(prefix)), None)
    assert row, f"{route} has no row in the table: say who may call it"
    return dict(zip(CALLERS, row.split(), strict=True))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    d = Daemon(tmp_path_factory.mktemp("walk") / "data")
    d.cli("site", "set", "demo", "policy_by_lms=true")
    d.cli("issuer", "set", "https://lms.example/oauth2", "walk", "--site", "demo", "--secret-file", "-", stdin=SECRET)
    users = {role: token(SECRET, "HS256", claims(aud="walk", roles=[role])) for role in CALLERS[1:6]}
    metrics = json.loads(d.cli("--json", "key", "add", "--site", "demo", "--role", "metrics"))["key"]
    d.credentials = {"nobody": None, **users, "service": d.service_key, "for_student": d.service_key, "site_admin": d.admin_key, "metrics": metrics,
                     "bound": token(SECRET, "HS256", claims(aud="walk", roles=["admin"], course_id=ELSEWHERE))}
    wait_until(lambda: d.request("GET", "/v1/actions", users["student"]).status == 200, what="the issuer")
    wait_until(lambda: d.request("GET", "/metrics", metrics).status == 200, what="the metrics key")
    profile = {"slug": "walk", "base_filepath": "base/blank.json5", "content_patch": {"processor_config": {"LLMProcessor": {"prompt": "Be brief."}}}}
    assert d.request("POST", "/v1/profiles", d.admin_key, profile).status == 201
    assert d.request("POST", "/v1/scopes", d.admin_key, {"profile_id": "walk", "course_id": HERE, "ui_slot_selector_id": "slot"}).status == 201
    yield d
    check_end(d)


def ask(site, caller, route, operation):
    method, path = route.split()
    schema, body, query = body_schema(operation), None, QUERIES.get(route, "")
    if schema is not None:
        body = BODIES.get(route) or least(schema)
        if path.startswith(tuple(DOORS)) and "model" in schema.get("properties", {}):
            body["model"] = MODEL
    if caller == "for_student" and schema is None:
        query += ("&" if query else "?") + "user_id=pupil&role=student"
    elif caller == "for_student" and "user" in schema.get("properties", {}):
        body = {**body, "user": {"id": "pupil", "roles": ["student"]}}
    return site.request(method, fill(path, name=NAMES.get(route, "x"), path="x") + query, site.credentials[caller], body)


def outcome(answer, route):
    if answer.status == 401:
        return "1"
    if answer.status == 403:
        assert b"permission_denied" in answer.body or "/ollama/" in route, answer  # there an error is a sentence
        return "3"
    assert answer.status < 500 or b"no_provider" in answer.body, answer
    return "."


def test_every_route_with_every_caller(site):
    wrong, cells, known = [], 0, routes(site)
    for (method, path), operation in known.items():
        route = f"{method} {path}"
        for caller, expected in row_of(route).items():
            answer = ask(site, caller, route, operation)
            cells += 1
            if outcome(answer, route) != expected:
                wrong.append(f"{route} by {caller}: {answer}, expected {expected}")
    assert not wrong, "\n".join(wrong)
    assert cells == len(known) * len(CALLERS)
    print(f"{cells} cells")


def test_the_table_names_no_route_that_is_gone(site):
    known = {f"{method} {path}" for method, path in routes(site)}
    assert set(TABLE) <= known and {*QUERIES, *BODIES, *NAMES} <= known


def test_the_table_agrees_with_what_openapi_prints(site):
    """x-permission says who is let in before the handler looks at anything: nobody is let in beyond it."""
    kinds = {"public": PUBLIC, "caller": CALLER, "policy": CALLER, "view_metrics": METRICS, "manage_switches": EDITORS, "manage_roles": MANAGERS,
             "manage_workflows": MANAGERS, "manage_placements": MANAGERS, "view_register": MANAGERS, "view_policy_report": MANAGERS,
             "manage_emergency_stop": MANAGERS, "manage_courses": MANAGERS, "manage_limits": ADMINS, "manage_events": ADMINS, "manage_providers": ADMINS, "manage_keys": ADMINS, "manage_permissions": ADMINS, "manage_site": ADMINS, "manage_policy": ADMINS,
             "view_plugins": ADMINS, "view_health": ADMINS, "view_usage_report": SPENDERS,
             "export_user_data": PRIVACY_GET}
    for (method, path), operation in routes(site).items():
        route = f"{method} {path}"
        most = dict(zip(CALLERS, kinds[operation["x-permission"]].split(), strict=True))
        let_in = {caller for caller, cell in row_of(route).items() if cell == "." and caller != "bound"}
        assert let_in <= {caller for caller, cell in most.items() if cell == "."}, route
        assert (operation["security"] == []) == (operation["x-permission"] == "public"), route
