"""Where and for whom a call is made: plain values, read off a block once, when the service is handed out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

STAFF = {"instructor", "staff"}


@dataclasses.dataclass(frozen=True, slots=True)
class Scope:
    """
    course_key, usage_key: "" when unknown. user_id: as Lectern knows the user; "" means that the call is the platform's own. roles: Lectern's
    names. conflict: the block is bound to one user and the runtime speaks of another; such a scope makes no calls.
    """

    course_key: str = ""
    usage_key: str = ""
    user_id: str = ""
    roles: tuple[str, ...] = ()
    locale: str = ""
    conflict: bool = False


def quiet(read: Callable[[], Any]) -> Any:
    """What a block or runtime says, None when it cannot: blocks of every kind and age must do."""
    try:
        return read()
    except Exception:
        return None


def text(value: Any) -> str:
    return "" if value is None else str(value)


def scope_of(runtime: Any, xblock: Any, user_claim: str = "user_id") -> Scope:
    """
    user_claim: what Lectern's issuer has as --user-claim, so that a user is the same one here and at Lectern's doors: "user_id" (Django's
    number) or "preferred_username". Everything is read now: a table of services that is changed later for another user changes nothing here.
    """
    if runtime is None:
        runtime = quiet(lambda: xblock.runtime)
    usage = quiet(lambda: xblock.usage_key) or quiet(lambda: xblock.scope_ids.usage_id)
    course = quiet(lambda: xblock.context_key) or quiet(lambda: usage.course_key) or quiet(lambda: xblock.course_id)
    attributes = quiet(lambda: runtime.service(xblock, "user").get_current_user().opt_attrs) or {}
    bound, spoken = quiet(lambda: xblock.scope_ids.user_id), attributes.get("edx-platform.user_id")
    conflict = bound is not None and spoken is not None and str(bound) != str(spoken)
    if user_claim == "preferred_username":
        user = attributes.get("edx-platform.username")
    else:
        user = spoken if bound is None else bound
    staff = attributes.get("edx-platform.user_role") in STAFF or attributes.get("edx-platform.user_is_staff") is True
    preferences = attributes.get("edx-platform.user_preferences")
    locale = preferences.get("pref-lang") if isinstance(preferences, dict) else None
    return Scope(
        course_key=text(course),
        usage_key=text(usage),
        user_id=text(user),
        roles=("editingteacher",) if staff and user is not None else ("student",) if user is not None else (),
        locale=text(locale),
        conflict=conflict,
    )
