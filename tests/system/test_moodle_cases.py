"""Reference cases 1 to 16, 22 to 69, 74 to 78 (in tests/browser) and 79 to 80 (but for what waits), restated for Lectern's names: one test or more each,
against the real binary.

    python3 tests/system/test_moodle_cases.py      prints case → test → file

Where Lectern does otherwise on purpose, the test states what Lectern does and its docstring says what differs.
"""
import json
import pathlib
import re
import sys
import urllib.parse

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from conftest import ROOT, Daemon, add_vendor, check_end, wait_until  # noqa: E402
from database import connect

TEXT = ("Plants take in light with their leaves. They use it to make sugar from water and air. Animals eat the plants. "
        "So nearly all food begins with light.")
INPUTS = {"generate_text": {"prompt": "Why does it rain?"}, "summarise_text": {"text": TEXT}, "explain_text": {"text": TEXT},
          "continue_conversation": {"messages": [{"role": "user", "content": "Why does it rain?"}]}, "embed_text": {"texts": ["Rain falls."]}}
TEXT_ACTIONS = ["generate_text", "summarise_text", "explain_text"]
NO_SUCH_CALL = "01900000-0000-7000-8000-000000000000"
KEY = "test-key-123"


def calm_texts():
    """Code → what a learner reads, of the error table."""
    table = (ROOT / "src/base/error.h").read_text()
    return dict(re.findall(r'X\(E\w+, "(\w+)", \d+, [01], "([^"]+)"\)', table))


CALM = calm_texts()


# ---- what the tests ask ----


def read(daemon, path, key=None):
    answer = daemon.request("GET", path, key or daemon.admin_key)
    assert answer.status == 200, answer
    return answer.json


def change(daemon, method, path, body=None, status=200):
    answer = daemon.request(method, path, daemon.admin_key, body)
    assert answer.status == status, answer
    return answer.json if answer.body else None


def shell(daemon, *args):
    return json.loads(daemon.cli(*args, "--json"))


def offers(daemon, key, **place):
    """Action → None where it is available to the caller at this place, else the reason."""
    listed = read(daemon, "/v1/actions?" + urllib.parse.urlencode(place), key)["actions"]
    assert all(a["available"] == ("reason" not in a) for a in listed)
    return {a["name"]: a.get("reason") for a in listed}


def available(daemon, key, **place):
    return {name for name, reason in offers(daemon, key, **place).items() if reason is None}


def ask(daemon, key, action="generate_text", context=None, **more):
    return daemon.request("POST", f"/v1/actions/{action}", key, {"input": INPUTS[action], "context": context or {}, **more})


def add(daemon, upstream, name, plugin="openai", status=201, enabled=True, **config):
    body = {"name": name, "plugin": plugin, "enabled": enabled, "config": {
        "endpoint": upstream.url, "model": "m", "api_key": KEY, "retries": 0, "breaker_faults": 0, **config}}
    return change(daemon, "POST", "/v1/providers", body, status)


def names(daemon, query=""):
    return [p["name"] for p in read(daemon, "/v1/providers" + query)["providers"]]


def record_of(daemon, call):
    return read(daemon, f"/v1/register/{call}")


def answers(upstream, body, status=200):
    """The vendor answers with just this."""
    upstream.default = f"status?code={status}&body=" + urllib.parse.quote(json.dumps(body))


def sent(upstream):
    """What the vendor got last; it must not have found fault with it."""
    record = upstream.requests()[-1]
    assert not record["refused"], record["refused"]
    return record


def chat_answer(**members):
    """A chat completion with 11 and 568 tokens."""
    return {"id": "chatcmpl-123", "object": "chat.completion", "created": 1, "model": "gpt-4o-2024-05-13", "system_fingerprint": "fp_c4e5b6fa31",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "Rain is water that falls."}, "logprobs": None,
                         "finish_reason": "stop"}], "usage": {"prompt_tokens": 11, "completion_tokens": 568, "total_tokens": 579}, **members}


def switch(daemon, on, **place):
    return change(daemon, "PUT", "/v1/switches", {**place, "enabled": on})["switches"]


@pytest.fixture()
def school(daemon):
    """A daemon whose people have accepted the policy, without any provider instance."""
    daemon.accept_policy(daemon.learner)
    daemon.accept_policy(daemon.teacher)
    change(daemon, "DELETE", "/v1/providers/extract", status=204)
    return daemon


@pytest.fixture()
def served(school, upstream):
    """The same with one instance of openai, the double, named vendor."""
    add(school, upstream, "vendor")
    return school


# ---- the manager: plugins, placements ----


def test_case_2_an_unknown_component_is_refused_by_name(school):
    """No class is made of a name: kind and name are looked up, and whoever names what is not there is told so."""
    answer = school.request("POST", "/v1/providers", school.admin_key, {"name": "a", "plugin": "bar"})
    assert (answer.status, answer.json["code"], answer.json["field"]) == (400, "invalid_input", "/plugin") and "bar" in answer.json["detail"]
    answer = school.request("GET", "/v1/placements/bar", school.admin_key)
    assert (answer.status, answer.json["code"]) == (404, "not_found") and "bar" in answer.json["detail"]
    answer = ask(school, school.admin_key, context={"placement": "bar"})
    assert (answer.status, answer.json["field"]) == (400, "/context/placement") and "bar" in answer.json["detail"]


def test_case_3_a_plugin_says_what_it_serves_and_serves_exactly_that(served, upstream):
    """What a plugin serves follows from the calls that it can translate, so the list grows with the actions; its order is by name."""
    add(served, upstream, "summaries", plugin="extract", status=400)  # its settings are not those of a vendor
    change(served, "POST", "/v1/providers", {"name": "summaries", "plugin": "extract"}, 201)
    change(served, "PATCH", "/v1/providers/vendor", {"config": {"image_model": "painter"}})  # without one there it makes no images
    serves = {p["name"]: p["serves"] for p in read(served, "/v1/provider-plugins")["plugins"]}
    assert set(TEXT_ACTIONS) <= set(serves["openai"]) and serves["openai"] == sorted(serves["openai"])
    assert serves["extract"] == ["summarise_text"]
    for action in offers(served, served.admin_key):
        eligible = names(served, f"?action={action}&enabled=true")
        assert eligible == [n for n, plugin in (("vendor", "openai"), ("summaries", "extract")) if action in serves[plugin]], action


def test_case_4_each_placement_offers_its_own_actions_in_a_course_and_outside(served):
    """No placement needs a course: an LMS without activities may offer course assist as well."""
    for place in ({"course_id": "c1", "location_id": "u1"}, {"course_id": "c1"}, {}):
        assist = available(served, served.teacher, placement="course_assist", **place)
        editor = available(served, served.teacher, placement="editor", **place)
        assert {"summarise_text", "explain_text"} <= assist and "generate_text" not in assist
        assert "generate_text" in editor and not editor & {"summarise_text", "explain_text"}


def test_case_6_a_disabled_placement_leaves_what_is_on_and_the_editor_stays(served):
    """It stays in the list, marked as off, so that an administrator finds it again."""
    assert change(served, "PUT", "/v1/placements/course_assist", {"enabled": False})["enabled"] is False
    on = {p["name"] for p in read(served, "/v1/placements", served.teacher)["placements"] if p["enabled"]}
    assert "editor" in on and "course_assist" not in on
    assert available(served, served.teacher, placement="course_assist", course_id="c1") == set()
    assert offers(served, served.teacher, placement="course_assist")["summarise_text"] == "placement_disabled"
    assert "generate_text" in available(served, served.teacher, placement="editor", course_id="c1")
    assert {p["placement"]: p["state"] for p in shell(served, "placement", "list") if p["action"] == ""}["course_assist"] == "off"
    assert ask(served, served.teacher, "summarise_text", {"placement": "course_assist"}).json["code"] == "placement_disabled"


# ---- the manager: provider instances ----


def test_case_8_an_instance_has_a_number_its_settings_and_a_row(school, upstream):
    """An instance made without `enabled` is enabled: it was made to be used, and it is asked only once it has what it needs."""
    made = change(school, "POST", "/v1/providers", {"name": "new", "plugin": "openai", "config": {"model": "x", "endpoint": upstream.url}}, 201)
    assert isinstance(made["id"], int) and made["enabled"] is True and made["config"] == {"model": "x", "endpoint": upstream.url}
    alone = {**made, "used_by": None}  # of what only an answer about one says: nothing names it
    assert read(school, f"/v1/providers/{made['id']}") == alone == read(school, "/v1/providers/new")
    shown = shell(school, "provider", "show", "new")
    assert (shown["id"], shown["config"]["model"]) == (made["id"], "x")
    assert add(school, upstream, "later", enabled=False)["enabled"] is False
    assert change(school, "POST", "/v1/providers", {"name": "bare", "plugin": "openai"}, 201)["enabled"] is True
    assert names(school) == ["new", "later", "bare"] and names(school, "?action=generate_text&enabled=true") == ["new"]


@pytest.mark.parametrize("plugin", ["summarise_text", "course_assist", "stdClass", ""])
def test_case_9_what_is_no_provider_cannot_have_an_instance(school, plugin):
    answer = school.request("POST", "/v1/providers", school.admin_key, {"name": "a", "plugin": plugin})
    assert (answer.status, answer.json["code"], answer.json["field"]) == (400, "invalid_input", "/plugin")
    assert plugin in answer.json["detail"] and names(school) == []
    done = school.cli("provider", "add", "a", "--plugin", plugin or "-", check=False)
    assert done.returncode != 0 and names(school) == []


@pytest.fixture()
def with_unknown_plugin(tmp_path, upstream):
    """A daemon with the instances vendor, lost, second; the plugin of `lost` is one that this program does not have."""
    first = Daemon(tmp_path / "data")
    for name in ("vendor", "lost", "second"):
        add(first, upstream, name)
    change(first, "DELETE", "/v1/providers/extract", status=204)
    check_end(first)
    set_plugin(first, "gone")
    second = Daemon(tmp_path / "data")
    yield second
    check_end(second)


def set_plugin(daemon, plugin):
    with connect(daemon.data / "lectern.db") as db:
        db.execute("UPDATE provider_instance SET plugin = ? WHERE name = 'lost'", (plugin,))
    db.close()


def rows(daemon, columns="name, plugin, config, position"):
    db = connect(daemon.data / "lectern.db")
    try:
        return db.execute(f"SELECT {columns} FROM provider_instance ORDER BY position").fetchall()
    finally:
        db.close()


def test_case_10_the_row_of_an_unknown_plugin_stays_as_it_is_and_comes_back_with_its_plugin(with_unknown_plugin):
    """Rows are not handed out raw: an unknown one is kept, untouched by changes to the others, until its plugin is there again."""
    daemon = with_unknown_plugin
    before = {r[0]: r for r in rows(daemon)}
    assert before["lost"][1] == "gone" and list(before) == ["vendor", "lost", "second"]
    change(daemon, "PATCH", "/v1/providers/vendor", {"enabled": False})
    change(daemon, "DELETE", "/v1/providers/second", status=204)
    after = {r[0]: r for r in rows(daemon)}
    assert list(after) == ["vendor", "lost"] and after["lost"] == before["lost"]
    check_end(daemon)
    set_plugin(daemon, "openai")
    again = Daemon(daemon.data)
    try:
        assert names(again) == ["vendor", "lost"] and read(again, "/v1/providers/lost")["configured"] is True
    finally:
        check_end(again)


def test_case_11_of_a_known_and_an_unknown_plugin_only_the_known_is_listed_and_the_log_names_the_other(with_unknown_plugin):
    daemon = with_unknown_plugin
    listed = read(daemon, "/v1/providers")["providers"]
    assert [p["name"] for p in listed] == ["vendor", "second"] and len({p["id"] for p in listed}) == 2
    assert [p["name"] for p in shell(daemon, "provider", "list")] == ["vendor", "second"]
    assert daemon.request("GET", "/v1/providers/lost", daemon.admin_key).status == 404
    notices = [line for line in daemon.log().splitlines() if "config.unknown_provider" in line]
    assert notices and all("gone" in line and "lost" in line for line in notices)


def test_case_12_a_changed_setting_is_stored_under_the_same_number(school, upstream):
    """A change is merged: what is not sent stays, above all the key, which nobody can read in order to send it again."""
    made = add(school, upstream, "vendor")
    changed = change(school, "PATCH", "/v1/providers/vendor", {"config": {"model": "m2"}})
    assert changed["id"] == made["id"] and changed["config"] == {**made["config"], "model": "m2"} and changed["configured"] is True
    (stored,), = rows(school, "config")
    assert json.loads(stored)["model"] == "m2" and KEY not in stored
    assert shell(school, "provider", "show", "vendor")["config"]["model"] == "m2"


def test_case_13_a_removed_instance_is_gone_and_the_others_keep_their_order(school, upstream):
    """Its place in the order goes with it, and nothing is left that a later instance could inherit."""
    for name in ("a", "b", "c"):
        add(school, upstream, name)
    school.cli("provider", "order", "c", "b", "a")
    wait_until(lambda: names(school) == ["c", "b", "a"], what="the new order")
    change(school, "DELETE", "/v1/providers/b", status=204)
    assert school.request("GET", "/v1/providers/b", school.admin_key).json["code"] == "not_found"
    assert school.cli("provider", "show", "b", check=False).returncode == 1
    assert [r[0] for r in rows(school)] == ["c", "a"]
    add(school, upstream, "d")
    assert names(school) == ["c", "a", "d"]


@pytest.fixture()
def two(school, upstream):
    add(school, upstream, "first")
    add(school, upstream, "second", plugin="anthropic")
    return school


def test_case_14_two_instances_stand_in_order_behind_each_action(two):
    assert names(two) == ["first", "second"]
    for action in TEXT_ACTIONS:
        assert names(two, f"?action={action}") == names(two, f"?action={action}&enabled=true") == ["first", "second"]


def set_action(daemon, instance, action, on):
    return change(daemon, "PATCH", f"/v1/providers/{instance}", {"actions": {action: {"enabled": on}}})["actions"][action]["enabled"]


def test_case_15_an_action_switched_off_at_the_first_instance_leaves_one(two, upstream):
    assert set_action(two, "first", "generate_text", False) is False
    assert names(two, "?action=generate_text&enabled=true") == ["second"]
    assert names(two, "?action=summarise_text&enabled=true") == ["first", "second"]
    listed = {p["name"]: p for p in read(two, "/v1/providers?action=generate_text")["providers"]}
    assert listed["second"]["excluded_because"] is None and "off" in listed["first"]["excluded_because"]
    assert ask(two, two.admin_key).json["provider"]["name"] == "second"
    assert ask(two, two.admin_key, "summarise_text").json["provider"]["name"] == "first"


def test_case_16_the_order_is_changed_and_changed_back(two, upstream):
    """The whole order is given at once; so no step is lost when two administrators move instances at the same time."""
    set_action(two, "first", "generate_text", False)
    assert set_action(two, "first", "generate_text", True) is True
    numbers = {p["name"]: p["id"] for p in read(two, "/v1/providers")["providers"]}
    for wanted in (["second", "first"], ["first", "second"]):
        ordered = change(two, "PUT", "/v1/providers/order", {"ids": [numbers[n] for n in wanted]})["providers"]
        assert [p["name"] for p in ordered] == names(two) == names(two, "?action=generate_text&enabled=true") == wanted
        assert ask(two, two.admin_key).json["provider"]["name"] == wanted[0]
    assert two.request("PUT", "/v1/providers/order", two.admin_key, {"ids": [numbers["second"], 4711]}).status == 404
    assert names(two) == ["first", "second"]


# ---- the register ----


def test_case_22_a_call_is_recorded_with_who_where_what_and_when(served, upstream):
    """The record names the instance, not the plugin alone, and tokens that a vendor does not tell are null."""
    upstream.default = "no_usage"
    place = {"course_id": "c1", "location_id": "u1", "placement": "editor"}
    call = ask(served, served.teacher, context=place).json["id"]
    record = record_of(served, call)
    expected = {"id": call, "user_id": "demo-teacher", "action": "generate_text", **place, "state": "completed", "code": "", "detail": "",
                "provider": "vendor", "plugin": "openai", "model": "m", "prompt_tokens": None, "completion_tokens": None, "total_tokens": None}
    assert {k: record[k] for k in expected} == expected
    assert record["created_at"] and record["created_at"] <= record["completed_at"]
    shown = shell(served, "register", "show", call)
    assert (shown["user"], shown["action"], shown["state"], shown["provider"], shown["model"], shown["tokens"], shown["course"], shown["location"],
            shown["placement"]) == ("demo-teacher", "generate_text", "completed", "vendor", "m", None, "c1", "u1", "editor")


def test_case_22_a_failure_is_recorded_with_its_code_and_words(served, upstream):
    """What failed is a record like another; each instance that was asked is an attempt of it, with the vendor's own status."""
    upstream.default = "401"
    call = ask(served, served.teacher).json["id"]
    record = record_of(served, call)
    assert (record["state"], record["code"], record["provider"]) == ("failed", "upstream_unauthorized", "")
    assert "Invalid Authentication" in record["detail"] and record["completed_at"]
    (attempt,) = record["attempts"]
    assert (attempt["provider"], attempt["success"], attempt["code"], attempt["vendor_status"]) == ("vendor", False, "upstream_unauthorized", 401)
    assert shell(served, "register", "show", call)["attempts"] == record["attempts"]


def test_case_23_the_vendors_tokens_are_recorded(served, upstream):
    answers(upstream, chat_answer(usage={"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21}))
    answer = ask(served, served.teacher).json
    assert answer["usage"] == {"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21}
    record = record_of(served, answer["id"])
    assert (record["prompt_tokens"], record["completion_tokens"], record["total_tokens"]) == (9, 12, 21)
    assert (record["attempts"][0]["prompt_tokens"], record["attempts"][0]["completion_tokens"]) == (9, 12)


def test_case_24_the_course_is_recorded_or_empty(served):
    """There is no number that stands for none: the course's own id is kept, as text, and empty outside courses."""
    assert record_of(served, ask(served, served.teacher).json["id"])["course_id"] == ""
    call = ask(served, served.teacher, context={"course_id": "course-v1:School+Rain+2026"}).json["id"]
    assert record_of(served, call)["course_id"] == "course-v1:School+Rain+2026"
    listed = read(served, "/v1/register?course_id=" + urllib.parse.quote("course-v1:School+Rain+2026", safe=""))["calls"]
    assert [c["id"] for c in listed] == [call]


@pytest.mark.parametrize("context", [{"course_id": "c1"}, {"course_id": "c1", "location_id": "u1"}, {}, {"course_id": "-1"}, {"location_id": "-1"}],
                         ids=str)
def test_case_25_any_context_is_kept_as_the_lms_named_it(served, context):
    """Nothing is resolved: the LMS says course and location, and ids that it would not know are no error here."""
    answer = ask(served, served.teacher, context=context)
    assert answer.status == 200, answer
    record = record_of(served, answer.json["id"])
    assert {k: record[k] for k in ("course_id", "location_id")} == {"course_id": "", "location_id": "", **context}


def test_case_25_an_id_that_is_no_text_is_refused_with_its_field(served):
    for bad in (-1, None, ["c1"], "c" * 256):
        answer = ask(served, served.teacher, context={"course_id": bad})
        assert (answer.status, answer.json["code"], answer.json["field"]) == (400, "invalid_input", "/context/course_id"), bad


def test_case_26_a_record_is_read_with_prompt_and_answer_and_an_unknown_one_is_not_found(served, upstream):
    answer = ask(served, served.teacher).json
    for record in (record_of(served, answer["id"]), shell(served, "register", "show", answer["id"])):
        assert record["content"]["prompt"] == INPUTS["generate_text"]["prompt"]
        assert record["content"]["generatedcontent"] == answer["response"]["generated_content"]
    for unknown in ("-1", NO_SUCH_CALL):
        missing = served.request("GET", f"/v1/register/{unknown}", served.admin_key)
        assert (missing.status, missing.json["code"]) == (404, "not_found")
    assert served.cli("register", "show", NO_SUCH_CALL, check=False).returncode == 1


def fits(schema, value):
    """Whether an object has the members that its schema asks for and no others."""
    assert schema["type"] == "object" and schema["additionalProperties"] is False
    return set(schema.get("required", [])) <= set(value) <= set(schema["properties"])


@pytest.mark.parametrize("action", INPUTS)
def test_case_27_the_answer_is_the_one_of_its_action(served, upstream, action):
    schema = next(a["response_schema"] for a in read(served, "/v1/actions")["actions"] if a["name"] == action)
    answer = ask(served, served.admin_key, action)
    assert answer.status == 200 and answer.json["action"] == action and fits(schema, answer.json["response"]), answer


# ---- switches ----


def test_case_28_an_action_of_a_new_instance_is_on_until_it_is_switched_off(served):
    assert names(served, "?action=generate_text&enabled=true") == ["vendor"]
    set_action(served, "vendor", "generate_text", False)
    assert names(served, "?action=generate_text&enabled=true") == []
    assert names(served, "?action=explain_text&enabled=true") == ["vendor"]


def test_case_29_a_switch_answers_with_what_is_in_force(served):
    assert set_action(served, "vendor", "generate_text", False) is False
    assert set_action(served, "vendor", "generate_text", True) is True
    assert read(served, "/v1/providers/vendor")["actions"]["generate_text"]["enabled"] is True


def test_case_30_an_action_is_available_while_an_instance_serves_it(school, upstream):
    """Whoever asks is told why not; a learner and an administrator read the same reason."""
    def reasons():
        return offers(school, school.learner)["explain_text"], offers(school, school.admin_key)["explain_text"]

    assert reasons() == ("no_provider", "no_provider")
    assert ask(school, school.learner, "explain_text").json["code"] == "no_provider"
    add(school, upstream, "vendor")
    assert reasons() == (None, None)
    set_action(school, "vendor", "explain_text", False)
    assert reasons() == ("no_provider", "no_provider")
    set_action(school, "vendor", "explain_text", True)
    change(school, "PATCH", "/v1/providers/vendor", {"enabled": False})
    assert reasons() == ("no_provider", "no_provider")


def test_case_31_a_new_course_has_ai_until_it_is_switched_off(served):
    """A course needs no row of its own to be known, and switching it off stops the calls and not the buttons alone."""
    assert {"explain_text", "summarise_text"} <= available(served, served.learner, course_id="new")
    switch(served, False, course_id="new")
    assert available(served, served.learner, course_id="new") == set()
    assert offers(served, served.learner, course_id="new")["explain_text"] == "course_disabled"
    assert available(served, served.learner, course_id="new", location_id="u1") == set()
    refused = ask(served, served.learner, "explain_text", {"course_id": "new", "location_id": "u1"})
    assert (refused.status, refused.json["code"]) == (403, "course_disabled")
    assert "explain_text" in available(served, served.learner, course_id="other")


G, C, S, E = "generate_text", "continue_conversation", "summarise_text", "explain_text"


@pytest.mark.parametrize("switches, expected", [
    ({S: False, E: False}, {G, C}), ({G: False, C: False, S: True, E: True}, {S, E}), ({S: True, E: False, G: True, C: True}, {S, G, C}),
    ({S: False, E: True, G: False, C: False}, {E}), ({G: True, C: True}, {G, C, S, E}), ({"": False, G: True}, set())], ids=lambda v: str(sorted(v)) if isinstance(v, set) else str(v))
def test_case_32_an_activity_has_the_actions_that_are_not_switched_off(served, switches, expected):
    """A missing switch is on, there and everywhere; and an activity that is off as a whole has no action, whatever its own switches say."""
    for action, on in switches.items():
        switch(served, on, course_id="c1", location_id="u1", action=action)
    assert available(served, served.teacher, course_id="c1", location_id="u1") & {G, C, S, E} == expected
    assert {G, C, S, E} <= available(served, served.teacher, course_id="c1", location_id="u2")


def test_case_33_what_an_activity_forbids_is_refused_there_and_allowed_elsewhere(served):
    """The switch holds at the call as well, whichever placement makes it, and not in what is offered alone."""
    for action in (S, E):
        switch(served, False, course_id="c1", location_id="u1", action=action)
    there = {"course_id": "c1", "location_id": "u1"}
    assert offers(served, served.teacher, **there)[G] is None and offers(served, served.teacher, **there)[E] == "course_disabled"
    assert offers(served, served.teacher)[E] is None
    assert ask(served, served.teacher, G, there).status == 200 and ask(served, served.teacher, E).status == 200
    for placement in ({}, {"placement": "course_assist"}):
        refused = ask(served, served.teacher, E, {**there, **placement})
        assert (refused.status, refused.json["code"], refused.json["field"]) == (403, "course_disabled", "/context/location_id")


# ---- errors: what learners and administrators read ----


@pytest.fixture(scope="module")
def lesson(tmp_path_factory):
    """A daemon for the tests of errors, with its double."""
    from double.upstream import Upstream

    with Upstream() as double:
        d = Daemon(tmp_path_factory.mktemp("lesson") / "data")
        d.accept_policy(d.learner)
        change(d, "DELETE", "/v1/providers/extract", status=204)
        add_vendor(d, double)
        yield d, double
        check_end(d)


def both(lesson, scenario, code, status, vendor_status, words):
    """One failure as a learner, an LMS back end and an administrator see it. Its detail is calm for the one, the vendor's for the others."""
    daemon, upstream = lesson
    upstream.default = scenario
    answer = ask(daemon, daemon.learner, "explain_text")
    assert (answer.status, answer.json["code"], answer.json["title"], answer.json["detail"]) == (status, code, CALM[code], CALM[code])
    assert words not in answer.body.decode()
    stored = read(daemon, "/v1/actions/calls/" + answer.json["id"], daemon.learner)
    assert stored["error"]["detail"] == CALM[code] and words not in json.dumps(stored)
    streamed = daemon.stream("POST", "/v1/actions/explain_text", daemon.learner, {"input": INPUTS["explain_text"], "stream": True})
    assert (streamed[-1].kind, streamed[-1].data["code"], streamed[-1].data["detail"]) == ("error", code, CALM[code])
    assert words not in json.dumps([e.data for e in streamed])
    back_end = {"user": {"id": "back-end-user", "roles": ["student"]}}
    daemon.request("PUT", "/v1/policy", daemon.service_key, {"accepted": True, "version": "1", **back_end})
    for key, more in ((daemon.admin_key, {}), (daemon.service_key, back_end)):
        answer = ask(daemon, key, "explain_text", **more)
        assert (answer.status, answer.json["code"], answer.json["title"]) == (status, code, CALM[code])
        assert words in answer.json["detail"] and KEY not in answer.json["detail"]
        assert record_of(daemon, answer.json["id"])["attempts"][0]["vendor_status"] == vendor_status
    return answer


def fault(status, words, **more):
    return "status?" + urllib.parse.urlencode({"code": status, "message": words, **more})


def test_case_35_a_400_is_calm_to_learners_and_the_vendors_words_to_administrators(lesson):
    both(lesson, fault(400, "the vendor's own words"), "upstream_bad_request", 502, 400, "the vendor's own words")


def test_case_36_a_401_is_calm_to_learners_and_the_vendors_words_to_administrators(lesson):
    both(lesson, fault(401, "the key was withdrawn"), "upstream_unauthorized", 502, 401, "the key was withdrawn")


def test_case_37_a_404_is_calm_to_learners_and_the_vendors_words_to_administrators(lesson):
    both(lesson, fault(404, "no model of that name"), "upstream_not_found", 502, 404, "no model of that name")


def test_case_38_a_505_is_calm_to_learners_and_the_vendors_words_to_administrators(lesson):
    both(lesson, fault(505, "what broke at the vendor"), "upstream_unavailable", 502, 505, "what broke at the vendor")


def test_case_39_our_own_429_keeps_its_words_for_everybody(served, upstream):
    """Here it is the site that has as many calls running as it may; the limits by user and window come with the governance of budgets."""
    served.cli("site", "set", "demo", "max_running_calls=1", "resume_grace_ms=0")
    upstream.queue.append("stall")
    connection, _ = served.open("POST", "/v1/actions/generate_text", served.teacher, {"input": INPUTS["generate_text"], "stream": True})
    upstream.wait_for(lambda r: r["answered_at"] is None)
    wait_until(lambda: ask(served, served.admin_key).status == 429, what="the limit")
    details = set()
    for key in (served.learner, served.admin_key):
        answer = ask(served, key, "explain_text")
        assert (answer.status, answer.json["code"], answer.json["title"]) == (429, "site_busy", CALM["site_busy"])
        assert answer.headers["Retry-After"]
        details.add(answer.json["detail"])
    connection.close()
    assert len(details) == 1 and details.pop()
    wait_until(lambda: ask(served, served.learner, "explain_text").status == 200, what="the room that came free")


def test_case_40_a_vendors_429_is_calm_to_learners_and_the_vendors_words_to_administrators(lesson):
    """How long to wait is told to everybody."""
    words = "organisation org-7 is over its quota"
    answer = both(lesson, fault(429, words, retry_after=9), "upstream_rate_limited", 429, 429, words)
    assert answer.headers["Retry-After"] == "9" and answer.json["retry_after"] == 9
    daemon, _ = lesson
    assert ask(daemon, daemon.learner, "explain_text").json["retry_after"] == 9


# ---- providers: what all have ----


def test_case_46_the_vendor_gets_a_hash_of_64_digits_and_never_the_users_id(served, upstream):
    """The hash is keyed with a secret of the site, so that two sites of one vendor's account have no common users."""
    upstream.forbidden = ["pupil-4711", "pupil-4712"]
    served.cli("site", "add", "two")
    served.cli("provider", "add", "vendor", "--plugin", "openai", "--site", "two", f"endpoint={upstream.url}", "model=m", f"api_key={KEY}")
    other = shell(served, "key", "add", "--site", "two", "--role", "service")["key"]
    wait_until(lambda: served.request("GET", "/v1/actions", other).status == 200, what="the new site")

    def hash_of(key, user):
        speaker = {"user": {"id": user, "roles": ["teacher"]}}
        if key == served.service_key:
            assert served.request("PUT", "/v1/policy", key, {"accepted": True, "version": "1", **speaker}).status == 200
        answer = ask(served, key, **speaker)
        assert answer.status == 200, answer
        return sent(upstream)["body"]["user"]

    one, again, another, elsewhere = (hash_of(served.service_key, "pupil-4711"), hash_of(served.service_key, "pupil-4711"),
                                      hash_of(served.service_key, "pupil-4712"), hash_of(other, "pupil-4711"))
    assert one == again and len({one, another, elsewhere}) == 3
    assert all(re.fullmatch("[0-9a-f]{64}", h) for h in (one, another, elsewhere))


@pytest.mark.parametrize("plugin, missing, given", [
    ("openai", {"model": "m"}, {"api_key": KEY}), ("anthropic", {}, {"api_key": KEY}), ("gemini", {"model": "m"}, {"api_key": KEY}),
    ("awsbedrock", {"model": "m", "region": "eu-central-1"}, {"access_key_id": "AKIDEXAMPLE", "secret_access_key": KEY}),
    ("ollama", {}, {"model": "m"}), ("openai_compatible", {"endpoint": "http://127.0.0.1:9/v1"}, {"model": "m"}),
    ("azureai", {"endpoint": "http://127.0.0.1:9", "model": "m"}, {"api_key": KEY}), ("deepseek", {"model": "m"}, {"api_key": KEY})])
def test_case_47_an_instance_is_configured_once_it_has_what_its_vendor_needs(school, plugin, missing, given):
    """What is missing is said by name; a key only where the vendor's own address asks for one, and Ollama's address has a default."""
    made = change(school, "POST", "/v1/providers", {"name": "a", "plugin": plugin, "config": missing}, 201)
    assert made["configured"] is False and next(iter(given)) in made["reason"]
    assert names(school, "?action=generate_text&enabled=true") == []
    made = change(school, "PATCH", "/v1/providers/a", {"config": given})
    assert made["configured"] is True and made["reason"] is None
    assert names(school, "?action=generate_text&enabled=true") == ["a"]


@pytest.mark.parametrize("plugin", ["openai_compatible", "azureai", "vllm", "llamacpp"])
def test_case_47_a_server_of_ones_own_has_no_address_to_begin_with(school, plugin):
    """It is not saved without one, since no default could be right."""
    answer = school.request("POST", "/v1/providers", school.admin_key, {"name": "a", "plugin": plugin, "config": {"model": "m"}})
    assert (answer.status, answer.json["code"], answer.json["field"]) == (400, "invalid_input", "/config/endpoint") and names(school) == []


# ---- openai: text ----


def test_case_48_the_instruction_is_the_first_message_and_the_prompt_the_second(served, upstream):
    """An instruction that is set to nothing sends no first message."""
    change(served, "PATCH", "/v1/providers/vendor", {"actions": {"generate_text": {"settings": {"instruction": "Write for children."}}}})
    assert ask(served, served.teacher).status == 200
    request = sent(upstream)
    assert request["path"] == "/v1/chat/completions" and request["headers"]["authorization"] == f"Bearer {KEY}"
    assert request["body"]["messages"] == [{"role": "system", "content": "Write for children."}, {"role": "user", "content": "Why does it rain?"}]
    change(served, "PATCH", "/v1/providers/vendor", {"actions": {"generate_text": {"settings": {"instruction": ""}}}})
    assert ask(served, served.teacher).status == 200
    assert [m["role"] for m in sent(upstream)["body"]["messages"]] == ["user"]


@pytest.mark.parametrize("settings, model", [
    ({"temperature": 0.5, "extra": {"max_completion_tokens": 100}}, "m"),
    ({"model": "our-own-model:7b", "extra": {"temperature": 0.5, "max_completion_tokens": 100}}, "our-own-model:7b"),
    ({"model": "gpt-x", "models": {"gpt-x": {"temperature": 0.5, "extra": {"max_completion_tokens": 100}}, "gpt-y": {"temperature": 2}}}, "gpt-x")],
    ids=["settings", "an own model's free settings", "settings kept for a model"])
def test_case_49_settings_stand_at_the_top_and_the_models_name_is_sent_as_it_is(served, upstream, settings, model):
    change(served, "PATCH", "/v1/providers/vendor", {"actions": {"generate_text": {"settings": settings}}})
    assert ask(served, served.teacher).status == 200
    body = sent(upstream)["body"]
    assert (body["model"], body["temperature"], body["max_completion_tokens"]) == (model, 0.5, 100)
    assert set(body) == {"model", "user", "messages", "temperature", "max_completion_tokens"}


@pytest.mark.parametrize("status, code, words", [
    (500, "upstream_unavailable", "Internal Server Error"), (503, "upstream_unavailable", "Service Unavailable"),
    (401, "upstream_unauthorized", "Invalid Authentication"),
    (404, "upstream_not_found", "The model does not exist or you do not have access to it."),
    (429, "upstream_rate_limited", "Rate limit reached for requests")])
def test_case_50_a_failure_has_the_vendors_words_and_status(served, upstream, status, code, words):
    """Behind the reason of a 5xx stands what the vendor said, if it said anything."""
    upstream.default = str(status)
    answer = ask(served, served.admin_key)
    assert answer.json["code"] == code
    assert answer.json["detail"].startswith(words) if status >= 500 else answer.json["detail"] == words
    assert record_of(served, answer.json["id"])["attempts"][0]["vendor_status"] == status


def test_case_51_an_answer_is_read_whole_and_the_vendors_model_goes_before_the_configured_one(served, upstream):
    change(served, "PATCH", "/v1/providers/vendor", {"config": {"model": "gpt-4o"}})
    answers(upstream, chat_answer())
    answer = ask(served, served.admin_key).json
    assert sent(upstream)["body"]["model"] == "gpt-4o" and answer["model"] == "gpt-4o-2024-05-13"
    assert answer["response"] == {"generated_content": "Rain is water that falls.", "finish_reason": "stop"}
    assert answer["usage"] == {"prompt_tokens": 11, "completion_tokens": 568, "total_tokens": 579}
    record = record_of(served, answer["id"])
    assert (record["content"]["responseid"], record["content"]["fingerprint"]) == ("chatcmpl-123", "fp_c4e5b6fa31")
    assert record["model"] == record["attempts"][0]["model"] == "gpt-4o-2024-05-13"


@pytest.mark.parametrize("without", ["id", "model", "system_fingerprint", "usage"])
def test_case_51_a_member_that_the_vendor_leaves_out_is_no_error(served, upstream, without):
    """What is not there is empty or null in the record, and the model is then the configured one."""
    body = chat_answer()
    del body[without]
    answers(upstream, body)
    answer = ask(served, served.admin_key).json
    assert answer["success"] and answer["model"] == ("m" if without == "model" else "gpt-4o-2024-05-13")
    content = record_of(served, answer["id"])["content"]
    assert {"id": content["responseid"], "system_fingerprint": content["fingerprint"]}.get(without, "") == ""
    assert (answer["usage"]["total_tokens"] is None) == (without == "usage")


@pytest.mark.parametrize("action", TEXT_ACTIONS)
def test_case_52_a_success_and_a_401_of_each_text_action(served, upstream, action):
    """A failure has the status of its code instead of a 200 that says false; the door for such clients has that."""
    answers(upstream, chat_answer())
    good = ask(served, served.admin_key, action)
    assert (good.status, good.json["success"], good.json["action"]) == (200, True, action)
    assert good.json["response"]["generated_content"] == "Rain is water that falls."
    upstream.default = "401"
    bad = ask(served, served.admin_key, action)
    assert (bad.status, bad.json["code"], bad.json["detail"]) == (502, "upstream_unauthorized", "Invalid Authentication")
    record = record_of(served, bad.json["id"])
    assert (record["action"], record["state"], record["attempts"][0]["vendor_status"]) == (action, "failed", 401)


@pytest.mark.parametrize("action", TEXT_ACTIONS)
@pytest.mark.parametrize("streamed", [False, True])
def test_case_53_code_and_words_of_a_failure_are_carried_through(served, upstream, action, streamed):
    upstream.default = fault(418, "The kettle is on.")
    if streamed:
        problem = served.stream("POST", f"/v1/actions/{action}", served.admin_key, {"input": INPUTS[action], "stream": True})[-1].data
    else:
        problem = ask(served, served.admin_key, action).json
    assert (problem["code"], problem["detail"]) == ("upstream_bad_request", "The kettle is on.")
    record = record_of(served, problem["id"])
    (attempt,) = record["attempts"]
    assert (record["code"], record["detail"]) == (attempt["code"], attempt["detail"]) == ("upstream_bad_request", "The kettle is on.")
    assert attempt["vendor_status"] == 418 and read(served, f"/v1/actions/calls/{problem['id']}")["error"]["detail"] == "The kettle is on."


# ---- anthropic: what the unit tests do not see ----


@pytest.mark.parametrize("body, code, word", [
    ({"content": [], "stop_reason": "refusal"}, "content_refused", "refusal"),
    ({"content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}], "stop_reason": "tool_use"}, "upstream_invalid", "tool"),
    ({"content": [{"type": "thinking", "thinking": "Hm.", "signature": "s"}, {"type": "text", "text": "Clouds."}], "stop_reason": "end_turn"},
     None, "Clouds.")],
    ids=["refusal", "only a tool call", "a thought before the text"])
def test_case_64_an_answer_without_text_fails_and_names_why(school, upstream, body, code, word):
    """A tool call is an answer where tools were given; an action that asked for text has none then."""
    add(school, upstream, "claude", plugin="anthropic")
    answers(upstream, {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "stop_sequence": None,
                       "usage": {"input_tokens": 18, "output_tokens": 120}, **body})
    answer = ask(school, school.admin_key).json
    if code:
        assert answer["code"] == code and word in answer["detail"]
    else:
        assert answer["response"]["generated_content"] == word


# ---- reports by course and by one's own calls ----

COURSE, ELSEWHERE = "course-v1:Org+Course+Run", "course-v1:Org+Elsewhere+Run"


@pytest.fixture(scope="module")
def counted(tmp_path_factory):
    """Calls of three students and a teacher in a course, and of two in another one: (user, course) → how many."""
    d = Daemon(tmp_path_factory.mktemp("counted") / "data")
    d.cli("site", "set", "demo", "policy_by_lms=true")
    wait_until(lambda: ask(d, d.service_key, "summarise_text", user={"id": "early", "roles": ["student"]}).status == 200, what="the setting")
    calls = {("anna", COURSE): 3, ("ben", COURSE): 2, ("cleo", COURSE): 1, ("teacher", COURSE): 1, ("anna", ELSEWHERE): 4, ("dora", ELSEWHERE): 1}
    for (user, course), n in calls.items():
        for _ in range(n):
            answer = ask(d, d.service_key, "summarise_text", user={"id": user, "roles": ["student"]}, context={"course_id": course})
            assert answer.status == 200, answer
    yield d, calls
    check_end(d)


def report(daemon, **query):
    """(user, course) → calls, as the LMS asks for one of its people; or the answer when it is refused."""
    address = "/v1/reports/usage?" + urllib.parse.urlencode({"group_by": "user,course", **query}, doseq=True)
    answer = daemon.request("GET", address, daemon.service_key)
    if answer.status == 403:
        assert answer.json["code"] == "permission_denied"
        return "refused"
    assert answer.status == 200, answer
    rows = {(row["user"], row["course"]): row["calls"] for row in answer.json["rows"]}
    assert answer.json["total"]["calls"] == sum(rows.values())
    return rows


def test_case_79_a_teacher_sees_all_of_the_course_and_nothing_of_others(counted):
    d, calls = counted
    assert report(d, user_id="teacher", role="teacher", course_id=COURSE) == {key: n for key, n in calls.items() if key[1] == COURSE}
    assert report(d, user_id="teacher", role="teacher") == "refused"  # the site is not the course


def test_case_79_a_student_sees_only_their_own(counted):
    d, calls = counted
    assert report(d, user_id="anna", role="student", view="own") == {key: n for key, n in calls.items() if key[0] == "anna"}
    assert report(d, user_id="anna", role="student", view="own", course_id=COURSE) == {("anna", COURSE): 3}
    assert report(d, user_id="anna", role="student", course_id=COURSE) == "refused"  # without the restriction to one's own
    assert report(d, user_id="anna", role="student", view="own", user="ben") == "refused"


def test_case_79_a_student_of_a_course_cannot_point_at_another(counted):
    d, _ = counted
    assert d.request("GET", "/v1/reports/usage?view=own", d.learner).status == 200
    from test_roles import take_issuer, token
    take_issuer(d, d.data.parent / "issuer")
    bound = token("anna", course_id=COURSE)

    def ask_for(**query):
        return d.request("GET", "/v1/reports/usage?" + urllib.parse.urlencode({"group_by": "user,course", **query}), bound)

    assert [row["calls"] for row in ask_for(view="own").json["rows"]] == [3]
    assert ask_for(view="own", course_id=ELSEWHERE).status == ask_for(course_id=ELSEWHERE).status == 403


def test_case_79_without_the_permission_there_is_no_report(counted):
    d, _ = counted
    assert report(d, user_id="guest", course_id=COURSE) == report(d, user_id="guest", view="own") == "refused"  # nobody there has a role


def test_case_79_a_teacher_of_separate_groups_sees_only_their_own(counted):
    """Groups are the LMS's: it says whom the teacher may see (here where it asks; docs/reports.md has the other ways)."""
    d, calls = counted
    teacher = {"user_id": "teacher", "role": "teacher", "visible_user": ["anna", "ben", "dora"]}
    assert report(d, course_id=COURSE, **teacher) == {("anna", COURSE): 3, ("ben", COURSE): 2}
    assert report(d, course_id=COURSE, user="cleo", **teacher) == {}


def test_case_80_no_course_is_filled_in_later(counted):
    """It does not apply: the course is written when a call begins, or the call is of none; nothing is looked up afterwards."""
    d, calls = counted
    whole = report(d)
    assert whole == {**calls, **{key: n for key, n in whole.items() if key == ("early", "")}} and ("early", "") in whole


# ---- a person's data ----


def exported(daemon, user):
    answer = daemon.request("POST", "/v1/privacy/export", daemon.service_key, {"user_id": user})
    assert answer.status == 200, answer
    return [json.loads(line) for line in answer.body.decode().splitlines()]


def accept_at(daemon, user, course):
    body = {"accepted": True, "version": "1", "user": {"id": user, "roles": ["teacher"]}, "context": {"course_id": course}}
    assert daemon.request("PUT", "/v1/policy", daemon.service_key, body).status == 200


def ask_at(daemon, user, course, action="generate_text"):
    answer = daemon.request("POST", f"/v1/actions/{action}", daemon.service_key, {
        "input": INPUTS[action], "context": {"course_id": course}, "user": {"id": user, "roles": ["teacher"]}})
    assert answer.status == 200, answer
    return answer.json["id"]


def contexts(lines):
    found = [line["context"]["course_id"] for line in lines if line["kind"] == "call"]
    return found + [json.loads(line["row"]["context"] or "{}").get("course_id", "") for line in lines if line["kind"] == "policy_acceptance"]


def test_case_81_policy_and_each_action_add_their_context_for_that_user_and_no_other(served):
    accept_at(served, "ann", "c1")
    assert contexts(exported(served, "ann")) == ["c1"] and contexts(exported(served, "bob")) == []
    accept_at(served, "bob", "c9")
    ask_at(served, "ann", "c2")
    ask_at(served, "ann", "c3", "summarise_text")
    assert contexts(exported(served, "ann")) == ["c2", "c3", "c1"] and contexts(exported(served, "bob")) == ["c9"]


@pytest.mark.parametrize("action", ["generate_text", "summarise_text"])
def test_case_82_an_export_has_context_prompt_content_tokens_model_and_success(served, upstream, action):
    accept_at(served, "ann", "c1")
    upstream.default = "ok?text=Clouds%20rain."
    number = ask_at(served, "ann", "c2", action)
    lines = exported(served, "ann")
    call = next(line for line in lines if line["kind"] == "call")
    assert call["id"] == number and call["action"] == action and call["context"]["course_id"] == "c2" and call["success"] is True
    assert call["content"][0]["prompt"] and call["content"][0]["generatedcontent"] == "Clouds rain." and call["model"]
    assert call["usage"]["prompt_tokens"] > 0 and call["usage"]["completion_tokens"] > 0
    assert call["created_at"] and call["completed_at"] and call["attempts"][0]["instance"] == "vendor"
    policy = next(line for line in lines if line["kind"] == "policy_acceptance")["row"]
    assert policy["accepted"] == 1 and policy["version"] == "1" and policy["decided_at"] > 0


def test_case_83_deletion_leaves_the_register_rows_without_content_and_removes_policy_rows(served):
    """Moodle leaves the user's id at the rows, too; here a pseudonym takes its place."""
    accept_at(served, "ann", "c1")
    number = ask_at(served, "ann", "c2")
    job = served.request("POST", "/v1/privacy/erase", served.service_key, {"user_id": "ann"}).json
    wait_until(lambda: read(served, f"/v1/privacy/jobs/{job['id']}")["state"] == "done", what="the end of the erasure")
    row = read(served, f"/v1/register/{number}")
    assert (row["user_id"], row["state"]) == (job["pseudonym"], "completed")
    assert re.fullmatch("erased-[0-9a-f]{8}", job["pseudonym"]) and "Why does it rain?" not in json.dumps(row)
    assert '"prompt_tokens": ' in json.dumps(row)
    assert exported(served, "ann")[1:] == [{"kind": "end", "calls": 0, "records": 0}]
    assert served.request("GET", "/v1/policy?user_id=ann&role=student", served.service_key).json["accepted"] is False


# ---- the table ----

UNIT = {  # case → test elsewhere
    **{n: [("tests/unit/test_cases.c", t)] for n, t in {
        1: "case_1_a_placement_that_offers_nothing_has_no_action",
        2: "case_2_an_entry_is_found_by_its_kind_and_name",
        5: "case_5_a_placement_that_is_not_installed_is_absent_and_the_others_stay",
        7: "case_7_without_the_editor_a_course_has_course_assist_only"}.items()},
    **{n: [("tests/unit/test_core.c", t)] for n, t in {
        17: "case_17_without_an_enabled_provider_the_call_fails",
        18: "case_18_of_two_instances_the_first_success_is_returned",
        19: "case_19_accepting_the_policy_writes_one_row",
        20: "case_20_a_negative_is_never_kept_as_truth",
        21: "case_21_acceptances_are_cached_purged_and_read_again"}.items()},
    41: [("tests/unit/test_limits.c", "test_moodle_case_41_and_42"), ("tests/system/test_limits.py", "test_case_41_a_user_s_limit_of_an_instance")],
    42: [("tests/unit/test_limits.c", "test_moodle_case_41_and_42"), ("tests/system/test_limits.py", "test_case_42_the_limit_for_all_of_an_instance")],
    **{n: [("tests/unit/test_limits.c", f"test_moodle_case_{n}")] for n in (43, 44, 45)},
    34: [("tests/unit/test_cases.c", "case_34_every_status_of_a_vendor_comes_to_a_code"),
         ("tests/unit/test_cases.c", "case_34_no_failure_is_without_a_status_and_a_text")],
    **{n: [("tests/unit/test_openai_images.c", t)] for n, t in {
        54: "case_54_the_sizes_of_dall_e_3", 55: "case_55_the_body_for_dall_e_3", 56: "case_56_gpt_image_has_other_words",
        57: "case_57_an_image_and_what_became_of_the_prompt"}.items()},
    **{n: [("tests/unit/test_anthropic.c", t)] for n, t in {
        58: "case_58_59_the_default_body", 59: "case_58_59_the_default_body",
        60: "case_60_61_max_tokens_and_temperature", 61: "case_60_61_max_tokens_and_temperature",
        62: "case_62_system_messages_stand_at_the_top",
        63: "case_63_64_what_an_answer_comes_to", 64: "case_63_64_what_an_answer_comes_to",
        65: "case_65_faults_are_mapped"}.items()},
    **{n: [("tests/unit/test_bedrock.c", t)] for n, t in {
        70: "case_70_prompt_instruction_and_numbers_have_their_places",
        71: "case_71_a_profile_replaces_the_model",
        72: "case_72_a_call_is_signed_and_read",
        73: "case_73_an_exception_is_told_without_the_keys"}.items()},
    **{n: [("tests/unit/test_gemini_images.c", t) for t in tests] for n, tests in {
        66: ["case_66_aspects_and_qualities"], 67: ["case_67_bodies"],
        68: ["case_68_imagen_makes_them_in_one_call", "case_68_69_faults_and_refusals"], 69: ["case_68_69_faults_and_refusals"]}.items()},
    84: [("tests/unit/test_think.c", "blocks_are_cut_out"), ("tests/unit/test_think.c", "null_stays_null")],
}

BROWSER = {  # case → how the name of each of its tests in tests/browser/widgets/moodle.mjs goes on
    74: ["the editor's tools are there when placement, provider, permission and the placement's action all are"],
    75: ["as many buttons as actions: both, one, none; none without the permission"],
    76: ["the placement's switch shows and hides the tools"],
    77: ["course assist stands where a page puts it; what a role of a course gives, it gives in that course"],
    78: ["two actions are two buttons, one is one", "whatever is switched off, there is no button",
         "the first use opens the panel with the policy", "a course can be switched off before there is any"],
}

def table():
    """Case → [(file, test)]."""
    found = {n: list(tests) for n, tests in UNIT.items()}
    for n, names in BROWSER.items():
        found[n] = [("tests/browser/widgets/moodle.mjs", f"case {n}: {name}") for name in names]
    for name in [n for n in globals() if n.startswith("test_case_")]:
        found.setdefault(int(name.split("_")[2]), []).append(("tests/system/test_moodle_cases.py", name))
    return found


def test_each_case_has_a_test_and_each_test_in_the_table_is_there():
    have = table()
    assert set(have) == set(range(1, 85))
    for file, test in [t for tests in have.values() for t in tests]:
        text = (ROOT / file).read_text()
        if file.endswith(".c"):
            assert re.search(rf"^static void {test}\(void \*\*state\)", text, re.M) and re.search(rf"\({test}\)", text), (file, test)
        if file.endswith(".mjs"):
            assert text.count(f'browserTest("{test}"') == 1, (file, test)


def main():
    have = table()
    for n in range(1, 85):
        for file, test in have[n]:
            print(f"{n:>3}  {test:<100} {file}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
