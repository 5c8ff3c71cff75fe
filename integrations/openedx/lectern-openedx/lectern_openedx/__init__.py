"""The service `ai_extensions` for XBlocks. Lectern answers; nothing here knows a model or a vendor."""

from .engine import using_engine
from .fake import FakeEngine
from .result import Event, Profile, Result, Status
from .scope import Scope
from .service import AIExtensionsService

__all__ = ["AIExtensionsService", "Event", "FakeEngine", "Profile", "Result", "Scope", "Status", "using_engine"]
