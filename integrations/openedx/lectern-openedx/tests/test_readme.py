"""The ten lines of the README are lines that work, and there are ten of them."""

import pathlib
import re
import unittest

from lectern_openedx import AIExtensionsService, FakeEngine, Profile, using_engine

try:
    from . import blocks
    from xblock.core import XBlock
    from xblock.fields import Scope, String
except ImportError:
    blocks = None

README = (pathlib.Path(__file__).resolve().parent.parent / "README.md").read_text()
(CODE,) = re.findall(r"^```python\n(.*?)^```$", README, re.M | re.S)


class Lines(unittest.TestCase):
    def test_there_are_ten(self):
        self.assertEqual(len(CODE.splitlines()), 10)

    def test_every_status_is_described(self):
        from lectern_openedx import Status

        table = README[README.index("| status |") : README.index('`metadata["detail"]` is for logs')]
        self.assertEqual(set(re.findall(r"^\| (.*?) \|", table, re.M)[1:]) - {"---"}, set(re.findall(r"^\| (`.*?`) \|", table, re.M)))
        self.assertEqual(set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?`) \|", table, re.M)))), {s.value for s in Status})

    def test_every_public_method_is_described(self):
        for name in (n for n in vars(AIExtensionsService) if not n.startswith("_") and n not in ("for_scope",)):
            self.assertIn(f"`{name}", README)


@unittest.skipUnless(blocks, "the library XBlock is not installed")
class Run(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        found = {"XBlock": XBlock, "String": String, "Scope": Scope, "__name__": "readme"}
        exec(compile(CODE, "README.md", "exec"), found)
        cls.block = found["EssayBlock"]

    def hint(self, ai):
        class WithService(blocks.PlainRuntime):
            def service(self, block, service_name):
                found = super().service(block, service_name)
                return AIExtensionsService(self, block) if ai and service_name == "ai_extensions" else found

        block = blocks.block_for(WithService(), cls=self.block)
        block.ai_profile = "kind"
        return blocks.handle(block, "hint", {"text": "My essay"})["hint"]

    def test_they_give_the_answer_where_ai_can_be_had(self):
        with using_engine(FakeEngine([Profile("kind")])):
            self.assertEqual(self.hint(ai=True), "[kind] My essay")

    def test_they_give_nothing_and_break_nothing_where_not(self):
        self.assertEqual(self.hint(ai=False), "")
        self.assertEqual(self.hint(ai=True), "", "not set up")
        with using_engine(FakeEngine(disabled_courses=[blocks.COURSE])):
            self.assertEqual(self.hint(ai=True), "")
        with using_engine(FakeEngine(fault=RuntimeError())), self.assertLogs("lectern_openedx", "ERROR"):
            self.assertEqual(self.hint(ai=True), "")


if __name__ == "__main__":
    unittest.main()
