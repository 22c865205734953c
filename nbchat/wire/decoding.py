"""What all decoders share: frames to JSON events, events to chunks, chunks to a whole answer. No network, no clock."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, Protocol

from pydantic_core import from_json

from nbchat.values.chunks import AIMessageChunk
from nbchat.values.errors import StreamError
from nbchat.values.gathering import Gathering
from nbchat.values.messages import AIMessage
from nbchat.wire.errors import read_error


class Frames(Protocol):
    """A framing: bytes in, finished payloads out."""

    def feed(self, data: bytes) -> Iterable[tuple[bytes, bytes]]: ...
    def close(self) -> Iterable[tuple[bytes, bytes]]: ...


class StreamDecoder:
    """The part that all decoders share: frames to JSON events, and the check that the answer came to its end.

    A codec's decoder sets `frames` and `done`, and gives `on_event(name, event)` and `last()`.
    """

    frames: Frames

    def __init__(self, provider: str) -> None:
        self.provider = provider
        self.done = False  # the format's own sign that the answer is complete has been seen
        self.over = False  # nothing can follow, though the body may not have ended
        self.seen = 0

    def feed(self, data: bytes) -> Iterator[AIMessageChunk]:
        for name, payload in self.frames.feed(data):
            yield from self._read(name, payload)

    def close(self) -> Iterator[AIMessageChunk]:
        yield from self._read_ends(self.frames.close())
        if not self.done and (stray := getattr(self.frames, "stray", b"")):
            if self.seen:
                yield from self._read_ends([(b"", stray)])  # Google's error may stand there bare
            else:
                yield from self._read(b"", stray)  # a whole answer, an error or a page in place of a stream
        if not self.done:
            raise StreamError(self._unfinished())
        yield self.last()

    def message(self, chunks: Iterable[AIMessageChunk]) -> AIMessage:
        """An answer that came whole, of the chunks that it was read as."""
        whole = Gathering()
        for chunk in chunks:
            whole.add(chunk)
        whole.add(self.last())
        return whole.message()

    def _read(self, name: bytes, payload: bytes) -> Iterable[AIMessageChunk]:
        self.seen += 1
        if name == b"error":
            return self.broken_off(payload)
        try:
            event = from_json(payload)
        except ValueError:
            if payload.strip() == b"[DONE]":
                return self.on_done()
            event = read_json(payload, self.provider)  # mended, or an error that shows it
        return self.on_event(name, event)

    def _read_ends(self, events: Iterable[tuple[bytes, bytes]]) -> Iterator[AIMessageChunk]:
        """What the end of the bytes leaves: it may be but a piece of an event."""
        for name, payload in events:
            try:
                yield from self._read(name, payload)
            except StreamError as error:
                raise StreamError(self._unfinished()) from error

    def _unfinished(self) -> str:
        if not self.seen:
            return f"{self.provider} answered with an empty body instead of a stream; is this the right base URL?"
        return (
            f"{self.provider}'s answer was cut: the stream ended before its final event; what came is in error.partial"
        )

    def on_event(self, name: bytes, event: Any) -> Iterable[AIMessageChunk]:
        """The chunks of one event."""
        raise AssertionError("a decoder reads its own events")

    def on_done(self) -> Iterable[AIMessageChunk]:
        """OpenAI's last word has come; gateways add it to other formats, where it means nothing."""
        return ()

    def broken_off(self, error: Any) -> Iterable[AIMessageChunk]:
        """An error has come in place of an event, parsed or (after `event: error`) as bytes that may be no JSON."""
        raise read_error(self.provider, None, {}, error)

    def last(self) -> AIMessageChunk:
        """The last chunk, with usage and finish reason."""
        raise AssertionError("a decoder gives its own last chunk")


def read_json(payload: bytes, provider: str) -> Any:
    """Parse JSON from a provider. Raises StreamError that shows the beginning of what came instead."""
    try:
        return from_json(payload)
    except ValueError:
        with suppress(ValueError, RecursionError):
            return _mended(payload)
        shown = payload[:120].decode("utf-8", "replace").strip()
        if shown[:1] == "<":
            what = "an HTML page"
        elif not shown:
            what = "an empty body"
        else:
            what = "something that is not JSON"
        raise StreamError(f"{provider} sent {what} where JSON belongs: {shown!r}; is the base URL right?") from None


def _mended(payload: bytes) -> Any:
    """JSON after a byte order mark, or whose text was cut within a character: halves of characters become U+FFFD."""
    text = json.dumps(json.loads(payload.decode("utf-8-sig", "replace")), ensure_ascii=False)
    return from_json(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def piece(kind: str, key: str, text: str, index: int | str) -> AIMessageChunk:
    """A chunk with one bit of growing text: the usual thing in a stream."""
    return AIMessageChunk(blocks=[{"type": kind, key: text, "index": index}])
