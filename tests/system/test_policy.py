"""The policy: versions and languages, acceptance and withdrawal, the report, and that every door asks for it."""
import concurrent.futures
import csv
import io
import json
import urllib.parse

import pytest
from conftest import Daemon, add_vendor, check_end, wait_until

TALK = {"messages": [{"role": "user", "content": "Why does it rain?"}]}
TEXT = {"text": "Plants make sugar from light. They take water."}


@pytest.fixture(scope="module")
def site(tmp_path_factory, service):
    d = Daemon(tmp_path_factory.mktemp("policy") / "data", "--threads", "2")
    add_vendor(d, service)
    d.vendor = service
    yield d
    check_end(d)


def put_text(d, version, text=None, language=None, check=True):
    done = d.cli("policy", "set", version, "--site", "demo", *(["--file", "-"] if text else []), *(["--language", language] if language else []),
                 stdin=text, check=False)
    if check:
        assert done.returncode == 0, done.stderr
        d.wait_for_config()
    return done


def get(d, user, language=None, accept=None):
    query = urllib.parse.urlencode({"user_id": user, "role": "student", **({"lang": language} if language else {})})
    answer = d.request("GET", f"/v1/policy?{query}", d.service_key, None, {"Accept-Language": accept} if accept else None)
    assert answer.status == 200, answer
    return answer.json


def accept(d, user, version, status=200, **more):
    answer = d.request("PUT", "/v1/policy", d.service_key, {"accepted": True, "version": version, "user": {"id": user, "roles": ["student"]}, **more})
    assert answer.status == status, answer
    return answer.json


def withdraw(d, user):
    answer = d.request("DELETE", f"/v1/policy?user_id={user}&role=student", d.service_key)
    assert answer.status == 200, answer
    return answer.json


def ask(d, user):
    return d.request("POST", "/v1/actions/summarise_text", d.service_key, {"input": TEXT, "user": {"id": user, "roles": ["student"]}})


# ---- texts ----


def test_the_language_is_the_reader_s_or_the_site_s(site):
    put_text(site, "2.0", "# Rules\n\nBe *kind*.")
    put_text(site, "2.0", "# Regeln\n\nSei *nett*.", "de")
    put_text(site, "2.0", "# Regras", "PT-br")
    shown = get(site, "ann")
    assert (shown["version"], shown["language"], shown["languages"]) == ("2.0", "en", ["en", "de", "pt-BR"])
    assert shown["text"] == "# Rules\n\nBe *kind*." and shown["html"] == "<h1>Rules</h1>\n<p>Be <em>kind</em>.</p>\n"
    for language, wanted in {"de": "de", "de-AT": "de", "DE": "de", "pt": "pt-BR", "pt-PT": "pt-BR", "fr": "en", "x": "en", "*": "en"}.items():
        assert get(site, "ann", language)["language"] == wanted, language
    for header, wanted in {"fr,de;q=0.5,en;q=0.4": "de", "de;q=0.2, en;q=0.9": "en", "de;q=0": "en", "fr": "en", ";;;,,,": "en", "de;q=x": "en"}.items():
        assert get(site, "ann", accept=header)["language"] == wanted, header
    site.cli("site", "set", "demo", "language=de")
    site.wait_for_config()
    assert get(site, "ann")["language"] == "de" and get(site, "ann", "fr")["language"] == "de"
    site.cli("site", "set", "demo", "language=en")
    site.wait_for_config()


def test_a_text_is_never_changed_and_all_are_kept(site):
    put_text(site, "3.0", "Three.")
    again = put_text(site, "3.0", "Three, but otherwise.", check=False)
    assert again.returncode != 0 and "new version" in again.stderr
    put_text(site, "3.0", "Three.")  # the same twice changes nothing
    put_text(site, "3.1", "Three, mended.")
    put_text(site, "3.0")  # an old one comes into force again
    assert get(site, "ann")["text"] == "Three."
    assert put_text(site, "9.9", check=False).returncode != 0
    listed = json.loads(site.cli("policy", "versions", "--site", "demo", "--json"))
    assert [(v["version"], v["language"], v["text"], v["in_force"]) for v in listed if v["version"].startswith("3")] == [
        ("3.1", "en", "Three, mended.", False), ("3.0", "en", "Three.", True)]
    assert put_text(site, "3.2", "x", "no language", check=False).returncode != 0


ATTACKS = ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "[a](javascript:alert(1))", "[a](JaVaScRiPt:alert(1))", "[a](java\nscript:alert(1))",
           "[a](&#106;avascript:alert(1))", "[a](vbscript:x)", "[a](file:///etc/passwd)", "[a](data:text/html,<script>alert(1)</script>)",
           "![a](javascript:alert(1))", "<javascript:alert(1)>", "[a]: javascript:alert(1)\n\n[a]", "<a href=\"javascript:x\">y</a>", "<svg/onload=alert(1)>",
           "`<script>`", "    <script>alert(1)</script>", "[a](http://x \"\"onmouseover=alert(1)\")", "<!-- --!><script>alert(1)</script> -->",
           "<iframe srcdoc='<script>'>", "<style>*{}</style>", "![<script>](x)", "[a](<javascript:alert(1)>)", "[a](\tjavascript:alert(1))",
           "[\">](http://x/\"onclick=alert(1)//)", "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>"]


@pytest.mark.parametrize("index", range(len(ATTACKS)))
def test_nothing_of_a_text_becomes_html_of_its_own(site, index):
    import html.parser

    class Reader(html.parser.HTMLParser):
        tags = []

        def handle_starttag(self, tag, attrs):
            self.tags.append((tag, attrs))

    put_text(site, f"attack-{index}", "Before.\n\n" + ATTACKS[index] + "\n\nBehind.")
    shown = get(site, "ann")
    reader = Reader()
    reader.tags = []
    reader.feed(shown["html"])
    assert "Before." in shown["html"] and "Behind." in shown["html"]
    for tag, attrs in reader.tags:
        assert tag in ("p", "a", "img", "code", "pre"), shown["html"]
        assert {name for name, _ in attrs} <= {"href", "src", "alt", "title"}, shown["html"]
        for name, value in attrs:
            if name in ("href", "src"):
                assert not value or value.startswith(("http://x", "x", "java%0Ascript")) or ":" not in value.split("/")[0], shown["html"]


# ---- accepting ----


@pytest.mark.parametrize("first, then, holds", [("5.0", "5.1", True), ("5.0", "5.10.2", True), ("5", "5.1", True), ("v5.0", "5.2", True), ("5.1", "5.0", True),
                                                ("5.9", "6.0", False), ("5", "50", False), ("2031-01-01", "2031-01-02", False), ("autumn", "autumn.1", False),
                                                ("5.x", "5.y", False), ("005.1", "5.2", True)])
def test_only_a_new_major_version_asks_again(site, first, then, holds):
    user = f"major-{first}-{then}"
    put_text(site, first, f"Text of {first}.")
    accept(site, user, first)
    put_text(site, then, f"Text of {then}.")
    shown = get(site, user)
    assert shown["accepted"] is holds and (ask(site, user).status == 200) is holds
    assert shown.get("accepted_version") == (first if holds else None)
    assert accept(site, user, then)["accepted_version"] == then and ask(site, user).status == 200


def test_accepting_twice_changes_nothing_even_at_once(site):
    put_text(site, "7.0", "Seven.")
    put_text(site, "7.0", "Sieben.", "de")
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda i: accept(site, "twice", "7.0", language="de", context={"course_id": "c1"}), range(32)))
    assert len({json.dumps(a) for a in answers}) == 1
    again = accept(site, "twice", "7.0", language="en")
    assert again["accepted_at"] == answers[0]["accepted_at"] and again["accepted_language"] == "de"
    accept(site, "twice", "6.9", 409)
    assert accept(site, "twice", "7.0", 400, language="fr")["field"] == "/language"
    rows = report(site, user="twice")["acceptances"]
    assert [(r["version"], r["language"], r["state"], r["context"]) for r in rows] == [("7.0", "de", "accepted", {"course_id": "c1"})]


def test_a_withdrawal_counts_at_once_at_every_loop(site):
    put_text(site, "8.0", "Eight.")
    for round in range(5):
        accept(site, "fickle", "8.0")
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            assert {a.status for a in pool.map(lambda i: ask(site, "fickle"), range(16))} == {200}
            assert withdraw(site, "fickle")["accepted"] is False
            assert {a.status for a in pool.map(lambda i: ask(site, "fickle"), range(16))} == {403}
    assert withdraw(site, "fickle")["accepted"] is False
    row, = report(site, user="fickle")["acceptances"]
    assert row["state"] == "withdrawn" and row["accepted_at"] <= row["withdrawn_at"] and row["holds"] is False


# ---- who has ----


def report(d, key=None, **query):
    answer = d.request("GET", "/v1/reports/policy?" + urllib.parse.urlencode(query), key or d.admin_key)
    assert answer.status == 200, answer
    return answer.json


def test_the_report_says_who_accepted_which_version_when(site):
    put_text(site, "20.0", "Twenty.")
    for user in ("r1", "r2", "=r3"):
        accept(site, user, "20.0", context={"course_id": "c1"})
    withdraw(site, "r2")
    middle = report(site, user="=r3")["acceptances"][0]["accepted_at"]
    put_text(site, "21.0", "Twenty-one.")
    accept(site, "r1", "21.0")
    rows = lambda **query: [(r["user_id"], r["version"], r["state"], r["holds"]) for r in report(site, **query)["acceptances"]]
    assert rows(version="20.0") == [("r2", "20.0", "withdrawn", False), ("=r3", "20.0", "accepted", False), ("r1", "20.0", "accepted", False)]
    assert rows(user="r1") == [("r1", "21.0", "accepted", True), ("r1", "20.0", "accepted", False)]
    assert rows(version="20.0", state="withdrawn") == [("r2", "20.0", "withdrawn", False)]
    assert ("r1", "20.0", "accepted", False) not in rows(since=middle) and ("r1", "21.0", "accepted", True) in rows(since=middle)
    counts = report(site)["counts"]
    assert counts["20.0"] == {"in_force": False, "accepted": 2, "withdrawn": 1} and counts["21.0"] == {"in_force": True, "accepted": 1, "withdrawn": 0}
    first = report(site, version="20.0", limit=2)
    assert len(first["acceptances"]) == 2 and rows(version="20.0", before=first["next"]) == [("r1", "20.0", "accepted", False)]
    for query in ({"state": "x"}, {"since": "x"}, {"format": "xls"}, {"limit": 0}):
        assert site.request("GET", "/v1/reports/policy?" + urllib.parse.urlencode(query), site.admin_key).status == 400, query
    text = site.request("GET", "/v1/reports/policy?version=20.0&format=csv", site.admin_key)
    assert text.headers["Content-Type"].startswith("text/csv")
    table = list(csv.DictReader(io.StringIO(text.body.decode())))
    assert [(r["version"], r["state"]) for r in table] == [("20.0", "withdrawn"), ("20.0", "accepted"), ("20.0", "accepted")]
    shell = json.loads(site.cli("policy", "report", "--site", "demo", "--policy-version", "20.0", "--state", "withdrawn", "--json"))
    assert [r["user"] for r in shell["acceptances"]] == ["r2"]


def test_an_lms_asks_about_many_users_at_once(site):
    put_text(site, "30.0", "Thirty.")
    users = [f"many-{i}" for i in range(1000)]
    for user in users[:1000:97]:
        accept(site, user, "30.0")
    withdraw(site, users[97])
    answer = site.request("POST", "/v1/policy/status", site.service_key, {"user_ids": users}).json
    assert answer["version"] == "30.0" and [u["user_id"] for u in answer["users"]] == users
    assert [u["user_id"] for u in answer["users"] if u["accepted"]] == [u for u in users[:1000:97] if u != users[97]]
    assert all("accepted_at" in u for u in answer["users"] if u["accepted"])
    ask_for = lambda ids, key=site.service_key: site.request("POST", "/v1/policy/status", key, {"user_ids": ids})
    assert ask_for([]).json["users"] == [] and ask_for(users + ["one more"]).status == 400
    assert ask_for(["a", "b\u0001"]).json["field"] == "/user_ids/1"
    assert ask_for(["a"], site.learner).json["code"] == "permission_denied"


# ---- every door ----


def door_native(d, user):
    return d.request("POST", "/v1/actions/continue_conversation", d.service_key, {"input": TALK, "user": {"id": user, "roles": ["student"]}})


def door_stream(d, user):
    body = {"input": TALK, "stream": True, "user": {"id": user, "roles": ["student"]}}
    return d.request("POST", "/v1/actions/continue_conversation", d.service_key, body)


def door_workflow(d, user):
    return d.request("POST", "/v1/workflows/run", d.service_key, {"profile": "door", "user_input": "Why?", "user": {"id": user, "roles": ["student"]},
                                                                 "context": {"ui_slot_selector_id": "door"}})


def door_openai(d, user):
    return d.request("POST", "/openai/v1/chat/completions", d.service_key, {"model": "action:continue_conversation", "user": user, **TALK})


def door_responses(d, user):
    return d.request("POST", "/openai/v1/responses", d.service_key, {"model": "action:continue_conversation", "user": user, "input": "Why?"})


def door_ollama(d, user):
    return d.request("POST", "/ollama/api/chat", d.service_key, {"model": "action:continue_conversation", "stream": False, **TALK}, {"X-Lectern-User": user})


def door_openedx(d, user):
    """By the platform's own token, as its pages call."""
    context = urllib.parse.quote(json.dumps({"courseId": "course-v1:Org+Course+Run", "uiSlotSelectorId": "door"}))
    return d.request("POST", f"/openedx-ai-extensions/v1/workflows/?context={context}", d.learner, {"action": "run", "user_input": "Why?"})


@pytest.fixture(scope="module")
def doors(site):
    put_text(site, "40.0", "Forty.")
    site.cli("site", "set", "demo", "openedx_policy=lectern", "door_policy=lectern")
    body = {"slug": "door", "base_filepath": "base/blank.json5", "content_patch": {"processor_config": {"LLMProcessor": {"prompt": "Be brief."}}}}
    assert site.request("POST", "/v1/profiles", site.admin_key, body).status == 201
    assert site.request("POST", "/v1/scopes", site.admin_key, {"profile_id": "door", "ui_slot_selector_id": "door"}).status == 201
    site.wait_for_config()
    return site


@pytest.mark.parametrize("door", [door_native, door_stream, door_workflow, door_openai, door_responses, door_ollama, door_openedx], ids=lambda f: f.__name__)
def test_each_door_asks_for_the_policy_where_it_is_to(doors, door):
    d, user = doors, door.__name__
    if door is door_openedx:
        user = "demo-learner"
        take, give = lambda: d.accept_policy(d.learner), lambda: d.request("DELETE", "/v1/policy", d.learner)
    else:
        take, give = lambda: accept(d, user, "40.0"), lambda: withdraw(d, user)
    before = len(d.vendor.requests())
    refused = door(d, user)
    told = refused.body.decode()
    assert refused.status == 403 and ("policy_not_accepted" in told or "Forty." in told or "policy" in told), refused
    assert len(d.vendor.requests()) == before
    take()
    assert door(d, user).status == 200
    give()
    assert door(d, user).status == 403


def test_where_the_lms_has_asked_nobody_is_asked_again(doors):
    doors.cli("site", "set", "demo", "policy_by_lms=true")
    doors.wait_for_config()
    try:
        assert door_native(doors, "asked-by-lms").status == 200 and get(doors, "asked-by-lms")["accepted"] is True
        assert doors.request("POST", "/v1/policy/status", doors.service_key, {"user_ids": ["x"]}).json["users"] == [{"user_id": "x", "accepted": True}]
    finally:
        doors.cli("site", "set", "demo", "policy_by_lms=false")
        doors.wait_for_config()
