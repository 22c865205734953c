"""Replies that go wrong, as real endpoints, proxies and networks do."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from tests.servers.reply import EVENT_STREAM, Reply

_HTML = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body><h1>502 Bad Gateway</h1></body>\r\n</html>\r\n"


def rate_limited(seconds: float | None = None, *, ms: float | None = None, at: datetime | None = None) -> Reply:
    """429 with `retry-after` in seconds, `retry-after-ms`, or `retry-after` as an HTTP date; or with none of them."""
    headers = {}
    if seconds is not None:
        headers["retry-after"] = f"{seconds:g}"
    if ms is not None:
        headers["retry-after-ms"] = f"{ms:g}"
    if at is not None:
        headers["retry-after"] = format_datetime(at.astimezone(UTC), usegmt=True)
    says = "Rate limit reached for gpt-test in organization org-test on requests per min (RPM): Limit 3, Used 3."
    error = {"message": says, "type": "requests", "param": None, "code": "rate_limit_exceeded"}
    return Reply(status=429, headers=headers, body={"error": error})


def rate_limited_until(seconds: float) -> Reply:
    """429 with `retry-after` as the HTTP date so many seconds from now."""
    return rate_limited(at=datetime.now(UTC) + timedelta(seconds=seconds))


def out_of_quota() -> Reply:
    """429 which no waiting cures."""
    says = "You exceeded your current quota, please check your plan and billing details."
    error = {"message": says, "type": "insufficient_quota", "param": None, "code": "insufficient_quota"}
    return Reply(status=429, body={"error": error})


def server_error(status: int = 500) -> Reply:
    """500 or 503 as OpenAI words it."""
    says = "The server had an error while processing your request. Sorry about that!"
    return Reply(status=status, body={"error": {"message": says, "type": "server_error", "param": None, "code": None}})


def overloaded() -> Reply:
    """529 as Anthropic words it."""
    error = {"type": "overloaded_error", "message": "Overloaded"}
    return Reply(status=529, body={"type": "error", "error": error, "request_id": "req_overloaded"})


def html_page(status: int = 502) -> Reply:
    """A proxy's error page, where JSON was expected."""
    return Reply(status=status, headers={"content-type": "text/html"}, body=_HTML)


def wrong_json() -> Reply:
    """A 200 whose JSON ends too early."""
    return Reply(headers={"content-type": "application/json"}, body=b'{"id": "chatcmpl-1", "choices": [{"mess')


def garbage() -> Reply:
    """Bytes that are not HTTP."""
    return Reply(garbage=b"\x16\x03\x01\x00\xff SSH-2.0-OpenSSH_9.6\r\n\r\n")


def garbage_stream() -> Reply:
    """A 200 event stream of nonsense: half UTF-8, broken JSON, unknown fields."""
    return Reply(body=[b"data: {not json\n\n", b"\xff\xfe\x00\n\n", b"da", b"ta: [1, 2\n\nfoo: bar\n\n"])


def cut_stream(events: Sequence[bytes], after: int) -> Reply:
    """A stream whose connection drops after so many events, without the closing chunk."""
    return Reply(body=list(events[:after]), cut=True)


def short_stream(events: Sequence[bytes], after: int) -> Reply:
    """A stream that ends politely, but before its answer does."""
    return Reply(body=list(events[:after]))


def stalled_stream(events: Sequence[bytes], after: int) -> Reply:
    """A stream that falls silent after so many events and stays open until the client leaves."""
    return Reply(body=[*events[:after], math.inf])


def slow_drip(events: Sequence[bytes], *, size: int = 1, gap: float = 0.001) -> Reply:
    """A stream that arrives in slices of so many bytes, cut anywhere, `gap` seconds apart."""
    data = b"".join(events)
    return Reply(body=[data[i : i + size] for i in range(0, len(data), size)], gap=gap)


def error_in_stream(events: Sequence[bytes], after: int, *, error: bytes) -> Reply:
    """A 200 stream in which the event `error` follows after so many good ones."""
    return Reply(headers={"content-type": EVENT_STREAM}, body=[*events[:after], error])


def hanging() -> Reply:
    """No answer at all until the client leaves."""
    return Reply(hang=True)
