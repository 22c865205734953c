"""When to ask again, and how long to wait before. No network, no clock."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from nbchat.values.errors import (
    APIConnectionError,
    APITimeoutError,
    CertificateError,
    ChatError,
    ProviderError,
    QuotaError,
)

LONGEST_WAIT = 120.0  # a longer `retry-after` is for the user to decide about


def may_retry(error: ChatError) -> bool:
    """Whether the same request may succeed later: 408, 409, 429, 5xx, 529, and connections that failed."""
    if isinstance(error, QuotaError | CertificateError):
        return False
    if isinstance(error, ProviderError):
        return error.status is None or error.status in (408, 409, 429) or error.status >= 500
    return isinstance(error, APIConnectionError)


def total_timeout(error: ChatError) -> bool:
    """Whether the user's own limit on the whole answer has passed: then there is no time to retry."""
    return isinstance(error, APITimeoutError) and getattr(error, "total", False)


def wait_before(attempt: int, error: ChatError) -> float | None:
    """Seconds to wait before the retry after this attempt (from 0), or None where the provider asks for too long.

    What the provider asks for is obeyed; else it is exponential backoff with full jitter: up to 0.5, 1, 2, … 8 s.
    """
    asked = getattr(error, "retry_after", None)
    if asked is not None:
        return asked if asked <= LONGEST_WAIT else None
    return min(8.0, 0.5 * 2**attempt) * (0.5 + random.random() / 2)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that the headers ask to wait: `retry-after-ms`, or `retry-after` in seconds or as an HTTP date."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return max(0.0, milliseconds / 1000)
    value = headers.get("retry-after")
    if not value:
        return None
    seconds = _number(value)
    if seconds is None:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - now
        except (ValueError, TypeError, OverflowError):
            return None
    return max(0.0, seconds)


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text else None
    except ValueError:
        return None
    return value if value is None or math.isfinite(value) else None
