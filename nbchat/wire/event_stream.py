"""AWS event streams from bytes, in whatever cuts the network makes; checksums verified. No network, no clock."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from pydantic_core import to_json

from nbchat.values.errors import ConfigurationError, StreamError

PRELUDE = 12  # bytes: length of the message, length of its headers, checksum of both
EXCEPTION = b"exception:"  # stands before the name of a frame that reports an error


class EventStream:
    """Feed bytes; get `(event type, JSON payload)` of every finished message back, both as bytes.

    A message that reports an error is named `exception:` and the exception's type. Messages are parsed by botocore,
    which takes none above 24 MB.
    """

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._new_buffer, self._problem = _botocore()
        self._held = bytearray()
        self._wanted = PRELUDE  # bytes to hold before there is something new to parse
        self._checked: Any = None  # a botocore buffer that has seen the prelude

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the messages that these bytes finish.

        Raises:
            StreamError: a checksum does not fit, a message is larger than 24 MB, or this is no event stream at all.
        """
        self._held += data
        while len(self._held) >= self._wanted:
            try:
                message = self._next()
            except (self._problem, struct.error, KeyError, ValueError, IndexError) as error:
                raise StreamError(self._bad(error)) from None
            if message is not None:
                yield _named(message)

    def _next(self) -> Any:
        """The next whole message, or None where only its beginning is here."""
        if self._checked is None:
            self._checked = self._new_buffer()
            self._checked.add_data(bytes(self._held[:PRELUDE]))
            next(self._checked, None)  # verifies the prelude: its length may be believed from here on
            self._wanted = int.from_bytes(self._held[:4], "big")
            if self._wanted < PRELUDE + 4:
                raise ValueError("a message shorter than its own frame")
            if len(self._held) < self._wanted:
                return None
        self._checked.add_data(bytes(memoryview(self._held)[PRELUDE : self._wanted]))
        message = next(self._checked)
        del self._held[: self._wanted]
        self._wanted, self._checked = PRELUDE, None
        return message

    def _bad(self, error: Exception) -> str:
        begun = bytes(self._held[:80])
        if begun.lstrip()[:1] in (b"<", b"{"):
            shown = begun.decode("utf-8", "replace")
            return f"{self._provider} sent something that is no AWS event stream: {shown!r}; is the base URL right?"
        return f"{self._provider} sent a damaged event stream: {error}"

    def close(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield nothing: a message has its length at its head.

        Raises:
            StreamError: the stream ended in the middle of a message.
        """
        if self._held:
            raise StreamError(
                f"{self._provider}'s answer was cut in the middle of a message; what came is in error.partial"
            )
        return iter(())


def _named(message: Any) -> tuple[bytes, bytes]:
    headers = message.headers
    match headers.get(":message-type"):
        case "exception":
            return EXCEPTION + _bytes(headers.get(":exception-type")), message.payload
        case "error":
            said = to_json({"message": _bytes(headers.get(":error-message")).decode("utf-8", "replace")})
            return EXCEPTION + _bytes(headers.get(":error-code")), said
    return _bytes(headers.get(":event-type")), message.payload


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str("" if value is None else value).encode()


def _botocore() -> tuple[Any, type[Exception]]:
    try:
        from botocore.eventstream import EventStreamBuffer, ParserError
    except ImportError:
        raise ConfigurationError(
            'streaming from Bedrock needs botocore, which is not installed: pip install "nbchat[bedrock]"'
        ) from None
    return EventStreamBuffer, ParserError
