"""Switches that end of themselves, switches for the others, and what GET /v1/actions says of why something is off."""
import datetime
import json
import urllib.parse

import pytest
from conftest import Daemon, add_vendor, check_end, wait_until
from database import connect

S, E, G, C = "summarise_text", "explain_text", "generate_text", "continue_conversation"
TEXT = {"text": "Plants make sugar from light. They take water."}


@pytest.fixture()
def site(tmp_path, upstream):
    d = Daemon(tmp_path / "data")
    d.cli("site", "set", "demo", "policy_by_lms=true")
    add_vendor(d, upstream)
    d.wait_for_config()
    yield d
    check_end(d)


def at(**delta):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**delta)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def switch(d, on, until=None, status=200, **place):
    answer = d.request("PUT", "/v1/switches", d.admin_key, {**place, "enabled": on, **({"until": until} if until else {})})
    assert answer.status == status, answer
    return answer.json


def placement(d, name, status=200, **body):
    answer = d.request("PUT", f"/v1/placements/{name}", d.admin_key, body)
    assert answer.status == status, answer
    return answer.json


def actions(d, key=None, **place):
    answer = d.request("GET", "/v1/actions?" + urllib.parse.urlencode(place), key or d.teacher)
    assert answer.status == 200, answer
    return {a["name"]: a for a in answer.json["actions"]}


def on(d, **place):
    return {name for name, a in actions(d, **place).items() if a["available"]} & {S, E, G, C}


def ask(d, **place):
    return d.request("POST", f"/v1/actions/{S}", d.teacher, {"input": TEXT, "context": place})


def pass_by(d, table):
    """What a test has no time to wait for: all switches of the table have ended a moment ago. Returns when the daemon has read that."""
    with connect(d.data / "lectern.db", timeout=60) as db:
        db.execute(f"UPDATE {table} SET until_at = 1000 WHERE until_at > 0")
        db.execute("UPDATE meta SET value = value + 1 WHERE name = 'generation'")
    db.close()
    d.wait_for_config()


# ---- until ----


def test_a_switch_is_off_until_its_time_and_then_as_if_it_were_not_there_without_a_reload(site):
    generation = lambda: site.figure("lectern_config_generation")
    switch(site, False, at(seconds=3), course_id="c1")
    now = generation()
    refused = ask(site, course_id="c1")
    if refused.status != 200:  # else this machine took three seconds
        assert (refused.status, refused.json["code"]) == (403, "course_disabled") and "until" in refused.json["detail"]
    wait_until(lambda: ask(site, course_id="c1").status == 200, what="the end of the switch")
    row, = site.request("GET", "/v1/switches", site.admin_key).json["switches"]
    assert row["expired"] is True and row["enabled"] is False and row["until"] and generation() == now
    assert json.loads(site.cli("switch", "list", "--site", "demo", "--json"))[0]["expired"] is True
    assert [{k: v for k, v in row.items() if k != "id"} for row in switch(site, False, course_id="c2")["switches"]] == [
        {"course_id": "c2", "location_id": "", "action": "", "enabled": False, "until": None, "expired": False}]
    assert [s["course_id"] for s in site.request("GET", "/v1/switches", site.admin_key).json["switches"]] == ["c2"]  # the ended one is gone


def test_a_placement_and_an_action_of_it_until(site):
    later = at(hours=1)
    shown = placement(site, "course_assist", actions={S: False}, until=later)
    assert {a["name"]: (a["enabled"], a.get("until")) for a in shown["actions"]}[S] == (False, later) and shown["enabled"] is True
    assert S not in on(site, placement="course_assist") and actions(site, placement="course_assist")[S]["until"] == later
    pass_by(site, "placement_switch")
    assert S in on(site, placement="course_assist")
    shown = site.request("GET", "/v1/placements/course_assist", site.admin_key).json
    assert {a["name"]: a["enabled"] for a in shown["actions"]}[S] is True
    placement(site, "course_assist", enabled=False, until=at(hours=1))
    assert on(site, placement="course_assist") == set()
    pass_by(site, "placement_switch")
    assert {S, E} <= on(site, placement="course_assist")


def test_on_until_is_for_what_is_off_otherwise(site):
    switch(site, False, course_id="c1", action="others")
    switch(site, True, at(hours=1), course_id="c1", action=S)
    assert on(site, course_id="c1") == {S}
    pass_by(site, "place_switch")
    assert on(site, course_id="c1") == set()


@pytest.mark.parametrize("until, word", [("2020-01-01T00:00:00Z", "passed"), ("tomorrow", "RFC 3339"), ("2031-13-01T00:00:00Z", "RFC 3339"),
                                         ("1969-01-01T00:00:00Z", "RFC 3339")])
def test_times_that_are_none_or_have_passed_are_refused(site, until, word):
    for answer in (switch(site, False, until, 400, course_id="c1"), placement(site, "chat", 400, enabled=False, until=until)):
        assert answer["field"] == "/until" and word in answer["detail"], answer
    done = site.cli("switch", "set", "c1", "off", "--site", "demo", "--until", until, check=False)
    assert done.returncode != 0 and (word in done.stderr)
    assert site.request("GET", "/v1/switches", site.admin_key).json["switches"] == []


def test_until_is_for_a_switch_that_is_set(site):
    assert switch(site, None, at(hours=1), 400, course_id="c1")["field"] == "/until"
    assert placement(site, "chat", 400, until=at(hours=1))["field"] == "/until"
    switch(site, False, at(hours=1), course_id="c1")
    assert switch(site, False, course_id="c1")["switches"][0]["until"] is None  # for good now


def test_the_command_line_does_the_same(site):
    later = at(hours=1)
    site.cli("switch", "set", "c1", "off", "--site", "demo", "--location", "u1", "--action", S, "--until", later)
    site.cli("placement", "set", f"editor/{G}", "off", "--site", "demo", "--until", later)
    site.wait_for_config()
    assert S not in on(site, course_id="c1", location_id="u1") and G not in on(site, placement="editor")
    row, = json.loads(site.cli("switch", "list", "--site", "demo", "--json"))
    assert (row["location"], row["action"], row["on"], row["until"], row["expired"]) == ("u1", S, False, later, False)
    rows = json.loads(site.cli("placement", "list", "--site", "demo", "--json"))
    assert [r["until"] for r in rows if (r["placement"], r["action"]) == ("editor", G)] == [later]


# ---- others ----


@pytest.mark.parametrize("switches, expected", [
    ({"others": False, G: True, C: True}, {G, C}), ({"others": False, S: True, E: True}, {S, E}), ({"others": False, S: True, G: True, C: True}, {S, G, C}),
    ({"others": False, E: True}, {E}), ({"others": False}, set()), ({"others": True, E: False}, {S, G, C}), ({"others": False, "": False, G: True}, set())],
    ids=lambda v: str(sorted(v)) if isinstance(v, set) else str(v))
def test_a_location_that_allows_exactly_some_actions(site, switches, expected):
    """The module settings of Moodle, where what is not listed is off: reference case 32."""
    for action, enabled in switches.items():
        switch(site, enabled, course_id="c1", location_id="u1", action=action)
    assert on(site, course_id="c1", location_id="u1") == expected
    assert on(site, course_id="c1") == on(site, course_id="c1", location_id="u2") == on(site) == {S, E, G, C}


def test_a_location_narrows_what_its_course_allows_and_never_widens_it(site):
    switch(site, False, course_id="c1", action=S)
    switch(site, True, course_id="c1", location_id="u1", action=S)
    assert S not in on(site, course_id="c1", location_id="u1")


# ---- why not ----


def test_each_reason_has_a_code_and_words_in_the_order_of_the_gates(site):
    """What is wrong is mended one by one: each time the next gate speaks."""
    place = {"course_id": "c1", "location_id": "u1", "placement": "course_assist"}
    why = lambda: actions(site, site.learner, **place)[S]
    later = at(hours=2)
    limit = site.request("POST", "/v1/limits", site.admin_key, {"subject": "site", "unit": "requests", "amount": 0, "window": "day"}).json["id"]
    site.request("PUT", "/v1/emergency-stop", site.admin_key, {"reason": "Look."})
    placement(site, "course_assist", actions={S: False})
    switch(site, False, later, course_id="c1")
    site.request("PUT", "/v1/permissions", site.admin_key, {"role": "student", "permission": f"action:{S}", "allowed": False})
    site.cli("site", "set", "demo", "policy_by_lms=false", "enabled=false")
    for provider in site.request("GET", "/v1/providers", site.admin_key).json["providers"]:
        site.cli("provider", "set", provider["name"], "enabled=false", "--site", "demo")
    site.wait_for_config()
    # what closes the gate, and what opens it
    steps = [("site_disabled", lambda: site.cli("site", "set", "demo", "enabled=true")),
             ("permission_denied", lambda: site.request("PUT", "/v1/permissions", site.admin_key,
                                                        {"role": "student", "permission": f"action:{S}", "allowed": None})),
             ("course_disabled", lambda: switch(site, None, course_id="c1")),
             ("placement_disabled", lambda: placement(site, "course_assist", actions={S: True})),
             ("no_provider", lambda: site.cli("provider", "set", "vendor", "enabled=true", "--site", "demo")),
             ("policy_not_accepted", lambda: site.accept_policy(site.learner)),
             ("emergency_stopped", lambda: site.request("DELETE", "/v1/emergency-stop", site.admin_key)),
             ("rate_limited", lambda: site.request("DELETE", f"/v1/limits/{limit}", site.admin_key))]
    for code, mend in steps:
        a = why()
        assert (a["available"], a["reason"]) == (False, code), a
        assert a["message"] and a["detail"] and "action:" not in a["message"] and "'" not in a["message"]
        assert ("until" in a) == (code == "course_disabled"), a
        if code == "course_disabled":
            assert a["until"] == later and later in a["detail"]
        if code == "emergency_stopped":
            assert a["message"].endswith("Look.")
        called = site.request("POST", f"/v1/actions/{S}", site.learner, {"input": TEXT, "context": place})
        assert called.json["code"] == code if code != "no_provider" else called.status >= 400, called
        mend()
        site.wait_for_config()
    assert why()["available"] is True and "reason" not in why()
