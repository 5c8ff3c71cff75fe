"""Scopes against the real daemon: /v1/scopes, /v1/scopes/resolve, `lectern scope`, what a save refuses, and that nothing is half saved."""
import json
import threading
import time
import urllib.parse
import uuid

import pytest
from conftest import Daemon, best_of, check_end, wait_until
from database import connect

COURSE = "course-v1:Org+Course+Run"
UNIT = "block-v1:Org+Course+Run+type@vertical+block@unit1"
EVIL = "(a+)+$"
EVIL_LOCATION = "a" * 100 + "!"


def add_profile(daemon, slug, site="demo"):
    """A profile as a row: what is tested here is where it applies, not what it says."""
    with connect(daemon.data / "lectern.db", timeout=60) as db:
        profile = db.execute(
            "INSERT INTO workflow_profile (site_id, uuid, slug, description, base_filepath, version, created_at, updated_at)"
            " SELECT id, ?, ?, 'A profile', 'base/mock.json5', 1, 1, 1 FROM site WHERE slug = ? RETURNING id", (str(uuid.uuid4()), slug, site)).fetchone()[0]
        db.execute("UPDATE meta SET value = value + 1 WHERE name = 'generation'")
    db.close()
    return profile


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    d = Daemon(tmp_path_factory.mktemp("scopes") / "data")
    d.profiles = [add_profile(d, "first"), add_profile(d, "second")]
    yield d
    check_end(d)


@pytest.fixture()
def clean(site):
    """Without scopes."""
    for scope in site.request("GET", "/v1/scopes", site.admin_key).json["scopes"]:
        assert site.request("DELETE", f"/v1/scopes/{scope['id']}", site.admin_key).status == 204
    return site


def add(daemon, profile=0, **members):
    answer = daemon.request("POST", "/v1/scopes", daemon.admin_key, {"profile_id": daemon.profiles[profile], **members})
    assert answer.status == 201, answer
    return answer.json


def resolve(daemon, **context):
    query = urllib.parse.urlencode(context)
    answer = daemon.request("GET", f"/v1/scopes/resolve?{query}", daemon.admin_key)
    assert answer.status == 200, answer
    return answer.json


def test_a_scope_is_added_shown_changed_and_removed(clean):
    made = add(clean, course_id=COURSE, location_regex="unit1$", ui_slot_selector_id="slot")
    assert made == {"id": made["id"], "uuid": made["uuid"], "profile_id": clean.profiles[0], "course_id": COURSE, "location_regex": "unit1$", "enabled": True,
                    "service_variant": "lms", "service_variant_label": "LMS", "ui_slot_selector_id": "slot", "specificity_index": 7, "warnings": []}
    for name in (made["id"], made["uuid"]):
        assert clean.request("GET", f"/v1/scopes/{name}", clean.admin_key).json == made
    changed = clean.request("PATCH", f"/v1/scopes/{made['id']}", clean.admin_key,
                            {"location_regex": None, "service_variant": "cms", "enabled": False, "profile_id": "second"})
    assert changed.status == 200, changed
    assert changed.json == {**made, "location_regex": None, "specificity_index": 3, "service_variant": "cms", "service_variant_label": "CMS - Studio",
                            "enabled": False, "profile_id": clean.profiles[1]}
    assert clean.request("DELETE", f"/v1/scopes/{made['id']}", clean.admin_key).status == 204
    for method in ("GET", "DELETE"):
        answer = clean.request(method, f"/v1/scopes/{made['id']}", clean.admin_key)
        assert (answer.status, answer.json["code"]) == (404, "not_found")


def test_defaults_are_lms_enabled_and_no_slot(clean):
    made = add(clean)
    assert (made["service_variant"], made["enabled"], made["ui_slot_selector_id"], made["course_id"], made["location_regex"],
            made["specificity_index"]) == ("lms", True, "", None, None, 0)


@pytest.mark.parametrize("members, field, says", [
    ({"location_regex": "x"}, "/course_id", "Required when location_regex is set."),
    ({"course_id": COURSE, "location_regex": "ab(cd"}, "/location_regex", "position 6"),
    ({"course_id": COURSE, "location_regex": "x" * 256}, "/location_regex", "at most 255"),
    ({"course_id": "course-v1:Org+Course"}, "/course_id", "not an opaque key"),
    ({"course_id": UNIT}, "/course_id", "must be a course key"),
    ({"course_id": "x" * 256}, "/course_id", "at most 255"),
    ({"ui_slot_selector_id": "x" * 256}, "/ui_slot_selector_id", "at most 255"),
    ({"service_variant": "studio"}, "/service_variant", "lms"),
    ({"profile_id": 999999}, "/profile_id", "no such profile"),
    ({"profile_id": "absent"}, "/profile_id", "no such profile"),
    ({"enabled": "yes"}, "/enabled", ""),
    ({"specificity_index": 7}, "/specificity_index", ""),
])
def test_a_save_that_is_refused_names_field_and_reason_and_changes_nothing(clean, members, field, says):
    kept = add(clean, course_id=COURSE)
    for method, path in (("POST", "/v1/scopes"), ("PATCH", f"/v1/scopes/{kept['id']}")):
        body = {"profile_id": clean.profiles[0], **members} if method == "POST" else {"course_id": None, **members}
        answer = clean.request(method, path, clean.admin_key, body)
        assert answer.status == 400, answer
        assert answer.json["code"] == "invalid_input"
        assert answer.json["field"] == field and says in answer.json["detail"]
    assert clean.request("GET", "/v1/scopes", clean.admin_key).json == {"scopes": [kept], "next": None}


def test_all_mistakes_of_a_save_are_named_at_once(clean):
    answer = clean.request("POST", "/v1/scopes", clean.admin_key,
                           {"profile_id": 999999, "course_id": "course-v1:O", "location_regex": "(", "service_variant": "x"})
    for part in ("profile_id: ", "; course_id: ", "; location_regex: ", "; service_variant: "):
        assert part in answer.json["detail"]


def test_resolve_explains_every_scope(clean):
    anywhere = add(clean, 1, ui_slot_selector_id="slot")["id"]
    unit2 = add(clean, course_id=COURSE, location_regex="unit2", ui_slot_selector_id="slot")["id"]
    unit1 = add(clean, course_id=COURSE, location_regex="unit1", ui_slot_selector_id="slot")["id"]
    off = add(clean, course_id=COURSE, ui_slot_selector_id="slot", enabled=False)["id"]
    studio = add(clean, ui_slot_selector_id="slot", service_variant="cms")["id"]
    slotless = add(clean, course_id=COURSE)["id"]
    answer = resolve(clean, course_id=COURSE, location_id=UNIT, ui_slot_selector_id="slot")
    assert answer["scope"]["id"] == unit1
    assert (answer["profile"]["id"], answer["profile"]["slug"]) == (clean.profiles[0], "first")
    assert [(c["id"], c["reason"]) for c in answer["considered"]] == [
        (unit2, "location_differs"), (unit1, "chosen"), (anywhere, "less_specific"), (off, "disabled"), (studio, "other_service_variant"),
        (slotless, "other_slot")]
    assert answer["considered_total"] == 6
    assert [(c["scope"]["id"], c["scope"]["location_regex"]) for c in answer["considered"]][:2] == [(unit2, "unit2"), (unit1, "unit1")]
    assert resolve(clean, course_id=COURSE, ui_slot_selector_id="slot")["scope"]["id"] == anywhere
    assert resolve(clean, ui_slot_selector_id="slot", service_variant="cms")["scope"]["id"] == studio
    nothing = resolve(clean, course_id=COURSE, location_id=UNIT)
    assert nothing["scope"] is None and nothing["profile"] is None


def test_ties_go_to_the_older_scope_and_every_change_is_seen_at_once(clean):
    ids = [add(clean, course_id=COURSE, ui_slot_selector_id="slot")["id"] for _ in range(3)]
    for expected in (*ids, None):
        scope = resolve(clean, course_id=COURSE, ui_slot_selector_id="slot")["scope"]
        assert (scope and scope["id"]) == expected
        if expected:
            clean.request("PATCH", f"/v1/scopes/{expected}", clean.admin_key, {"enabled": False})


def test_slot_matching_is_a_setting_of_the_site(clean):
    slotless = add(clean, course_id=COURSE)["id"]
    context = {"course_id": COURSE, "ui_slot_selector_id": "any widget"}
    assert resolve(clean, **context)["scope"] is None
    try:
        clean.cli("site", "set", "demo", "slot_matching=wildcard")
        wait_until(lambda: resolve(clean, **context)["scope"], what="wildcard matching")
        assert resolve(clean, **context)["scope"]["id"] == slotless
        assert resolve(clean, course_id=COURSE)["scope"] is None  # no slot, no scope
    finally:
        clean.cli("site", "set", "demo", "slot_matching=exact")
    wait_until(lambda: resolve(clean, **context)["scope"] is None, what="exact matching")
    refused = clean.cli("site", "set", "demo", "slot_matching=loose", check=False)
    assert refused.returncode == 1 and "slot_matching" in refused.stderr


def test_a_pattern_over_the_limit_is_explained_counted_and_warned_of(clean):
    evil = add(clean, course_id=COURSE, location_regex=EVIL, ui_slot_selector_id="slot")["id"]
    good = add(clean, course_id=COURSE, ui_slot_selector_id="slot")["id"]
    answer = resolve(clean, course_id=COURSE, location_id=EVIL_LOCATION, ui_slot_selector_id="slot")
    assert answer["scope"]["id"] == good
    assert [(c["id"], c["reason"]) for c in answer["considered"]] == [(evil, "pattern_limit"), (good, "chosen")]
    assert clean.request("GET", f"/v1/scopes/{evil}", clean.admin_key).json["warnings"] == ["pattern_limit"]
    metrics = clean.request("GET", "/metrics", clean.admin_key).body.decode()
    count = [line for line in metrics.splitlines() if line.startswith("lectern_scope_pattern_limit_total ")]
    assert count and int(count[0].split()[1]) >= 1
    assert "scope.pattern_limit" in clean.log()


def test_the_list_is_paged_and_chosen_by_profile_and_course(clean):
    made = [add(clean, i % 2, course_id=COURSE if i < 3 else None)["id"] for i in range(5)]
    page, after = [], 0
    while after is not None:
        answer = clean.request("GET", f"/v1/scopes?limit=2&after={after}", clean.admin_key).json
        assert len(answer["scopes"]) <= 2
        page += [s["id"] for s in answer["scopes"]]
        after = answer["next"]
    assert page == made
    of_second = clean.request("GET", f"/v1/scopes?profile_id={clean.profiles[1]}", clean.admin_key).json["scopes"]
    assert [s["id"] for s in of_second] == made[1::2]
    of_course = clean.request("GET", "/v1/scopes?" + urllib.parse.urlencode({"course_id": COURSE}), clean.admin_key).json["scopes"]
    assert [s["id"] for s in of_course] == made[:3]
    assert clean.request("GET", "/v1/scopes?profile_id=x", clean.admin_key).status == 400


def test_only_who_manages_workflows_may_use_these_routes(clean):
    scope = add(clean)["id"]
    for method, path, body in (("GET", "/v1/scopes", None), ("POST", "/v1/scopes", {"profile_id": clean.profiles[0]}), ("GET", f"/v1/scopes/{scope}", None),
                               ("PATCH", f"/v1/scopes/{scope}", {"enabled": False}), ("DELETE", f"/v1/scopes/{scope}", None),
                               ("GET", "/v1/scopes/resolve", None)):
        for key, status in ((None, 401), (clean.learner, 403), (clean.teacher, 403)):
            assert clean.request(method, path, key, body).status == status, (method, path)
    assert [s["id"] for s in clean.request("GET", "/v1/scopes", clean.admin_key).json["scopes"]] == [scope]


def test_resolve_refuses_what_is_too_long_and_unknown_variants(clean):
    for query, field in (("service_variant=studio", "/service_variant"), ("course_id=" + "x" * 256, "/course_id"),
                         ("location_id=" + "x" * 256, "/location_id"), ("ui_slot_selector_id=" + "x" * 256, "/ui_slot_selector_id")):
        answer = clean.request("GET", f"/v1/scopes/resolve?{query}", clean.admin_key)
        assert (answer.status, answer.json["field"]) == (400, field)


def test_a_scope_of_another_site_is_not_there(clean):
    scope = add(clean, ui_slot_selector_id="slot")
    clean.cli("site", "add", "other")
    key = json.loads(clean.cli("key", "add", "--site", "other", "--role", "site_admin", "--name", "k", "--json"))["key"]
    wait_until(lambda: clean.request("GET", "/v1/scopes", key).status == 200, what="the new key")
    assert clean.request("GET", "/v1/scopes", key).json["scopes"] == []
    for name in (scope["id"], scope["uuid"]):
        assert clean.request("GET", f"/v1/scopes/{name}", key).status == 404
        assert clean.request("DELETE", f"/v1/scopes/{name}", key).status == 404
    assert clean.request("GET", "/v1/scopes/resolve?ui_slot_selector_id=slot", key).json["scope"] is None
    refused = clean.request("POST", "/v1/scopes", key, {"profile_id": clean.profiles[0]})  # another site's profile
    assert (refused.status, refused.json["field"]) == (400, "/profile_id")
    clean.cli("site", "remove", "other")


def test_the_command_line_does_the_same(clean):
    cli = lambda *args, **options: clean.cli("scope", *args, "--site", "demo", **options)  # noqa: E731
    made = json.loads(cli("add", "--profile", "first", f"course_id={COURSE}", "location_regex=unit1", "ui_slot_selector_id=slot", "--json"))
    scope = str(made["id"])
    assert json.loads(cli("show", scope, "--json"))["specificity_index"] == 7
    assert [s["id"] for s in json.loads(cli("list", "--json"))] == [int(scope)]
    assert json.loads(cli("list", "--profile-id", clean.profiles[1], "--json")) == []
    context = ("--course", COURSE, "--location", UNIT, "--slot", "slot")
    assert json.loads(cli("resolve", *context, "--json"))["id"] == int(scope)
    assert "chosen" in cli("resolve", *context, "--explain")
    why = json.loads(cli("resolve", *context, "--explain", "--json"))
    assert [(w["id"], w["profile"], w["specificity_index"], w["reason"]) for w in why] == [(int(scope), "first", 7, "chosen")]
    cli("set", scope, "enabled=false")
    refused = cli("resolve", *context, check=False)
    assert refused.returncode == 1 and "no scope fits" in refused.stderr
    assert "disabled" in cli("resolve", *context, "--explain")
    wait_until(lambda: not clean.request("GET", f"/v1/scopes/{scope}", clean.admin_key).json["enabled"], what="the change in the daemon")
    bad = cli("set", scope, "location_regex=(", check=False)
    assert bad.returncode == 1 and "position 2" in bad.stderr
    assert cli("resolve", "--service-variant", "studio", check=False).returncode == 2
    cli("remove", scope)
    assert cli("show", scope, check=False).returncode == 1


def test_a_change_among_100000_scopes_is_seen_by_the_next_look_up_and_holds_nobody_up(daemon):
    daemon.profiles = [add_profile(daemon, "first")]
    context = {"course_id": "course-v1:Org+C77+R", "location_id": "unit3", "ui_slot_selector_id": "slot"}
    total = 100000 + resolve(daemon, **context)["considered_total"]  # the demo has some of its own
    with connect(daemon.data / "lectern.db", timeout=60) as db:
        site = db.execute("SELECT id FROM site WHERE slug = 'demo'").fetchone()[0]
        db.executemany("INSERT INTO workflow_scope (site_id, uuid, profile_id, service_variant, course_id, location_regex, ui_slot_selector_id, enabled,"
                       " specificity_index, created_at, updated_at) VALUES (?, ?, ?, 'lms', ?, ?, 'slot', 1, 7, 1, 1)",
                       ((site, f"u{i}", daemon.profiles[0], f"course-v1:Org+C{i % 10000}+R", f"unit{i // 10000}$") for i in range(100000)))
        db.execute("UPDATE meta SET value = value + 1")
    db.close()
    wait_until(lambda: resolve(daemon, **context)["considered_total"] == total, timeout=60, what="the large index")
    older = resolve(daemon, **context)["scope"]
    newer = add(daemon, course_id=context["course_id"], location_regex="^unit3", ui_slot_selector_id="slot")
    answer = resolve(daemon, **context)
    assert answer["scope"] == older and answer["considered_total"] == total + 1
    assert {c["id"]: c["reason"] for c in answer["considered"]}[newer["id"]] == "less_specific"
    assert len(answer["considered"]) == 1000  # the candidates come first
    daemon.request("DELETE", f"/v1/scopes/{older['id']}", daemon.admin_key)
    assert resolve(daemon, **context)["scope"] == newer

    def held_up():
        """How long others waited at most while a scope came and went."""
        delays, stop = [], threading.Event()

        def look():
            while not stop.is_set():
                began = time.monotonic()
                assert daemon.request("GET", "/healthz").status == 200
                delays.append(time.monotonic() - began)
        other = threading.Thread(target=look)
        other.start()
        try:
            made = add(daemon, course_id=context["course_id"], location_regex="^unit4", ui_slot_selector_id="slot")
            assert resolve(daemon, **context)["considered_total"] == total + 1
            daemon.request("DELETE", f"/v1/scopes/{made['id']}", daemon.admin_key)
            assert resolve(daemon, **context)["considered_total"] == total
        finally:
            stop.set()
            other.join()
        assert delays
        return max(delays)
    best_of(held_up, 5)
