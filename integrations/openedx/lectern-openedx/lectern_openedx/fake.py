"""An engine for tests: no network, no clock, no chance. The same question has the same answer."""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .engine import Run, names_template
from .result import Event, Profile, Result, Status, failure
from .scope import Scope

class FakeEngine:
    """
    profiles: what there is. own_prompts: the slugs that allow an author's own text. prompts: prompt templates by slug. disabled_courses: where it is
    switched off. fault: raised by every method. polls: how often task() says PENDING. calls: what was asked: (method, Scope, Run or request or id).
    """

    def __init__(
        self,
        profiles: Sequence[Profile] = (Profile("fake", "Repeats what it is asked"),),
        *,
        own_prompts: Sequence[str] = (),
        prompts: Mapping[str, str] | None = None,
        disabled_courses: Sequence[str] = (),
        fault: Exception | None = None,
        polls: int = 1,
    ) -> None:
        self.known = list(profiles)
        self.own_prompts, self.prompts = set(own_prompts), dict(prompts or {})
        self.disabled_courses, self.fault, self.polls = set(disabled_courses), fault, polls
        self.calls: list[tuple[str, Scope, Any]] = []
        self._tasks: dict[str, tuple[Scope, Run, int]] = {}
        self._grades: dict[tuple[str, str], Result] = {}
        self._lock = threading.Lock()

    def availability(self, scope: Scope) -> Result:
        self._note("availability", scope, None)
        return self._refusal(scope) or Result(Status.OK)

    def profiles(self, scope: Scope) -> list[Profile]:
        self._note("profiles", scope, None)
        return list(self.known)

    def run(self, scope: Scope, run: Run) -> Result:
        self._note("run", scope, run)
        return self._answer(scope, run)

    def stream(self, scope: Scope, run: Run) -> Iterator[Event]:
        self._note("stream", scope, run)
        result = self._answer(scope, run)
        for piece in re.findall(r"\S+\s*", result.text):
            yield Event("delta", piece)
        yield Event("done", result=result)

    def start(self, scope: Scope, run: Run) -> Result:
        self._note("start", scope, run)
        refused = self._refusal(scope)
        if refused:
            return refused
        with self._lock:
            task_id = str(uuid.UUID(int=len(self._tasks) + 1))
            self._tasks[task_id] = (scope, run, self.polls)
        return Result(Status.PENDING, metadata={"task_id": task_id})

    def task(self, scope: Scope, task_id: str) -> Result:
        self._note("task", scope, task_id)
        with self._lock:
            owner, run, left = self._tasks.get(task_id, (None, Run(), 0))
            if owner is None or owner.user_id != scope.user_id:
                return failure(Status.ABSENT, "not_found")
            self._tasks[task_id] = (owner, run, max(left - 1, 0))
        return Result(Status.PENDING, metadata={"task_id": task_id}) if left > 0 else self._answer(owner, run)

    def cancel(self, scope: Scope, task_id: str) -> Result:
        self._note("cancel", scope, task_id)
        with self._lock:
            return Result(Status.OK) if self._tasks.pop(task_id, None) else failure(Status.ABSENT, "not_found")

    def grade(self, scope: Scope, request: Mapping[str, Any]) -> Result:
        """Each criterion's option is the length of the text, modulo their number. Nothing written: abstains. The same key: the same result."""
        self._note("grade", scope, request)
        _, wrong = self._instruction(str(request.get("profile") or ""), str(request.get("prompt") or ""))
        refused = self._refusal(scope) or wrong
        key = (scope.user_id, str(request["idempotency_key"]))
        if not refused and key not in self._grades:
            self._grades[key] = fake_grade(request)
        return refused or self._grades[key]

    def _note(self, name: str, scope: Scope, what: Any) -> None:
        self.calls.append((name, scope, what))
        if self.fault:
            raise self.fault

    def _refusal(self, scope: Scope) -> Result | None:
        if scope.course_key in self.disabled_courses:
            return failure(Status.DISABLED, "course_disabled", "AI is switched off in this course or activity.")
        return None

    def _instruction(self, profile: str, prompt: str) -> tuple[str, Result | None]:
        """As Lectern does; without a profile (grading alone) there are no templates."""
        if not names_template(prompt):
            allowed = not prompt or not profile or profile in self.own_prompts
            return prompt, None if allowed else failure(
                Status.DENIED, "permission_denied", field="/prompt", detail="the profile does not allow an author's own prompt"
            )
        if not profile:
            return "", failure(Status.INVALID, "invalid_input", field="/prompt")
        return self.prompts.get(prompt, ""), None if prompt in self.prompts else failure(Status.ABSENT, "not_found", field="/prompt")

    def _answer(self, scope: Scope, run: Run) -> Result:
        refused = self._refusal(scope)
        if refused:
            return refused
        profile = run.profile or (self.known[0].slug if self.known else "")
        if profile not in {p.slug for p in self.known}:
            return failure(Status.ABSENT, "not_found")
        about = {"id": str(uuid.uuid5(uuid.NAMESPACE_URL, repr((profile, run, scope)))), "profile": profile, "action": run.action}
        instruction, wrong = self._instruction(profile, run.prompt)
        if wrong:
            return wrong
        if isinstance(run.user_input, dict) and run.user_input.get("kind") == "rubric_grading/1":
            grade = fake_grade(run.user_input)
            return Result(Status.OK, grade.payload, about)
        said = f"[{profile}] {instruction + ' ' if instruction else ''}{'' if run.user_input is None else run.user_input}".strip()
        return Result(Status.OK, {"response": said, "status": "completed"}, about, session=None)


def fake_grade(request: Mapping[str, Any]) -> Result:
    parts = request["submission"]["parts"]
    text = "".join(part["text"] for part in parts)
    if not text.strip():
        return Result(Status.ABSTAINED, {"status": "abstained", "reason": "empty", "criteria": []}, {"code": "empty"})
    criteria = []
    for criterion in request["rubric"]["criteria"]:
        options = criterion["options"]
        chosen = options[len(text) % len(options)] if options else None
        said = next(i for i, part in enumerate(parts) if part["text"])
        criteria.append(
            {
                "id": criterion["id"],
                "option_id": chosen["id"] if chosen else None,
                "points": chosen["points"] if chosen else 0,
                "feedback": "" if criterion["feedback"] == "disabled" else f"Feedback on {criterion['id']}.",
                "evidence": [{"part": f"p{said}", "start": 0, "end": min(20, len(parts[said]["text"]))}],
            }
        )
    return Result(
        Status.OK,
        {
            "status": "ok",
            "reason": "none",
            "criteria": criteria,
            "overall_feedback": f"{len(text)} characters read.",
            "points_earned": sum(c["points"] for c in criteria),
            "points_possible": sum(max((o["points"] for o in c["options"]), default=0) for c in request["rubric"]["criteria"]),
            "model": "fake",
            "profile": {"id": str(request.get("profile", "")), "version": 1},
        },
        {"model": "fake"},
    )
