"""Course text from LMSs over the network: Open edX and Moodle behind the content step, their configuration, caches, faults, and who sees what."""
import contextlib
import json
import random
import re
import threading
import time

import pytest
from conftest import Daemon, add_vendor, check_end, contents, wait_until
from double.lms import Moodle, OpenEdx, slow
from tokens import claims, token

pytestmark = pytest.mark.usefixtures("as_before")
COURSE, LIBRARY = "course-v1:Org+Bio+2026", "lib:Org:bank"
SECRET = "a shared secret of the test"
RUN, SOURCES = "/v1/workflows/run", "/v1/content-sources"
PROBLEM = ('<problem display_name="Sum" showanswer="always"><multiplechoiceresponse><label>What is 2 + 2?</label><choicegroup><choice correct="false">three</choice>'
           '<choice correct="true">four</choice></choicegroup><solution><p>Count on your fingers.</p></solution></multiplechoiceresponse>'
           '<demandhint><hint>Even.</hint></demandhint></problem>')


@pytest.fixture(scope="module")
def site(tmp_path_factory, service):
    d = Daemon(tmp_path_factory.mktemp("sources") / "data", "--threads", "1")
    d.cli("site", "set", "demo", "policy_by_lms=true")
    d.wait_for_config()
    add_vendor(d, service)
    for name, settings in {"unit": {}, "up": {"retrieval_mode": "up_to_current_unit"}, "all": {"retrieval_mode": "sequence"}}.items():
        profile(d, name, {"function": "get_location_content", **settings})
    profile(d, "about", {"function": "get_course_info"})
    profile(d, "outline", {"function": "get_course_info", "fields": ["title", "outline"]})
    profile(d, "link", {"function": "get_location_link"})
    yield d
    check_end(d)


def profile(d, slug, content):
    answer = d.request("POST", "/v1/profiles", d.admin_key, {"slug": slug, "base_filepath": "base/blank.json5", "content_patch": {
        "processor_config": {"OpenEdXProcessor": content, "LLMProcessor": {}}}})
    assert answer.status == 201, answer
    answer = d.request("POST", "/v1/scopes", d.admin_key, {"profile_id": slug, "ui_slot_selector_id": slug})
    assert answer.status == 201, answer


def course(lms):
    """Two chapters; the sequence has three units, of which ada may not see the second one and ben not the third's second block."""
    lms.course = {"id": COURSE, "course_id": COURSE, "name": "Biology", "short_description": "Life.", "overview": "<h2>All of it</h2><p>Cells.</p>", "org": "Org"}
    top = lms.add("course", "course")
    one, two = lms.add("chapter", "one", top), lms.add("chapter", "two", top)
    seq = lms.add("sequential", "cells", one, display_name="Cells")
    u1, u2, u3 = (lms.add("vertical", f"u{i}", seq, display_name=f"Unit {i}") for i in (1, 2, 3))
    lms.blocks[u2]["only"] = {"ben"}
    lms.add("html", "h1", u1, html="<p>First <b>text</b>.</p><img src='/a.png' alt='A cell'>", olx='<html url_name="h1"><![CDATA[<p>First from Studio.</p>]]></html>')
    lms.add("problem", "p1", u1, olx=PROBLEM)
    lms.add("html", "h2", u2, html="<p>Secret of ben.</p>")
    lms.add("html", "h3", u3, html="<p>Third.</p>")
    lms.add("html", "h4", u3, html="<p>Only ada.</p>", only={"ada"})
    lms.add("html", "staff", u3, html="<p>For staff.</p>", staff_only=True)
    lms.add("vertical", "u9", lms.add("sequential", "hidden", two, staff_only=True))
    return lms


@pytest.fixture()
def lms():
    with OpenEdx() as double:
        yield course(double)


@contextlib.contextmanager
def source(d, name, key=None, **form):
    answer = d.request("POST", SOURCES, key or d.admin_key, {"name": name, **form})
    assert answer.status == 201, answer
    try:
        yield answer.json
    finally:
        assert d.request("DELETE", f"{SOURCES}/{name}", key or d.admin_key).status == 204


@pytest.fixture()
def edx(site, lms):
    """The LMS as a source of the site, whose user ids are user names."""
    with source(site, "edx", kind="openedx", base_url=lms.url, client_id=lms.client[0], secret=lms.client[1],
                options={"user_is_username": True, "studio_url": lms.url, "timeout_ms": 2000}) as made:
        lms.id = made["id"]
        yield lms


def state(d, name="edx"):
    return d.request("GET", f"{SOURCES}/{name}", d.admin_key).json["state"]


def run(d, name, location=None, user="ada", course=COURSE, status=200, key=None, **more):
    body = {"user_input": "Why?", "context": {"course_id": course, "ui_slot_selector_id": name, **({"location_id": location} if location else {})}, **more}
    if user:
        body["user"] = {"id": user, "roles": ["student"]}
    answer = d.request("POST", RUN, key or (d.service_key if user else d.admin_key), body)
    assert answer.status == status, answer
    return answer


def material(service):
    content = [m["content"] for m in service.requests()[-1]["body"]["messages"] if m["role"] == "system"][1]
    return re.fullmatch(r"(?s).*\n\n<text-([0-9a-f]{16})>\n(.*)\n</text-\1>", content).group(2)


def read(d, service, *args, **more):
    run(d, *args, **more)
    return json.loads(material(service))


def texts(content):
    return [b["text"] for u in content.get("units", [content]) for b in u["blocks"]]


# ---- Open edX ----

def test_a_unit_has_the_texts_of_the_lms_and_of_studio_without_answers_but_where_learners_see_them(site, service, edx):
    unit = read(site, service, "unit", edx.key("vertical", "u1"))
    assert (unit["unit_id"], unit["display_name"], unit["category"]) == (edx.key("vertical", "u1"), "Unit 1", "vertical")
    assert [b["category"] for b in unit["blocks"]] == ["html", "problem"]
    html, problem = texts(unit)
    assert html == 'First\ntext\n.\n\n[Embedded image: alt="A cell", src="/a.png"]'
    assert "What is 2 + 2?" in problem and "three" in problem and "Even." not in problem
    assert "Correct: four" in problem and "Count on your fingers." in problem
    edx.blocks[edx.key("problem", "p1")]["showanswer"] = "finished"
    site.request("PATCH", f"{SOURCES}/edx", site.admin_key, {"options": {"cache_s": 1}})
    problem = texts(read(site, service, "unit", edx.key("vertical", "u1")))[1]
    assert "four" in problem and "Correct" not in problem and "fingers" not in problem


def test_retrieval_modes_follow_what_the_lms_shows_this_learner(site, service, edx):
    third = edx.key("vertical", "u3")
    for user, mode, expected in [("ada", "up", ["First", "", "Third.", "Only ada."]), ("ben", "up", ["First", "", "Secret of ben.", "Third."]),
                                 ("ada", "all", ["First", "", "Third.", "Only ada."]), ("prof", "all", ["First", "", "Secret of ben.", "Third.", "Only ada.", "For staff."])]:
        sequence = read(site, service, mode, third, user=user)
        assert (sequence["sequence_id"], sequence["display_name"]) == (edx.key("sequential", "cells"), "Cells")
        found = texts(sequence)
        assert len(found) == len(expected) and all(f.startswith(e) for f, e in zip(found, expected)), (user, found)
    assert [u["display_name"] for u in read(site, service, "up", edx.key("html", "h1"))["units"]] == ["Unit 1"]  # a block stands for its unit
    assert all("all_blocks" not in r["query"] for r in edx.requests)
    assert {r["query"]["username"] for r in edx.seen("/blocks/")} == {"ada", "ben", "prof"}


def test_course_info_and_links_come_from_the_lms(site, service, edx):
    info = read(site, service, "about")
    assert (info["title"], info["short_description"], info["overview"], info["syllabus"]) == ("Biology", "Life.", "All of it\nCells.", None)
    outline = read(site, service, "outline")["outline"]
    assert [c["display_name"] for c in outline] == ["One", "Two"] and outline[1]["children"] == []
    assert [u["display_name"] for u in outline[0]["children"][0]["children"]] == ["Unit 1", "Unit 3"]
    run(site, "link", edx.key("vertical", "u1"))
    assert material(service) == f"{edx.url}/courses/{COURSE}/jump_to/{edx.key('vertical', 'u1')}"
    run(site, "link", edx.key("vertical", "u2"), status=404)


@pytest.mark.parametrize("location,course", [("block-v1:Org+Other+2026+type@vertical+block@u1", COURSE), ("u1", COURSE), ("../../courses", COURSE),
                                             ("block-v1:Org+Bio+2026+type@vertical+block@u1", "course-v1:Org+Bio+2027")])
def test_a_place_of_another_course_is_not_asked_for(site, service, edx, location, course):
    assert run(site, "unit", location, course=course, status=400).json["code"] == "invalid_input"
    assert edx.seen("/blocks/") == [] and service.requests() == []


def test_what_a_learner_may_not_see_is_not_given_and_not_fetched(site, service, edx):
    for location in ("u2", "u9"):
        run(site, "unit", edx.key("vertical", location), status=400)
    assert service.requests() == []
    assert edx.seen("olx-export") == []
    run(site, "unit", edx.key("vertical", "u1"), user="nobody-there", status=400)


def test_who_is_not_known_to_the_lms_gets_nothing(site, service, lms):
    """An id is no user name unless the site says so; the token's claim says it."""
    site.cli("issuer", "set", "lms", "lectern", "--secret-file", "-", stdin=SECRET)
    site.wait_for_config()
    with source(site, "edx", kind="openedx", base_url=lms.url, client_id=lms.client[0], secret=lms.client[1]):
        unit = lms.key("vertical", "u2")
        run(site, "unit", unit, user="ben", status=400)
        assert lms.requests == []
        own = token(SECRET, "HS256", claims(iss="lms", aud="lectern", sub="7", roles=["student"], preferred_username="ben"))
        run(site, "unit", unit, user=None, key=own)
        assert "Secret of ben." in material(service)


def test_an_administrators_key_sees_all_blocks(site, service, edx):
    assert "For staff." in texts(read(site, service, "unit", edx.key("vertical", "u3"), user=None))[2]
    assert [r["query"].get("all_blocks") for r in edx.seen("/blocks/")] == ["true"]


def test_random_courses_show_each_user_what_the_lms_shows(site, service, edx):
    seed = random.randrange(10**6)
    print("seed", seed)
    rng = random.Random(seed)
    site.request("PATCH", f"{SOURCES}/edx", site.admin_key, {"options": {"cache_s": 0}})
    for turn in range(6):
        edx.blocks.clear()
        top = edx.add("course", "course")
        seq = edx.add("sequential", f"s{turn}", edx.add("chapter", "c", top))
        for i in range(rng.randrange(1, 6)):
            unit = edx.add("vertical", f"v{turn}-{i}", seq)
            parents = [unit]
            for k in range(rng.randrange(0, 7)):
                parent = rng.choice(parents)
                if rng.random() < 0.3:
                    parents.append(edx.add("library_content", f"l{turn}-{i}-{k}", parent))
                else:
                    edx.add("html", f"b{turn}-{i}-{k}", parent, html=f"<p>T{turn}-{i}-{k}.</p>")
        for block in edx.blocks.values():
            if block["type"] in ("course", "chapter", "sequential"):
                continue
            if rng.random() < 0.2:
                block["staff_only"] = True
            elif rng.random() < 0.4:
                block["only"] = {rng.choice(["ada", "ben"])}
        units = edx.blocks[seq]["children"]
        for user in rng.sample(["ada", "ben", "prof"], 3):
            edx.clear()
            visible = [u for u in units if edx.reachable(u, user)]
            if not visible:
                continue
            expected = sorted(b["html"][3:-4] for key, b in edx.blocks.items() if "html" in b and edx.reachable(key, user))
            assert sorted(t for t in texts(read(site, service, "all", visible[0], user=user))) == expected, (seed, turn, user)
            assert {r["query"].get("username") for r in edx.seen("/blocks/")} == {user} and all("all_blocks" not in r["query"] for r in edx.requests)


# ---- the cache ----

def test_answers_are_kept_then_asked_about_and_never_given_to_somebody_else(site, service, edx):
    site.request("PATCH", f"{SOURCES}/edx", site.admin_key, {"options": {"cache_s": 3600}})
    unit, before = edx.key("vertical", "u3"), state(site)
    for _ in range(3):
        assert "Only ada." in read(site, service, "unit", unit)["blocks"][1]["text"]
    assert len(edx.seen("/blocks/")) == 1
    assert "Only ada." not in str(read(site, service, "unit", unit, user="ben"))
    assert [r["query"]["username"] for r in edx.seen("/blocks/")] == ["ada", "ben"] and state(site)["from_cache"] > before["from_cache"]
    site.request("PATCH", f"{SOURCES}/edx", site.admin_key, {"options": {"cache_s": 0}})  # what was kept under another configuration is not used
    for _ in range(3):
        run(site, "unit", unit)
    assert [r["status"] for r in edx.seen("/blocks/")] == [200, 200, 200, 304, 304]
    assert state(site)["not_modified"] == before["not_modified"] + 2


def test_equal_questions_are_asked_once(site, service, edx):
    edx.fault = slow(0.5)
    threads = [threading.Thread(target=run, args=(site, "unit", edx.key("vertical", "u3"))) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(edx.seen("/blocks/")) == 1 and len(edx.seen("/oauth2/")) == 1


def test_an_lms_that_does_not_answer_is_stood_in_for_and_that_is_said(site, service, edx):
    site.request("PATCH", f"{SOURCES}/edx", site.admin_key, {"options": {"cache_s": 0, "stale_s": 3600}})
    unit = edx.key("vertical", "u3")
    assert "stale" not in read(site, service, "unit", unit)
    edx.fault = lambda r: (503, "down")
    old = read(site, service, "unit", unit)
    assert old["stale"] is True and "Only ada." in str(old) and state(site)["stale"] >= 1
    assert run(site, "unit", unit, user="ben", status=502).json["code"] == "upstream_unavailable"  # of whom nothing is known
    site.request("PATCH", f"{SOURCES}/edx", site.admin_key, {"options": {"stale_s": 0}})
    run(site, "unit", unit, status=502)


# ---- signing in ----

def test_a_token_is_used_until_it_is_withdrawn_and_then_renewed_once(site, service, edx):
    site.request("PATCH", f"{SOURCES}/edx", site.admin_key, {"options": {"cache_s": 0}})
    for _ in range(3):
        run(site, "unit", edx.key("vertical", "u3"))
    assert len(edx.seen("/oauth2/")) == 1
    assert edx.seen("/oauth2/")[0]["form"]["token_type"] == "jwt" and all(r["headers"]["Authorization"].startswith("JWT ") for r in edx.seen("/blocks/"))
    edx.tokens.clear()
    run(site, "unit", edx.key("vertical", "u3"))
    assert len(edx.seen("/oauth2/")) == 2
    edx.fault = lambda r: (401, "{}") if "/blocks/" in r["path"] else None
    assert run(site, "unit", edx.key("vertical", "u3"), status=502).json["code"] == "upstream_unauthorized"
    assert len(edx.seen("/oauth2/")) == 3  # not again and again


def test_a_wrong_secret_is_said_and_not_repeated(site, service, lms):
    with source(site, "edx", kind="openedx", base_url=lms.url, client_id="lectern", secret="wrong-secret-9", options={"user_is_username": True}):
        answer = run(site, "unit", lms.key("vertical", "u1"), status=502)
        assert answer.json["code"] == "upstream_unauthorized" and "wrong-secret-9" not in answer.body.decode()


# ---- faults ----

@pytest.mark.parametrize("fault,code", [
    (lambda r: (500, "x"), "upstream_unavailable"), (lambda r: (200, "{not json"), "upstream_invalid"), (lambda r: (200, {"root": 1}), "upstream_invalid"),
    (lambda r: (200, {"root": "a", "blocks": {"a": {"type": 1}}}), "upstream_invalid"), (lambda r: (200, b"\xff\xfe"), "upstream_invalid"),
    (lambda r: (302, "", {"Location": "http://127.0.0.1:1/elsewhere"}), "upstream_invalid"), (lambda r: (200, b" " * (17 << 20)), "upstream_invalid"),
    (lambda r: (400, {"detail": "no"}), "upstream_bad_request"), (lambda r: time.sleep(3), "upstream_timeout")])
def test_faults_of_an_lms_end_the_question_with_their_error(site, service, edx, fault, code):
    edx.fault = lambda r: None if "/oauth2/" in r["path"] else fault(r)
    answer = run(site, "unit", edx.key("vertical", "u1"), status={"upstream_timeout": 504}.get(code, 502))
    assert answer.json["code"] == code and service.requests() == [] and len(edx.seen("/blocks/")) == 1


def test_a_dead_lms_is_left_alone_and_tried_again(site, service, edx):
    edx.fault = lambda r: (503, "down")
    unit = edx.key("vertical", "u1")
    for _ in range(3):
        run(site, "unit", unit, status=502)
    asked = len(edx.requests)
    for user in ("ada", "ben", "prof"):
        assert run(site, "unit", unit, user=user, status=502).json["code"] == "upstream_unavailable"
    assert len(edx.requests) == asked and state(site)["paused_ms"] > 0 and state(site)["not_asked"] >= 3
    edx.fault = None
    assert site.request("POST", f"{SOURCES}/edx/test", site.admin_key, {}).json["success"] is True
    run(site, "unit", unit)
    assert state(site)["paused_ms"] == 0


def test_retry_after_is_kept_to(site, service, edx):
    edx.fault = lambda r: (429, "slow down", {"Retry-After": "120"}) if "/blocks/" in r["path"] else None
    unit = edx.key("vertical", "u1")
    answer = run(site, "unit", unit, status=429)
    assert answer.json["code"] == "upstream_rate_limited"
    run(site, "unit", unit, user="ben", status=502)
    assert len(edx.seen("/blocks/")) == 1 and 100_000 < state(site)["paused_ms"] <= 120_000


# ---- libraries ----

def test_a_library_is_for_who_writes_courses(site, service, edx):
    edx.libraries[LIBRARY] = {"title": "Bank", "description": "<p>Questions.</p>", "blocks": {
        f"lb:Org:bank:problem:q{i}": {"display_name": f"Q{i}", "olx": PROBLEM.replace("always", "never")} for i in range(5)}}
    info = read(site, service, "about", course=LIBRARY, user=None)
    assert (info["title"], info["description"]) == ("Bank", "Questions.")
    assert [b["id"] for b in read(site, service, "outline", course=LIBRARY, user=None)["outline"]] == [f"lb:Org:bank:problem:q{i}" for i in range(5)]
    block = read(site, service, "unit", "lb:Org:bank:problem:q3", course=LIBRARY, user=None)
    assert block["display_name"] == "Q3" and "2 + 2" in texts(block)[0] and "Correct" not in texts(block)[0]
    before = len(edx.requests)
    run(site, "unit", "lb:Org:bank:problem:q3", course=LIBRARY, status=400)
    run(site, "about", course=LIBRARY, status=404)
    run(site, "unit", "lb:Org:other:problem:q3", course=LIBRARY, user=None, status=400)
    assert len(edx.requests) == before


# ---- Moodle ----

def module(number, modname, name, **more):
    return {"id": number, "modname": modname, "name": name, "instance": number, "visible": 1, "uservisible": True, "visibleoncoursepage": 1,
            "availability": None, "contents": [], **more}


@pytest.fixture()
def school():
    with Moodle() as m:
        chapter = {"type": "file", "filename": "index.html", "content": "C"}
        at = f"{m.url}/webservice/pluginfile.php/9/mod_book/chapter"
        structure = [{"title": "One", "href": "1/index.html", "level": 0, "hidden": "0", "subitems": [{"title": "Inner", "href": "3/index.html", "hidden": "1", "subitems": []}]},
                     {"title": "Two", "href": "2/index.html", "level": 0, "hidden": "0", "subitems": []}]
        m.course = {"id": 42, "shortname": "BIO", "fullname": "Biology at school", "summary": "<p>About <b>life</b>.</p>", "visible": 1}
        m.sections = [
            {"id": 7, "name": "Week 1", "visible": 1, "uservisible": True, "summary": "", "modules": [
                module(101, "page", "Cells", url=f"{m.url}/mod/page/view.php?id=101"), module(102, "label", "Note", description="<p>short</p>"),
                module(103, "page", "Hidden", visible=0), module(104, "page", "Later", availability='{"op":"&","c":[{"type":"date","d":">=","t":1}],"showc":[true]}'),
                module(105, "page", "Not mine", uservisible=False, availabilityinfo="Not available unless: group A"), module(106, "page", "Stealth", visibleoncoursepage=0),
                module(107, "book", "Book", contents=[
                    {"type": "content", "filename": "structure", "content": json.dumps(structure)},
                    *({**chapter, "filepath": f"/{n}/", "fileurl": f"{at}/{n}/index.html"} for n in (1, 2, 3))]),
                module(108, "forum", "Talk", description="<p>Be kind.</p>")]},
            {"id": 8, "name": "Teachers", "visible": 0, "uservisible": True, "summary": "", "modules": [module(201, "page", "Solutions")]},
            {"id": 9, "name": "Week 2", "visible": 1, "uservisible": True, "summary": "", "modules": [module(301, "quiz", "Test", availability='{"op":"&","c":[]}')]}]
        m.texts = {"mod_page_get_pages_by_courses": [{"id": n, "coursemodule": n, "intro": "<p>Intro.</p>", "content": f"<p>Page {n}.</p>"} for n in (101, 103, 104, 105, 106, 201)],
                   "mod_label_get_labels_by_courses": [{"id": 1, "coursemodule": 102, "intro": "<p>The whole note.</p>"}],
                   "mod_book_get_books_by_courses": [{"id": 1, "coursemodule": 107, "intro": "<p>A book.</p>"}],
                   "mod_quiz_get_quizzes_by_courses": [{"id": 1, "coursemodule": 301, "intro": "<p>Take care.</p>"}]}
        m.files = {f"/webservice/pluginfile.php/9/mod_book/chapter/{n}/index.html": f"<p>Chapter {n}.</p>" for n in (1, 2, 3)}
        yield m


@pytest.fixture()
def moodle(site, school):
    with source(site, "moodle", kind="moodle", base_url=school.url, secret=school.token, options={"timeout_ms": 2000}):
        yield school


def test_moodles_activities_are_units_and_its_sections_sequences(site, service, moodle):
    unit = read(site, service, "unit", "101", course="42")
    assert (unit["unit_id"], unit["category"], unit["display_name"], texts(unit)) == ("101", "page", "Cells", ["Intro.\nPage 101."])
    assert texts(read(site, service, "unit", "102", course="BIO")) == ["The whole note."]
    assert texts(read(site, service, "unit", "107", course="42")) == ["A book.\nOne\nChapter 1.\nTwo\nChapter 2."]
    sequence = read(site, service, "up", "107", course="42")
    assert (sequence["sequence_id"], sequence["display_name"], [u["unit_id"] for u in sequence["units"]]) == ("7", "Week 1", ["101", "102", "107"])
    assert [u["unit_id"] for u in read(site, service, "all", "107", course="42")["units"]] == ["101", "102", "107", "108"]
    assert texts(read(site, service, "unit", "301", course="42")) == ["Take care."]
    info = read(site, service, "about", course="42")
    assert (info["title"], info["description"], info["duration"]) == ("Biology at school", "About\nlife\n.", None)
    outline = read(site, service, "outline", course="42")["outline"]
    assert [(s["id"], [a["id"] for a in s["children"]]) for s in outline] == [("7", ["101", "102", "107", "108"]), ("9", ["301"])]
    run(site, "link", "101", course="42")
    assert material(service) == f"{moodle.url}/mod/page/view.php?id=101"
    run(site, "link", "102", course="42")
    assert material(service) == f"{moodle.url}/course/view.php?id=42#module-102"
    assert all(r["method"] == "POST" and moodle.token not in r["raw"] for r in moodle.requests)
    assert not [r for r in moodle.requests if r["path"].endswith("/3/index.html")]  # a hidden chapter


def test_what_not_everybody_in_a_moodle_course_may_see_is_nobodys(site, service, moodle):
    for number in (103, 104, 105, 106, 201, 999):
        for profile_ in ("unit", "up", "all"):
            run(site, profile_, str(number), course="42", status=400)
        run(site, "link", str(number), course="42", status=404)
    assert not [r for r in moodle.requests if r["form"]["wsfunction"].startswith("mod_")] and service.requests() == []
    moodle.course["visible"] = 0
    site.request("PATCH", f"{SOURCES}/moodle", site.admin_key, {"options": {"cache_s": 0}})
    run(site, "unit", "101", course="42", status=400)


def test_a_users_token_reads_only_courses_that_its_user_is_in(site, service, moodle):
    site.cli("issuer", "set", "lms", "lectern", "--secret-file", "-", stdin=SECRET)
    site.wait_for_config()
    own = [token(SECRET, "HS256", claims(iss="lms", aud="lectern", sub=str(n), roles=["student"])) for n in (7, 8)]
    run(site, "unit", "101", course="42", user=None, key=own[0], status=400)
    assert not moodle.seen("core_course_get_contents")
    moodle.users = [{"id": 70, "username": "7"}, {"id": 80, "username": "8"}]
    moodle.enrolled = {70: [42], 80: [41]}
    site.request("PATCH", f"{SOURCES}/moodle", site.admin_key, {"options": {"user_field": "username"}})
    run(site, "unit", "101", course="42", user=None, key=own[0])
    run(site, "unit", "101", course="42", user=None, key=own[1], status=400)
    bound = token(SECRET, "HS256", claims(iss="lms", aud="lectern", sub="8", roles=["student"], course_id="42"))
    run(site, "unit", "101", course="42", user=None, key=bound)
    site.request("PATCH", f"{SOURCES}/moodle", site.admin_key, {"options": {"open_courses": True}})
    run(site, "unit", "101", course="42", user=None, key=own[1])


@pytest.mark.parametrize("errorcode,status,code", [("invalidtoken", 502, "upstream_unauthorized"), ("accessexception", 502, "upstream_unauthorized"),
                                                   ("sitemaintenance", 502, "upstream_unavailable"), ("invalidrecord", 400, "invalid_input"),
                                                   ("somethingelse", 502, "upstream_bad_request")])
def test_moodles_exceptions_come_with_status_200_and_are_errors(site, service, moodle, errorcode, status, code):
    moodle.fault = lambda r: moodle.exception(errorcode)
    answer = run(site, "unit", "101", course="42", status=status)
    assert answer.json["code"] == code and moodle.token not in answer.body.decode() and moodle.token not in site.log()
    moodle.fault = None
    run(site, "unit", "101", course="42", status=200 if status == 502 else 400)  # no error was kept; that there is nothing was


def test_a_file_at_another_address_gets_no_token(site, service, moodle):
    for c in moodle.sections[0]["modules"][6]["contents"][1:]:
        c["fileurl"] = c["fileurl"].replace(moodle.url, "http://127.0.0.1:1")
    assert run(site, "unit", "107", course="42", status=502).json["code"] == "upstream_invalid"


# ---- configuration ----

def test_a_secret_is_written_and_never_read(site, lms):
    with source(site, "hidden", kind="openedx", base_url=lms.url + "/", client_id="lectern", secret="a-very-secret-word") as made:
        assert made["secret_set"] is True and made["base_url"] == lms.url and made["secret_readable"] is True
        shown = [site.request("GET", path, site.admin_key).body.decode() for path in (SOURCES, f"{SOURCES}/hidden", f"{SOURCES}?format=csv", f"{SOURCES}/{made['id']}")]
        shown += [site.cli("--json", "content-source", *args) for args in (("list",), ("show", "hidden"))]
        assert all("hidden" in text and "a-very-secret-word" not in text for text in shown)
        assert site.request("PATCH", f"{SOURCES}/hidden", site.admin_key, {"enabled": False}).json["secret_set"] is True
        assert site.request("PATCH", f"{SOURCES}/hidden", site.admin_key, {"secret": ""}).json["secret_set"] is False
    assert not [path for path, data in contents(site.data.parent) if b"a-very-secret-word" in data]


@pytest.mark.parametrize("change,field", [
    ({"name": "Not good"}, "/name"), ({"name": "12"}, "/name"), ({"kind": "canvas"}, "/kind"), ({"base_url": "ftp://x"}, "/base_url"),
    ({"base_url": "https://u:p@x"}, "/base_url"), ({"base_url": "https://x/?a=b"}, "/base_url"), ({"options": {"cache_s": -1}}, "/options/cache_s"),
    ({"options": {"user_field": "id"}}, "/options/user_field"), ({"kind": "moodle", "options": {"studio_url": "https://x"}}, "/options/studio_url"),
    ({"options": {"unknown": 1}}, "/options/unknown"), ({"secret": "x"}, "/client_id"), ({"secret": "sealed:1:00000000:AAAA", "client_id": "c"}, "/secret")])
def test_a_wrong_source_is_refused_with_the_field(site, change, field):
    answer = site.request("POST", SOURCES, site.admin_key, {"name": "wrong", "kind": "openedx", "base_url": "https://lms.example.org", **change})
    assert (answer.status, answer.json["code"], answer.json["field"]) == (400, "invalid_input", field)


def test_the_command_line_adds_changes_tests_and_removes(site, service, lms, tmp_path):
    (tmp_path / "secret").write_text(lms.client[1] + "\n")
    site.cli("content-source", "add", "cli", "kind=openedx", f"base_url={lms.url}", "client_id=lectern", f"secret=@{tmp_path / 'secret'}", "options.user_is_username=true")
    site.wait_for_config()
    run(site, "unit", lms.key("vertical", "u3"))
    tested = json.loads(site.cli("--json", "content-source", "test", "cli", "--course", COURSE))
    assert (tested["success"], tested["title"]) == (True, "Biology")
    site.cli("content-source", "set", "cli", "enabled=false", "options.cache_s=5")
    shown = json.loads(site.cli("--json", "content-source", "show", "cli"))
    assert (shown["enabled"], shown["options"]) == (False, {"user_is_username": True, "cache_s": 5})
    site.wait_for_config()
    run(site, "unit", lms.key("vertical", "u3"), status=400)
    site.cli("content-source", "remove", "cli")
    assert site.cli("content-source", "show", "cli", check=False).returncode == 1


def test_a_test_of_a_source_says_what_is_missing(site, moodle, lms):
    tested = site.request("POST", f"{SOURCES}/moodle/test", site.admin_key, {"course_id": "BIO"}).json
    assert tested["success"] is True and tested["title"] == "Biology at school"
    assert tested["missing_functions"] == ["mod_lesson_get_lessons_by_courses", "mod_url_get_urls_by_courses", "mod_resource_get_resources_by_courses"]
    moodle.functions = ["core_webservice_get_site_info", "core_course_get_courses_by_field"]
    tested = site.request("POST", f"{SOURCES}/moodle/test", site.admin_key, {}).json
    assert tested["success"] is False and "core_course_get_contents" in tested["error"]["detail"]
    with source(site, "edx", kind="openedx", base_url=lms.url, client_id="lectern", secret="wrong"):
        assert site.request("POST", f"{SOURCES}/edx/test", site.admin_key, {}).json["error"]["code"] == "upstream_unauthorized"


def test_two_sites_have_sources_and_answers_of_their_own(site, service, edx):
    site.cli("site", "add", "other")
    key = json.loads(site.cli("--json", "key", "add", "--site", "other", "--role", "site_admin"))["key"]
    wait_until(lambda: site.request("GET", SOURCES, key).status == 200, what="the new key")
    assert site.request("GET", SOURCES, key).json["sources"] == []
    assert site.request("GET", f"{SOURCES}/edx", key).status == 404 and site.request("GET", f"{SOURCES}/{edx.id}", key).status == 404
    run(site, "unit", edx.key("vertical", "u3"), user=None)
    answer = site.request("POST", "/v1/providers", key, {"name": "vendor", "plugin": "openai", "config": {"endpoint": service.url, "model": "m", "api_key": "k-of-other"}})
    assert answer.status == 201, answer
    answer = site.request("POST", "/v1/profiles", key, {"slug": "p", "base_filepath": "base/summary.json5", "content_patch": {
        "processor_config": {"OpenEdXProcessor": {"function": "get_location_content"}}}})
    assert answer.status == 201, answer
    asked = len(edx.requests)
    body = {"profile": "p", "context": {"course_id": COURSE, "location_id": edx.key("vertical", "u3")}}
    assert site.request("POST", RUN, key, body).status == 400 and len(edx.requests) == asked
    with OpenEdx() as second:
        course(second)
        second.blocks[second.key("html", "h3")]["html"] = "<p>Of the other site.</p>"
        with source(site, "edx", key=key, kind="openedx", base_url=second.url, client_id=second.client[0], secret=second.client[1]):
            answer = site.request("POST", RUN, key, body)
            assert answer.status == 200 and "Of the other site." in str(service.requests()[-1]["body"]), answer
        assert len(edx.requests) == asked and second.seen("/blocks/")


def test_only_courses_that_a_source_is_said_to_have_are_asked_of_it(site, service, edx):
    for patterns, asked in ([["course-v1:Org+*"], True], [["course-v1:Else+*", COURSE], True], [["course-v1:Else+*"], False]):
        site.request("PATCH", f"{SOURCES}/edx", site.admin_key, {"options": {"courses": patterns}})
        edx.clear()
        run(site, "unit", edx.key("vertical", "u3"), status=200 if asked else 400)
        assert bool(edx.requests) == asked


def test_a_new_master_key_seals_the_secrets_of_sources_too(site, service, edx):
    site.cli("master-key", "rotate")
    site.cli("master-key", "forget")
    site.request("PATCH", f"{SOURCES}/edx", site.admin_key, {"options": {"cache_s": 7}})
    run(site, "unit", edx.key("vertical", "u3"))
    assert site.request("GET", f"{SOURCES}/edx", site.admin_key).json["secret_readable"] is True


def test_no_secret_and_no_token_stands_in_log_or_database(site, service, edx):
    run(site, "unit", edx.key("vertical", "u3"))
    secrets = [edx.client[1].encode(), *(t.encode() for t in edx.tokens)]
    assert len(secrets) >= 2
    for path, data in contents(site.data.parent):
        assert not [s for s in secrets if s in data], path
