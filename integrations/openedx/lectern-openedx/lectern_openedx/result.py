"""What a call came to: one envelope for all of them."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from typing import Any


class Status(enum.StrEnum):
    """The names are part of the contract: components store and compare them."""

    OK = "ok"
    PENDING = "pending"  # goes on in the background: ask task() again
    ABSTAINED = "abstained"  # a grader declines to judge this
    REJECTED = "rejected"  # the AI service declines this content
    DISABLED = "disabled"  # switched off for the site, the course or this place
    DENIED = "denied"  # this user may not, or has not accepted the policy
    ABSENT = "absent"  # not set up: no address, no profile, no provider, no such thing
    BUSY = "busy"  # a limit; metadata["retry_after"] says how many seconds, where known
    TIMEOUT = "timeout"
    UNAVAILABLE = "unavailable"  # Lectern or the AI service cannot be reached
    INVALID = "invalid"  # the request is wrong: metadata["field"] and ["detail"] say where
    CANCELLED = "cancelled"
    FAILED = "failed"


OF_CODE = {
    "site_disabled": Status.DISABLED,
    "course_disabled": Status.DISABLED,
    "placement_disabled": Status.DISABLED,
    "permission_denied": Status.DENIED,
    "unauthenticated": Status.DENIED,
    "policy_not_accepted": Status.DENIED,
    "emergency_stopped": Status.DISABLED,
    "no_config": Status.ABSENT,
    "not_found": Status.ABSENT,
    "unknown_action": Status.ABSENT,
    "no_provider": Status.ABSENT,
    "rate_limited": Status.BUSY,
    "site_busy": Status.BUSY,
    "budget_exceeded": Status.BUSY,
    "upstream_rate_limited": Status.BUSY,
    "overloaded": Status.BUSY,
    "idempotency_key_in_use": Status.BUSY,
    "timeout": Status.TIMEOUT,
    "upstream_timeout": Status.TIMEOUT,
    "request_timeout": Status.TIMEOUT,
    "upstream_unavailable": Status.UNAVAILABLE,
    "store_unavailable": Status.UNAVAILABLE,
    "io_error": Status.UNAVAILABLE,
    "content_refused": Status.REJECTED,
    "cancelled": Status.CANCELLED,
}
"""Lectern's error codes (the code of its problem details). What is not listed goes by the HTTP status."""


def status_of(code: str, http_status: int) -> Status:
    return OF_CODE.get(code) or (Status.INVALID if 400 <= http_status < 500 else Status.FAILED)


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """
    payload: what was asked for, as the workflow gives it; {} when there is none. metadata: about the call, whatever is known of id, profile,
    usage, task_id, code, message (calm, may be shown to learners), detail (for logs only), field, retry_after, request_id. session: where a
    conversation is kept, to be named to Lectern's own API.
    """

    status: Status
    payload: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    metadata: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    session: str | None = None

    @property
    def ok(self) -> bool:
        return self.status is Status.OK

    @property
    def text(self) -> str:
        """The answer as text, "" when it is none."""
        found = self.payload.get("response", self.payload.get("generated_content"))
        return found if isinstance(found, str) else ""

    @property
    def message(self) -> str:
        """What a learner may read about a call that did not succeed."""
        return str(self.metadata.get("message", ""))

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for the JSON of a handler; without what is for logs only."""
        metadata = {name: value for name, value in self.metadata.items() if name != "detail"}
        return {"status": self.status.value, "payload": dict(self.payload), "metadata": metadata, "session": self.session}


@dataclasses.dataclass(frozen=True, slots=True)
class Event:
    """A part of a streamed answer. kind: "delta" (text is the next piece), "status" (text says how far it is), last and always "done"."""

    kind: str
    text: str = ""
    result: Result | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Profile:
    """A workflow that an author may choose. The slug is what a block stores."""

    slug: str
    description: str = ""


def failure(status: Status, code: str, message: str = "AI is not available here just now.", **more: Any) -> Result:
    return Result(status, metadata={"code": code, "message": message, **more})
