"""Grading by a rubric: the request in plain values, and what of an answer may be used."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from .result import Result, Status, failure
from .scope import Scope

FEEDBACK_MAX = 102_400  # characters that ORA stores
KEY_MAX = 255


def content_hash(rubric: Mapping[str, Any]) -> str:
    """ORA's: of the rubric as ORA has it, without id and content_hash."""
    plain = {name: value for name, value in rubric.items() if name not in ("id", "content_hash")}
    return hashlib.sha1(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def rubric_of(rubric: Mapping[str, Any]) -> dict[str, Any]:
    """With ids by position: names are not unique, get translated, and are text of authors."""
    criteria = rubric.get("criteria") or []
    if not criteria:
        raise ValueError("a rubric needs at least one criterion")
    return {
        "content_hash": content_hash(rubric),
        "criteria": [
            {
                "id": f"c{i}",
                "name": str(c.get("label") or c.get("name") or ""),
                "prompt": str(c.get("prompt") or ""),
                "feedback": c.get("feedback") or "disabled",
                "options": [
                    {
                        "id": f"o{j}",
                        "name": str(o.get("label") or o.get("name") or ""),
                        "points": int(o["points"]),
                        "explanation": str(o.get("explanation") or ""),
                    }
                    for j, o in enumerate(c.get("options") or [])
                ],
            }
            for i, c in enumerate(criteria)
        ],
        "overall_feedback_prompt": str(rubric.get("feedback_prompt") or ""),
    }


def grading_request(
    rubric: Mapping[str, Any],
    submission: str | Sequence[str],
    *,
    profile: str | None = None,
    prompt: str | None = None,
    scope: Scope = Scope(),
    submission_uuid: str | None = None,
    profile_version: str = "",
    examples: Sequence[Mapping[str, Any]] = (),
    language: str = "",
    idempotency_key: str | None = None,
    attachments: Sequence[Mapping[str, Any]] = (),
    deadline_ms: int = 20_000,
    max_feedback_chars: int = 4_000,
) -> dict[str, Any]:
    """
    rubric: {prompts: [{description}], criteria: [{name, label, prompt, feedback, options: [{name, label, points, explanation}]}]}, as ORA has it.
    submission: the text, or the texts that answer the prompts, in their order. The same submission, rubric, profile version and prompt are graded
    once: that is what the key says, unless one is given. ValueError for a rubric that is none.
    """
    parts = [submission] if isinstance(submission, str) else [str(part) for part in submission]
    form = rubric_of(rubric)
    named = submission_uuid or hashlib.sha256(json.dumps([parts, scope.user_id, scope.usage_key]).encode()).hexdigest()
    key = idempotency_key or f"{named}:{form['content_hash']}:{profile or ''}:{profile_version}"
    if prompt and not idempotency_key:
        key += ":" + hashlib.sha256(prompt.encode()).hexdigest()[:16]
    if len(key) > KEY_MAX or not key.isascii() or not key.isprintable() or " " in key:
        key = hashlib.sha256(key.encode()).hexdigest()
    request: dict[str, Any] = {
        "kind": "rubric_grading/1",
        "scope": {"context_id": scope.course_key, "placement_id": scope.usage_key, "actor_id": scope.user_id, "roles": list(scope.roles)},
        "idempotency_key": key,
        "task": {
            "prompts": [{"id": f"p{i}", "text": str(p.get("description", "")), "format": "text"} for i, p in enumerate(rubric.get("prompts") or [])]
        },
        "rubric": form,
        "examples": [dict(example) for example in examples],
        "submission": {
            "parts": [{"prompt": f"p{i}", "text": part} for i, part in enumerate(parts)],
            "attachments": [dict(attachment) for attachment in attachments],
        },
        "limits": {"deadline_ms": deadline_ms, "max_feedback_chars": max_feedback_chars},
    }
    if language or scope.locale:
        request["task"]["language"] = language or scope.locale
    if profile:
        request["profile"] = profile
    if prompt:
        request["prompt"] = prompt
    return request


def graded(result: Result) -> Result:
    """The status of a grading envelope is the result's."""
    if not result.ok:
        return result
    try:
        status = Status(str(result.payload.get("status")))
    except ValueError:
        return failure(Status.FAILED, "invalid_grade", detail="the answer is no grading envelope")
    return Result(status, result.payload, result.metadata, result.session)


def checked(request: Mapping[str, Any], result: Result) -> Result:
    """
    A grade is complete or none: each criterion with one of its own options, or with feedback where it has none. Points are counted here, from
    the rubric; feedback is dropped where the rubric has it disabled, and cut to what can be stored. What a profile of mode feedback_only gives has
    no options and no points: they are None.
    """
    if not result.ok:
        return result
    given = {c.get("id"): c for c in result.payload.get("criteria") or [] if isinstance(c, dict)}
    asked = request["rubric"]["criteria"]
    if set(given) != {c["id"] for c in asked} or len(given) != len(result.payload["criteria"]):
        return failure(Status.FAILED, "invalid_grade", detail="the criteria are not those of the rubric")
    judged = result.payload.get("mode") != "feedback_only"
    criteria = [criterion_of(criterion, given[criterion["id"]], judged) for criterion in asked]
    if None in criteria:
        return failure(Status.FAILED, "invalid_grade", detail="a criterion has no valid verdict")
    payload = {
        **result.payload,
        "criteria": criteria,
        "points_earned": sum(c["points"] for c in criteria if c) if judged else None,
        "points_possible": sum(max((o["points"] for o in c["options"]), default=0) for c in asked),
        "overall_feedback": str(result.payload.get("overall_feedback") or "")[:FEEDBACK_MAX],
    }
    return Result(result.status, payload, result.metadata, result.session)


def criterion_of(criterion: Mapping[str, Any], answer: Mapping[str, Any], judged: bool) -> dict[str, Any] | None:
    """What of the verdict on a criterion may be used; None when it is none."""
    points = {o["id"]: o["points"] for o in criterion["options"]}
    chosen, feedback = str(answer.get("option_id")), str(answer.get("feedback") or "")[:FEEDBACK_MAX]
    if (judged and chosen not in points) if points else not feedback:
        return None
    return {
        "id": criterion["id"],
        "option_id": chosen if judged and points else None,
        "points": points.get(chosen, 0) if judged else None,
        "feedback": "" if criterion["feedback"] == "disabled" else feedback,
        "evidence": answer.get("evidence") or [],
    }
