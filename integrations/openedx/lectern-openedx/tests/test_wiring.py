"""Each way by which a runtime comes by the service, with the real libraries; the platform's part of a way as its proposal has it."""

import importlib
import importlib.metadata
import unittest

from lectern_openedx import AIExtensionsService, FakeEngine, using_engine, wiring

try:
    from . import blocks
    from xblock.exceptions import NoSuchServiceError
    from xblock.plugin import Plugin
except ImportError:
    blocks = None
try:
    import openedx_filters
except ImportError:
    openedx_filters = None
try:
    importlib.metadata.distribution("lectern-openedx")
    installed = True
except importlib.metadata.PackageNotFoundError:
    installed = False

FILTER = "org.openedx.learning.xblock.service.requested.v1"


def import_string(path):
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


@unittest.skipUnless(blocks, "the library XBlock is not installed")
class Routes(unittest.TestCase):
    def check(self, make_runtime):
        """A block that wants the service gets one of its own place and user; one that has not declared it gets none."""
        with using_engine(FakeEngine()):
            runtime = make_runtime()
            service = runtime.service(blocks.block_for(runtime), "ai_extensions")
            self.assertEqual((service.course_key, service.user_id), (blocks.COURSE, "7"))
            self.assertEqual(service.run(user_input="x").text, "[fake] x")

            class Silent(blocks.XBlock):
                pass

            with self.assertRaises(NoSuchServiceError):
                runtime.service(blocks.block_for(runtime, cls=Silent), "ai_extensions")

    @unittest.skipUnless(installed, "the package is not installed")
    def test_the_entry_point_group_of_the_library(self):
        class Services(Plugin):
            entry_point = "xblock.service.v1"

        class Proposed(blocks.PlainRuntime):
            """XBlock's PR #927: what the runtime does not have, a plugin may."""

            def service(self, block, service_name):
                found = super().service(block, service_name)
                if found is None and service_name not in self._services:
                    provider = Services.load_class(service_name, default=None)
                    return provider(runtime=self, xblock=block) if provider else None
                return found

        self.check(lambda: Proposed(services={"user": blocks.Users(7)}))
        off = Proposed(services={"ai_extensions": None})
        self.assertIsNone(off.service(blocks.block_for(off), "ai_extensions"), "an explicit None of the platform switches it off")

    @unittest.skipUnless(installed, "the package is not installed")
    def test_the_entry_point_group_of_the_platform(self):
        factories = {e.name: e.load() for e in importlib.metadata.entry_points(group="openedx.xblock_service")}

        class Proposed(blocks.PlainRuntime):
            """ADR-0005, option 2."""

            def service(self, block, service_name):
                found = super().service(block, service_name)
                return factories[service_name](self, block) if found is None and service_name in factories else found

        self.check(lambda: Proposed(services={"user": blocks.Users(7)}))

    def test_the_setting(self):
        setting = {"ai_extensions": "lectern_openedx.wiring.ai_extensions_factory"}

        class Proposed(blocks.PlainRuntime):
            """ADR-0005, option 3, after the declaration is checked."""

            def service(self, block, service_name):
                found = super().service(block, service_name)
                return import_string(setting[service_name])(block=block, runtime=self) if found is None and service_name in setting else found

        self.check(lambda: Proposed(services={"user": blocks.Users(7)}))

    def test_a_table_of_services_whose_runtime_calls_what_it_finds(self):
        class Calling(blocks.PlainRuntime):
            """As the platform's ModuleStoreRuntime."""

            def service(self, block, service_name):
                found = super().service(block, service_name)
                return found(block) if callable(found) else found

        self.check(lambda: Calling(services={"user": blocks.Users(7), **wiring.services_table()}))

    def test_a_table_of_services_as_the_library_has_it(self):
        with using_engine(FakeEngine()):
            runtime = blocks.PlainRuntime(services={"user": blocks.Users(7), **wiring.services_table()})
            block = blocks.block_for(runtime)
            service = runtime.service(block, "ai_extensions")
            self.assertTrue(service.available() and service.user_id is None, "it works without a block")
            self.assertEqual(service(block).user_id, "7", "and with one when asked for it")

    def test_two_tables_know_nothing_of_each_other(self):
        """ISO-2, ISO-3."""
        one, other = wiring.services_table(), wiring.services_table()
        one["ai_extensions"] = None
        self.assertIsInstance(other["ai_extensions"], AIExtensionsService)

    @unittest.skipUnless(openedx_filters, "the library openedx-filters is not installed")
    def test_the_filter(self):
        from django.conf import settings

        if not settings.configured:
            settings.configure(
                OPEN_EDX_FILTERS_CONFIG={FILTER: {"fail_silently": False, "pipeline": ["lectern_openedx.wiring.ServiceRequestedStep"]}}
            )
        from openedx_filters.tooling import OpenEdxPublicFilter

        class ServiceRequested(OpenEdxPublicFilter):
            filter_type = FILTER

        class Proposed(blocks.PlainRuntime):
            """ADR-0005, option 4, behind what the runtime has itself."""

            def service(self, block, service_name):
                found = super().service(block, service_name)
                return ServiceRequested.run_pipeline(block=block, service_name=service_name, service=found)["service"]

        self.check(lambda: Proposed(services={"user": blocks.Users(7)}))
        own = Proposed(services={"ai_extensions": "the platform's"})
        self.assertEqual(own.service(blocks.block_for(own), "ai_extensions"), "the platform's")


class Step(unittest.TestCase):
    def test_it_leaves_other_services_alone_and_never_stops_the_pipeline(self):
        step = wiring.ServiceRequestedStep(FILTER, [])
        self.assertEqual(step.run_filter(block=None, service_name="user", service=None), {"block": None, "service_name": "user", "service": None})
        self.assertIsInstance(step.run_filter(service_name="ai_extensions")["service"], AIExtensionsService)


if __name__ == "__main__":
    unittest.main()
