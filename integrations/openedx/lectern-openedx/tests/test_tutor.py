"""The plugin for Tutor, with the real tutor: what it renders into settings and web server."""

import importlib.metadata
import importlib.util
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

tutor = importlib.util.find_spec("tutor")

FOLDER = pathlib.Path(__file__).resolve().parent.parent
KEY = 'lk_with"quote'


def installed():
    try:
        return importlib.metadata.distribution("lectern-openedx")
    except importlib.metadata.PackageNotFoundError:
        return None


@unittest.skipUnless(tutor, "tutor is not installed")
class Plugin(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = tempfile.TemporaryDirectory()
        cls.root = pathlib.Path(cls.place.name) / "root"
        plugins = pathlib.Path(cls.place.name) / "plugins"
        plugins.mkdir()
        cls.env = {**os.environ, "TUTOR_ROOT": str(cls.root), "TUTOR_PLUGINS_ROOT": str(plugins), "PYTHONPATH": str(FOLDER)}
        if not installed():  # else its entry point is what tutor finds
            (plugins / "lectern.py").write_text("from lectern_openedx.tutor_plugin import *\n")
        cls.tutor("plugins", "enable", "lectern")
        settings = [
            f"LECTERN_KEY='{KEY}'",
            "LECTERN_ADDRESS=ai.example.org:8080",
            "LECTERN_ORA_STEP=true",
            "LMS_HOST=lms.example.org",
            "CMS_HOST=studio.example.org",
        ]
        cls.tutor("config", "save", *(word for setting in settings for word in ("--set", setting)))

    @classmethod
    def tearDownClass(cls):
        cls.place.cleanup()

    @classmethod
    def tutor(cls, *words):
        done = subprocess.run([sys.executable, "-m", "tutor.commands.cli", *words], env=cls.env, capture_output=True, text=True, timeout=120)
        if done.returncode != 0:
            raise AssertionError(f"tutor {' '.join(words)}: {done.stderr[-2000:]}")
        return done.stdout

    def rendered(self, name):
        return (self.root / "env" / "apps" / name).read_text()

    def test_the_settings_of_lms_and_studio_name_address_and_key(self):
        for name in ("openedx/settings/lms/production.py", "openedx/settings/cms/production.py", "openedx/settings/lms/development.py"):
            text = self.rendered(name)
            begin = text.index("LECTERN = {")
            found = {}
            exec(compile(text[begin : text.index("}\n", text.index("ORA2_ASSESSMENTS", begin)) + 2], name, "exec"), found)
            self.assertEqual(found["LECTERN"], {"URL": "http://ai.example.org:8080", "KEY": KEY, "USER_CLAIM": "preferred_username"})
            self.assertEqual(found["XBLOCK_EXTRA_SERVICES"], {"ai_extensions": "lectern_openedx.wiring.ai_extensions_factory"})
            self.assertEqual(found["ORA2_ASSESSMENTS"]["ai"], "lectern_openedx.ora")

    def test_the_web_server_sends_the_door_to_lectern_at_both_hosts(self):
        text = self.rendered("caddy/Caddyfile")
        self.assertEqual(text.count("handle /openedx-ai-extensions/* {"), 2)
        self.assertEqual(text.count("reverse_proxy ai.example.org:8080"), 2)
        lms, studio = text.index("lms.example.org{"), text.index("studio.example.org{")
        first, second = (text.index("/openedx-ai-extensions/", at) for at in (min(lms, studio), max(lms, studio)))
        self.assertTrue(min(lms, studio) < first < max(lms, studio) < second)
        self.assertNotIn("flush_interval", text)

    def test_the_folder_is_mounted_into_the_images(self):
        self.tutor("mounts", "add", str(FOLDER))
        self.tutor("config", "save")
        self.assertIn(f"{FOLDER}:/mnt/{FOLDER.name}", (self.root / "env/local/docker-compose.yml").read_text())
        self.assertIn(f"/mnt/{FOLDER.name}", (self.root / "env/build/openedx/Dockerfile").read_text())

    def test_without_an_ora_step_the_setting_is_left_alone(self):
        self.tutor("config", "save", "--set", "LECTERN_ORA_STEP=false")
        self.assertNotIn("ORA2_ASSESSMENTS", self.rendered("openedx/settings/lms/production.py"))
        self.tutor("config", "save", "--set", "LECTERN_ORA_STEP=true")


if __name__ == "__main__":
    unittest.main()
