"""The AI step by ORA's duck-typed contract, driven as ORA's workflow drives its steps."""

import importlib
import inspect
import json
import sys
import types
import unittest
from unittest import mock

from lectern_openedx import FakeEngine, Result, Status, ora, using_engine
from lectern_openedx.result import failure
from .samples import RUBRIC

FUNCTIONS = {
    "on_init": None,
    "on_start": None,
    "on_cancel": None,
    "can_be_skipped": False,
    "submitter_is_finished": True,
    "assessment_is_finished": True,
    "get_score": None,
    "get_latest_assessment": None,
}
"""All of the contract, and what ORA takes when a module lacks one."""


class Step:
    """A step of ORA's workflow: finds its module by name; a module or function that is missing counts as finished."""

    def __init__(self, path="lectern_openedx.ora"):
        try:
            self.module = importlib.import_module(path)
        except ImportError:
            self.module = None

    def __getattr__(self, name):
        return getattr(self.module, name, lambda *_, **__: FUNCTIONS[name])

    def is_done(self, uuid):
        """What ORA asks in an update on behalf of nobody: with requirements None."""
        return self.submitter_is_finished(uuid, None) and self.assessment_is_finished(uuid, None, {})


class WithStore(unittest.TestCase):
    def setUp(self):
        patch = mock.patch.object(ora, "store", ora.MemoryStore())
        patch.start()
        self.addCleanup(patch.stop)

    def begin(self, mode="scoring", uuid="sub-1", text="A cell is alive.", **more):
        Step().on_init(uuid, rubric=RUBRIC, submission=text, mode=mode, profile="fake", user_id="7", course_id="course-v1:O+C+R", **more)


class Contract(WithStore):
    def test_it_has_every_function_with_the_parameters_of_the_contract(self):
        for name in FUNCTIONS:
            self.assertTrue(callable(getattr(ora, name)), name)
        self.assertEqual(
            [list(inspect.signature(getattr(ora, n)).parameters)[1:] for n in ("on_start", "on_cancel", "can_be_skipped", "submitter_is_finished")],
            [[], [], ["requirements"], ["requirements"]],
        )
        self.assertEqual(
            [list(inspect.signature(getattr(ora, n)).parameters)[1:] for n in ("assessment_is_finished", "get_score")],
            [["requirements", "course_settings"]] * 2,
        )

    def test_a_missing_module_never_blocks_and_the_step_without_a_service_behaves_the_same(self):
        for path in ("lectern_openedx.gone", "lectern_openedx.ora"):
            step = Step(path)
            step.on_init("sub-1", rubric=RUBRIC, submission="x", mode="scoring")
            step.on_start("sub-1")
            self.assertTrue(step.is_done("sub-1"), path)
            self.assertIsNone(step.get_score("sub-1", None, {}))
            self.assertIsNone(step.get_latest_assessment("sub-1"))
            step.on_cancel("sub-1")

    def test_todays_ora_passes_no_parameters(self):
        step = Step()
        with using_engine(FakeEngine()) as engine:
            step.on_init("sub-1")
            step.on_init("sub-2", rubric=None, something_new=1)
        self.assertTrue(step.is_done("sub-1") and step.is_done("sub-2"))
        self.assertEqual(engine.calls, [])

    def test_requirements_may_be_anything(self):
        step = Step()
        with using_engine(FakeEngine(polls=0)):
            self.begin()
            for requirements in (None, {}, {"must_grade": 5}):
                self.assertTrue(step.submitter_is_finished("sub-1", requirements))
                self.assertTrue(step.assessment_is_finished("sub-1", requirements, None))
                self.assertFalse(step.can_be_skipped("sub-1", requirements))
                self.assertIsNotNone(step.get_score("sub-1", requirements, None))


class Grades(WithStore):
    def test_on_init_returns_at_once_and_the_score_comes_later(self):
        step = Step()
        with using_engine(FakeEngine(polls=1)) as engine:
            self.begin()
            self.assertEqual([name for name, _, _ in engine.calls], ["start"])
            self.assertFalse(step.assessment_is_finished("sub-1", None, {}))
            self.assertTrue(step.submitter_is_finished("sub-1", None), "the learner goes on")
            self.assertTrue(step.assessment_is_finished("sub-1", None, {}))
            score = step.get_score("sub-1", None, {})
        self.assertEqual(score, {"points_earned": 1, "points_possible": 5, "contributing_assessments": [], "staff_id": None})  # 16 characters: o1, o0

    def test_on_init_and_on_start_twice_ask_once(self):
        with using_engine(FakeEngine()) as engine:
            self.begin()
            self.begin(text="Something else.")
            ora.on_start("sub-1")
            ora.on_start("sub-1")
        self.assertEqual(len(engine.calls), 1)

    def test_modes(self):
        """G11: feedback_only makes no score. Neither it nor advisory is waited for."""
        for mode, finished_at_once, scored, judged in [
            ("feedback_only", True, False, False),
            ("advisory", True, False, True),
            ("scoring", False, True, True),
        ]:
            with self.subTest(mode=mode), using_engine(FakeEngine(polls=1)):
                self.begin(mode, uuid=mode)
                self.assertEqual(ora.assessment_is_finished(mode, None, {}), finished_at_once)
                found = ora.get_latest_assessment(mode)
                self.assertEqual(ora.get_score(mode, None, {}) is not None, scored)
                self.assertEqual((found["parts"][0]["option"] is not None, "points_earned" in found), (judged, judged))
                self.assertEqual(found["feedback"], "16 characters read.")

    def test_a_profile_that_gives_feedback_only_makes_no_score_in_any_mode(self):
        class FeedbackOnly(FakeEngine):
            def task(self, scope, task_id):
                done = super().task(scope, task_id)
                return Result(done.status, {**done.payload, "mode": "feedback_only"})

        with using_engine(FeedbackOnly(polls=0)):
            self.begin("scoring")
            self.assertTrue(ora.assessment_is_finished("sub-1", None, {}))
            self.assertIsNone(ora.get_score("sub-1", None, {}))
            self.assertEqual([p["option"] for p in ora.get_latest_assessment("sub-1")["parts"]], [None] * 3)

    def test_the_assessment_has_oras_form(self):
        with using_engine(FakeEngine(polls=0)):
            self.begin()
            found = ora.get_latest_assessment("sub-1")
        self.assertEqual((found["submission_uuid"], found["score_type"], found["rubric"]), ("sub-1", "AI", RUBRIC))
        self.assertTrue(found["scorer_id"].startswith("ai:") and len(found["scorer_id"]) <= 40)
        self.assertEqual(
            [(p["criterion"]["name"], p["criterion"]["points_possible"], p["option"] and p["option"]["name"], p["feedback"]) for p in found["parts"]],
            [("ideas", 3, "fair", "Feedback on c0."), ("style", 2, "no", ""), ("advice", 0, None, "Feedback on c2.")],
        )
        json.dumps(found)

    def test_one_that_is_not_judged_has_no_effect(self):
        """G3, G8, G2: the step is finished and says nothing."""

        class Partial(FakeEngine):
            def task(self, scope, task_id):
                return Result(Status.OK, {"status": "ok", "criteria": []})

        for engine, text in [(FakeEngine(polls=0), ""), (Partial(), "x"), (FakeEngine(disabled_courses=["course-v1:O+C+R"]), "x")]:
            uuid = f"{type(engine).__name__}-{text}-{engine.disabled_courses}"
            with using_engine(engine):
                self.begin(uuid=uuid, text=text)
                self.assertTrue(ora.assessment_is_finished(uuid, None, {}))
                self.assertIsNone(ora.get_score(uuid, None, {}))
                self.assertIsNone(ora.get_latest_assessment(uuid))

    def test_a_rubric_that_is_none_does_not_raise(self):
        with using_engine(FakeEngine()), self.assertLogs("lectern_openedx", "WARNING"):
            ora.on_init("sub-1", rubric={"criteria": [{"name": "a", "options": [{"name": "no points"}]}]}, submission="x")
            self.assertTrue(ora.assessment_is_finished("sub-1", None, {}))

    def test_a_late_result_is_taken_once_and_the_workflow_did_not_wait(self):
        """G10."""
        with using_engine(FakeEngine(polls=3)) as engine:
            self.begin()
            self.assertFalse(ora.assessment_is_finished("sub-1", None, {}))
            with mock.patch("lectern_openedx.ora.time.time", return_value=ora.time.time() + ora.PENDING_MAX_S + 1):
                self.assertTrue(ora.assessment_is_finished("sub-1", None, {}))
            self.assertFalse(ora.collect("sub-1"))
            self.assertTrue(ora.collect("sub-1"))
            asked = len(engine.calls)
            self.assertIsNotNone(ora.get_latest_assessment("sub-1"))
            self.assertEqual(len(engine.calls), asked, "what has ended is not asked for again")

    def test_lectern_out_of_reach_for_a_while(self):
        class Away(FakeEngine):
            def task(self, scope, task_id):
                return failure(Status.UNAVAILABLE, "unreachable")

        away = Away(polls=0)
        with using_engine(away):
            self.begin()
            self.assertFalse(ora.assessment_is_finished("sub-1", None, {}))
        away.__class__ = FakeEngine
        with using_engine(away):
            self.assertTrue(ora.assessment_is_finished("sub-1", None, {}))
            self.assertIsNotNone(ora.get_score("sub-1", None, {}))

    def test_cancelling_ends_the_task_and_forgets(self):
        with using_engine(FakeEngine()) as engine:
            self.begin()
            ora.on_cancel("sub-1")
            ora.on_cancel("sub-1")
            self.assertEqual([name for name, _, _ in engine.calls], ["start", "cancel"])
            self.assertIsNone(ora.get_score("sub-1", None, {}))

    def test_a_store_that_fails_blocks_nobody(self):
        class Broken:
            def __getattr__(self, name):
                raise OSError(name)

        with mock.patch.object(ora, "store", Broken()), using_engine(FakeEngine()), self.assertLogs("lectern_openedx", "ERROR"):
            self.begin()
            self.assertTrue(ora.assessment_is_finished("sub-1", None, {}))
            ora.on_cancel("sub-1")


class Signal(WithStore):
    def test_the_workflow_is_told_once(self):
        sent = []
        signals = types.ModuleType("openassessment.assessment.signals")
        signals.assessment_complete_signal = types.SimpleNamespace(send=lambda sender, **members: sent.append(members))
        modules = {name: types.ModuleType(name) for name in ("openassessment", "openassessment.assessment")}
        with mock.patch.dict(sys.modules, {**modules, "openassessment.assessment.signals": signals}), using_engine(FakeEngine(polls=1)):
            self.begin()
            self.assertEqual([ora.collect("sub-1") for _ in range(3)], [False, True, True])
        self.assertEqual(sent, [{"submission_uuid": "sub-1"}])


if __name__ == "__main__":
    unittest.main()
