"""When to ask again, and how long to wait before. No network, no clock."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from nbchat.values.errors import (
    APIConnectionError,
    CertificateError,
    ChatError,
    ProviderError,
    QuotaError,
)

LONGEST_WAIT = 120.0  # seconds; whether to wait longer is for the user to decide


def may_retry(error: ChatError) -> bool:
    """Whether the same request may succeed later: 408, 409, 429, 5xx, 529, and connections that failed."""
    if isinstance(error, QuotaError | CertificateError):
        return False
    if isinstance(error, ProviderError):
        return error.status is None or error.status in (408, 409, 429) or error.status >= 500
    return isinstance(error, APIConnectionError)


def retry_wait(tries: int, most: int, error: ChatError) -> float | None:
    """Seconds to wait before one of `most` retries, after as many as `tries`; None where the error is final."""
    return wait_before(tries, error) if tries < most and may_retry(error) else None


def wait_before(tries: int, error: ChatError) -> float | None:
    """Seconds to wait before a retry, after as many as `tries`; None where the provider asks for too long.

    What the provider asks for is obeyed; else it is exponential backoff with full jitter: up to 0.5, 1, 2, … 8 s.
    """
    asked = getattr(error, "retry_after", None)
    if asked is not None:
        return asked if asked <= LONGEST_WAIT else None
    return min(8.0, 0.5 * 2**tries) * (0.5 + random.random() / 2)


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
