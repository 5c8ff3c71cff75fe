"""Questions and flash cards as files: OLX, Moodle XML, QTI 2.1, CSV; of a session, of an action alone, over the API and in the shell."""
import csv
import gzip
import io
import json
import re
import tarfile
import urllib.parse
import xml.etree.ElementTree as ET
import zipfile

import pytest
from conftest import Daemon, add_vendor, check_end
from test_quiz import BASES, Place, add_profile, card, deals, prepare, problem, writes
from test_tools import Model

QTI, CP = "{http://www.imsglobal.org/xsd/imsqti_v2p1}", "{http://www.imsglobal.org/xsd/imscp_v1p1}"
CONVERT = "/v1/questions/convert"
TYPES = {"olx": "application/gzip", "moodle_xml": "application/xml", "qti": "application/zip", "csv": "text/csv; charset=utf-8", "json": "application/json"}
ENDINGS = {"olx": ".tar.gz", "moodle_xml": ".xml", "qti": ".zip", "csv": ".csv"}
FILES = ("olx", "moodle_xml", "qti")


@pytest.fixture(scope="module")
def model():
    server = Model()
    yield server
    server.shutdown()


@pytest.fixture(scope="module")
def site(tmp_path_factory, model):
    d = prepare(tmp_path_factory.mktemp("exports"), model)
    for slug in ("cards", "quiz"):
        add_profile(d, slug, BASES[slug])
    yield d
    check_end(d)


def number(name, **members):
    return problem(name, problem_type="numericalresponse", choices=[], answer_value="4.5", tolerance="5%", **members)


def phrase(name, **members):
    return problem(name, problem_type="stringresponse", choices=[], answer_value="glass", **members)


EVERY_TYPE = [problem("Water"), problem("Oil", problem_type="choiceresponse"), problem("Wax", problem_type="optionresponse"), number("Ink"), phrase("Tea")]


def convert(site, questions, form, status=200, **members):
    answer = site.request("POST", CONVERT, site.service_key, {"questions": questions, "format": form, **members})
    assert answer.status == status, answer
    return answer if status == 200 else answer.json


# ---- what others read in them ----

def unpacked(data):
    """The files of a tar.gz or a zip, in their order; nothing in it says when or by whom it was made."""
    if data[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(data)) as z:
            assert z.testzip() is None and {i.date_time for i in z.infolist()} == {(1980, 1, 1, 0, 0, 0)}
            return {i.filename: z.read(i) for i in z.infolist()}
    assert data[4:8] == b"\0\0\0\0", "gzip's time"
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as t:
        members = t.getmembers()
        assert all(m.isreg() and (m.mtime, m.uid, m.gid, m.uname, m.gname) == (0, 0, 0, "", "") for m in members)
        return {m.name: t.extractfile(m).read() for m in members}


def titles_in(form, data):
    """The questions' titles, read with another parser; what else must hold in that format is checked on the way."""
    if form == "olx":
        files = unpacked(data)
        index = ET.fromstring(files["library/library.xml"])
        assert index.tag == "library" and json.loads(files["library/policies/assets.json"]) == {}
        names = [block.get("url_name") for block in index]
        assert len(set(names)) == len(names) and set(files) == {"library/library.xml", "library/policies/assets.json"} | {f"library/problem/{n}.xml" for n in names}
        problems = [ET.fromstring(files[f"library/problem/{n}.xml"]) for n in names]
        assert all(p.tag == "problem" for p in problems)
        return [p.get("display_name") for p in problems]
    if form == "moodle_xml":
        quiz = ET.fromstring(data)
        assert quiz.tag == "quiz"
        return [q.findtext("name/text") for q in quiz if q.get("type") != "category"]
    files = unpacked(data)
    manifest = ET.fromstring(files["imsmanifest.xml"])
    resources = manifest.findall(f"{CP}resources/{CP}resource")
    assert manifest.tag == CP + "manifest" and list(files) == ["imsmanifest.xml", *[r.get("href") for r in resources]]
    assert all(r.get("type") == "imsqti_item_xmlv2p1" and [f.get("href") for f in r] == [r.get("href")] for r in resources)
    items = [ET.fromstring(files[r.get("href")]) for r in resources]
    assert all(i.tag == QTI + "assessmentItem" and i.get("identifier") == r.get("identifier") for i, r in zip(items, resources))
    return [i.get("title") for i in items]


def texts_in(form, data):
    """All texts and attributes of the questions together."""
    documents = [data] if form == "moodle_xml" else [text for path, text in unpacked(data).items() if path.endswith(".xml")]
    found = []
    for document in documents:
        for element in ET.fromstring(document).iter():
            found += [element.text or "", element.tail or "", *element.attrib.values()]
    whole = "\n".join(found)
    if form == "moodle_xml":  # texts there are HTML in XML
        whole += "\n" + re.sub("<[^>]*>", "", whole).replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&amp;", "&")
    return whole


@pytest.mark.parametrize("form", FILES)
def test_every_type_of_question_can_be_written_and_read_again(site, form):
    answer = convert(site, EVERY_TYPE, form, name="Tubes")
    assert answer.headers["Content-Type"] == TYPES[form] and answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="Tubes{ENDINGS[form]}"'
    assert titles_in(form, answer.body) == ["Water", "Oil", "Wax", "Ink", "Tea"]


@pytest.mark.parametrize("form", FILES)
def test_the_same_questions_are_the_same_bytes(site, form, tmp_path):
    first = convert(site, EVERY_TYPE, form).body
    assert convert(site, EVERY_TYPE, form).body == first != convert(site, EVERY_TYPE[1:], form).body
    (tmp_path / "data").mkdir()
    other = Daemon(tmp_path / "other", env={"TZ": "Pacific/Auckland"})
    answer = other.request("POST", CONVERT, other.service_key, {"questions": EVERY_TYPE, "format": form})
    assert answer.body == first
    check_end(other)


def test_a_block_of_a_library_keeps_its_name_as_long_as_it_says_the_same(site):
    names = lambda questions: [p for p in unpacked(convert(site, questions, "olx").body) if "/problem/" in p]
    water, oil = names([problem("Water"), problem("Oil")])
    assert names([problem("Oil"), problem("Water")]) == [oil, water]
    assert names([problem("Water", explanation="Other.")])[0] not in (water, oil)
    twice = names([problem("Water"), problem("Water")])
    assert twice[0] == water and len(set(twice)) == 2


# ---- hostile texts ----

HOSTILE = {"the end of a CDATA section": "a ]]> b", "markup": "</text></question><x y='1'> & &amp; &#65; <!-- -->", "quotes": "\"double\" 'single' `back`",
           "an entity of its own": "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]>&b;", "emoji": "👩‍🔬 😀 \U0001F1FA\U0001F1E6",
           "right to left": "שלום عالم \u202eabc\u202c", "combining marks": "Z̷̢a̵l̴g̶o e\u0301", "white space": "a \u00a0\u2003\u2028 b",
           "an injection": "=HYPERLINK(\"http://x\",\"y\") {{x}} ${y} %s %n"}
MEMBERS = {"display_name": lambda t: problem(t), "explanation": lambda t: problem("N", explanation=t), "hint": lambda t: problem("N", demand_hints=[t]),
           "choice": lambda t: problem("N", choices=[{"text": t, "is_correct": True, "feedback": ""}, {"text": "no", "is_correct": False, "feedback": t}]),
           "phrase": lambda t: phrase("N", answer_value=t) | {"answer_value": t}}


@pytest.mark.parametrize("form", FILES)
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_come_back_as_they_are_whatever_member_they_stand_in(site, form, name):
    text = HOSTILE[name]
    for member, make in MEMBERS.items():
        question = make(text) if member != "phrase" else problem("N", problem_type="stringresponse", choices=[], answer_value=text)
        data = convert(site, [question], form, name=text, library_id=f"lib:{text[:50]}:x").body
        assert len(titles_in(form, data)) == 1
        if member == "phrase" and form == "moodle_xml":
            text_there = text.replace("*", "\\*")
        else:
            text_there = text
        words = lambda s: " ".join(s.split())
        assert words(text_there) in words(texts_in(form, data)), member


@pytest.mark.parametrize("form", [*FILES, "json"])
@pytest.mark.parametrize("member,field", [("display_name", "/display_name"), ("explanation", "/explanation"), ("hint", "/demand_hints/0"), ("choice", "/choices/0/text")])
def test_nul_is_refused_with_its_place(site, form, member, field):
    refused = convert(site, [problem("fine"), MEMBERS[member]("a\0b")], form, 400)
    assert (refused["code"], refused["field"]) == ("invalid_input", f"/questions/1{field}")


@pytest.mark.parametrize("form", FILES)
def test_a_stem_of_100_kb_and_html_that_attacks(site, form):
    long = "<p>" + "Why does it rise? " * 6000 + "</p>"
    data = convert(site, [problem("long", question_html=long)], form).body
    assert texts_in(form, data).count("Why does it rise?") >= 6000
    attack = '<p onclick="x()">Look <script>alert(1)</script><a href="javascript:x()">here</a><img src=x onerror=y></p><iframe src="http://e"></iframe>'
    seen = texts_in(form, convert(site, [problem("evil", question_html=attack)], form).body)
    assert "Look" in seen and not re.search(r"script|onclick|onerror|iframe", seen)


def test_what_cannot_be_written_is_refused_with_its_place(site):
    table = [
        ([], "qti", "/questions"), ([problem("a")] * 101, "olx", "/questions"), (["x"], "olx", "/questions/0"), ([problem("a")], "csv", "/format"),
        ([problem("a")], "pdf", "/format"), ([problem("a"), problem("b", problem_type="essay")], "moodle_xml", "/questions/1/problem_type"),
        ([problem("a"), problem("b", question_html="<script>x</script>")], "moodle_xml", "/questions/1/question_html"),
        ([problem("a", question_html=" <!-- x --> ")], "qti", "/questions/0/question_html"), ([problem("a", question_html="x" * 400001)], "olx", "/questions/0/question_html"),
    ]
    for questions, form, field in table:
        refused = convert(site, questions, form, 400)
        assert (refused["code"], refused["field"]) == ("invalid_input", field), (form, field)
    assert site.request("POST", CONVERT, None, {"questions": [problem("a")], "format": "olx"}).status == 401
    assert site.request("POST", CONVERT, site.service_key, {"questions": [problem("a")]}).status == 400


# ---- names of files ----

@pytest.mark.parametrize("name,ascii_name,full", [
    ("Tubes", "Tubes", None), ("", "questions", None), ("../../etc/passwd", "etc-passwd", None), ('a"; filename="b.exe', "a-filename-b-exe", None),
    ("a\r\nSet-Cookie: x=1", "a-Set-Cookie-x-1", None), ("Größe & Maß", "Gr-e-Ma", "Größe-Maß"), ("水の上昇", "questions", "水の上昇"),
    ("gpj\u202eexe.", "gpj-exe", None), ("\u2066\u200b", "questions", None), ("." * 20, "questions", None), ("x" * 255, "x" * 60, None),
])
def test_the_name_of_the_file_misleads_nobody(site, name, ascii_name, full):
    value = convert(site, [problem("a")], "qti", name=name).headers["Content-Disposition"]
    expected = f'attachment; filename="{ascii_name}.zip"' + (f"; filename*=UTF-8''{urllib.parse.quote(full)}.zip" if full else "")
    assert value == expected


# ---- of a session ----

@pytest.fixture()
def quiz(site):
    return Place(site, "quiz")


@pytest.fixture()
def cards(site):
    return Place(site, "cards")


def collection(place, form=None, status=200, key=None):
    query = f"?format={form}" if form else ""
    answer = place.daemon.request("GET", f"/v1/sessions/{place.session()['id']}/collection{query}", key or place.daemon.admin_key)
    assert answer.status == status, answer
    return answer


@pytest.mark.parametrize("library_id,names", [("lib:Org:tubes", ("Org", "tubes")), ("lib:Org-1.a:b_c~d", ("Org-1.a", "b_c~d")), *[
    (wrong, ("lectern", "questions")) for wrong in ("", "tubes", "lib:Org", "lib::tubes", "lib:Org:a b", "lib:Org:a:b", "course-v1:O+C+R", "lib:Ö:x", 'lib:"><x/>:y')]])
def test_a_library_is_called_as_its_key_says_if_it_is_one(site, library_id, names):
    index = ET.fromstring(unpacked(convert(site, [problem("a")], "olx", library_id=library_id).body)["library/library.xml"])
    assert (index.get("org"), index.get("library")) == names


def test_what_was_saved_in_a_session_is_had_in_every_format(quiz, site, model):
    model.script = writes(problem("Water"), problem("Oil"))
    quiz()
    saved = quiz("save", library_id="lib:Org:tubes", collection_name="My tubes")["collection"]
    assert collection(quiz).json == collection(quiz, "json").json == saved
    for form in FILES:
        answer = collection(quiz, form)
        assert answer.headers["Content-Type"] == TYPES[form] and answer.headers["Content-Disposition"] == f'attachment; filename="My-tubes{ENDINGS[form]}"'
        assert titles_in(form, answer.body) == ["Water", "Oil"]
        assert answer.body == convert(site, saved["questions"], form, name="My tubes", library_id="lib:Org:tubes").body
    assert {f["path"]: f["text"].encode() for f in saved["files"]} == unpacked(collection(quiz, "olx").body)
    index = ET.fromstring(unpacked(collection(quiz, "olx").body)["library/library.xml"])
    assert (index.get("org"), index.get("library"), index.get("display_name")) == ("Org", "tubes", "My tubes")


def test_a_format_that_does_not_fit_is_refused_and_nothing_saved_is_nothing_there(quiz, cards, site, model):
    model.script = writes(problem("Water"))
    quiz()
    assert collection(quiz, "olx", 404).json["code"] == "not_found"
    quiz("save")
    for form in ("csv", "pdf"):
        assert collection(quiz, form, 400).json["field"] == "/format"
    cards("save", cards=[card("a")])
    assert collection(cards, "qti", 400).json["field"] == "/format"


@pytest.mark.parametrize("form", [*FILES, "json"])
def test_an_export_is_its_users_own(quiz, site, form):
    quiz("save", questions=[problem("a")])
    address = f"/v1/sessions/{quiz.session()['id']}/collection?format={form}"
    assert site.request("GET", f"{address}&user_id={quiz.user}&role=student", site.service_key).status == 200
    assert site.request("GET", f"{address}&user_id=another&role=student", site.service_key).status == 404
    assert site.request("GET", address, site.learner).status == 404
    assert site.request("GET", address).status == 401


# ---- cards ----

def read_csv(text):
    lines = text.split("\n", 3)
    assert lines[:3] == ["#separator:Comma", "#html:false", "#columns:Front,Back"]
    return list(csv.reader(io.StringIO(lines[3], newline="")))


def test_cards_are_had_as_csv_for_anki_and_as_json(cards):
    texts = [("What is a?", "It is a."), ("#tag, or \"not\"?", "two\nlines, =1+1"), ("水?", "שלום 😀"), ("<b>&amp;</b>", "]]>")]
    cards("save", cards=[{"id": f"c{i}", "question": q, "answer": a} for i, (q, a) in enumerate(texts)])
    answer = collection(cards, "csv")
    assert answer.headers["Content-Type"] == TYPES["csv"] and answer.headers["Content-Disposition"] == 'attachment; filename="cards.csv"'
    assert [tuple(row) for row in read_csv(answer.body.decode())] == texts
    assert not any(line.startswith("#") for line in answer.body.decode().splitlines()[3:])
    assert [c["question"] for c in collection(cards, "json").json["cards"]] == [q for q, _ in texts]


def test_a_card_with_nul_is_no_line_of_text(cards):
    cards("save", cards=[card("a"), card("b", answer="a\0b")])
    assert collection(cards, "csv", 400).json["field"] == "/cards/1"
    assert collection(cards, "json").json["cards"][1]["answer"] == "a\0b"


# ---- the shell ----

def test_session_export_writes_the_same_files(quiz, cards, site, tmp_path):
    quiz("save", questions=EVERY_TYPE, collection_name="Tubes")
    session = quiz.session()["id"]
    for form in FILES:
        out = tmp_path / f"out{ENDINGS[form]}"
        told = site.cli("session", "export", session, "--format", form, "--output", out, "--site", "demo")
        assert out.read_bytes() == collection(quiz, form).body and str(out) in told
    assert json.loads(site.cli("session", "export", session, "--format", "json", "--site", "demo")) == collection(quiz).json
    plain = tmp_path / "plain"
    assert json.loads(site.cli("session", "export", session, "--output", plain, "--json", "--site", "demo")) == {"ok": True, "output": str(plain)}
    assert plain.read_bytes() == collection(quiz, "olx").body
    cards("save", cards=[card("a")])
    assert read_csv(site.cli("session", "export", cards.session()["id"], "--site", "demo")) == [["What is a?", "It is a."]]


def test_session_export_says_what_is_wrong(quiz, site, tmp_path):
    quiz("save", questions=[problem("a")])
    session = quiz.session()["id"]
    wrong = lambda *args: site.cli("session", "export", *args, "--site", "demo", check=False)
    assert wrong(session, "--format", "pdf").returncode == 2 and wrong(session, "--format", "csv").returncode == 1
    assert "no session" in wrong("00000000-0000-7000-8000-000000000000").stderr
    failed = wrong(session, "--output", tmp_path / "none" / "out")
    assert failed.returncode == 1 and "No such file" in failed.stderr


def test_an_author_without_a_session_has_the_same_forms(tmp_path, model):
    d = prepare(tmp_path, model)
    assert d.stop() == 0
    ask = lambda *args, **options: d.cli("ask", *args, "--input", "Water rises in thin tubes.", "--site", "demo", **options)
    model.script = writes(*EVERY_TYPE, name="Tubes")
    for form in FILES:
        out = tmp_path / f"out{ENDINGS[form]}"
        ask("generate_question", "--format", form, "--output", out)
        assert titles_in(form, out.read_bytes()) == [q["display_name"] for q in EVERY_TYPE]
    written = json.loads(ask("generate_question", "--format", "json"))
    assert written["questions"] == EVERY_TYPE and written["name"] == "Tubes"
    model.script = deals("a", "b")
    assert read_csv(ask("generate_flashcard", "--format", "csv")) == [["What is a?", "It is a."], ["What is b?", "It is b."]]
    asked = len(model.bodies)
    for args in (("generate_question", "--format", "csv"), ("generate_flashcard", "--format", "qti"), ("generate_text", "--format", "json"),
                 ("generate_question", "--output", "x"), ("generate_question", "--format", "pdf")):
        assert ask(*args, check=False).returncode == 2, args
    assert len(model.bodies) == asked, "what cannot be written is not asked for"


# ---- what the description of the API says ----

def test_openapi_names_the_forms(site):
    paths = site.request("GET", "/v1/openapi.json").json["paths"]
    for operation, types in ((paths["/v1/sessions/{id}/collection"]["get"], set(TYPES.values())), (paths[CONVERT]["post"], {TYPES[f] for f in (*FILES, "json")})):
        told = set().union(*(answer.get("content", {}) for status, answer in operation["responses"].items() if status.startswith("2")))
        assert told == {t.split(";")[0] for t in types}
    [parameter] = [p for p in paths["/v1/sessions/{id}/collection"]["get"]["parameters"] if p.get("name") == "format"]
    assert set(parameter["schema"]["enum"]) == set(TYPES)
