"""A real block with the real library: installed, not installed, disabled for the course, failing; Studio; two users at once."""

import threading
import unittest

from lectern_openedx import AIExtensionsService, FakeEngine, Profile, using_engine

try:
    from . import blocks
except ImportError:
    blocks = None

TEXTAREA = "<textarea></textarea>"


def runtime(user_id=7, ai=True):
    """A runtime as the proposal for the library has it: who provides the service makes one for each block."""

    class WithEntryPoint(blocks.PlainRuntime):
        def service(self, block, service_name):
            found = super().service(block, service_name)
            return AIExtensionsService(runtime=self, xblock=block) if ai and found is None and service_name == "ai_extensions" else found

    return WithEntryPoint(services={"user": blocks.Users(user_id)})


@unittest.skipUnless(blocks, "the library XBlock is not installed")
class FourStates(unittest.TestCase):
    def view(self, **options):
        return blocks.block_for(runtime(**options)).student_view().content

    def ask(self, **options):
        return blocks.handle(blocks.block_for(runtime(**options)), "hint", {"text": "My essay"})

    def test_installed(self):
        with using_engine(FakeEngine()):
            self.assertEqual(self.view(), TEXTAREA + "<button>Hint</button>")
            answer = self.ask()
        self.assertEqual((answer["status"], answer["hint"]), ("ok", "[fake] My essay"))

    def test_not_installed(self):
        self.assertEqual(self.view(ai=False), TEXTAREA)
        self.assertEqual(self.ask(ai=False), {"status": "no service"})

    def test_installed_and_not_set_up(self):
        self.assertEqual(self.view(), TEXTAREA)
        self.assertEqual(self.ask()["status"], "absent")

    def test_disabled_for_the_course(self):
        with using_engine(FakeEngine(disabled_courses=[blocks.COURSE])):
            self.assertEqual(self.view(), TEXTAREA)
            self.assertEqual(self.ask()["status"], "disabled")

    def test_failing(self):
        with using_engine(FakeEngine(fault=RuntimeError("secret"))), self.assertLogs("lectern_openedx", "ERROR"):
            self.assertEqual(self.view(), TEXTAREA)
            answer = self.ask()
        self.assertEqual((answer["status"], answer["hint"]), ("failed", ""))
        self.assertNotIn("secret", str(answer))


@unittest.skipUnless(blocks, "the library XBlock is not installed")
class Studio(unittest.TestCase):
    def test_the_view_lists_the_profiles_and_the_slug_is_stored_and_used(self):
        engine = FakeEngine([Profile("kind", "Kind"), Profile("strict", "Strict")])
        with using_engine(engine):
            block = blocks.block_for(runtime())
            self.assertEqual(block.studio_view().content, '<select><option value="kind">Kind</option><option value="strict">Strict</option></select>')
            self.assertEqual(blocks.handle(block, "save_settings", {"ai_profile": "strict"}), {"ai_profile": "strict"})
            again = blocks.block_for(block.runtime)
            self.assertEqual(blocks.handle(again, "hint", {"text": "x"})["hint"], "[strict] x")

    def test_without_profiles_the_view_says_so(self):
        for options in ({"ai": False}, {}):
            self.assertEqual(blocks.block_for(runtime(**options)).studio_view().content, "<p>AI is not set up.</p>")


@unittest.skipUnless(blocks, "the library XBlock is not installed")
class Isolation(unittest.TestCase):
    def test_iso_1_what_b_acquires_between_as_acquiring_and_calling_changes_nothing_for_a(self):
        """Two requests at once over one shared table of services, which the second one changes under the first."""
        table = {"user": blocks.Users(1)}
        shared = blocks.PlainRuntime(services=table)
        acquired, changed, seen = threading.Event(), threading.Event(), {}

        def first():
            ai = AIExtensionsService(shared, blocks.block_for(shared, 1))
            acquired.set()
            changed.wait(10)
            seen["a"] = ai.run(user_input="of a")

        def second():
            acquired.wait(10)
            shared._services["user"] = blocks.Users(2)
            ai = AIExtensionsService(shared, blocks.block_for(shared, 2))
            changed.set()
            seen["b"] = ai.run(user_input="of b")

        with using_engine(FakeEngine()) as engine:
            threads = [threading.Thread(target=t) for t in (first, second)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(20)
        self.assertTrue(seen["a"].ok and seen["b"].ok)
        self.assertEqual({run.user_input: scope.user_id for name, scope, run in engine.calls if name == "run"}, {"of a": "1", "of b": "2"})

    def test_iso_1_many_users_at_once(self):
        def one(user_id):
            block = blocks.block_for(runtime(user_id), user_id)
            for _ in range(20):
                blocks.handle(block, "hint", {"text": f"of {user_id}"})

        with using_engine(FakeEngine()) as engine:
            threads = [threading.Thread(target=one, args=(n,)) for n in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(30)
        asked = [(scope.user_id, run.user_input) for name, scope, run in engine.calls if name == "run"]
        self.assertEqual(len(asked), 160)
        self.assertTrue(all(said == f"of {user_id}" for user_id, said in asked))

    def test_a_block_of_one_user_in_the_runtime_of_another_asks_nothing(self):
        """The mix-up that has happened: a block bound to user 1 finds the user service of user 2."""
        with using_engine(FakeEngine()) as engine:
            shared = blocks.PlainRuntime(services={"user": blocks.Users(2)})
            ai = AIExtensionsService(shared, blocks.block_for(shared, 1))
            self.assertEqual(ai.run(user_input="x").metadata["code"], "user_mismatch")
            self.assertEqual((ai.available(), ai.profiles(), [e.result.status for e in ai.stream(user_input="x")]), (False, [], ["denied"]))
        self.assertEqual(engine.calls, [])


if __name__ == "__main__":
    unittest.main()
