"""HTTP/1.1 requests out of bytes: content-length and chunked bodies, several on one connection."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, urlsplit


class BadRequestError(Exception):
    """The client sent bytes that are not HTTP/1.1."""


@dataclass(frozen=True)
class Recorded:
    """One request as it arrived; `at` is `time.monotonic()` seconds when its last byte was read."""

    method: str
    target: str
    head: bytes = field(repr=False)
    body: bytes = b""
    at: float = field(default_factory=time.monotonic)

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    @cached_property
    def query(self) -> dict[str, str]:
        """Query parameters, the last of each name."""
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @cached_property
    def headers(self) -> dict[str, str]:
        """Header values by lower-case name; repeated names joined with a comma."""
        found: dict[str, str] = {}
        for line in self.head.decode("latin-1").split("\r\n")[1:]:
            name, _, value = line.partition(":")
            key = name.strip().lower()
            found[key] = f"{found[key]}, {value.strip()}" if key in found else value.strip()
        return found

    @cached_property
    def json(self) -> Any:
        """The body as JSON. Raises `json.JSONDecodeError` (a `ValueError`) where it is none."""
        return json.loads(self.body)


class RequestReader:
    """Bytes in by `feed`, whole requests out by `next`; bytes after a request wait for the next call."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._head: bytes | None = None

    def feed(self, data: bytes) -> None:
        """Takes bytes cut anywhere."""
        self._buffer += data

    def next(self) -> Recorded | None:
        """The next whole request, or None until more bytes come. Raises `BadRequestError`."""
        if self._head is None:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return None
            self._head = bytes(self._buffer[:end])
            del self._buffer[: end + 4]
        body = self._body(self._head)
        if body is None:
            return None
        head, self._head = self._head, None
        try:
            method, target, _version = head[: (head + b"\r\n").index(b"\r\n")].decode("ascii").split(" ")
        except ValueError:
            raise BadRequestError(f"not a request line: {head[:60]!r}") from None
        return Recorded(method, target, head, body)

    def _body(self, head: bytes) -> bytes | None:
        lowered = head.lower()
        if b"\r\ntransfer-encoding:" in lowered:
            return self._chunked()
        start = lowered.find(b"\r\ncontent-length:")
        if start < 0:
            return b""
        length = int(lowered[start + 17 :].split(b"\r\n", 1)[0])
        if len(self._buffer) < length:
            return None
        body = bytes(self._buffer[:length])
        del self._buffer[:length]
        return body

    def _chunked(self) -> bytes | None:
        parts: list[bytes] = []
        at = 0
        while True:
            line = self._buffer.find(b"\r\n", at)
            if line < 0:
                return None
            size = int(self._buffer[at:line].split(b";")[0], 16)
            start, at = line + 2, line + 2 + size + 2
            if len(self._buffer) < at:
                return None
            if size == 0:
                del self._buffer[:at]
                return b"".join(parts)
            parts.append(bytes(self._buffer[start : start + size]))
