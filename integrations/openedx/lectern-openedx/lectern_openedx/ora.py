"""
An AI step for Open Response Assessment: a module for the setting ORA2_ASSESSMENTS, by ORA's duck-typed contract. It never makes a learner wait:
without the service, without a task, or when grading comes to nothing, the step counts as finished and has no effect on the grade.

modes: "feedback_only" (default: what it says is shown, no score), "advisory" (staff see its options and points), "scoring" (get_score answers; a
staff score wins, that is ORA's own rule).
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from .grading import checked, graded, grading_request
from .result import Result, Status
from .scope import Scope
from .service import AIExtensionsService

log = logging.getLogger(__name__)
MODES = ("feedback_only", "advisory", "scoring")
WAITING = {Status.PENDING, Status.UNAVAILABLE, Status.TIMEOUT, Status.BUSY}
PENDING_MAX_S = 600  # after that the workflow goes on without it; what comes later is still shown
KEPT_S = 90 * 24 * 3600


class Store(Protocol):
    """Notes of what was asked, by submission. Lectern has the durable record; a note that is lost is a step without effect."""

    def get(self, key: str) -> Any: ...

    def set(self, key: str, value: Any, timeout: int) -> Any: ...

    def delete(self, key: str) -> Any: ...


class MemoryStore:
    def __init__(self) -> None:
        self._notes: dict[str, str] = {}

    def get(self, key: str) -> Any:
        return json.loads(self._notes[key]) if key in self._notes else None

    def set(self, key: str, value: Any, timeout: int) -> None:
        self._notes[key] = json.dumps(value)

    def delete(self, key: str) -> None:
        self._notes.pop(key, None)


def default_store() -> Store:
    try:
        from django.conf import settings  # type: ignore[import-untyped,unused-ignore]
        from django.core.cache import cache  # type: ignore[import-untyped,unused-ignore]

        if settings.configured:
            shared: Store = cache
            return shared
    except ImportError:
        pass
    return MemoryStore()


store: Store = default_store()


# ---- ORA's contract ----


def on_init(
    submission_uuid: str,
    *,
    rubric: Mapping[str, Any] | None = None,
    submission: str | Sequence[str] = "",
    mode: str = "feedback_only",
    profile: str | None = None,
    prompt: str | None = None,
    user_id: str = "",
    course_id: str = "",
    location_id: str = "",
    language: str = "",
    examples: Sequence[Mapping[str, Any]] = (),
    **_others: Any,
) -> None:
    """Has the grading begun, and returns. Without a rubric there is nothing to do. A second call for the same submission changes nothing."""
    if not rubric or mode not in MODES or note_of(submission_uuid):
        return
    scope = Scope(course_id, location_id, user_id, ("student",) if user_id else ())
    try:
        request = grading_request(
            rubric, submission, profile=profile, prompt=prompt, scope=scope, submission_uuid=submission_uuid, language=language, examples=examples
        )
    except (KeyError, TypeError, ValueError) as wrong:
        log.warning("ora: submission %s: the rubric cannot be used: %s", submission_uuid, type(wrong).__name__)
        return
    started = AIExtensionsService.for_scope(scope).run_async(profile=profile, prompt=prompt, user_input=request)
    note(
        submission_uuid,
        {
            "mode": mode,
            "scope": dataclasses.asdict(scope),
            "rubric": rubric,
            "request": request,
            "began": time.time(),
            "status": started.status.value,
            "task_id": started.metadata.get("task_id"),
            "payload": {},
        },
    )


def on_start(submission_uuid: str) -> None:
    """Nothing: on_init has begun. ORA may call this twice."""


def on_cancel(submission_uuid: str) -> None:
    found = note_of(submission_uuid)
    if not found:
        return
    if found["status"] == Status.PENDING and found["task_id"]:
        service_of(found).cancel(found["task_id"])
    try:
        store.delete(key_of(submission_uuid))
    except Exception:
        log.exception("ora: the store")


def can_be_skipped(submission_uuid: str, requirements: Mapping[str, Any] | None) -> bool:
    return False


def submitter_is_finished(submission_uuid: str, requirements: Mapping[str, Any] | None) -> bool:
    return True


def assessment_is_finished(submission_uuid: str, requirements: Mapping[str, Any] | None, course_settings: Mapping[str, Any] | None) -> bool:
    """Only a score is waited for, and that not for ever. requirements None (ORA's updates on behalf of nobody) is as good as any."""
    found = look(submission_uuid)
    return not found or found["mode"] != "scoring" or found["status"] != Status.PENDING or time.time() - found["began"] > PENDING_MAX_S


def get_score(submission_uuid: str, requirements: Mapping[str, Any] | None, course_settings: Mapping[str, Any] | None) -> dict[str, Any] | None:
    found = look(submission_uuid)
    if not found or found["mode"] != "scoring" or found["status"] != Status.OK:
        return None
    grade = found["payload"]
    if grade["points_earned"] is None:  # the profile gives feedback only
        return None
    return {"points_earned": grade["points_earned"], "points_possible": grade["points_possible"], "contributing_assessments": [], "staff_id": None}


def get_latest_assessment(submission_uuid: str) -> dict[str, Any] | None:
    """In ORA's form. In the mode feedback_only without options and points."""
    found = look(submission_uuid)
    if not found or found["status"] != Status.OK:
        return None
    grade, rubric, judged = found["payload"], found["rubric"], found["mode"] != "feedback_only" and found["payload"]["points_earned"] is not None
    parts = []
    for answer, criterion in zip(grade["criteria"], rubric["criteria"], strict=True):
        options = criterion.get("options") or []
        chosen = options[int(answer["option_id"][1:])] if judged and answer["option_id"] else None
        parts.append(
            {
                "criterion": {"name": criterion.get("name", ""), "points_possible": max((int(o["points"]) for o in options), default=0)},
                "option": {"name": chosen["name"], "points": int(chosen["points"])} if chosen else None,
                "feedback": answer["feedback"],
            }
        )
    score = {"points_earned": grade["points_earned"], "points_possible": grade["points_possible"]} if judged else {}
    return {
        "submission_uuid": submission_uuid,
        "rubric": rubric,
        "scored_at": found["ended"],
        "scorer_id": scorer_id(grade),
        "score_type": "AI",
        "feedback": grade["overall_feedback"],
        "parts": parts,
        "mode": found["mode"],
        **score,
    }


# ---- for the platform ----


def collect(submission_uuid: str) -> bool:
    """For a periodic job: has grading ended? The first time that it has, ORA's workflow of the submission is told."""
    before = note_of(submission_uuid)
    found = look(submission_uuid)
    if not found or found["status"] == Status.PENDING:
        return False
    if before and before["status"] == Status.PENDING:
        try:
            from openassessment.assessment.signals import assessment_complete_signal  # type: ignore[import-not-found]
        except ImportError:
            return True
        assessment_complete_signal.send(sender=None, submission_uuid=submission_uuid)
    return True


# ---- notes ----


def key_of(submission_uuid: str) -> str:
    return "lectern.ora." + hashlib.sha256(str(submission_uuid).encode()).hexdigest()


def note_of(submission_uuid: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] | None = store.get(key_of(submission_uuid))
        return found
    except Exception:
        log.exception("ora: the store")
        return None


def note(submission_uuid: str, value: dict[str, Any]) -> None:
    try:
        store.set(key_of(submission_uuid), value, KEPT_S)
    except Exception:
        log.exception("ora: the store")


def service_of(found: Mapping[str, Any]) -> AIExtensionsService:
    where = dict(found["scope"])
    return AIExtensionsService.for_scope(Scope(**{**where, "roles": tuple(where["roles"])}))


def look(submission_uuid: str) -> dict[str, Any] | None:
    """The note, after a look at its task while that is pending. Whoever cannot be asked just now is asked the next time."""
    found = note_of(submission_uuid)
    if not found or found["status"] != Status.PENDING:
        return found
    result: Result = checked(found["request"], graded(service_of(found).task(found["task_id"])))
    if result.status in WAITING:
        return found
    ended = {**found, "status": result.status.value, "payload": dict(result.payload), "ended": now()}
    if result.metadata.get("code") != "not_set_up":  # the service may come back
        note(submission_uuid, ended)
    return ended


def now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat()


def scorer_id(grade: Mapping[str, Any]) -> str:
    """At most 40 characters: which profile and model it was."""
    who = [grade.get("profile"), grade.get("model")]
    return "ai:" + hashlib.sha256(json.dumps(who, sort_keys=True).encode()).hexdigest()[:32]
