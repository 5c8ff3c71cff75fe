"""lectern grading evaluate: the demo set against recorded answers, and the figures against their definitions in Python."""
import json
import re

import pytest
from conftest import ROOT, Daemon, check_end

SET = ROOT / "share" / "demo" / "grading.json5"
CRITERIA = {"plan": ("c1", "p"), "conclusion": ("c0", "k")}  # the model knows them in the order of their names


def demo_set():
    text = "\n".join(line for line in SET.read_text().splitlines() if not line.startswith("//"))
    return json.loads(re.sub(r",(\s*[\]}])", r"\1", text))


def grades(i, submission):
    """What the recorded model thinks: mostly what people think, sometimes one more or less; of every tenth nothing."""
    if i % 10 == 9:
        return None
    shift = {1: 1, 4: -1}.get(i % 7, 0)
    return {c: min(2, max(0, int(submission["selected"][c][1]) + (shift if c == "plan" else 0))) for c in CRITERIA}


def exchange(demo, i, submission):
    picked = grades(i, submission)
    said = {CRITERIA[c][0]: {"evidence": [submission["parts"][0]["text"]], "rationale": "r", "option": f"o{(picked or {c: 0})[c]}", "feedback": "f"}
            for c in CRITERIA}
    answer = {"criteria": said, "overall_feedback": "", "abstain": {"needed": picked is None, "reason": "none" if picked else "other"}}
    return {"action": "grade_response", "input": {"task": demo["task"], "rubric": demo["rubric"], "submission": {"parts": submission["parts"]}},
            "model": "recorded", "events": [{"after_ms": 0, "text": json.dumps(answer)}], "end_after_ms": 0, "finish_reason": "stop",
            "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    d = Daemon(tmp_path_factory.mktemp("evaluate") / "data")
    demo = demo_set()
    recording = {"recording": 1, "exchanges": [exchange(demo, i, s) for i, s in enumerate(demo["submissions"])]}
    (d.data / "recordings").mkdir(exist_ok=True)
    (d.data / "recordings" / "grading.json").write_text(json.dumps(recording))
    made = d.request("POST", "/v1/providers", d.admin_key, {"name": "tape", "plugin": "replay", "config": {"recording": "grading", "speed": 0, "retries": 0}})
    assert made.status == 201, made
    yield d
    check_end(d)


def kappa(a, b):
    expected = sum((x - y) ** 2 for x in a for y in b) / len(a)
    return 1 - sum((x - y) ** 2 for x, y in zip(a, b)) / expected


def evaluate(site, *args, **options):
    return site.cli("grading", "evaluate", SET, "--site", "demo", "--provider", "tape", *args, **options)


def test_the_demo_set_is_large_enough_and_uses_every_option():
    demo = demo_set()
    assert len(demo["submissions"]) >= 30
    for criterion in demo["rubric"]["criteria"]:
        assert {s["selected"][criterion["id"]] for s in demo["submissions"]} == {o["id"] for o in criterion["options"]}


def test_the_report_says_how_far_model_and_people_agree(site):
    report = json.loads(evaluate(site, "--price-in", "2", "--price-out", "10"))
    submissions = demo_set()["submissions"]
    both = [(s, grades(i, s)) for i, s in enumerate(submissions) if grades(i, s)]
    n = len(submissions)
    assert (report["submissions"], report["graded"], report["abstained"], report["failed"]) == (n, len(both), n - len(both), 0)
    assert report["abstention"] == round((n - len(both)) / n, 4) and report["calls"] == n
    assert (report["prompt_tokens"], report["completion_tokens"], report["cost"]) == (100 * n, 10 * n, round((200 * n + 100 * n) / 1e6, 4))
    for c in report["criteria"]:
        human, model = [int(s["selected"][c["id"]][1]) for s, _ in both], [g[c["id"]] for _, g in both]
        assert c["exact"] == round(sum(x == y for x, y in zip(human, model)) / len(both), 4)
        assert c["adjacent"] == round(sum(abs(x - y) <= 1 for x, y in zip(human, model)) / len(both), 4)
        assert c["kappa"] == pytest.approx(kappa(human, model), abs=1e-4)
    figures = {c["id"]: c for c in report["criteria"]}
    assert figures["conclusion"]["kappa"] == 1 and 0.5 < figures["plan"]["kappa"] < 1


def test_without_prices_there_is_no_cost(site):
    assert json.loads(evaluate(site))["cost"] is None


def test_a_set_that_makes_no_sense_is_refused_with_its_field(site, tmp_path):
    for change, field in [(lambda d: d["submissions"][3]["selected"].pop("plan"), "/submissions/3/selected"),
                          (lambda d: d["rubric"]["criteria"][0].update(id="conclusion"), "/rubric/criteria/1/id"),
                          (lambda d: d.update(submissions=[]), "/submissions")]:
        demo = demo_set()
        change(demo)
        (tmp_path / "set.json").write_text(json.dumps(demo))
        done = site.cli("--json", "grading", "evaluate", tmp_path / "set.json", "--site", "demo", "--provider", "tape", check=False)
        assert done.returncode == 1 and field in done.stdout + done.stderr, done
