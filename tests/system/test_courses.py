"""Courses imported from files: what each format gives, who sees what of it, and that an import is seen whole or not at all."""
import base64
import contextlib
import hashlib
import http.client
import json
import re
import time
import urllib.parse

import pytest
from conftest import Daemon, add_vendor, check_end, wait_until
from course_packages import (QTI, WRITERS, canvas_files, canvas_settings, cc_files, moodle_files, olx_files, tar_gz, write_cc, write_moodle, write_olx, zipped)
from database import connect

pytestmark = pytest.mark.usefixtures("as_before")
OLX = "course-v1:School+Rain+2026"
BLOCK = "block-v1:School+Rain+2026+type@"
RUN = "/v1/workflows/run"
# course id, the place of the introduction, of its sequence, of what is hidden, of what comes later, of what is for groups
PLACES = {
    "olx": (OLX, BLOCK + "vertical+block@intro", BLOCK + "vertical+block@secret", BLOCK + "vertical+block@future", BLOCK + "vertical+block@groups"),
    "common_cartridge": ("cc-rain", "intro", "off", None, None),
    "moodle_backup": ("7", "11", "16", "17", "18"),
}
WEATHER = "https://weather.example/rain?of=clouds&in=spring"
CLOUDS = "Clouds are made of\ndroplets\n& ice."


def post(daemon, package, key=None, **query):
    path = "/v1/courses" + ("?" + urllib.parse.urlencode(query) if query else "")
    return daemon.request("POST", path, key or daemon.admin_key, package, {"Content-Type": "application/octet-stream"}, timeout=300)


def imported(daemon, package, **query):
    answer = post(daemon, package, **query)
    assert answer.status == 201, answer
    return answer.json


def refused(daemon, package, **query):
    """The reason, in words."""
    answer = post(daemon, package, **query)
    assert answer.status in (400, 413, 504), answer
    return answer.json["detail"]


@pytest.fixture(scope="module")
def site(tmp_path_factory, service):
    d = Daemon(tmp_path_factory.mktemp("courses") / "data")
    d.accept_policy(d.learner)
    d.accept_policy(d.teacher)
    d.cli("site", "set", "demo", "lms_hosts=[\"lms.example\"]")
    add_vendor(d, service)
    for mode in ("unit", "up_to_current_unit", "sequence"):
        assert d.request("POST", "/v1/profiles", d.admin_key, {"slug": f"ask-{mode}", "base_filepath": "base/blank.json5", "content_patch": {
            "processor_config": {"OpenEdXProcessor": {"function": "get_location_content", "retrieval_mode": mode}, "LLMProcessor": {}}}}).status == 201
    for name, function in (("ask-course", "get_course_info"), ("ask-link", "get_location_link")):
        content = {"function": function, **({"fields": ["title", "short_description", "description", "overview", "duration", "outline"]} if name == "ask-course" else {})}
        assert d.request("POST", "/v1/profiles", d.admin_key, {"slug": name, "base_filepath": "base/blank.json5", "content_patch": {
            "processor_config": {"OpenEdXProcessor": content, "LLMProcessor": {}}}}).status == 201
    for slug in ("ask-unit", "ask-up_to_current_unit", "ask-sequence", "ask-course", "ask-link"):
        assert d.request("POST", "/v1/scopes", d.admin_key, {"profile_id": slug, "ui_slot_selector_id": slug}).status == 201
    for write in WRITERS.values():
        imported(d, write())
    yield d
    check_end(d)


def run(site, course, location, key=None, profile="ask-unit", status=200):
    answer = site.request("POST", RUN, key or site.learner, {"profile": profile, "user_input": "Why?", "context": {
        "course_id": course, "ui_slot_selector_id": profile, **({"location_id": location} if location else {})}})
    assert answer.status == status, answer
    return answer.json


def material(service):
    """What the model was given as course material."""
    content = [m["content"] for m in service.requests()[-1]["body"]["messages"] if m["role"] == "system"][1]
    return re.fullmatch(r"(?s).*\n\n<text-([0-9a-f]{16})>\n(.*)\n</text-\1>", content).group(2)


def texts(service):
    content = json.loads(material(service))
    units = content.get("units", [content])
    return {unit["display_name"]: "\n".join(b["text"] for b in unit["blocks"]) for unit in units}


# ---- what is in the formats ----

@pytest.mark.parametrize("kind", PLACES)
def test_a_question_about_a_unit_is_answered_with_its_text(site, service, kind):
    course, intro, *_ = PLACES[kind]
    assert run(site, course, intro)["response"]
    assert CLOUDS in texts(service)["Introduction"]


@pytest.mark.parametrize("kind,names", [
    ("olx", ["Introduction", "Quiz", "Film"]),
    ("common_cartridge", ["Introduction", "Quiz", "Link", "Talk", "Tool", "Paper", "Notes"]),
    ("moodle_backup", ["General", "Introduction", "Quiz", "Label", "Book", "Link", "Lesson", "Words", "Essay", "Forum", "Paper"])])
def test_a_sequence_has_its_units_in_order_without_what_learners_may_not_see(site, service, kind, names):
    course, intro, *_ = PLACES[kind]
    run(site, course, intro, profile="ask-sequence")
    assert list(texts(service)) == names
    run(site, course, intro, profile="ask-up_to_current_unit")
    assert list(texts(service)) == names[:names.index("Introduction") + 1]


@pytest.mark.parametrize("kind", PLACES)
def test_what_is_hidden_is_for_teachers_alone(site, service, kind):
    course, _, *places = PLACES[kind]
    for place in filter(None, places):
        asked = len(service.requests())
        run(site, course, place, status=400)
        assert len(service.requests()) == asked, "the model was asked"
        run(site, course, place, key=site.teacher)
        assert re.search("Only for|Of the future|Switched off", "\n".join(texts(service).values()))


def test_a_role_in_the_course_makes_a_teacher_there_and_nowhere_else(site, service):
    user = json.loads(base64.urlsafe_b64decode(site.learner.split(".")[1] + "=="))["sub"]
    row = site.request("PUT", "/v1/roles", site.admin_key, {"user_id": user, "course_id": "7", "role": "teacher"}).json
    try:
        run(site, "7", "16")
        assert "Only for teachers." in "".join(texts(service).values())
        run(site, OLX, PLACES["olx"][2], status=400)
    finally:
        assert site.request("DELETE", f"/v1/roles/{row['id']}", site.admin_key).status == 204


def test_answers_are_given_only_where_learners_may_always_see_them(site, service):
    run(site, OLX, BLOCK + "vertical+block@quiz")
    text = texts(service)["Quiz"]
    assert "Correct: 42" in text and "Tolerance: 5" in text and "Correct: Droplets" not in text and "grow until" not in text
    assert "What makes rain?\nStones\nDroplets" in text and "Think of water" not in text and "No stones" not in text
    for course, place in (("cc-rain", "quiz"), ("7", "12")):
        run(site, course, place)
        text = "".join(texts(service).values())
        assert "What makes rain?" in text and "Droplets" in text and "Correct" not in text and "grow until" not in text, text


def test_answers_and_explanations_are_kept_apart(site):
    rows = blocks(site, OLX) | blocks(site, "cc-rain") | blocks(site, "7")
    for block in (BLOCK + "problem+block@choice", "r_quiz#i1", "12#question-9"):
        assert "Correct: Droplets" in rows[block]["answers"] and "row until they fall." in rows[block]["answers"]
    assert rows[BLOCK + "problem+block@choice"]["showanswer"] == "finished" and rows["12#question-9"]["showanswer"] == "attempted"
    assert rows["r_bank#i1"]["hidden"] == 1


def blocks(site, course):
    with contextlib.closing(connect(f"file:{site.data / 'lectern.db'}?mode=ro", uri=True, timeout=60)) as database:
        found = database.execute("SELECT b.* FROM course_block b JOIN course c ON c.id = b.course AND c.revision = b.revision WHERE c.course_id = ?", (course,))
        rows = [dict(zip([column[0] for column in found.description], row)) for row in found]
    return {row["block_id"]: row for row in rows}


def test_a_transcript_is_the_text_of_a_video_in_the_courses_language(site, service):
    run(site, OLX, BLOCK + "vertical+block@film")
    assert texts(service)["Film"] == "Rain falls.\nIt is wet."


def test_a_moodle_backup_gives_books_lessons_and_glossaries_and_nothing_of_users(site, service):
    found = {}
    for cmid in ("14", "20", "21", "23", "22", "13"):
        run(site, "7", cmid)
        found.update(texts(service))
    assert found["Book"] == "A book.\nChapter one." and found["Lesson"] == "Is it wet?" and found["Words"] == "Fine rain."
    assert found["Forum"] == "Ask here." and found["Essay"] == "Write about rain." and found["Label"] == "Look here."


@pytest.mark.parametrize("old", [False, True])
def test_questions_of_old_and_new_moodle_come_in_their_newest_version(site, old):
    course = f"questions-{old}"
    imported(site, write_moodle(old=old, packed="zip"), course_id=course)
    assert blocks(site, course)["12#question-9"]["text"].startswith("What makes rain?")
    assert "An older question?" not in json.dumps(blocks(site, course))


@pytest.mark.parametrize("version", ["1.1", "1.2", "1.3"])
def test_each_version_of_common_cartridge_is_read(site, version):
    imported(site, write_cc(version=version), course_id=f"cc-{version}")
    rows = blocks(site, f"cc-{version}")
    assert rows["r_intro"]["text"].endswith(CLOUDS) and rows["r_talk"]["text"] == "Why does it rain?" and rows["r_link"]["url"] == WEATHER
    assert rows["r_tool"]["text"] == "Simulator\n\nMakes rain." and rows["r_notes"]["hidden"] == 1


@pytest.mark.parametrize("kind,expected", [("olx", "All about rain."), ("common_cartridge", "All about rain."), ("moodle_backup", "All about rain.")])
def test_a_course_tells_of_itself_and_its_outline_has_what_the_user_sees(site, service, kind, expected):
    course = PLACES[kind][0]
    run(site, course, None, profile="ask-course")
    info = json.loads(material(service))
    assert info["title"] == "How rain is made" and expected in (info["description"], info["overview"])
    shown = json.dumps(info["outline"])
    assert "Introduction" in shown and not re.search("Secret|Later|Groups|For teachers|\"Off\"|Question bank", shown)
    run(site, course, None, profile="ask-course", key=site.teacher)
    assert re.search("Secret|\"Off\"", material(service))


@pytest.mark.parametrize("course,place,url", [
    (OLX, BLOCK + "vertical+block@intro", f"https://lms.example/courses/{OLX}/jump_to/{BLOCK}vertical+block@intro"),
    ("7", "11", "https://moodle.example/mod/page/view.php?id=11"), ("7", "section-10", "https://moodle.example/course/section.php?id=10"),
    ("cc-rain", "link", WEATHER)])
def test_links_lead_to_where_the_source_says(site, service, course, place, url):
    run(site, course, place, profile="ask-link")
    assert url in material(service)


def test_what_graders_of_programs_are_told_is_not_asked(site):
    files = olx_files()
    files["course/problem/choice.xml"] = ('<problem display_name="Program"><p>Write a program.</p><coderesponse queuename="q"><textbox/><codeparam><initial_display>'
                                          'begin</initial_display><answer_display>print(42)</answer_display><grader_payload>{"secret": 7}</grader_payload></codeparam>'
                                          '</coderesponse><solution>Print it.</solution></problem>')
    imported(site, tar_gz(files), course_id="programs")
    row = next(r for r in blocks(site, "programs").values() if r["display_name"] == "Program")
    assert row["text"] == "Write a program." and row["answers"] == "Print it."


def test_names_have_their_ampersands(site):
    assert blocks(site, OLX)[BLOCK + "html+block@hello"]["display_name"] == "Hello & welcome"


def test_questions_behind_a_password_are_for_teachers(site):
    imported(site, write_moodle(password="sesame"), course_id="locked")
    assert blocks(site, "locked")["12#question-9"]["hidden"] == 1 and blocks(site, "7")["12#question-9"]["hidden"] == 0


# ---- Canvas ----

def canvas_sees(site, course, identifier):
    """May learners see the item, now?"""
    rows = blocks(site, course)
    row, by_position = rows[f"item-{identifier}"], {r["position"]: r for r in rows.values()}
    inside = [r for r in rows.values() if r["parent"] == row["position"]]
    way = [row, by_position[row["parent"]], *inside]
    return all(not r["hidden"] and r["visible_from"] < time.time() * 1000 and not 0 < r["visible_until"] < time.time() * 1000 for r in way)


@pytest.mark.parametrize("unpublished,state,seen", [((), "active", True), (("page",), "active", False), (("module",), "active", False), ((), "unpublished", False)])
def test_drafts_of_canvas_are_for_teachers(site, unpublished, state, seen):
    imported(site, zipped(canvas_files(pages=[("page", "Rain", "<p>Drops.</p>", state)], unpublished=unpublished)))
    assert canvas_sees(site, "canvas-rain", "page") == seen and blocks(site, "canvas-rain")["page"]["text"] == "Rain\nDrops."


@pytest.mark.parametrize("values,seen", [
    ({"workflow_state": "published", "unlock_at": ""}, True), ({"workflow_state": "unpublished"}, False), ({"unlock_at": "2018-01-04T14:00:00"}, True),
    ({"unlock_at": "2099-01-04T14:00:00"}, False), ({"unlock_at": "soon"}, False), ({"lock_at": "2018-01-04T14:00:00"}, "others"),
    ({"only_visible_to_overrides": "true"}, False), ({"available": "false"}, "others"), ({"access_code": "sesame"}, "others"),
    ({"delayed_post_at": "2099-01-04T14:00:00"}, False)], ids=str)
@pytest.mark.parametrize("root", ["assignment", "quiz", "topicMeta"])
def test_settings_of_canvas_say_who_sees_what(site, root, values, seen):
    lar = "associatedcontent/imscc_xmlv1p1/learning-application-resource"
    resource, files = {
        "assignment": (f'<resource identifier="r" type="{lar}" href="r/r.html"><file href="r/r.html"/><file href="r/assignment_settings.xml"/></resource>',
                       {"r/r.html": "<p>Write.</p>", "r/assignment_settings.xml": canvas_settings("assignment", "r", **values)}),
        "quiz": (f'<resource identifier="r" type="imsqti_xmlv1p2/imscc_xmlv1p1/assessment"><file href="r/assessment_qti.xml"/><dependency identifierref="m"/></resource>'
                 f'<resource identifier="m" type="{lar}" href="r/assessment_meta.xml"><file href="r/assessment_meta.xml"/></resource>',
                 {"r/assessment_qti.xml": QTI.format(outer="assessment", title="", open='<section ident="root_section">', close="</section>"),
                  "r/assessment_meta.xml": canvas_settings("quiz", "r", **values)}),
        "topicMeta": (f'<resource identifier="r" type="imsdt_xmlv1p1"><file href="r.xml"/><dependency identifierref="m"/></resource>'
                      f'<resource identifier="m" type="{lar}" href="m.xml"><file href="m.xml"/></resource>',
                      {"r.xml": '<topic><title>r</title><text texttype="text/html">&lt;p&gt;Talk.&lt;/p&gt;</text></topic>', "m.xml": canvas_settings("topicMeta", "m", **values)}),
    }[root]
    imported(site, zipped(canvas_files(resources=[("r", resource)], files=files)))
    if seen == "others":  # what closes a quiz leaves the others to be read
        seen = root != "quiz"
    assert canvas_sees(site, "canvas-rain", "r") == seen


def test_pages_that_no_module_of_canvas_shows_are_counted(site):
    files = canvas_files(pages=[("page", "Rain", "<p>Drops.</p>", "active")])
    files["imsmanifest.xml"] = files["imsmanifest.xml"].replace("<resources>", '<resources><resource identifier="x" type="webcontent" href="x.html"><file href="x.html"/></resource>')
    reasons = [w["reason"] for w in imported(site, zipped({**files, "x.html": "<p>Beside.</p>"}))["warnings"]]
    assert reasons == ["1 pages, questions, topics or links were left out: no item of the organization shows them"]


def test_what_is_left_out_is_told_with_its_file_and_reason(site):
    found = {w["file"]: w["reason"] for course in (OLX, "cc-rain", "7") for w in
             site.request("GET", "/v1/courses/" + urllib.parse.quote(course, safe=""), site.admin_key).json["warnings"]}
    assert {"drafts", "tabs", "tool.xml", "web/paper.pdf", "activities/quiz_12/quiz.xml", "activities/page_19/page.xml",
            "activities/resource_24/resource.xml", "discussion/talk.xml", "vertical/intro.xml"} == set(found)


# ---- the store ----

@pytest.mark.parametrize("kind,change", [
    ("olx", lambda f: f | {"course/html/hello.html": "<p>Changed.</p>"}),
    ("common_cartridge", lambda f: f | {"web/intro page.html": "<p>Changed.</p>"}),
    ("moodle_backup", lambda f: f | {"activities/page_11/page.xml": f["activities/page_11/page.xml"].replace("Clouds are", "Rain is")})])
def test_an_import_anew_tells_what_has_changed(site, kind, change):
    files = {"olx": olx_files, "common_cartridge": cc_files, "moodle_backup": moodle_files}[kind]
    pack = zipped if kind == "common_cartridge" else tar_gz
    first = imported(site, pack(files(30)), course_id=f"again-{kind}")
    again = imported(site, pack(files(30)), course_id=f"again-{kind}")
    assert again["revision"] > first["revision"] and again["changes"] == {"added": 0, "changed": 0, "unchanged": first["blocks"], "removed": 0}
    changed = imported(site, pack(change(files(25))), course_id=f"again-{kind}")
    gone = first["blocks"] - changed["blocks"]
    assert changed["changes"] == {"added": 0, "changed": 1, "unchanged": changed["blocks"] - 1, "removed": gone} and gone > 5
    assert len(blocks(site, f"again-{kind}")) == changed["blocks"]


def test_two_sites_may_have_courses_of_one_name_and_see_only_their_own(site, service):
    site.cli("site", "add", "other")
    key = json.loads(site.cli("--json", "key", "add", "--site", "other", "--role", "site_admin"))["key"]
    wait_until(lambda: site.request("GET", "/v1/courses", key).status == 200, what="the key")
    assert site.request("GET", "/v1/courses", key).json["courses"] == []
    assert site.request("GET", "/v1/courses/7", key).status == 404 and site.request("DELETE", "/v1/courses/7", key).status == 404
    files = moodle_files()
    files["activities/page_11/page.xml"] = files["activities/page_11/page.xml"].replace("Clouds are made", "In the other site they are made")
    assert post(site, tar_gz(files), key).status == 201
    run(site, "7", "11")
    assert CLOUDS in texts(service)["Introduction"]
    assert site.request("DELETE", "/v1/courses/7", key).status == 204
    run(site, "7", "11")


def test_a_removed_course_is_gone(site, service):
    imported(site, write_cc(), course_id="to-go")
    run(site, "to-go", "intro")
    assert site.request("DELETE", "/v1/courses/to-go", site.admin_key).status == 204
    assert site.request("GET", "/v1/courses/to-go", site.admin_key).status == 404 and not blocks(site, "to-go")
    run(site, "to-go", "intro", status=400)
    assert site.request("DELETE", "/v1/courses/to-go", site.admin_key).status == 404


def test_the_command_line_does_the_same(site, tmp_path):
    package = tmp_path / "rain.mbz"
    package.write_bytes(write_moodle())
    shown = json.loads(site.cli("course", "import", package, "--id", "by-cli", "--title", "By hand", "--site", "demo", "--json"))
    assert (shown["course_id"], shown["title"], shown["format"]) == ("by-cli", "By hand", "moodle_backup") and shown["changes"]["added"] == shown["blocks"]
    assert "by-cli" in site.cli("course", "list", "--site", "demo")
    assert json.loads(site.cli("course", "show", "by-cli", "--site", "demo", "--json"))["about"]["description"] == "All about rain."
    outline = json.loads(site.cli("course", "outline", "by-cli", "--blocks", "--site", "demo", "--json"))["outline"]
    assert len(outline) == shown["blocks"] and [o["position"] for o in outline] == list(range(len(outline)))
    assert "Removed" in site.cli("course", "remove", "by-cli", "--site", "demo")
    assert "by-cli" not in site.cli("course", "list", "--site", "demo")


def test_the_operator_names_the_course_and_block_ids_follow(site):
    imported(site, write_olx(), course_id="course-v1:Else+Where+1", title="Another")
    assert "block-v1:Else+Where+1+type@vertical+block@intro" in blocks(site, "course-v1:Else+Where+1")
    assert site.request("GET", "/v1/courses/course-v1:Else%2BWhere%2B1", site.admin_key).json["title"] == "Another"


@pytest.mark.parametrize("body,headers,status", [(b"x", {"Content-Type": "application/json"}, 415), (b"x", {}, 415), (b"", {"Content-Type": "application/zip"}, 400),
                                                 (b"just text", {"Content-Type": "application/zip"}, 400)])
def test_what_is_no_package_is_refused(site, body, headers, status):
    assert site.request("POST", "/v1/courses", site.admin_key, body, headers).status == status


def test_a_key_of_idempotency_is_refused_since_no_file_is_compared_with_another(site):
    before = site.request("GET", "/v1/courses", site.admin_key).json
    for package in (write_cc(), write_cc(version="1.1")):
        answer = site.request("POST", "/v1/courses?course_id=keyed", site.admin_key, package, {"Content-Type": "application/octet-stream", "Idempotency-Key": "k1"})
        assert answer.status == 400 and "Idempotency-Key is not taken here" in answer.json["detail"]
    assert site.request("GET", "/v1/courses", site.admin_key).json == before


def test_a_learner_imports_nothing(site):
    assert post(site, write_cc(), site.learner).status == 403
    assert post(site, write_cc(), site.teacher).status == 403


def test_a_package_may_come_in_chunks(site):
    package = write_olx(200)
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=60)
    with contextlib.closing(connection):
        connection.request("POST", "/v1/courses?course_id=chunked", iter([package[i:i + 1000] for i in range(0, len(package), 1000)]),
                           {"Content-Type": "application/gzip", "Authorization": f"Bearer {site.admin_key}"}, encode_chunked=True)
        answer = connection.getresponse()
        assert answer.status == 201 and json.loads(answer.read())["sha256"] == hashlib.sha256(package).hexdigest()
