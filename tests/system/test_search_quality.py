"""How good search is (tests/quality/search.py says what is measured), and that a question of common words is answered in a large course."""
import pathlib
import random
import sys
import urllib.parse

import pytest

from conftest import Daemon, check_end, wait_until
from database import connect

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "quality"))
import search as quality  # noqa: E402

PAGES = 2000
COURSE = "course-v1:Org+Large+2026"
COMMON = "water light energy cell plant sugar leaf root stem flower".split()


def test_the_right_block_is_among_five(tmp_path, capsys):
    questions = quality.read_questions()
    figures = quality.run(tmp_path, questions)
    with capsys.disabled():
        print()
        quality.show(questions, figures)
    assert len(questions) >= 40
    for name, (values, missed) in figures.items():
        assert values["recall@5"] >= quality.LEAST, (name, missed)


def put_pages(daemon, texts):
    with connect(daemon.data / "lectern.db", timeout=60) as db:
        (id_,) = db.execute("INSERT INTO course (site_id, course_id, title, language, format, sha256, revision, imported_at) SELECT id, ?, 'T', 'en', 'olx', '', 1, 1 "
                            "FROM site WHERE slug = 'demo' RETURNING id", (COURSE,)).fetchone()
        db.executemany("INSERT INTO course_block (course, revision, position, parent, kind, block_id, category, display_name, text, hidden, sha256) "
                       "VALUES (?, 1, ?, -1, 'block', ?, 'html', '', ?, 0, ?)", [(id_, i, f"p{i}", text, f"s{i}") for i, text in enumerate(texts)])


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """2,000 pages of which each passage holds ten words; page 1234 holds one more."""
    d = Daemon(tmp_path_factory.mktemp("large") / "data")
    rng = random.Random(20261122)
    sentence = lambda: " ".join(rng.sample(COMMON, len(COMMON))).capitalize() + "."  # noqa: E731
    put_pages(d, [" ".join(sentence() for _ in range(45)) + (" The quagga is extinct." if i == 1234 else "") for i in range(PAGES)])
    path = "/v1/courses/" + urllib.parse.quote(COURSE, safe="")
    wait_until(lambda: d.request("GET", f"{path}/index", d.admin_key).json["state"] == "ready", timeout=300, what="the index")
    yield lambda q: d.request("GET", f"{path}/search?" + urllib.parse.urlencode({"q": q}), d.admin_key)
    check_end(d)


@pytest.mark.parametrize("q", [" ".join(COMMON), COMMON[0], " ".join(COMMON * 5)])
def test_words_that_stand_in_every_passage_are_answered(large, q):
    found = large(q)
    assert found.status == 200 and len(found.json["results"]) == 5, found


def test_a_rare_word_leads_through_common_ones(large):
    found = large(" ".join(COMMON) + " quagga")
    assert found.status == 200 and found.json["results"][0]["block_id"] == "p1234", found
