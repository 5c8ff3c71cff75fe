"""Permissions of a site: the matrix and where each cell comes from, rows over the defaults, and that nobody gives what they lack."""
import json

import pytest
from conftest import Daemon, check_end, wait_until
from tokens import claims, token

SECRET = "a shared secret of the test"
ROLES = ["student", "teacher", "editingteacher", "manager", "admin", "service"]
TEXT = "Plants make sugar from light. They take water from the soil."


@pytest.fixture(scope="module")
def daemon_of_all(tmp_path_factory):
    d = Daemon(tmp_path_factory.mktemp("permissions") / "data")
    d.cli("site", "set", "demo", "policy_by_lms=true")
    d.cli("issuer", "set", "https://lms.example/oauth2", "p", "--site", "demo", "--secret-file", "-", stdin=SECRET)
    d.users = {role: token(SECRET, "HS256", claims(aud="p", roles=[role])) for role in ROLES[:5]}
    wait_until(lambda: d.request("GET", "/v1/actions", d.users["student"]).status == 200, what="the issuer")
    yield d
    check_end(d)


@pytest.fixture()
def site(daemon_of_all):
    """As by default, before and after."""
    yield daemon_of_all
    for name, cells in matrix(daemon_of_all).items():
        for role, cell in cells.items():
            if cell["by"] == "site" and cell["of"] == name:
                put(daemon_of_all, role, name, None)


def matrix(site):
    answer = site.request("GET", "/v1/permissions", site.admin_key)
    assert answer.status == 200, answer
    return {p["permission"]: {c["role"]: c for c in p["roles"]} for p in answer.json["permissions"]}


def put(site, role, permission, allowed, key=None, status=200):
    answer = site.request("PUT", "/v1/permissions", key or site.admin_key, {"role": role, "permission": permission, "allowed": allowed})
    assert answer.status == status, answer
    return answer.json


def may(cells):
    return [role for role in ROLES if cells[role]["allowed"]]


def test_the_defaults(site):
    """Those of reference/moodle.md §A9, and what Lectern has besides."""
    found = matrix(site)
    everybody, staff, editors, managers, admins = ROLES, ROLES[1:], ROLES[2:], ["manager", "admin"], ["admin"]
    for permission, roles in {
            "policy": everybody, "action:summarise_text": everybody, "action:explain_text": everybody, "action:continue_conversation": everybody,
            "action:generate_text": staff, "action:generate_image": staff, "action:grade_response": staff,
            "action:generate_question": editors, "action:translate_text": everybody, "action:describe_image": everybody,
            "action:improve_text": staff, "action:moderate_text": staff, "action:improve_text@editor": staff,
            "action:generate_text@editor": staff, "action:summarise_text@course_assist": everybody, "action:continue_conversation@chat": everybody,
            "review_gradings": staff, "search_course": staff, "choose_provider": managers, "view_register": managers, "manage_roles": managers, "manage_workflows": managers,
            "manage_placements": managers, "manage_emergency_stop": managers, "view_policy_report": managers, "manage_switches": ROLES[2:5], "manage_providers": admins, "manage_keys": admins, "manage_events": admins,
            "manage_permissions": admins, "view_metrics": admins, "view_trace": admins}.items():
        assert may(found[permission]) == roles, permission
    assert {c["by"] for cells in found.values() for c in cells.values()} == {"default"}
    assert all(list(cells) == ROLES for cells in found.values())


def test_each_cell_says_where_it_comes_from(site):
    put(site, "student", "action:generate_text", True)
    put(site, "teacher", "action:generate_text@editor", False)
    found = matrix(site)
    cell = {"role": "student", "allowed": True, "by": "site", "of": "action:generate_text"}
    assert found["action:generate_text"]["student"] == cell and found["action:generate_text@editor"]["student"] == cell
    assert found["action:generate_text@editor"]["teacher"] == {"role": "teacher", "allowed": False, "by": "site", "of": "action:generate_text@editor"}
    assert found["action:generate_text@author"]["teacher"] == {"role": "teacher", "allowed": True, "by": "default", "of": "action:generate_text"}
    assert found["action:summarise_text"]["student"] == {"role": "student", "allowed": True, "by": "default", "of": "action:"}


def test_a_row_of_one_role_in_one_placement_changes_nothing_for_others(site):
    before = matrix(site)
    put(site, "teacher", "action:summarise_text@course_assist", False)
    after = matrix(site)
    changed = [(p, r) for p in after for r in ROLES if after[p][r]["allowed"] != before[p][r]["allowed"]]
    assert changed == [("action:summarise_text@course_assist", "teacher")]
    ask = {"input": {"text": TEXT}, "context": {"placement": "course_assist"}}
    assert site.request("POST", "/v1/actions/summarise_text", site.users["student"], ask).status == 200
    assert site.request("POST", "/v1/actions/summarise_text", site.users["teacher"], ask).status == 403
    assert site.request("POST", "/v1/actions/summarise_text", site.users["teacher"], {**ask, "context": {"placement": "author"}}).status == 200


@pytest.mark.parametrize("role, permission, method, path", [
    ("student", "view_register", "GET", "/v1/register"), ("teacher", "manage_switches", "GET", "/v1/switches"),
    ("manager", "manage_providers", "GET", "/v1/providers"), ("manager", "manage_keys", "GET", "/v1/keys"),
    ("manager", "manage_permissions", "GET", "/v1/permissions"), ("teacher", "view_metrics", "GET", "/metrics"),
    ("editingteacher", "manage_workflows", "GET", "/v1/profiles"), ("teacher", "manage_roles", "GET", "/v1/roles")])
def test_a_permission_is_given_at_once_taken_and_reset(site, role, permission, method, path):
    def status():
        return {site.request(method, path, site.users[role]).status for _ in range(8)}
    assert status() == {403}
    assert put(site, role, permission, True) == {"permission": permission, "role": role, "allowed": True, "by": "site", "of": permission}
    wait_until(lambda: status() == {200}, what="the permission")
    put(site, role, permission, False)
    wait_until(lambda: status() == {403}, what="its end")
    assert put(site, role, permission, None)["by"] == "default"


def test_students_are_denied_what_they_have_by_default(site):
    put(site, "student", "action:summarise_text", False)
    for role, status in (("student", 403), ("teacher", 200)):
        ask = {"input": {"text": TEXT}}
        wait_until(lambda: site.request("POST", "/v1/actions/summarise_text", site.users[role], ask).status == status, what=role)


@pytest.mark.parametrize("permission", ["fly", "", "action:", "action:fly", "action:generate_text@nowhere", "action:generate_text@",
                                        "ACTION:generate_text", "policy@chat", "manage_keys\0", "x" * 192])
def test_a_permission_that_there_is_not_is_refused(site, permission):
    before = matrix(site)
    assert put(site, "student", permission, True, status=400)["field"] == "/permission"
    assert put(site, "king", "policy", True, status=400)["field"] == "/role"
    assert matrix(site) == before


def test_admins_cannot_lock_themselves_out(site):
    assert put(site, "admin", "manage_permissions", False, status=400)["field"] == "/role"
    assert matrix(site)["manage_permissions"]["admin"]["allowed"]


def test_nobody_gives_or_takes_what_they_lack_or_touches_a_role_above(site):
    manager = site.users["manager"]
    put(site, "student", "policy", True, manager, 403)  # not theirs to manage
    put(site, "manager", "manage_permissions", True)
    wait_until(lambda: site.request("GET", "/v1/permissions", manager).status == 200, what="the permission")
    for permission in ("manage_keys", "manage_providers", "view_metrics"):
        for role in ("student", "manager"):
            for allowed in (True, False, None):
                assert put(site, role, permission, allowed, manager, 403)["field"] == "/permission"
    for role in ("admin", "service"):
        assert put(site, role, "view_register", True, manager, 403)["field"] == "/role"
    put(site, "teacher", "view_register", True, manager)
    put(site, "manager", "action:generate_text@editor", False)
    wait_until(lambda: put(site, "student", "policy", None, manager) is not None, what="the next look")
    assert put(site, "teacher", "action:generate_text@editor", False, manager, 403)["field"] == "/permission"
    put(site, "teacher", "action:generate_text@author", False, manager)


def test_a_back_end_that_names_a_user_has_that_users_permissions(site):
    put(site, "teacher", "view_register", True)
    for role, status in (("teacher", 200), ("student", 403)):
        path = f"/v1/register?user_id=u&role={role}"
        wait_until(lambda: site.request("GET", path, site.service_key).status == status, what=role)
    assert site.request("GET", "/v1/register", site.service_key).status == 403


def test_a_token_for_one_course_manages_nothing_of_the_site(site):
    bound = token(SECRET, "HS256", claims(aud="p", roles=["admin"], course_id="c1"))
    for path in ("/v1/permissions", "/v1/keys", "/v1/providers", "/v1/register", "/v1/profiles", "/v1/prompts", "/metrics"):
        assert site.request("GET", path, bound).status == 403, path
    ask = {"input": {"text": TEXT}, "context": {"course_id": "c2"}}
    call = site.request("POST", "/v1/actions/summarise_text", site.users["student"], ask).json["id"]
    assert site.request("GET", f"/v1/actions/calls/{call}", site.users["admin"]).status == 200
    other = token(SECRET, "HS256", claims(aud="p", sub="u2", roles=["admin"], course_id="c1"))
    assert site.request("GET", f"/v1/actions/calls/{call}", other).status == 404


def test_the_command_line_shows_and_sets_the_same(site):
    site.cli("permission", "set", "student", "view_register", "on", "--site", "demo")
    wait_until(lambda: matrix(site)["view_register"]["student"]["allowed"], what="the row")
    rows = {row["permission"]: row for row in json.loads(site.cli("--json", "permission", "list", "--site", "demo"))}
    for name, cells in matrix(site).items():
        assert {role: rows[name][role].startswith("yes") for role in ROLES} == {role: cells[role]["allowed"] for role in ROLES}, name
        assert {role: rows[name][role].endswith("(set)") for role in ROLES} == {role: cells[role]["by"] == "site" for role in ROLES}, name
    site.cli("permission", "reset", "student", "view_register", "--site", "demo")
    wait_until(lambda: not matrix(site)["view_register"]["student"]["allowed"], what="the default")
