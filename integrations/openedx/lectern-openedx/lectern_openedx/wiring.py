"""
How a runtime comes by the service, for each route of openedx-ai-extensions' ADR-0005 that needs no monkey-patching. The entry-point group
`xblock.service.v1` (XBlock's PR #927) takes AIExtensionsService itself.
"""

from __future__ import annotations

from typing import Any

from .service import AIExtensionsService

NAME = "ai_extensions"


def ai_extensions_factory(runtime: Any = None, block: Any = None) -> AIExtensionsService:
    """For the entry-point group `openedx.xblock_service` (called by position) and for XBLOCK_EXTRA_SERVICES (called by name)."""
    return AIExtensionsService(runtime, block)


class TableEntry(AIExtensionsService):
    """
    Stands in a table of services, which knows no block. A runtime that calls what it finds there with the block (the platform's ModuleStoreRuntime)
    hands out a service of that block; of one that does not, the block asks for it: service(self). Unasked, calls are the platform's own.
    """

    def __call__(self, block: Any) -> AIExtensionsService:
        return AIExtensionsService(xblock=block)


def services_table(runtime: Any = None) -> dict[str, AIExtensionsService]:
    """For a runtime's services={}: Runtime(services={**others, **services_table()})."""
    return {NAME: TableEntry(runtime)}


class ServiceRequestedStep:
    """
    A step for the filter org.openedx.learning.xblock.service.requested.v1. What the runtime provides itself goes before; whether the block has
    declared the service is the runtime's to check.
    """

    def __init__(self, filter_type: str = "", running_pipeline: Any = None, **extra_config: Any) -> None:
        self.filter_type, self.running_pipeline, self.extra_config = filter_type, running_pipeline, extra_config

    def run_filter(self, block: Any = None, service_name: str = "", service: Any = None, **others: Any) -> dict[str, Any]:
        if service_name == NAME and service is None:
            service = AIExtensionsService(xblock=block)
        return {"block": block, "service_name": service_name, "service": service, **others}
