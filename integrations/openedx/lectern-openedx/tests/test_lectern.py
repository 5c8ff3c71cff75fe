"""The engine that asks Lectern, against a double over HTTP: what it sends, what it makes of every answer."""

import socket
import unittest
from urllib.parse import parse_qs

from lectern_openedx import AIExtensionsService, Scope, using_engine
from lectern_openedx.lectern import BODY_MAX, LecternEngine
from lectern_openedx.settings import Settings
from .double import Lectern
from .samples import RUBRIC

WHERE = Scope("course-v1:O+C+R", "block-v1:O+C+R+type@p+block@1", "7", ("student",), "es")
RUN = ("POST", "/v1/workflows/run")
ACTIONS = ("GET", "/v1/actions")
DONE = {
    "id": "1",
    "profile": "kind",
    "session_id": "s",
    "action": "run",
    "success": True,
    "response": {"response": "Because.", "status": "completed"},
    "usage": {"total_tokens": 3},
    "calls": ["1"],
}
GRADE = {
    "status": "ok",
    "criteria": [
        {"id": "c0", "option_id": "o2", "points": 99, "feedback": "Good.", "evidence": []},
        {"id": "c1", "option_id": "o0", "points": 99, "feedback": "dropped", "evidence": []},
        {"id": "c2", "option_id": None, "points": 0, "feedback": "Go on.", "evidence": []},
    ],
    "overall_feedback": "Well done.",
    "points_earned": 99,
    "points_possible": 99,
    "model": "m",
}


def events(*pairs):
    return "".join(f"event: {kind}\nid: 1\ndata: {data}\n\n" for kind, data in pairs).encode()


class WithDouble(unittest.TestCase):
    def ask(self, answers, scope=WHERE, **settings):
        """A service whose Lectern answers so."""
        self.double = Lectern(answers).__enter__()
        self.addCleanup(self.double.__exit__)
        with using_engine(LecternEngine(Settings(self.double.url, "lk_key", **settings))):
            return AIExtensionsService.for_scope(scope)

    @property
    def asked(self):
        return self.double.asked


class Running(WithDouble):
    def test_what_is_sent_and_what_comes_back(self):
        result = self.ask({RUN: (200, DONE)}).run("kind", {"ui_slot_selector_id": "essay"}, "short", {"text": "Why?"})
        self.assertEqual(
            self.asked[0]["body"],
            {
                "profile": "kind",
                "prompt": "short",
                "action": "run",
                "user_input": {"text": "Why?"},
                "user": {"id": "7", "roles": ["student"], "locale": "es"},
                "context": {"course_id": WHERE.course_key, "location_id": WHERE.usage_key, "ui_slot_selector_id": "essay"},
            },
        )
        self.assertEqual(self.asked[0]["headers"]["Authorization"], "Bearer lk_key")
        self.assertEqual((result.status, result.text, result.session, result.metadata["usage"]), ("ok", "Because.", "s", {"total_tokens": 3}))

    def test_without_block_and_user_nothing_of_them_is_sent(self):
        self.ask({RUN: (200, DONE)}, Scope()).run(user_input="x")
        self.assertEqual(self.asked[0]["body"], {"action": "run", "context": {}, "user_input": "x"})

    def test_every_refusal_has_its_status(self):
        for status, code, expected in [
            (403, "course_disabled", "disabled"),
            (403, "site_disabled", "disabled"),
            (403, "placement_disabled", "disabled"),
            (403, "permission_denied", "denied"),
            (403, "policy_not_accepted", "denied"),
            (401, "unauthenticated", "denied"),
            (404, "no_config", "absent"),
            (503, "no_provider", "absent"),
            (404, "unknown_action", "absent"),
            (429, "rate_limited", "busy"),
            (503, "overloaded", "busy"),
            (504, "upstream_timeout", "timeout"),
            (502, "upstream_unavailable", "unavailable"),
            (422, "content_refused", "rejected"),
            (400, "invalid_input", "invalid"),
            (400, "context_window_exceeded", "invalid"),
            (413, "body_too_large", "invalid"),
            (500, "internal_error", "failed"),
            (502, "upstream_invalid", "failed"),
            (418, "something_new", "invalid"),
            (500, "something_new", "failed"),
        ]:
            with self.subTest(code=code):
                result = self.ask({RUN: (status, {"code": code, "title": "Calm words.", "detail": "The cause.", "retry_after": 9})}).run(
                    user_input="x"
                )
                self.assertEqual((result.status, result.message, result.metadata["retry_after"]), (expected, "Calm words.", 9))
                self.assertNotIn("The cause.", str(result.as_dict()))

    def test_answers_that_are_none(self):
        for answer in [
            (200, b"<html>", "text/html"),
            (200, []),
            (200, {}),
            (200, {**DONE, "success": False}),
            (200, {**DONE, "response": "x"}),
            (302, {}),
            (502, b"Bad gateway", "text/html"),
            (200, b"x" * (BODY_MAX + 1), "text/plain"),
        ]:
            self.assertEqual(self.ask({RUN: answer}).run().status, "failed", answer[:1])

    def test_nobody_listens(self):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            with using_engine(LecternEngine(Settings(f"http://127.0.0.1:{unused.getsockname()[1]}", "lk_key"))):
                service = AIExtensionsService.for_scope(WHERE)
        self.assertEqual(
            {r.status for r in (service.run(), service.availability(), service.task("1"), list(service.stream())[-1].result)}, {"unavailable"}
        )
        self.assertEqual(service.profiles(), [])

    def test_an_answer_that_does_not_come(self):
        self.assertEqual(self.ask({RUN: 2.0}, timeout_s=0.05).run().status, "timeout")

    def test_an_https_address_without_tls_behind_it(self):
        self.ask({})
        with using_engine(LecternEngine(Settings(self.double.url.replace("http", "https"), "lk_key", timeout_s=2))):
            self.assertEqual(AIExtensionsService().run().status, "unavailable")

    def test_an_address_with_a_path(self):
        self.ask({("POST", "/ai" + RUN[1]): (200, DONE)})
        with using_engine(LecternEngine(Settings(self.double.url + "/ai", "lk_key"))):
            self.assertTrue(AIExtensionsService().run().ok)


class Availability(WithDouble):
    def actions(self, *reasons):
        return (200, {"actions": [{"name": "a", "available": r is None, **({"reason": r} if r else {})} for r in reasons]})

    def test_what_the_actions_say(self):
        for reasons, expected in [
            ((None, "no_provider"), "ok"),
            (("course_disabled", "course_disabled"), "disabled"),
            (("no_provider", "permission_denied"), "denied"),
            (("no_provider",), "absent"),
            (("policy_not_accepted",), "ok"),
            ((), "absent"),
            (("no_provider", "site_disabled"), "disabled"),
        ]:
            self.assertEqual(self.ask({ACTIONS: self.actions(*reasons)}).availability().status, expected, reasons)

    def test_it_only_reads_and_says_for_whom(self):
        self.ask({ACTIONS: self.actions(None)}).available()
        self.assertEqual([a["method"] for a in self.asked], ["GET"])
        self.assertEqual(
            parse_qs(self.asked[0]["query"]),
            {"course_id": [WHERE.course_key], "location_id": [WHERE.usage_key], "user_id": ["7"], "role": ["student"]},
        )

    def test_it_is_asked_once_for_a_place_and_user(self):
        service = self.ask({ACTIONS: self.actions(None)})
        other = AIExtensionsService.for_scope(Scope(WHERE.course_key, WHERE.usage_key, "8", ("student",)))
        other._engine = service._engine
        self.assertEqual([service.available() for _ in range(100)], [True] * 100)
        self.assertEqual(len(self.asked), 1)
        other.available()
        self.assertEqual(len(self.asked), 2, "somebody else's answer is not taken over")

    def test_after_five_seconds_it_is_asked_again(self):
        from unittest import mock

        service = self.ask({ACTIONS: [self.actions(None), self.actions("course_disabled")]})
        with mock.patch("lectern_openedx.lectern.time.monotonic", side_effect=lambda: clock[0]):
            clock = [100.0]
            self.assertTrue(service.available())
            clock[0] = 104.9
            self.assertTrue(service.available())
            clock[0] = 105.1
            self.assertFalse(service.available())

    def test_one_that_cannot_be_reached_is_not_asked_for_each_user(self):
        service = self.ask({ACTIONS: 1.0}, check_s=0.05)
        other = AIExtensionsService.for_scope(Scope(user_id="8"))
        other._engine = service._engine
        self.assertEqual((service.available(), other.available(), service.available()), (False, False, False))
        self.assertEqual(len(self.asked), 1)


class Studio(WithDouble):
    def test_profiles(self):
        path = ("GET", "/openedx-ai-extensions/v1/profiles")
        service = self.ask(
            {path: (200, {"profiles": [{"slug": "kind", "description": None, "effective_config": {}}, {"slug": "strict", "description": "S"}]})}
        )
        self.assertEqual([(p.slug, p.description) for p in service.profiles()], [("kind", ""), ("strict", "S")])
        self.assertEqual(parse_qs(self.asked[0]["query"])["role"], ["editingteacher"])
        self.assertEqual(self.ask({path: (403, {"error": {"code": "permission_denied", "message": "m"}})}).profiles(), [])


class Streams(WithDouble):
    def kinds(self, content):
        found = list(self.ask({RUN: (200, content, "text/event-stream")}).stream(user_input="x"))
        self.assertTrue(self.asked[0]["body"]["stream"])
        return [(e.kind, e.text) for e in found[:-1]], found[-1].result

    def test_pieces_then_the_result(self):
        import json

        seen, result = self.kinds(
            b": still here\n\n"
            + events(
                ("start", '{"id":"1"}'),
                ("status", '{"message":"Reading."}'),
                ("delta", '{"text":"Be"}'),
                ("delta", '{"text":"cause."}'),
                ("done", json.dumps(DONE)),
            )
            + events(("delta", '{"text":"late"}'))
        )
        self.assertEqual((seen, result.text, result.session), ([("status", "Reading."), ("delta", "Be"), ("delta", "cause.")], "Because.", "s"))

    def test_an_error_behind_the_first_piece(self):
        seen, result = self.kinds(events(("delta", '{"text":"Be"}'), ("error", '{"code":"upstream_timeout","title":"Later.","status":504}')))
        self.assertEqual((len(seen), result.status, result.message), (1, "timeout", "Later."))

    def test_a_stream_that_breaks_off(self):
        for content in (b"", events(("delta", '{"text":"Be"}')), b"event: delta\ndata: {"):
            self.assertEqual(self.kinds(content)[1].status, "unavailable")

    def test_a_stream_of_nonsense(self):
        with self.assertLogs("lectern_openedx", "ERROR"):
            self.assertEqual(self.kinds(b"event: delta\ndata: nonsense\n\n")[1].status, "failed")

    def test_a_refusal_is_the_only_event(self):
        found = list(self.ask({RUN: (403, {"code": "course_disabled"})}).stream())
        self.assertEqual([(e.kind, e.result.status) for e in found], [("done", "disabled")])

    def test_closing_it_ends_the_call(self):
        stream = self.ask({RUN: (200, events(("delta", '{"text":"Be"}'), ("delta", '{"text":"cause"}')), "text/event-stream")}).stream()
        self.assertEqual(next(stream).text, "Be")
        stream.close()


class Tasks(WithDouble):
    def test_from_asking_to_the_end(self):
        path = ("GET", "/v1/tasks/t%2F1")
        service = self.ask(
            {
                RUN: (202, {"task_id": "t/1", "state": "queued"}),
                path: [
                    (200, {"id": "t/1", "state": "running", "progress": {"message": "Reading."}}),
                    (200, {"id": "t/1", "state": "completed", "result": DONE}),
                ],
            }
        )
        started = service.run_async("kind", user_input="x")
        self.assertEqual((started.status, self.asked[0]["body"]["async"]), ("pending", True))
        first, second = service.task(started.metadata["task_id"]), service.task(started.metadata["task_id"])
        self.assertEqual((first.status, first.metadata["progress"]["message"], second.status, second.text), ("pending", "Reading.", "ok", "Because."))
        self.assertEqual(parse_qs(self.asked[1]["query"]), {"user_id": ["7"], "role": ["student"]})

    def test_other_ends(self):
        for task, expected in [
            ({"state": "timeout"}, "timeout"),
            ({"state": "cancelled"}, "cancelled"),
            ({"state": "failed"}, "failed"),
            ({"state": "completed"}, "failed"),
            ({"state": "failed", "error": {"code": "course_disabled"}}, "disabled"),
            ({"state": "new"}, "failed"),
            ({}, "failed"),
        ]:
            self.assertEqual(self.ask({("GET", "/v1/tasks/1"): (200, task)}).task("1").status, expected, task)

    def test_cancelling(self):
        self.assertTrue(self.ask({("DELETE", "/v1/tasks/1"): (200, {"cancelled": True})}).cancel("1").ok)


class Grading(WithDouble):
    ACTION = ("POST", "/v1/actions/grade_response")

    def answer(self, envelope):
        return (200, {"id": "1", "action": "grade_response", "success": True, "response": envelope})

    def test_as_an_action_without_a_profile(self):
        result = self.ask({self.ACTION: self.answer(GRADE)}).grade(RUBRIC, ["A cell."], submission_uuid="sub-1")
        sent = self.asked[0]
        self.assertEqual(set(sent["body"]["input"]), {"task", "rubric", "submission", "limits"})
        self.assertEqual((sent["body"]["user"]["id"], sent["body"]["user"]["roles"]), ("7", ["student"]), "nobody is lent a role")
        self.assertTrue(sent["headers"]["Idempotency-Key"].startswith("sub-1:"))
        self.assertEqual(
            (result.status, result.payload["points_earned"], result.payload["points_possible"]), ("ok", 3, 5), "points are the rubric's (G1)"
        )
        self.assertEqual([c["feedback"] for c in result.payload["criteria"]], ["Good.", "", "Go on."])

    def test_as_a_workflow_with_one(self):
        self.assertTrue(self.ask({RUN: self.answer(GRADE)}).grade(RUBRIC, "A cell.", profile="ora", prompt="strict-teacher").ok)
        sent = self.asked[0]["body"]
        self.assertEqual((sent["profile"], sent["prompt"]), ("ora", "strict-teacher"))
        self.assertNotIn("prompt", sent["user_input"])

    def test_a_prompt_without_a_profile_is_a_text(self):
        self.assertTrue(self.ask({self.ACTION: self.answer(GRADE)}).grade(RUBRIC, "A cell.", prompt="Be strict.").ok)
        self.assertEqual(self.asked[0]["body"]["input"]["prompt"], "Be strict.")
        result = self.ask({self.ACTION: self.answer(GRADE)}).grade(RUBRIC, "A cell.", prompt="strict-teacher")
        self.assertEqual((result.status, result.metadata["field"], self.asked), ("invalid", "/prompt", []))

    def test_feedback_only_has_no_points(self):
        """G11: as the daemon gives it, and also when something of a verdict came along."""
        for options in ({"option_id": None, "points": None}, {}):
            given = {**GRADE, "mode": "feedback_only", "criteria": [{**c, **options} for c in GRADE["criteria"]]}
            result = self.ask({RUN: self.answer(given)}).grade(RUBRIC, "x", profile="ora")
            self.assertTrue(result.ok)
            self.assertEqual({(c["option_id"], c["points"]) for c in result.payload["criteria"]}, {(None, None)})
            self.assertEqual((result.payload["points_earned"], result.payload["overall_feedback"]), (None, "Well done."))

    def test_the_envelopes_status_is_the_results(self):
        for status in ("abstained", "unavailable", "rejected", "failed", "pending"):
            self.assertEqual(self.ask({self.ACTION: self.answer({"status": status, "reason": "other"})}).grade(RUBRIC, "x").status, status)

    def test_a_grade_that_is_not_complete_is_none(self):
        first, second, third = GRADE["criteria"]
        for criteria in (
            [first, second],
            [first, second, third, third],
            [first, second, {**third, "id": "c9"}],
            [{**first, "option_id": "o9"}, second, third],
            [{**first, "option_id": None}, second, third],
            [{**first, "option_id": []}, second, third],
            [first, second, {**third, "feedback": ""}],
            [first, second, "third"],
            None,
            [],
        ):
            result = self.ask({self.ACTION: self.answer({**GRADE, "criteria": criteria})}).grade(RUBRIC, "x")
            self.assertEqual((result.status, result.payload), ("failed", {}), criteria)
        self.assertEqual(self.ask({self.ACTION: self.answer({"status": "wonderful"})}).grade(RUBRIC, "x").status, "failed")


if __name__ == "__main__":
    unittest.main()
