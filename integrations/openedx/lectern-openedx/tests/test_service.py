"""The service and its envelope, with the fake engine; no library is needed."""

import json
import os
import sys
import types
import unittest
from unittest import mock

from lectern_openedx import AIExtensionsService, Event, FakeEngine, Profile, Scope, Status, using_engine
from lectern_openedx.scope import scope_of
from lectern_openedx.settings import read_settings
from .samples import RUBRIC


def block(user_id=7, spoken=7, role="student", **more):
    """What a block and its runtime look like from here."""
    attributes = {
        "edx-platform.user_id": spoken,
        "edx-platform.username": f"user{spoken}",
        "edx-platform.user_role": role,
        "edx-platform.user_preferences": {"pref-lang": "es"},
    }
    user = types.SimpleNamespace(get_current_user=lambda: types.SimpleNamespace(opt_attrs=attributes))
    runtime = types.SimpleNamespace(service=lambda xblock, name: user if spoken is not None else None)
    return types.SimpleNamespace(
        runtime=runtime,
        usage_key="block-v1:O+C+R+type@p+block@1",
        context_key="course-v1:O+C+R",
        scope_ids=types.SimpleNamespace(user_id=user_id),
        **more,
    )


class Bad:
    """Raises whatever it is asked."""

    def __getattr__(self, name):
        raise RuntimeError(name)


class Scopes(unittest.TestCase):
    def test_what_a_block_says(self):
        self.assertEqual(scope_of(None, block()), Scope("course-v1:O+C+R", "block-v1:O+C+R+type@p+block@1", "7", ("student",), "es"))

    def test_what_is_not_there_is_empty(self):
        for runtime, xblock in ((None, None), (Bad(), Bad()), (object(), object()), (Bad(), None), (None, Bad())):
            self.assertEqual(scope_of(runtime, xblock), Scope())

    def test_who_the_user_is(self):
        for user_id, spoken, claim, expected in [
            (7, 7, "user_id", "7"),
            (7, None, "user_id", "7"),
            (None, 7, "user_id", "7"),
            ("7", 7, "user_id", "7"),
            (7, 7, "preferred_username", "user7"),
            (7, None, "preferred_username", ""),
            (None, None, "user_id", ""),
        ]:
            with self.subTest(user_id=user_id, spoken=spoken, claim=claim):
                found = scope_of(None, block(user_id, spoken), claim)
                self.assertEqual((found.user_id, found.conflict, bool(found.roles)), (expected, False, bool(expected)))

    def test_roles(self):
        for role, expected in [
            ("student", "student"),
            ("staff", "editingteacher"),
            ("instructor", "editingteacher"),
            (None, "student"),
            ("admin", "student"),
        ]:
            self.assertEqual(scope_of(None, block(role=role)).roles, (expected,))

    def test_two_users_are_a_conflict(self):
        self.assertTrue(scope_of(None, block(1, 2)).conflict)


class Calls(unittest.TestCase):
    def setUp(self):
        context = using_engine(
            FakeEngine(
                [Profile("kind", "Kind"), Profile("strict")],
                own_prompts=["kind"],
                prompts={"short": "Be short."},
                disabled_courses=["course-v1:O+Off+R"],
            )
        )
        self.engine = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        self.service = AIExtensionsService(xblock=block())

    def test_the_names_it_derives(self):
        self.assertEqual(
            (self.service.usage_key, self.service.course_key, self.service.user_id), ("block-v1:O+C+R+type@p+block@1", "course-v1:O+C+R", "7")
        )
        nothing = AIExtensionsService()
        self.assertEqual((nothing.usage_key, nothing.course_key, nothing.user_id), (None, None, None))

    def test_run_gives_the_envelope(self):
        result = self.service.run(profile="kind", user_input="Why?", context={"ui_slot_selector_id": "essay"})
        self.assertEqual(
            (result.status, result.text, result.payload["status"], result.metadata["profile"], result.session),
            ("ok", "[kind] Why?", "completed", "kind", None),
        )
        self.assertEqual(self.engine.calls[-1][2].context, {"ui_slot_selector_id": "essay"})
        json.dumps(result.as_dict())

    def test_the_same_question_has_the_same_answer(self):
        self.assertEqual(self.service.run(user_input="x"), AIExtensionsService(xblock=block()).run(user_input="x"))

    def test_prompts(self):
        for profile, prompt, expected in [
            ("kind", "short", ("ok", "[kind] Be short. x")),
            ("kind", "Be very short.", ("ok", "[kind] Be very short. x")),
            ("kind", None, ("ok", "[kind] x")),
            ("kind", "gone", ("absent", "")),
            ("kind", "11111111-1111-4111-8111-111111111111", ("absent", "")),
            ("strict", "short", ("ok", "[strict] Be short. x")),
            ("strict", "Be very short.", ("denied", "")),
            ("kind", "Short", ("absent", "")),
        ]:
            with self.subTest(profile=profile, prompt=prompt):
                result = self.service.run(profile=profile, prompt=prompt, user_input="x")
                self.assertEqual((result.status, result.text), expected)

    def test_stream_ends_with_the_result(self):
        events = list(self.service.stream(user_input="one two"))
        self.assertEqual([e.kind for e in events], ["delta", "delta", "delta", "done"])
        self.assertEqual("".join(e.text for e in events), events[-1].result.text)

    def test_run_async_and_task(self):
        started = self.service.run_async(user_input="x")
        self.assertEqual(started.status, Status.PENDING)
        task = started.metadata["task_id"]
        self.assertEqual([self.service.task(task).status for _ in range(3)], ["pending", "ok", "ok"])
        self.assertEqual(AIExtensionsService(xblock=block(8, 8)).task(task).status, "absent", "somebody else's")
        self.assertEqual((self.service.cancel(task).status, self.service.cancel(task).status), ("ok", "absent"))

    def test_grade(self):
        result = self.service.grade(RUBRIC, "A cell is the smallest living thing.", profile="kind")
        self.assertEqual((result.status, result.payload["points_possible"]), ("ok", 5))
        self.assertEqual([c["id"] for c in result.payload["criteria"]], ["c0", "c1", "c2"])
        self.assertEqual(self.service.grade(RUBRIC, "  ").status, "abstained")
        self.assertEqual(self.service.grade({"criteria": []}, "x").status, "invalid")

    def test_grade_with_a_prompt(self):
        for profile, prompt, expected in [
            ("kind", "Be strict.", "ok"),
            ("strict", "Be strict.", "denied"),
            ("strict", "short", "ok"),
            ("kind", "gone", "absent"),
            (None, "Be strict.", "ok"),
            (None, "short", "invalid"),
        ]:
            with self.subTest(profile=profile, prompt=prompt):
                self.assertEqual(self.service.grade(RUBRIC, "A cell.", profile=profile, prompt=prompt).status, expected)

    def test_a_course_where_it_is_switched_off(self):
        off = AIExtensionsService.for_scope(Scope("course-v1:O+Off+R", user_id="7"))
        self.assertFalse(off.available())
        self.assertEqual(
            {r.status for r in (off.availability(), off.run(), off.run_async(), off.grade(RUBRIC, "x"), list(off.stream())[-1].result)}, {"disabled"}
        )

    def test_a_service_made_before_keeps_its_engine(self):
        with using_engine(FakeEngine(disabled_courses=["course-v1:O+C+R"])):
            self.assertTrue(self.service.available())

    def test_what_is_for_logs_is_not_in_what_a_handler_sends(self):
        result = self.service.run(profile="strict", prompt="Own text.")
        self.assertIn("detail", result.metadata)
        self.assertNotIn("detail", result.as_dict()["metadata"])


class NothingRaises(unittest.TestCase):
    METHODS = (
        "availability",
        "run",
        "run_async",
        lambda s: s.task("1"),
        lambda s: s.cancel("1"),
        lambda s: s.grade(RUBRIC, "x"),
        lambda s: list(s.stream())[-1].result,
    )

    def results(self, service):
        return [getattr(service, m)() if isinstance(m, str) else m(service) for m in self.METHODS]

    def test_an_engine_that_fails(self):
        with using_engine(FakeEngine(fault=KeyError("secret"))), self.assertLogs("lectern_openedx", "ERROR"):
            service = AIExtensionsService()
            self.assertEqual({r.status for r in self.results(service)}, {"failed"})
            self.assertEqual((service.available(), service.profiles()), (False, []))

    def test_no_engine(self):
        service = AIExtensionsService()
        self.assertEqual({(r.status, r.metadata["code"]) for r in self.results(service)}, {("absent", "not_set_up")})
        self.assertEqual((service.available(), service.profiles()), (False, []))

    def test_a_stream_that_breaks_after_its_first_piece(self):
        class Breaking(FakeEngine):
            def stream(self, scope, run):
                yield Event("delta", "one ")
                raise OSError("gone")

        with using_engine(Breaking()), self.assertLogs("lectern_openedx", "ERROR"):
            self.assertEqual([e.kind for e in AIExtensionsService().stream()], ["delta", "done"])

    def test_input_that_is_no_json(self):
        with mock.patch.dict(os.environ, {"LECTERN_URL": "http://127.0.0.1:1", "LECTERN_KEY": "lk_x"}), self.assertLogs("lectern_openedx", "WARNING"):
            self.assertEqual(AIExtensionsService().run(user_input=object()).status, "invalid")
            self.assertEqual(AIExtensionsService().run(user_input=float("nan")).status, "invalid")


class TheSettings(unittest.TestCase):
    def test_the_environment(self):
        for environment, expected in [
            ({}, None),
            ({"LECTERN_URL": "http://l:8080/"}, None),
            ({"LECTERN_URL": "http://l:8080/", "LECTERN_KEY": "lk_x"}, ("http://l:8080", "user_id")),
            ({"LECTERN_URL": "https://l", "LECTERN_KEY": "lk_x", "LECTERN_USER_CLAIM": "preferred_username"}, ("https://l", "preferred_username")),
        ]:
            with mock.patch.dict(os.environ, environment, clear=True):
                found = read_settings()
                self.assertEqual(found and (found.url, found.user_claim), expected)
                self.assertNotIn("lk_x", repr(found))

    def test_djangos_go_before(self):
        django, conf = types.ModuleType("django"), types.ModuleType("django.conf")
        conf.settings = types.SimpleNamespace(LECTERN={"URL": "http://of-django", "KEY": "lk_d", "TIMEOUT_S": 5})
        environment = {"LECTERN_URL": "http://of-environment", "LECTERN_KEY": "lk_e", "LECTERN_USER_CLAIM": "preferred_username"}
        with mock.patch.dict(sys.modules, {"django": django, "django.conf": conf}), mock.patch.dict(os.environ, environment, clear=True):
            found = read_settings()
        self.assertEqual((found.url, found.key, found.timeout_s, found.user_claim), ("http://of-django", "lk_d", 5.0, "preferred_username"))

    def test_what_cannot_be_meant_is_invalid_and_does_not_raise(self):
        good = {"LECTERN_URL": "http://l", "LECTERN_KEY": "lk_x"}
        for wrong in ({"LECTERN_URL": "l:8080"}, {"LECTERN_USER_CLAIM": "email"}, {"LECTERN_KEY": "lk_x\nX:y"}, {"LECTERN_TIMEOUT_S": "soon"}):
            with mock.patch.dict(os.environ, {**good, **wrong}, clear=True):
                result = AIExtensionsService().run()
                self.assertEqual((result.status, result.metadata["code"]), ("invalid", "invalid_configuration"))
                self.assertNotIn("lk_x", str(result))


if __name__ == "__main__":
    unittest.main()
