"""
The engine that asks Lectern, over HTTP with the site's service key. One connection for each call: nothing is shared between threads but the cache.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from .engine import Run, names_template
from .grading import graded
from .result import Event, Profile, Result, Status, failure, status_of
from .scope import Scope
from .settings import Settings

CACHE_S = 5.0
CACHE_MAX = 4096  # places and users remembered at a time
BODY_MAX = 8 << 20  # bytes of an answer
LINE_MAX = 4 << 20  # bytes of one line of a stream
TASK_STATES = {"queued": Status.PENDING, "running": Status.PENDING, "completed": Status.OK, "timeout": Status.TIMEOUT, "cancelled": Status.CANCELLED}
SHOWN_ALL_THE_SAME = {"policy_not_accepted", "rate_limited", "budget_exceeded", "site_busy", "overloaded", "emergency_stopped"}
"""Reasons that pass, or that the user can mend: no reason to hide a part of the page."""


class LecternEngine:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._seen: dict[Scope, tuple[float, Result]] = {}
        self._down: tuple[float, Result] | None = None

    # ---- is it there? ----

    def availability(self, scope: Scope) -> Result:
        """By place and user, so that nobody is told what holds for somebody else; that Lectern cannot be reached holds for all."""
        now = time.monotonic()
        for kept in (self._seen.get(scope), self._down):
            if kept and now - kept[0] < CACHE_S:
                return kept[1]
        result = self._ask("GET", "/v1/actions?" + urlencode(query_of(scope, place=True)), self.settings.check_s)
        if result.ok:
            result = best_of(result.payload.get("actions"))
        if result.status in (Status.UNAVAILABLE, Status.TIMEOUT):
            self._down = (time.monotonic(), result)
        else:
            if len(self._seen) >= CACHE_MAX:
                self._seen.clear()
            self._seen[scope] = (time.monotonic(), result)
        return result

    def profiles(self, scope: Scope) -> list[Profile]:
        """What scopes of Lectern lead to in this course, read as its staff do at the Open edX door."""
        context = {"courseId": scope.course_key, "serviceVariant": "lms"} if scope.course_key else {"serviceVariant": "lms"}
        query = {"context": json.dumps(context), "user_id": scope.user_id or "studio", "role": "editingteacher"}
        result = self._ask("GET", "/openedx-ai-extensions/v1/profiles?" + urlencode(query), self.settings.check_s * 4)
        return [Profile(str(p["slug"]), str(p.get("description") or "")) for p in result.payload.get("profiles", []) if p.get("slug")]

    # ---- running ----

    def run(self, scope: Scope, run: Run) -> Result:
        return answer_of(self._ask("POST", "/v1/workflows/run", self.settings.timeout_s, body_of(scope, run)))

    def start(self, scope: Scope, run: Run) -> Result:
        result = self._ask("POST", "/v1/workflows/run", self.settings.timeout_s, {**body_of(scope, run), "async": True})
        if not result.ok:
            return result
        return Result(Status.PENDING, metadata={"task_id": str(result.payload.get("task_id", ""))})

    def task(self, scope: Scope, task_id: str) -> Result:
        result = self._ask("GET", task_path(scope, task_id), self.settings.check_s * 4)
        return task_of(result.payload) if result.ok else result

    def cancel(self, scope: Scope, task_id: str) -> Result:
        return self._ask("DELETE", task_path(scope, task_id), self.settings.check_s * 4)

    def grade(self, scope: Scope, request: Mapping[str, Any]) -> Result:
        """By a profile as a workflow, else as the action. It is the platform that has it done, in the learner's name."""
        prompt, asked = str(request.get("prompt") or ""), {name: value for name, value in request.items() if name != "prompt"}
        if request.get("profile"):
            path, body = "/v1/workflows/run", body_of(scope, Run(profile=str(request["profile"]), prompt=prompt, user_input=asked))
        elif names_template(prompt):
            return failure(Status.INVALID, "invalid_input", field="/prompt", detail="only with a profile does a prompt name a template")
        else:
            path, body = "/v1/actions/grade_response", {"context": place_of(scope), "input": input_of(request), **user_of(scope)}
        return graded(answer_of(self._ask("POST", path, self.settings.timeout_s, body, {"Idempotency-Key": str(request["idempotency_key"])})))

    def stream(self, scope: Scope, run: Run) -> Iterator[Event]:
        try:
            with self._open("POST", "/v1/workflows/run", self.settings.timeout_s, {**body_of(scope, run), "stream": True}) as response:
                if response.status != 200 or not response.headers.get("Content-Type", "").startswith("text/event-stream"):
                    yield Event("done", result=answer_of(read(response, time.monotonic() + self.settings.timeout_s)))
                    return
                yield from events_of(response)
        except TimeoutError:
            yield Event("done", result=failure(Status.TIMEOUT, "timeout"))
        except (OSError, http.client.HTTPException) as broken:
            yield Event("done", result=failure(Status.UNAVAILABLE, "unreachable", detail=type(broken).__name__))

    # ---- HTTP ----

    @contextlib.contextmanager
    def _open(
        self, method: str, path: str, timeout_s: float, body: Any = None, fields: Mapping[str, str] | None = None
    ) -> Iterator[http.client.HTTPResponse]:
        address = urlsplit(self.settings.url)
        kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
        connection = kind(address.hostname or "", address.port, timeout=timeout_s)
        headers = {"Authorization": f"Bearer {self.settings.key}", "Accept": "application/json", **(fields or {})}
        content = None
        if body is not None:
            content = json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
            headers["Content-Type"] = "application/json"
            headers["Accept"] = "text/event-stream, application/json" if body.get("stream") else "application/json"
        try:
            connection.request(method, address.path.rstrip("/") + path, body=content, headers=headers)
            with connection.getresponse() as response:
                yield response
        finally:
            connection.close()

    def _ask(self, method: str, path: str, timeout_s: float, body: Any = None, fields: Mapping[str, str] | None = None) -> Result:
        """The answer's members as payload when it is a success."""
        end = time.monotonic() + timeout_s
        try:
            with self._open(method, path, timeout_s, body, fields) as response:
                return read(response, end)
        except TimeoutError:
            return failure(Status.TIMEOUT, "timeout")
        except (OSError, http.client.HTTPException) as broken:
            return failure(Status.UNAVAILABLE, "unreachable", detail=type(broken).__name__)


# ---- what is sent ----


def place_of(scope: Scope) -> dict[str, str]:
    return {name: value for name, value in (("course_id", scope.course_key), ("location_id", scope.usage_key)) if value}


def user_of(scope: Scope) -> dict[str, Any]:
    if not scope.user_id:
        return {}
    user: dict[str, Any] = {"id": scope.user_id, "roles": list(scope.roles)}
    return {"user": {**user, "locale": scope.locale} if scope.locale else user}


def body_of(scope: Scope, run: Run) -> dict[str, Any]:
    body: dict[str, Any] = {"context": {**place_of(scope), **run.context}, "action": run.action, **user_of(scope)}
    if run.profile:
        body["profile"] = run.profile
    if run.prompt:
        body["prompt"] = run.prompt
    if run.user_input is not None:
        body["user_input"] = run.user_input
    return body


def input_of(request: Mapping[str, Any]) -> dict[str, Any]:
    """Of a grading request what the action takes: place, user and key are said elsewhere."""
    limits = {"max_feedback_chars": request["limits"]["max_feedback_chars"]}
    return {**{name: request[name] for name in ("task", "rubric", "examples", "submission", "prompt") if request.get(name)}, "limits": limits}


def query_of(scope: Scope, place: bool) -> list[tuple[str, str]]:
    query = list(place_of(scope).items()) if place else []
    if scope.user_id:
        query += [("user_id", scope.user_id), *(("role", role) for role in scope.roles)]
    return query


def task_path(scope: Scope, task_id: str) -> str:
    return f"/v1/tasks/{quote(task_id, safe='')}?{urlencode(query_of(scope, place=False))}"


# ---- what comes back ----


def read(response: http.client.HTTPResponse, end: float) -> Result:
    """The whole answer as a result: problem details are failures."""
    pieces, size = [], 0
    while piece := response.read1(1 << 16):
        pieces.append(piece)
        size += len(piece)
        if size > BODY_MAX:
            return failure(Status.FAILED, "answer_too_large")
        if time.monotonic() > end:
            return failure(Status.TIMEOUT, "timeout")
    try:
        body = json.loads(b"".join(pieces)) if size else {}
    except ValueError:
        body = None
    if 200 <= response.status < 300 and isinstance(body, dict):
        return Result(Status.OK, body)
    return problem_of(body, response.status)


def problem_of(body: Any, http_status: int) -> Result:
    body = body if isinstance(body, dict) else {}
    if isinstance(body.get("error"), dict):  # the Open edX door's form
        body = {"code": body["error"].get("code"), "detail": body["error"].get("message")}
    code = str(body.get("code") or f"http_{http_status}")
    known = {name: body[name] for name in ("id", "detail", "field", "retry_after", "request_id") if body.get(name)}
    return failure(status_of(code, http_status), code, str(body.get("title") or "AI is not available here just now."), **known)


def answer_of(result: Result) -> Result:
    """An answer of a workflow or an action in the envelope: its response is the payload, the rest is about the call."""
    if not result.ok:
        return result
    members = dict(result.payload)
    payload, session = members.pop("response", None), members.pop("session_id", None)
    if members.pop("success", None) is not True or not isinstance(payload, dict):
        error = members.get("error")
        return problem_of(error if isinstance(error, dict) else {"code": "upstream_invalid"}, 500)
    return Result(Status.OK, payload, members, session if isinstance(session, str) else None)


def task_of(task: Mapping[str, Any]) -> Result:
    state = str(task.get("state"))
    about = {"task_id": task.get("id"), "progress": task.get("progress")}
    if state == "completed":
        done = answer_of(Result(Status.OK, task["result"] if isinstance(task.get("result"), dict) else {}))
        return Result(done.status, done.payload, {**about, **done.metadata}, done.session)
    if state in TASK_STATES:
        return Result(TASK_STATES[state], metadata={**about, "code": state})
    error = task.get("error")
    failed = problem_of(error if isinstance(error, dict) else {"code": "internal_error"}, 500)
    return Result(failed.status, metadata={**about, **failed.metadata})


def best_of(actions: Any) -> Result:
    """Whether anything can be done here; if not, the reason that the operator chose before one that happened."""
    actions = [a for a in actions if isinstance(a, dict)] if isinstance(actions, list) else []
    if any(a.get("available") or a.get("reason") in SHOWN_ALL_THE_SAME for a in actions):
        return Result(Status.OK)
    found = {status_of(str(a.get("reason")), 500): str(a.get("reason")) for a in actions}
    for status in (Status.DISABLED, Status.DENIED, Status.ABSENT):
        if status in found:
            return failure(status, found[status])
    return failure(Status.ABSENT, "no_actions")


def events_of(response: http.client.HTTPResponse) -> Iterator[Event]:
    """Server-sent events as they come; one with "done" at the end, also when the connection broke before."""
    kind, data = "", []
    while line := response.readline(LINE_MAX):
        line = line.rstrip(b"\r\n")
        if line.startswith(b"event:"):
            kind = line[6:].strip().decode()
        elif line.startswith(b"data:"):
            data.append(line[5:].strip())
        elif not line and data:
            event = event_of(kind, json.loads(b"\n".join(data)))
            kind, data = "", []
            if event:
                yield event
                if event.kind == "done":
                    return
    yield Event("done", result=failure(Status.UNAVAILABLE, "stream_broken", "The answer was interrupted. Try again."))


def event_of(kind: str, data: Any) -> Event | None:
    data = data if isinstance(data, dict) else {}
    if kind == "delta":
        return Event("delta", str(data.get("text", "")))
    if kind == "status":
        return Event("status", str(data.get("message", "")))
    if kind == "done":
        return Event("done", result=answer_of(Result(Status.OK, data)))
    if kind == "error":
        return Event("done", result=problem_of(data, int(data.get("status") or 500)))
    return None
