"""What a scripted server answers: a status, headers, a body in pieces with pauses, and the ways to go wrong."""

from __future__ import annotations

import json
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import Any

Piece = bytes | str | float | int
Step = bytes | float
Body = bytes | str | dict[str, Any] | Iterable[Piece] | AsyncIterable[Piece]
EVENT_STREAM = "text/event-stream; charset=utf-8"


@dataclass(frozen=True)
class Reply:
    """One answer.

    `body`: bytes, text, a dict (sent as JSON), or an (async) iterable of pieces. A piece that is a number is a
    pause of that many seconds (`math.inf`: until the client leaves); pieces are sent as an event stream unless
    `headers` name another content type.
    `delay`: seconds before the first byte. `gap`: seconds before each piece. `hang`: no byte at all.
    `chunked`: chunked framing, by default that of pieces only; pieces with `chunked=False` end with the connection.
    `cut`: the connection drops in mid-body: after half of a plain body, or after the last piece.
    `content_length`: sent instead of the true one. `garbage`: sent instead of HTTP, then the connection drops.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Body = b""
    chunked: bool | None = None
    delay: float = 0.0
    gap: float = 0.0
    cut: bool = False
    hang: bool = False
    content_length: int | None = None
    garbage: bytes | None = None

    @property
    def plain(self) -> bool:
        """Whether the body is whole, not in pieces."""
        return isinstance(self.body, bytes | str | dict)

    @cached_property
    def closes(self) -> bool:
        """Whether the connection ends with this reply."""
        asked = {k.lower(): v.lower() for k, v in self.headers.items()}.get("connection") == "close"
        endless = not self.plain and self.chunked is False and self.content_length is None
        return asked or endless or self.cut or self.garbage is not None or self.content_length is not None

    @cached_property
    def wire(self) -> list[Step] | None:
        """Bytes and pauses in order, neighbouring bytes joined; None where the body is an async iterable."""
        if isinstance(self.body, AsyncIterable):
            return None
        steps: list[Step] = [self.delay] if self.delay else []
        if self.hang:
            return [float("inf")]
        if self.garbage is not None:
            return [*steps, self.garbage]
        if self.plain:
            return [*steps, self._plain_bytes()]
        assert not isinstance(self.body, bytes | str | dict)
        pieces = [self.head()]
        for piece in self.body:
            if isinstance(piece, int | float):
                steps += [b"".join(pieces), float(piece)]
                pieces = []
                continue
            if self.gap:
                steps += [b"".join(pieces), self.gap]
                pieces = []
            pieces.append(self.frame(piece))
        return [step for step in [*steps, b"".join(pieces) + self.ending()] if step]

    async def steps(self) -> AsyncIterator[Step]:
        """Bytes and pauses in order, whatever the body is."""
        if self.wire is not None:
            for step in self.wire:
                yield step
            return
        assert isinstance(self.body, AsyncIterable)
        if self.delay:
            yield self.delay
        yield self.head()
        async for piece in self.body:
            if isinstance(piece, int | float):
                yield float(piece)
                continue
            if self.gap:
                yield self.gap
            yield self.frame(piece)
        if ending := self.ending():
            yield ending

    def frame(self, piece: bytes | str) -> bytes:
        """One piece as it goes on the wire."""
        data = piece.encode() if isinstance(piece, str) else piece
        if self._is_chunked and data:  # an empty chunk would end the body
            return b"%x\r\n%b\r\n" % (len(data), data)
        return data

    def ending(self) -> bytes:
        """What ends a body in pieces."""
        return b"0\r\n\r\n" if self._is_chunked and not self.cut else b""

    def head(self, length: int | None = None) -> bytes:
        """Status line and headers, for a body of `length` bytes or one in pieces."""
        fields = {name.lower(): value for name, value in self.headers.items()}
        if isinstance(self.body, dict):
            fields.setdefault("content-type", "application/json")
        elif not self.plain:
            fields.setdefault("content-type", EVENT_STREAM)
        if self.content_length is not None:
            length = self.content_length
        if self._is_chunked:
            fields["transfer-encoding"] = "chunked"
        elif length is not None:
            fields["content-length"] = str(length)
        lines = [f"HTTP/1.1 {self.status} {_phrase(self.status)}", *(f"{k}: {v}" for k, v in fields.items())]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    @property
    def _is_chunked(self) -> bool:
        if self.chunked is None:
            return not self.plain and self.content_length is None
        return self.chunked

    def _plain_bytes(self) -> bytes:
        match self.body:
            case bytes(data):
                pass
            case str(text):
                data = text.encode()
            case value:
                data = json.dumps(value, ensure_ascii=False).encode()
        sent = data[: len(data) // 2] if self.cut else data
        return self.head(len(data)) + self.frame(sent) + self.ending()


def as_reply(value: Reply | Body) -> Reply:
    """A reply, or a body as the reply that carries it."""
    return value if isinstance(value, Reply) else Reply(body=value)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
