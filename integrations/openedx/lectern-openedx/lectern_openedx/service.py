"""The service as an XBlock sees it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .engine import Run, current_engine
from .grading import checked, grading_request
from .result import Event, Profile, Result, Status, failure
from .scope import Scope, scope_of

log = logging.getLogger(__name__)


class AIExtensionsService:
    """
    One block, one user: what both are is read when the service is made, so keep no instance beyond the request. Works without either: calls are
    then the platform's own. No method raises; how a call went is Result.status. Calls wait for their answer except run_async, task and available.
    """

    def __init__(self, runtime: Any = None, xblock: Any = None) -> None:
        self._engine, claim = current_engine()
        self.scope = scope_of(runtime, xblock, claim)

    @classmethod
    def for_scope(cls, scope: Scope) -> AIExtensionsService:
        """Outside of a block, such as in a background task: the caller says where and for whom."""
        service = cls()
        service.scope = scope
        return service

    @property
    def usage_key(self) -> str | None:
        return self.scope.usage_key or None

    @property
    def course_key(self) -> str | None:
        return self.scope.course_key or None

    @property
    def user_id(self) -> str | None:
        return self.scope.user_id or None

    def available(self) -> bool:
        """Should a block show its AI part to this user here? Asks Lectern at most every five seconds, waits half a second, changes nothing."""
        return self.availability().ok

    def availability(self) -> Result:
        """The same with the reason."""
        return self._ask("availability", lambda: self._engine.availability(self.scope))

    def profiles(self) -> list[Profile]:
        """For Studio: what an author may choose here; [] when nothing can be had. Asks as an author: only call it in views for authors."""
        try:
            return [] if self.scope.conflict else self._engine.profiles(self.scope)
        except Exception:
            log.exception("ai_extensions: profiles")
            return []

    def run(
        self,
        profile: str | None = None,
        context: Mapping[str, Any] | None = None,
        prompt: str | None = None,
        user_input: Any = None,
        action: str = "run",
    ) -> Result:
        """
        profile: slug, UUID or number; None: the one that a scope at Lectern leads to, by course, block and context["ui_slot_selector_id"].
        context: over what is known of course and block, and `content`, the text it is about. prompt: slug or UUID of a prompt template, or the
        author's own text, which the profile must allow (allow_prompt: true). Never put a learner's text there: that is user_input.
        """
        return self._ask("run", lambda: self._engine.run(self.scope, make_run(profile, context, prompt, user_input, action)))

    def stream(
        self,
        profile: str | None = None,
        context: Mapping[str, Any] | None = None,
        prompt: str | None = None,
        user_input: Any = None,
        action: str = "run",
    ) -> Iterator[Event]:
        """As run, in pieces. The last event, and only that, is "done" and has the result. Closing the iterator ends the call."""
        done = False
        try:
            if self.scope.conflict:
                yield Event("done", result=conflict())
                return
            for event in self._engine.stream(self.scope, make_run(profile, context, prompt, user_input, action)):
                done = event.kind == "done"
                yield event
                if done:
                    return
        except Exception:
            log.exception("ai_extensions: stream")
        if not done:
            yield Event("done", result=failure(Status.FAILED, "internal_error"))

    def run_async(
        self,
        profile: str | None = None,
        context: Mapping[str, Any] | None = None,
        prompt: str | None = None,
        user_input: Any = None,
        action: str = "run",
    ) -> Result:
        """As run, in the background: Status.PENDING with metadata["task_id"], for task()."""
        return self._ask("run_async", lambda: self._engine.start(self.scope, make_run(profile, context, prompt, user_input, action)))

    def task(self, task_id: str) -> Result:
        """How far it is: Status.PENDING, or what run() would have given. Only tasks of the same user are found."""
        return self._ask("task", lambda: self._engine.task(self.scope, task_id))

    def cancel(self, task_id: str) -> Result:
        return self._ask("cancel", lambda: self._engine.cancel(self.scope, task_id))

    def grade(
        self, rubric: Mapping[str, Any], submission: str | list[str], profile: str | None = None, prompt: str | None = None, **more: Any
    ) -> Result:
        """
        Judges a submission (its parts' texts) by a rubric as Open Response Assessment has it. more: submission_uuid, profile_version, examples,
        language, idempotency_key, attachments, deadline_ms (see grading.grading_request). The payload is the envelope of grading; its status is
        the result's.
        """

        def grade() -> Result:
            request = grading_request(rubric, submission, profile=profile, prompt=prompt, scope=self.scope, **more)
            return checked(request, self._engine.grade(self.scope, request))

        return self._ask("grade", grade)

    def _ask(self, what: str, call: Callable[[], Result]) -> Result:
        if self.scope.conflict:
            return conflict()
        try:
            return call()
        except (TypeError, ValueError) as wrong:
            log.warning("ai_extensions: %s: %s", what, wrong)
            return failure(Status.INVALID, "invalid_input", detail=str(wrong))
        except Exception:  # a part that is only wanted must never break the block
            log.exception("ai_extensions: %s", what)
            return failure(Status.FAILED, "internal_error")


def conflict() -> Result:
    return failure(Status.DENIED, "user_mismatch", detail="the block is bound to another user than the runtime's user service names")


def make_run(profile: str | None, context: Mapping[str, Any] | None, prompt: str | None, user_input: Any, action: str) -> Run:
    return Run(profile or "", dict(context or {}), prompt or "", user_input, action)
