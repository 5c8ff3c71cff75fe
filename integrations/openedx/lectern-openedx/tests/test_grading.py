"""The request for grading, and what of an answer is used."""

import copy
import json
import unittest
from unittest import mock

from lectern_openedx import AIExtensionsService, FakeEngine, Result, Scope, Status, using_engine
from lectern_openedx.fake import fake_grade
from lectern_openedx.grading import FEEDBACK_MAX, checked, content_hash, grading_request
from .samples import RUBRIC, SAMPLE_RUBRIC


class Requests(unittest.TestCase):
    def test_the_rubrics_hash_is_oras(self):
        """Vectors that ORA's own algorithm gave for its own sample."""
        self.assertEqual(content_hash(SAMPLE_RUBRIC), "45b6fc4e37f6eb90b5f4fd5e891e557af3d7795c")
        self.assertEqual(content_hash({**SAMPLE_RUBRIC, "id": 3, "content_hash": "x"}), "45b6fc4e37f6eb90b5f4fd5e891e557af3d7795c")
        other = copy.deepcopy(SAMPLE_RUBRIC)
        other["criteria"][0]["name"] = "réaliste 🎓"
        self.assertEqual(content_hash(other), "91dfced294e249fd555ab4674aaf1387f917d780")

    def test_ids_are_positions_and_all_values_are_plain(self):
        request = grading_request(
            RUBRIC,
            ["One.", "Two."],
            profile="ora",
            scope=Scope("course-v1:O+C+R", "block", "7", ("student",), "en"),
            submission_uuid="sub",
            profile_version="3",
        )
        self.assertEqual(
            [(c["id"], [o["id"] for o in c["options"]]) for c in request["rubric"]["criteria"]],
            [("c0", ["o0", "o1", "o2"]), ("c1", ["o0", "o1"]), ("c2", [])],
        )
        self.assertEqual(request["scope"], {"context_id": "course-v1:O+C+R", "placement_id": "block", "actor_id": "7", "roles": ["student"]})
        self.assertEqual(request["submission"]["parts"], [{"prompt": "p0", "text": "One."}, {"prompt": "p1", "text": "Two."}])
        self.assertEqual(request["task"], {"prompts": [{"id": "p0", "text": "What is a cell?", "format": "text"}], "language": "en"})
        self.assertEqual(request["idempotency_key"], f"sub:{content_hash(RUBRIC)}:ora:3")
        self.assertEqual(json.loads(json.dumps(request)), request)

    def test_G6_the_key_is_of_submission_rubric_and_profile(self):

        def key(rubric=RUBRIC, text="x", **more):
            return grading_request(rubric, text, **more)["idempotency_key"]

        same = key(submission_uuid="1", profile="p")
        self.assertEqual(same, key(submission_uuid="1", profile="p"))
        self.assertEqual(
            len(
                {
                    same,
                    key(submission_uuid="2", profile="p"),
                    key(SAMPLE_RUBRIC, submission_uuid="1", profile="p"),
                    key(submission_uuid="1", profile="q"),
                    key(submission_uuid="1", profile="p", profile_version="2"),
                    key(submission_uuid="1", profile="p", prompt="Be strict."),
                    key(submission_uuid="1", profile="p", prompt="Be kind."),
                }
            ),
            7,
        )
        self.assertNotEqual(key(text="x"), key(text="y"))
        self.assertNotEqual(key(scope=Scope(user_id="1")), key(scope=Scope(user_id="2")))
        for odd in ("ü", "a b", "x" * 300, "a\nb"):
            made = key(submission_uuid=odd)
            self.assertTrue(made.isascii() and made.isprintable() and len(made) <= 255)

    def test_a_rubric_that_is_none(self):
        for rubric in ({}, {"criteria": []}):
            with self.assertRaises(ValueError):
                grading_request(rubric, "x")


class Checked(unittest.TestCase):
    def grade(self, **changes):
        request = grading_request(RUBRIC, "A cell.")
        return request, Result(Status.OK, {**fake_grade(request).payload, **changes})

    def test_G1_points_are_counted_from_the_rubric(self):
        request, given = self.grade(points_earned=1000, points_possible=1)
        for criterion in given.payload["criteria"]:
            criterion["points"] = 500
        result = checked(request, given)
        self.assertEqual((result.payload["points_earned"], result.payload["points_possible"]), (3, 5))  # 7 characters: o1 of three, o1 of two

    def test_G7_feedback_is_cut_and_dropped_where_it_is_disabled(self):
        request, given = self.grade(overall_feedback="ä" * (FEEDBACK_MAX + 5))
        given.payload["criteria"][0]["feedback"] = "ö" * (FEEDBACK_MAX + 5)
        given.payload["criteria"][1]["feedback"] = "not wanted"
        result = checked(request, given)
        self.assertEqual([len(c["feedback"]) for c in result.payload["criteria"]], [FEEDBACK_MAX, 0, len("Feedback on c2.")])
        self.assertEqual(len(result.payload["overall_feedback"]), FEEDBACK_MAX)

    def test_what_is_no_grade_stays_what_it_is(self):
        given = Result(Status.ABSTAINED, {"reason": "empty"})
        self.assertIs(checked(grading_request(RUBRIC, ""), given), given)


class Fake(unittest.TestCase):
    def test_G12_its_verdict_is_the_length_modulo_the_options(self):
        for n in range(1, 8):
            grade = fake_grade(grading_request(RUBRIC, "x" * n))
            self.assertEqual([c["option_id"] for c in grade.payload["criteria"]], [f"o{n % 3}", f"o{n % 2}", None])
            self.assertEqual(fake_grade(grading_request(RUBRIC, ["x" * (n - 1), "x"])).payload["points_earned"], grade.payload["points_earned"])

    def test_G12_it_ships_with_the_package_and_answers_the_service_without_chance_clock_or_network(self):
        with mock.patch("socket.socket", side_effect=AssertionError("network")), mock.patch("time.time", side_effect=AssertionError("clock")):
            with using_engine(FakeEngine()) as engine:
                grades = [AIExtensionsService().grade(RUBRIC, "A cell.", submission_uuid=str(i)) for i in range(3)]
        self.assertEqual([g.status for g in grades], ["ok"] * 3)
        self.assertEqual([[c["option_id"] for c in g.payload["criteria"]] for g in grades], [["o1", "o1", None]] * 3)  # 7 characters
        self.assertEqual({g.payload["points_earned"] for g in grades}, {3})
        self.assertEqual([call[0] for call in engine.calls], ["grade"] * 3)

    def test_G8_nothing_written_is_not_judged(self):
        for text in ("", "  \n", []):
            self.assertEqual((fake_grade(grading_request(RUBRIC, text)).status), "abstained")


if __name__ == "__main__":
    unittest.main()
