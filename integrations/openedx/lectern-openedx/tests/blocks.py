"""The XBlock of the tests: a small real one with an optional AI part, and runtimes for it. Needs the library XBlock."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from web_fragments.fragment import Fragment
from xblock.core import XBlock
from xblock.fields import Scope, ScopeIds, String
from xblock.runtime import DictKeyValueStore, KvsFieldData, MemoryIdManager, Runtime

COURSE = "course-v1:Org+Course+Run"


class Key(str):
    """A usage key as opaque-keys has it, as far as the library needs it."""

    context_key = COURSE
    block_id = "u1"


class Users:
    def __init__(self, user_id: int, role: str = "student") -> None:
        self.user = SimpleNamespace(
            opt_attrs={
                "edx-platform.user_id": user_id,
                "edx-platform.username": f"user{user_id}",
                "edx-platform.user_role": role,
                "edx-platform.user_preferences": {"pref-lang": "es"},
            }
        )

    def get_current_user(self) -> Any:
        return self.user


@XBlock.wants("ai_extensions")
@XBlock.wants("user")
class EssayBlock(XBlock):
    """Asks for a text; where AI can be had, says something about it."""

    ai_profile = String(scope=Scope.settings, default="")

    def student_view(self, context: Any = None) -> Fragment:
        ai = self.runtime.service(self, "ai_extensions")
        button = "<button>Hint</button>" if ai is not None and ai.available() else ""
        return Fragment(f"<textarea></textarea>{button}")

    def studio_view(self, context: Any = None) -> Fragment:
        ai = self.runtime.service(self, "ai_extensions")
        options = "".join(f'<option value="{p.slug}">{p.description}</option>' for p in (ai.profiles() if ai is not None else []))
        return Fragment(f"<select>{options}</select>" if options else "<p>AI is not set up.</p>")

    @XBlock.json_handler
    def save_settings(self, data: Any, suffix: str = "") -> Any:
        self.ai_profile = data["ai_profile"]
        return {"ai_profile": self.ai_profile}

    @XBlock.json_handler
    def hint(self, data: Any, suffix: str = "") -> Any:
        ai = self.runtime.service(self, "ai_extensions")
        if ai is None:
            return {"status": "no service"}
        result = ai.run(profile=self.ai_profile or None, user_input=data["text"])
        return {"hint": result.text, **result.as_dict()}


class PlainRuntime(Runtime):
    """The library's runtime with what it leaves to others."""

    def __init__(self, services: dict[str, Any] | None = None) -> None:
        ids = MemoryIdManager()
        super().__init__(id_reader=ids, id_generator=ids, services={"field-data": KvsFieldData(DictKeyValueStore()), **(services or {})})

    def handler_url(self, block: Any, handler_name: str, suffix: str = "", query: str = "", thirdparty: bool = False) -> str:
        return ""

    def local_resource_url(self, block: Any, uri: str) -> str:
        return ""

    def publish(self, block: Any, event_type: str, event_data: Any) -> None:
        pass

    def resource_url(self, resource: str) -> str:
        return ""


def block_for(runtime: Runtime, user_id: int | None = 7, cls: type[XBlock] = EssayBlock) -> Any:
    usage = Key("block-v1:Org+Course+Run+type@essay+block@u1")
    return cls(runtime, scope_ids=ScopeIds(user_id, "essay", usage, usage))


def handle(block: Any, name: str, data: Any) -> Any:
    """A handler, as the platform calls it: with an HTTP request."""
    import json

    import webob

    request = webob.Request.blank("/", method="POST", body=json.dumps(data).encode())
    return json.loads(block.handle(name, request).body)
