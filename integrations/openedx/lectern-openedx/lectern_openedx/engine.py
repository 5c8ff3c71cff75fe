"""What stands behind the service: Lectern, the fake of the tests, or nothing."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from .result import Event, Profile, Result, Status, failure
from .scope import Scope
from .settings import Settings, read_settings


@dataclasses.dataclass(frozen=True, slots=True)
class Run:
    """A workflow to be run. profile "": the one that a scope at Lectern leads to. prompt: slug, UUID or the author's own text; "" for none."""

    profile: str = ""
    context: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    prompt: str = ""
    user_input: Any = None
    action: str = "run"


TEMPLATE = re.compile(r"[A-Za-z0-9_-]{1,100}\Z")
"""The form of a slug; a UUID has it, too."""


def names_template(prompt: str) -> bool:
    """A prompt of this form names a prompt template of Lectern; anything else is an author's own text."""
    return TEMPLATE.match(prompt) is not None


class Engine(Protocol):
    """Any thread. Engines may raise; the service turns that into Status.FAILED."""

    def availability(self, scope: Scope) -> Result: ...

    def profiles(self, scope: Scope) -> list[Profile]: ...

    def run(self, scope: Scope, run: Run) -> Result: ...

    def stream(self, scope: Scope, run: Run) -> Iterator[Event]: ...

    def start(self, scope: Scope, run: Run) -> Result: ...

    def task(self, scope: Scope, task_id: str) -> Result: ...

    def cancel(self, scope: Scope, task_id: str) -> Result: ...

    def grade(self, scope: Scope, request: Mapping[str, Any]) -> Result: ...


class NoEngine:
    """Nothing is set up, or what is set up cannot be meant."""

    def __init__(self, status: Status = Status.ABSENT, code: str = "not_set_up", detail: str = "no LECTERN URL and KEY are set") -> None:
        self.answer = failure(status, code, detail=detail)

    def availability(self, scope: Scope) -> Result:
        return self.answer

    def profiles(self, scope: Scope) -> list[Profile]:
        return []

    def run(self, scope: Scope, run: Run) -> Result:
        return self.answer

    def stream(self, scope: Scope, run: Run) -> Iterator[Event]:
        yield Event("done", result=self.answer)

    def start(self, scope: Scope, run: Run) -> Result:
        return self.answer

    def task(self, scope: Scope, task_id: str) -> Result:
        return self.answer

    def cancel(self, scope: Scope, task_id: str) -> Result:
        return self.answer

    def grade(self, scope: Scope, request: Mapping[str, Any]) -> Result:
        return self.answer


@functools.lru_cache(maxsize=8)
def engine_at(settings: Settings) -> Engine:
    from .lectern import LecternEngine

    return LecternEngine(settings)


_engine_of_tests: Engine | None = None


def current_engine() -> tuple[Engine, str]:
    """The engine, and the claim by which it knows users. Does not raise."""
    if _engine_of_tests is not None:
        return _engine_of_tests, "user_id"
    try:
        settings = read_settings()
    except ValueError as wrong:
        return NoEngine(Status.INVALID, "invalid_configuration", str(wrong)), "user_id"
    return (engine_at(settings), settings.user_claim) if settings else (NoEngine(), "user_id")


@contextlib.contextmanager
def using_engine(engine: Engine) -> Iterator[Engine]:
    """In tests: services made inside have this engine. For the whole process, so not for tests that run at the same time in one."""
    global _engine_of_tests
    before, _engine_of_tests = _engine_of_tests, engine
    try:
        yield engine
    finally:
        _engine_of_tests = before
