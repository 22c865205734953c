"""What a codec is: messages in, one provider's request out; that provider's bytes in, chunks out. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic_core import from_json, to_json

from nbchat.values.errors import StreamError
from nbchat.values.messages import AIMessage, AIMessageChunk, Message


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as a model sees it. `parameters` is a JSON schema of an object; `strict`: the provider enforces it."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=lambda: {"type": "object", "properties": {}})
    strict: bool | None = None


@dataclass(frozen=True, slots=True)
class OutputSchema:
    """The form an answer must have.

    `method` is "json_schema" (the provider enforces `schema`) or "json_mode" (any JSON object).
    """

    name: str
    schema: Mapping[str, Any]
    method: str = "json_schema"
    strict: bool | None = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """One question to a model, in neutral terms.

    Attributes:
        model: the provider's name of the model.
        messages: the conversation.
        tools: functions as `ToolSpec`, a provider's built-in tools as its own dicts.
        tool_choice: "auto", "any", "none", or the name of a tool; None leaves it to the provider.
        parallel_tool_calls: whether several tools may be asked for at once; None leaves it to the provider.
        output: the form the answer must have, or None.
        stream: whether the answer comes in pieces.
        options: everything else. Neutral names are translated: `temperature`, `top_p`, `top_k`, `max_tokens`, `stop`
            (list of strings), `seed`, `logprobs` (bool), `top_logprobs` (int), `presence_penalty`, `frequency_penalty`,
            `reasoning` ("low", "medium", "high", a number of tokens, or False), `prefill` (True: the last message is
            the beginning of the answer). Any other name goes into the body as it is.
    """

    model: str
    messages: Sequence[Message]
    tools: tuple[ToolSpec | Mapping[str, Any], ...] = ()
    tool_choice: str | Mapping[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    output: OutputSchema | None = None
    stream: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Request:
    """An HTTP request without its address and its key: the endpoint adds both when it is sent.

    `path` goes behind the base URL; `body` is JSON-ready; `headers` are the wire format's own. `content` is sent as it
    is, in place of `body`: a file, or a list of requests that are JSON already.
    """

    path: str
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)
    method: str = "POST"
    content: bytes | None = None

    def sent(self) -> bytes:
        """The bytes that go over the wire."""
        if self.content is not None:
            return self.content
        return to_json(self.body) if self.method == "POST" else b""


class Decoder(Protocol):
    """Reads one streamed answer. Where `over` is true, nothing more can come."""

    def feed(self, data: bytes) -> Iterator[AIMessageChunk]:
        """Yield the chunks that these bytes finish. Raises a ChatError for an error event or a malformed stream."""

    def close(self) -> Iterator[AIMessageChunk]:
        """Yield what the end of the bytes leaves: the last chunk has the usage and `chunk_position="last"`.

        Raises:
            StreamError: the stream ended before the answer did.
        """


class Codec(Protocol):
    """One wire format. An instance is a frozen dataclass whose fields are the quirks of a vendor."""

    @property
    def name(self) -> str:
        """The format's name, as errors and tables show it: "OpenAIChat"."""

    def request(self, call: Call) -> Request:
        """The request for this call. Raises UnsupportedError for what the format cannot express."""

    def decoder(self, provider: str) -> Decoder:
        """A new reader for one streamed answer; `provider` is named in its errors and in `response_metadata`."""

    def answer(self, body: bytes, provider: str) -> AIMessage:
        """Read a whole answer. Raises a ChatError for an error in it, StreamError where it is not this format."""

    def retry_without(self, request: Request, problem: str) -> Request | None:
        """A request without the optional field that the provider's error complains about, or None."""


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
        for name, payload in self.frames.close():
            try:
                yield from self._read(name, payload)
            except StreamError as error:  # the last event is but a piece of one
                raise StreamError(self._unfinished()) from error
        if not self.seen and (stray := getattr(self.frames, "stray", b"")):
            yield from self._read(b"", stray)  # a whole answer, an error or a page in place of a stream
        if not self.done:
            raise StreamError(self._unfinished())
        yield self.last()

    def _read(self, name: bytes, payload: bytes) -> Iterator[AIMessageChunk]:
        self.seen += 1
        return self.on_event(name, self.parse(payload))

    def _unfinished(self) -> str:
        if not self.seen:
            return f"{self.provider} answered with an empty body instead of a stream; is this the right base URL?"
        return (
            f"{self.provider}'s answer was cut: the stream ended before its final event; what came is in error.partial"
        )

    def parse(self, payload: bytes) -> Any:
        """A payload as JSON. Raises StreamError where it is not."""
        return read_json(payload, self.provider)

    def on_event(self, name: bytes, event: Any) -> Iterator[AIMessageChunk]:
        """Yield the chunks of one event."""
        raise AssertionError("a decoder reads its own events")

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
    """JSON whose text was cut within a character: halves of UTF-8 sequences and of surrogate pairs become U+FFFD."""
    text = json.dumps(json.loads(payload.decode("utf-8", "replace")), ensure_ascii=False)
    return from_json(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def piece(kind: str, key: str, text: str, index: int | str) -> AIMessageChunk:
    """A chunk with one bit of growing text: the usual thing in a stream."""
    return AIMessageChunk(blocks=[{"type": kind, key: text, "index": index}])
