"""Where Lectern is: LECTERN in Django's settings, else environment variables."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

CLAIMS = ("user_id", "preferred_username")


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    url: str
    key: str = dataclasses.field(repr=False)
    user_claim: str = "user_id"
    timeout_s: float = 120.0  # of a call; the service behind it may be slow
    check_s: float = 0.5  # of available() and profiles(): a page waits for them


def django_settings() -> Mapping[str, Any]:
    try:
        from django.conf import settings  # type: ignore[import-untyped,unused-ignore]

        return getattr(settings, "LECTERN", None) or {}
    except Exception:  # no Django here, or not configured
        return {}


def read_settings() -> Settings | None:
    """None when no address is set: AI is then absent. ValueError for settings that cannot be meant."""
    table = django_settings()

    def get(name: str) -> Any:
        return table.get(name) or os.environ.get(f"LECTERN_{name}")

    url, key = get("URL"), get("KEY")
    if not url or not key:
        return None
    claim = get("USER_CLAIM") or "user_id"
    if claim not in CLAIMS:
        raise ValueError(f"LECTERN USER_CLAIM must be one of {', '.join(CLAIMS)}")
    if not str(url).startswith(("http://", "https://")):
        raise ValueError("LECTERN URL must begin with http:// or https://")
    if not str(key).isascii() or not str(key).isprintable() or " " in str(key):
        raise ValueError("LECTERN KEY must be one word")
    return Settings(str(url).rstrip("/"), str(key), claim, float(get("TIMEOUT_S") or 120), float(get("CHECK_S") or 0.5))
