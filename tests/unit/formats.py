#!/usr/bin/env python3
"""What formats_print writes, read by other parsers: Python's for XML and HTML. formats.py PROGRAM SOURCE_ROOT [SEED]"""
import html.parser
import itertools
import json
import pathlib
import random
import re
import subprocess
import sys
import time
import unicodedata
import xml.etree.ElementTree as ET

PROGRAM, ROOT = sys.argv[1], pathlib.Path(sys.argv[2])
QTI, CP = "{http://www.imsglobal.org/xsd/imsqti_v2p1}", "{http://www.imsglobal.org/xsd/imscp_v1p1}"
CHOICE_TYPES = ("multiplechoiceresponse", "optionresponse", "choiceresponse")
TYPES = CHOICE_TYPES + ("numericalresponse", "stringresponse")
# question/engine/bank.php of Moodle: the fractions that it takes, in per cent.
MOODLE_FRACTIONS = {100, 95, 90, 85, 83.33333, 80, 75, 70, 66.66667, 65, 60, 55, 50, 45, 40, 35, 33.33333, 30, 25, 20, 16.66667, 15, 14.28571, 12.5,
                    11.11111, 10, 5, 0}


def run(documents):
    done = subprocess.run([PROGRAM], input="".join(json.dumps(d) + "\n" for d in documents), capture_output=True, text=True, encoding="utf-8",
                          check=False)
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.split("\n")[:-1]]
    assert len(answers) == len(documents)
    return answers


def same(got, want, what):
    assert got == want, f"{what}:\n got {got!r}\nwant {want!r}"


# ---- HTML to text: the same rule on another parser


class Lines(html.parser.HTMLParser):
    """Text nodes of a document, without script and style."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.nodes, self.raw = [], 0

    def handle_starttag(self, tag, attrs):
        self.raw += tag in ("script", "style")

    def handle_endtag(self, tag):
        self.raw -= tag in ("script", "style")

    def handle_data(self, data):
        if not self.raw:
            self.nodes.append(data)


def lines_of(text):
    parser = Lines()
    parser.feed(text)
    parser.close()
    return "\n".join(line.strip() for node in parser.nodes for line in node.splitlines() if line.strip())


def demo_units_are_read_as_by_another_parser():
    files = sorted((ROOT / "share/demo/units").glob("*.html")) + [ROOT / "share/demo/page.html", ROOT / "share/demo/index.html"]
    texts = [file.read_text(encoding="utf-8") for file in files]
    assert len(files) >= 10
    for file, text, answer in zip(files, texts, run([{"html": text} for text in texts])):
        own, _, embedded = answer["text"].partition("\n\n")
        same(own, lines_of(text), file.name)
        images = [tag for tag in re.findall(r"<img[^>]*>", text) if "src=" in tag]
        same(embedded.count("[Embedded image: "), len(images), f"images of {file.name}")
    return len(files)


# ---- fragments

ALLOWED = {"b", "i", "em", "strong", "u", "sub", "sup", "code", "pre", "p", "br", "ul", "ol", "li", "table", "thead", "tbody", "tr", "th", "td",
           "blockquote",
           "span", "div", "h3", "h4", "h5", "h6", "img", "a"}
PHRASES = {"b", "i", "em", "strong", "u", "sub", "sup", "code", "span", "br", "img", "a"}
INSIDE = {"ul": {"li"}, "ol": {"li"}, "table": {"thead", "tbody"}, "thead": {"tr"}, "tbody": {"tr"}, "tr": {"th", "td"}}
BLOCKS = ALLOWED - PHRASES - {"li", "thead", "tbody", "tr", "th", "td"}


def check_element(element, within, dialect):
    """An element of the allow-list where XHTML and QTI allow it, with no attribute but the safe ones."""
    assert element.tag in ALLOWED and not (dialect == "qti" and element.tag == "u"), element.tag
    want = {"a": {"href"}, "img": {"src", "alt"}}.get(element.tag, set())
    assert set(element.attrib) == want, element.attrib
    for value in (element.get("href"), element.get("src")):
        assert value is None or re.match(r"(?i)https?://|data:image/(png|jpeg|gif|webp);base64,", value), value
    if element.tag in INSIDE:
        allowed = INSIDE[element.tag]
    elif element.tag == "blockquote" or element.tag == "root":
        allowed = BLOCKS
    elif element.tag in PHRASES or element.tag in ("p", "pre", "h3", "h4", "h5", "h6"):
        allowed = PHRASES
    else:
        allowed = PHRASES | BLOCKS
    check_inside(element, allowed, dialect)
    assert within is None or element.tag in within, f"{element.tag} may not stand there"


def check_inside(element, allowed, dialect):
    texts = [element.text] + [child.tail for child in element]
    assert allowed & PHRASES or not any(t and t.strip() for t in texts), f"text in {element.tag}"
    for child in element:
        check_element(child, allowed, dialect)


def check_blocks(blocks, dialect):
    root = ET.fromstring(f"<root>{blocks}</root>")
    check_inside(root, BLOCKS, dialect)
    return root


PIECES = ["<b>", "</b>", "<p>", "</p>", "<ul>", "<li>", "</ul>", "<table>", "<tr>", "<td>", "<th>", "<thead>", "</table>", "<script>", "</script>",
          "<!--", "-->",
          "<a href='javascript:x'>", "<a href='https://e.org/?a&b'>", "</a>", "<img src=x onerror=y>",
          "<img src='http://e.org/i.png' alt='\"'>", "<br/>",
          "<svg onload=x>", "<iframe src=x>", "<style>", "</style>", "<h1>", "</h1>",
          "<blockquote>", "</blockquote>", "<pre>", "</pre>", "<u>", "</u>",
          "<div class=x>", "</div>", "<solution>", "<choice correct='true'>", "<![CDATA[", "<?x ?>", "<p", "<", ">", "\"", "'", "/", "="]
NASTY = ["]]>", "<", ">", "&", "\"", "'", "&lt;", "&amp;", "&#0;", "\0", "\x01", "\x0b", "\x0c", "\x1f", "\x7f", "\x85", "\ufffe", "\uffff",
         "\u2028", "\ufeff",
         "שלום", "مرحبا", "\u202e", "😀", "é", "e\u0301", "\\(a<b\\)", "\\[\\frac{1}{2}\\]",
         "\\", "\\\\", "$", "%s", "{{x}}", "<b", "</choice>", "<!--", "-->",
         "<![CDATA[", "</text>", "*", "a", "b", " ", "  ", "\n", "\r\n", "\t", "x", "1", "_or_"]


def random_fragments_are_safe_and_valid(rng):
    every = "".join(f"<{tag}>x</{tag}>" for tag in sorted(PHRASES - {"br", "img", "a"}))
    every += "<a href=http://e.org><img src=http://e.org><br></a><blockquote>x</blockquote><pre>x</pre>"
    every += "<h3>x</h3><h4>x</h4><h5>x</h5><h6>x</h6><div>x</div>"
    every += "<ul><li>x</ul><ol><li>x</ol><table><thead><tr><th>x</thead><tr><td>x</table>"
    documents = [{"fragment": every}]
    documents += [{"fragment": "".join(rng.choice(PIECES + NASTY) for _ in range(rng.randrange(40)))} for _ in range(1500)]
    seen = {"root"}
    for document, answer in zip(documents, run(documents)):
        assert "error" not in answer, (document, answer)
        try:
            seen |= {e.tag for e in check_blocks(answer["blocks"], "xhtml").iter()}
            check_blocks(answer["qti"], "qti")
            if answer["paragraph"] is not None:
                ET.fromstring(f"<p>{answer['paragraph']}</p>")
        except (ET.ParseError, AssertionError) as error:
            raise AssertionError(f"{document!r} gives {answer!r}: {error}") from error
    same(seen, ALLOWED | {"root"}, "kinds of elements")
    return len(documents)


# ---- problems


def clean(text):
    """What XML can hold of a text, trimmed; line ends as XML has them."""
    text = re.sub("[\x0b\x0c]", " ", text)
    text = re.sub("[\x00-\x08\x0e-\x1f\ufffe\uffff]", "", text)
    return text.strip(" \t\r\n")


def words(text):
    return " ".join(clean(text).split())


def inner_text(element):
    return words("".join(element.itertext())) if element is not None else ""


def html_text(fragment):
    """The text of HTML, put together."""
    parser = Lines()
    parser.feed(fragment)
    parser.close()
    return words(" ".join(parser.nodes) if "<p>" in fragment else "".join(parser.nodes))


def nasty(rng, most=8):
    """Anything but NUL, which no question may hold."""
    while True:
        text = "".join(rng.choice(NASTY).replace("\0", "") for _ in range(rng.randrange(1, most)))
        if words(text):
            return text


def random_problem(rng, kind):
    problem = {"display_name": nasty(rng), "question_html": "Q " + "".join(rng.choice(PIECES[:8] + NASTY).replace("\0", "") for _ in range(rng.randrange(8))),
               "problem_type": kind,
               "choices": [], "answer_value": "", "tolerance": "", "explanation": rng.choice(["", nasty(rng)]),
               "demand_hints": [nasty(rng) for _ in range(rng.randrange(4))]}
    if kind in CHOICE_TYPES:
        n = rng.randrange(2, 21)
        texts = [f"{i} {nasty(rng)}" for i in range(n)]
        if kind == "choiceresponse":
            right = set(rng.sample(range(n), rng.randrange(1, n + 1)))
        else:
            right = {rng.randrange(n)}
        problem["choices"] = [{"text": t, "is_correct": i in right, "feedback": rng.choice(["", nasty(rng)])} for i, t in enumerate(texts)]
    elif kind == "numericalresponse":
        problem["answer_value"] = rng.choice(["", "+", "-"]) + rng.choice(["0", "1", "9.81", "6.02e23", "1e-7", "123456789012345678901234567890"])
        problem["tolerance"] = rng.choice(["", "0", "0.01", "5%", "12.5%"])
    else:
        problem["answer_value"] = nasty(rng)
    return problem


def right_ones(problem):
    return [i for i, c in enumerate(problem["choices"]) if c["is_correct"]]


def as_list_entry(text):
    """As Open edX shows an option: on one line, with typographic apostrophes."""
    return words(text).replace("'", "’")


def check_olx(problem, text):
    root = ET.fromstring(text)
    same(root.tag, "problem", "root")
    same(words(root.get("display_name")), words(problem["display_name"]), "display_name")
    kind = problem["problem_type"]
    is_list = kind == "optionresponse" and not any("\\" in c["text"] for c in problem["choices"])
    response = root[0]
    same(response.tag, "multiplechoiceresponse" if kind == "optionresponse" and not is_list else kind, "response")
    assert len(response.findall("label")) == 1
    if kind in CHOICE_TYPES:
        group = {"multiplechoiceresponse": "choicegroup", "choiceresponse": "checkboxgroup", "optionresponse": "optioninput"}[response.tag]
        choices = list(response.find(group))
        same([c.tag for c in choices], ["option" if is_list else "choice"] * len(problem["choices"]), "choices")
        same([i for i, c in enumerate(choices) if c.get("correct").lower() == "true"], right_ones(problem), "right ones")
        assert all(c.get("correct").lower() in ("true", "false") for c in choices)
        show = as_list_entry if is_list else words
        same([words(c.text) for c in choices], [show(c["text"]) for c in problem["choices"]], "texts")
        assert not is_list or not any("'" in c.text for c in choices)
        hint = "optionhint" if is_list else "choicehint"
        same([inner_text(c.find(hint)) for c in choices], [words(c["feedback"]) for c in problem["choices"]], "feedback")
        same({h.get("selected") for h in response.iter(hint)} - {"true" if kind == "choiceresponse" else None}, set(), "selected")
    elif kind == "numericalresponse":
        same(response.get("answer"), problem["answer_value"].lstrip("+"), "answer")
        param = response.find("responseparam")
        same(param.get("default") if param is not None else "", problem["tolerance"], "tolerance")
        assert response.find("formulaequationinput") is not None and (param is None or param.get("type") == "tolerance")
    else:
        same(words(response.get("answer")), words(problem["answer_value"]), "answer")
        same(response.get("type"), "ci", "type")
        assert response.find("textline") is not None
    same(words(" ".join(p.text for p in root.findall("solution/div/p"))), words(problem["explanation"]), "explanation")
    same([inner_text(h) for h in root.findall("demandhint/hint")], [words(h) for h in problem["demand_hints"]], "hints")


def check_moodle(problems, category, text):
    root = ET.fromstring(text)
    same(root.tag, "quiz", "root")
    questions = root.findall("question")
    if category:
        first = questions.pop(0)
        same(first.get("type"), "category", "category")
        same(first.find("category/text").text, "$course$/top/" + category.replace("/", "//"), "category")
    assert len(questions) == len(problems)
    for problem, question in zip(problems, questions):
        check_moodle_question(problem, question)


def check_moodle_question(problem, question):
    kind = problem["problem_type"]
    same(question.get("type"), {"numericalresponse": "numerical", "stringresponse": "shortanswer"}.get(kind, "multichoice"), "type")
    same(words(question.find("name/text").text), words(problem["display_name"]), "name")
    check_blocks(question.find("questiontext/text").text, "xhtml")
    assert question.find("questiontext").get("format") == "html"
    same(html_text(question.find("generalfeedback/text").text or ""), words(problem["explanation"]), "explanation")
    same([html_text(h.text) for h in question.findall("hint/text")], [words(h) for h in problem["demand_hints"]], "hints")
    answers = question.findall("answer")
    fractions = [float(a.get("fraction")) for a in answers]
    assert all(abs(f) in MOODLE_FRACTIONS for f in fractions), fractions
    if kind in CHOICE_TYPES:
        assert {a.get("format") for a in answers} == {"html"}
        same([html_text(a.find("text").text) for a in answers], [words(c["text"]) for c in problem["choices"]], "texts")
        same([html_text(a.find("feedback/text").text or "") for a in answers], [words(c["feedback"]) for c in problem["choices"]], "feedback")
        same([i for i, f in enumerate(fractions) if f > 0], right_ones(problem), "right ones")
        same(question.find("single").text, "false" if kind == "choiceresponse" else "true", "single")
        assert round(sum(f for f in fractions if f > 0), 2) == 100, fractions
        wrong = [f for f in fractions if f <= 0]
        assert round(sum(wrong), 2) == (-100 if wrong and kind == "choiceresponse" else 0), fractions
    else:
        same(fractions, [100], "fractions")
        answer = answers[0].find("text").text
        if kind == "stringresponse":
            same(question.find("usecase").text, "0", "usecase")
            same(words(answer.replace("\\*", "*")), words(problem["answer_value"]), "answer")
            assert not re.search(r"(?<!\\)\*", answer), answer
        else:
            same(answer, problem["answer_value"].lstrip("+"), "answer")
            given, number = problem["tolerance"], abs(float(answer))
            want = number * float(given[:-1]) / 100 if given.endswith("%") else float(given or 0)
            assert abs(float(answers[0].find("tolerance").text) - want) <= 1e-12 * max(want, 1e-300)


def check_qti(problems, files):
    assert files[0]["path"] == "imsmanifest.xml"
    manifest = ET.fromstring(files[0]["text"])
    same(manifest.tag, CP + "manifest", "root")
    listed = {r.get("href"): (r.get("type"), [f.get("href") for f in r]) for r in manifest.iter(CP + "resource")}
    same(listed, {f["path"]: ("imsqti_item_xmlv2p1", [f["path"]]) for f in files[1:]}, "resources")
    ids = [e.get("identifier") for e in manifest.iter() if e.get("identifier")]
    assert len(ids) == len(set(ids)) and all(re.fullmatch(r"[A-Za-z_][\w.-]*", i) for i in ids)
    assert len(files) == len(problems) + 1
    for problem, file in zip(problems, files[1:]):
        check_item(problem, ET.fromstring(file["text"]))


def check_item(problem, item):
    kind = problem["problem_type"]
    same(item.tag, QTI + "assessmentItem", "root")
    same(words(item.get("title")), words(problem["display_name"]), "title")
    order = [e.tag.removeprefix(QTI) for e in item]
    want = ["responseDeclaration", "outcomeDeclaration", "itemBody", "responseProcessing", "modalFeedback"]
    assert [k for k, _ in itertools.groupby(order)] in (want, want[:-1]), order
    declaration = item.find(QTI + "responseDeclaration")
    same(declaration.get("cardinality"), "multiple" if kind == "choiceresponse" else "single", "cardinality")
    same(declaration.get("baseType"), {"numericalresponse": "float", "stringresponse": "string"}.get(kind, "identifier"), "baseType")
    right = [v.text for v in declaration.iter(QTI + "value")]
    body = item.find(QTI + "itemBody")
    shown = {m.get("identifier"): m for m in item.findall(QTI + "modalFeedback")}
    if kind in CHOICE_TYPES:
        is_list = kind == "optionresponse" and not any("\\" in c["text"] for c in problem["choices"])
        interaction = next(body.iter(QTI + ("inlineChoiceInteraction" if is_list else "choiceInteraction")))
        choices = list(interaction)
        ids = [c.get("identifier") for c in choices]
        same(right, [ids[i] for i in right_ones(problem)], "right ones")
        same([inner_text(c) for c in choices], [words(c["text"]) for c in problem["choices"]], "texts")
        same([modal_text(shown.get(i)) for i in ids], [words(c["feedback"]) for c in problem["choices"]], "feedback")
        assert is_list or interaction.get("maxChoices") == ("0" if kind == "choiceresponse" else "1")
    else:
        interaction = next(body.iter(QTI + "textEntryInteraction"))
        same([words(r) for r in right], [words(problem["answer_value"]).lstrip("+" if kind == "numericalresponse" else "")], "answer")
    same(interaction.get("responseIdentifier"), declaration.get("identifier"), "response")
    same(modal_text(shown.get("SHOWN")), words(problem["explanation"]), "explanation")
    rubric = body.find(QTI + "rubricBlock")
    same(words(" ".join(p.text for p in rubric)) if rubric is not None else "", words(" ".join(problem["demand_hints"])), "hints")
    check_processing(problem, item, declaration)
    outcomes = {o.get("identifier") for o in item.findall(QTI + "outcomeDeclaration")}
    assert {m.get("outcomeIdentifier") for m in shown.values()} <= outcomes and "SCORE" in outcomes


def modal_text(modal):
    return words(" ".join(p.text for p in modal)) if modal is not None else ""


def check_processing(problem, item, declaration):
    """Runs the item's own marking: the right answer scores 1, others 0; feedback is shown of what was chosen."""
    kind = problem["problem_type"]
    right = [v.text for v in declaration.findall(f"{QTI}correctResponse/{QTI}value")]
    processing = item.find(QTI + "responseProcessing")
    many = kind == "choiceresponse"
    scores = lambda response: mark(processing, declaration, response)
    good = set(right) if many else right[0]
    same(scores(good).get("SCORE"), 1.0, "score of the right answer")
    if kind in CHOICE_TYPES:
        ids = [f"C{i + 1}" for i in range(len(problem["choices"]))]
        bad = set(ids) ^ set(right) if many else next(i for i in ids if i not in right)
        same(scores(bad).get("SCORE"), 0.0, "score of a wrong answer")
        if any(clean(c["feedback"]) for c in problem["choices"]):
            same(scores(bad).get("FEEDBACK"), bad, "feedback of what was chosen")
    elif kind == "stringresponse":
        same(scores(good.upper()).get("SCORE"), 1.0, "capitals") if good.upper().lower() == good.lower() else None
        same(scores(good + "?").get("SCORE"), 0.0, "another phrase")
    else:
        number, given = float(right[0]), problem["tolerance"]
        off = abs(number) * float(given[:-1]) / 100 if given.endswith("%") else float(given or 0)
        same(scores(repr(number + off * 0.9)).get("SCORE"), 1.0, "just right")
        same(scores(repr(number + off * 1.1 + max(1, abs(number)) * 1e-9)).get("SCORE"), 0.0, "just wrong")


def mark(processing, declaration, response):
    outcomes = {}
    template = processing.get("template")
    if template:
        assert len(processing) == 0
        name = template.rsplit("/", 1)[1]
        same(template, "http://www.imsglobal.org/question/qti_v2p1/rptemplates/" + name, "template")
        value = {"match_correct": lambda: 1.0 if matches(declaration, response) else 0.0,
                 "map_response": lambda: mapped(declaration, response)}[name]()
        return {"SCORE": value}
    for rule in processing:
        run_rule(rule, declaration, response, outcomes)
    return outcomes


def run_rule(rule, declaration, response, outcomes):
    if rule.tag == QTI + "responseCondition":
        test, rules = rule[0][0], rule[0][1:]
        for inner in rules if holds(test, declaration, response) else rule[1]:
            run_rule(inner, declaration, response, outcomes)
        return
    same(rule.tag, QTI + "setOutcomeValue", "rule")
    value = rule[0]
    outcomes[rule.get("identifier")] = {
        "baseValue": lambda: float(value.text) if value.get("baseType") == "float" else value.text,
        "variable": lambda: response,
        "mapResponse": lambda: mapped(declaration, response),
    }[value.tag.removeprefix(QTI)]()


def matches(declaration, response):
    right = [v.text for v in declaration.findall(f"{QTI}correctResponse/{QTI}value")]
    return response == (set(right) if declaration.get("cardinality") == "multiple" else right[0])


def holds(test, declaration, response):
    same([e.tag.removeprefix(QTI) for e in test], ["variable", "correct"], "what is compared")
    if test.tag == QTI + "match":
        return matches(declaration, response)
    same(test.tag, QTI + "equal", "test")
    right = float(declaration.find(f"{QTI}correctResponse/{QTI}value").text)
    mode = test.get("toleranceMode")
    if mode == "exact":
        return float(response) == right
    low, high = (float(t) for t in test.get("tolerance").split())
    if mode == "relative":
        low, high = abs(right) * low / 100, abs(right) * high / 100
    return right - low <= float(response) <= right + high


def mapped(declaration, response):
    mapping = declaration.find(QTI + "mapping")
    for entry in mapping:
        same(entry.get("caseSensitive"), "false", "caseSensitive")
        if words(entry.get("mapKey")).lower() == words(response).lower():
            return float(entry.get("mappedValue"))
    return float(mapping.get("defaultValue"))


def fixed_problems():
    def choices(*right):
        return [{"text": f"T{i}", "is_correct": bool(r), "feedback": ""} for i, r in enumerate(right)]

    base = {"display_name": "A", "question_html": "<p>a</p>", "explanation": "", "demand_hints": []}
    for n in range(1, 20):
        yield base | {"problem_type": "choiceresponse", "choices": choices(*([1] * n + [0] * (20 - n)))}
    yield base | {"problem_type": "choiceresponse", "choices": choices(*[1] * 20)}
    yield base | {"problem_type": "multiplechoiceresponse", "choices": choices(0, 1)}
    yield base | {"problem_type": "optionresponse", "choices": choices(0, 0, 1)}


def full(problem):
    return {"answer_value": "", "tolerance": ""} | problem


def check_all(batches):
    answers = run(batches)
    for batch, answer in zip(batches, answers):
        try:
            assert "error" not in answer, answer
            for problem, olx in zip(batch["problems"], answer["olx"], strict=True):
                check_olx(problem, olx)
            check_moodle(batch["problems"], batch["category"], answer["moodle"])
            check_qti(batch["problems"], answer["qti"])
        except (AssertionError, ET.ParseError) as error:
            raise AssertionError(f"{json.dumps(batch)}\n{json.dumps(answer)}\n{error}") from error


def every_number_of_right_ones_sums_up():
    problems = [full(p) for p in fixed_problems()]
    check_all([{"problems": problems, "category": "Water/Ice & <Snow>"}])
    return len(problems)


def random_problems_give_their_texts_back(rng):
    batches = [{"problems": [random_problem(rng, kind) for kind in TYPES], "category": rng.choice(["", "Cat"])} for _ in range(120)]
    check_all(batches)
    return len(batches) * len(TYPES)


def formulas_are_untouched(rng):
    """A question's formula is the same text in every format, however it was escaped."""
    formulas = ["\\(a<b\\)", "\\(a<b>c\\)", "\\[x<y & y>z \\\\ z\\]", "\\(\\text{if } x<y\\)", "\\(a&lt;b\\)", "\\(\\left<u,v\\right>\\)"]
    problems = [full({"display_name": "F", "question_html": f"<p>Is {f} so?</p>", "problem_type": "stringresponse", "answer_value": "a",
                      "choices": [],
                      "explanation": "", "demand_hints": []}) for f in formulas]
    answer = run([{"problems": problems, "category": ""}])[0]
    want = [f"Is {f.replace('&lt;', '<')} so?" for f in formulas]
    same(["".join(ET.fromstring(o).find("*/label").itertext()) for o in answer["olx"]], want, "OLX")
    quiz = ET.fromstring(answer["moodle"])
    same(["".join(check_blocks(t.text, "xhtml").itertext()) for t in quiz.findall("question/questiontext/text")], want, "Moodle")
    same(["".join(ET.fromstring(f["text"]).find(f"{QTI}itemBody/{QTI}p").itertext()) for f in answer["qti"][1:]], want, "QTI")
    return len(formulas)


def main():
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else int(time.time())
    print(f"seed {seed}, Unicode {unicodedata.unidata_version}")
    rng = random.Random(seed)
    print(demo_units_are_read_as_by_another_parser(), "demo pages")
    print(random_fragments_are_safe_and_valid(rng), "random fragments")
    print(every_number_of_right_ones_sums_up(), "fixed problems")
    print(random_problems_give_their_texts_back(rng), "random problems")
    print(formulas_are_untouched(rng), "formulas")


if __name__ == "__main__":
    main()
