"""What providers say of their limits in their answers' headers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

_LIMITS = (
    "x-ratelimit-{}-requests",
    "x-ratelimit-{}-tokens",
    "anthropic-ratelimit-requests-{}",
    "anthropic-ratelimit-tokens-{}",
)
_SPAN = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
LONGEST = 60.0  # seconds; a used-up daily limit is to be seen as an error, not waited for


def remaining(headers: Mapping[str, str]) -> float:
    """Seconds until a limit that is used up is renewed; 0 where none is."""
    waits = [0.0]
    for limit in _LIMITS:
        if headers.get(limit.format("remaining")) == "0":
            waits.append(_seconds(headers.get(limit.format("reset")) or ""))
    return min(max(waits), LONGEST)


def _seconds(text: str) -> float:
    """`6m0s`, `1.5s`, `20ms` or `12` (OpenAI and others), or an RFC 3339 time (Anthropic)."""
    if spans := _SPAN.findall(text):
        return sum(float(number) * _SECONDS[unit] for number, unit in spans) if "T" not in text else _until(text)
    try:
        return max(0.0, float(text))
    except ValueError:
        return _until(text)


def _until(text: str) -> float:
    try:
        return max(0.0, (datetime.fromisoformat(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return 0.0
