"""AWS event streams from bytes, in whatever cuts the network makes; checksums verified. No network, no clock."""

from __future__ import annotations

import struct
from binascii import crc32
from collections.abc import Iterator
from typing import Any

from pydantic_core import to_json

from nbchat.values.errors import ConfigurationError, StreamError

PRELUDE = 12  # bytes: length of the message, length of its headers, checksum of both
SMALLEST = PRELUDE + 4  # with the checksum at its end
MAX_MESSAGE = 25 * 2**20  # AWS: 24 MB of payload, 128 kB of headers
EXCEPTION = b"exception:"  # stands before the name of a message that reports an error


class EventStream:
    """Feed bytes; get `(event type, JSON payload)` of every finished message back, both as bytes.

    A message that reports an error is named `exception:` and the exception's type. botocore reads the headers.
    """

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._parser, self._problem = header_parser()
        self._held = bytearray()
        self._wanted = PRELUDE  # bytes to hold before there is something new to read
        self._names: dict[bytes, bytes] = {}  # of events, by their headers: a stream repeats a few, thousands of times

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the messages that these bytes finish.

        Raises:
            StreamError: a checksum does not fit, a message is larger than 25 MB, or this is no event stream at all.
        """
        held = self._held
        held += data
        while len(held) >= self._wanted:
            total, head, checksum = struct.unpack_from(">III", held)
            if self._wanted == PRELUDE:
                self._check_prelude(total, head, checksum)
                if len(held) < total:
                    self._wanted = total
                    return
            message = bytes(held[:total])
            del held[:total]
            self._wanted = PRELUDE
            if crc32(message[:-4]) != int.from_bytes(message[-4:], "big"):
                raise self._damaged("the checksum of a message does not fit")
            yield self._named(message[PRELUDE : PRELUDE + head], message[PRELUDE + head : -4])

    def _check_prelude(self, total: int, head: int, checksum: int) -> None:
        if crc32(self._held[:8]) != checksum:
            begun = bytes(self._held[:80])
            if begun.lstrip()[:1] in (b"<", b"{"):
                shown = begun.decode("utf-8", "replace")
                raise StreamError(f"{self._provider} sent no AWS event stream, but {shown!r}; is the base URL right?")
            raise self._damaged("the checksum of a message's lengths does not fit")
        if not SMALLEST + head <= total <= MAX_MESSAGE:
            raise self._damaged(f"a message of {total:,} bytes with {head:,} of headers")

    def _damaged(self, how: str) -> StreamError:
        return StreamError(f"{self._provider} sent a damaged event stream: {how}; ask again")

    def _named(self, head: bytes, payload: bytes) -> tuple[bytes, bytes]:
        if name := self._names.get(head):
            return name, payload
        try:
            headers = self._parser.parse(head)
        except (self._problem, struct.error, KeyError, ValueError, IndexError) as error:
            raise self._damaged(f"headers that cannot be read ({error})") from None
        match headers.get(":message-type"):
            case "exception":
                return EXCEPTION + _bytes(headers.get(":exception-type")), payload
            case "error":
                said = to_json({"message": _bytes(headers.get(":error-message")).decode("utf-8", "replace")})
                return EXCEPTION + _bytes(headers.get(":error-code")), said
        name = _bytes(headers.get(":event-type"))
        if len(self._names) < 100:
            self._names[head] = name
        return name, payload

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


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str("" if value is None else value).encode("utf-8", "replace")


def header_parser() -> tuple[Any, type[Exception]]:
    """botocore's parser of headers, and its error. Raises ConfigurationError where botocore is not installed."""
    try:
        from botocore.eventstream import EventStreamHeaderParser, ParserError
    except ImportError:
        raise ConfigurationError(
            'streaming from Bedrock needs botocore, which is not installed: pip install "nbchat[bedrock]"'
        ) from None
    return EventStreamHeaderParser(), ParserError
