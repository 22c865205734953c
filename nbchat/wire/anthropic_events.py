"""Anthropic's stream of events, and a whole message as the same events. No network, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import from_json, to_json

from nbchat.values.blocks import Block
from nbchat.values.chunks import AIMessageChunk
from nbchat.values.errors import StreamError
from nbchat.wire.anthropic_blocks import args, begun, given, grow, is_ours, read_usage, text, thought
from nbchat.wire.anthropic_request import WIRE
from nbchat.wire.decoding import StreamDecoder, piece
from nbchat.wire.sse import SSE
from nbchat.wire.untrusted import objects_in, text_of

_MESSAGE = frozenset({"id", "type", "role", "model", "content", "usage", "stop_reason", "delta"})
_USAGE = frozenset(
    {"input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens_details"}
)
_IMPLIED = {
    "text_delta": "text",
    "citations_delta": "text",
    "thinking_delta": "thinking",
    "signature_delta": "thinking",
}
_WHOLE = -1  # the index of blocks that come whole


@dataclass(slots=True)
class _Open:
    """A content block that has begun: our number of it, its kind, how it began, and what came of its `input`."""

    number: int
    kind: str
    start: dict[str, Any]
    input: list[str] = field(default_factory=list)


class AnthropicDecoder(StreamDecoder):
    """Reads `message_start` … `message_stop`. Usage in `message_delta` is a total, not an addition."""

    def __init__(self, provider: str) -> None:
        super().__init__(provider)
        self.frames = SSE()
        self._metadata: dict[str, Any] = {"model_provider": provider, "wire": WIRE}
        self._usage: dict[str, Any] = {}
        self._id: str | None = None
        self._open: dict[int, _Open] = {}
        self._begun = 0  # gateways use one index twice, so blocks are counted here

    def on_event(self, name: bytes, event: Any) -> Iterable[AIMessageChunk]:
        if not isinstance(event, dict):
            raise StreamError(f"{self.provider} sent an event that is no object: {str(event)[:120]!r}")
        match event.get("type"):
            case "content_block_delta":
                return self._delta(event)
            case "content_block_start":
                return self._begin(self._place(event), self._object(event, "content_block"))
            case "content_block_stop":
                return self._end(self._place(event))
            case "message_start":
                return self._message(self._object(event, "message"))
            case "message_delta":
                self._note(self._object(event, "delta"))
                self._note(event)
            case "message_stop":
                self._note(event)
                self.done = self.over = True
                return self._end_all()
            case "message":  # the answer comes whole
                self.done = True
                return self._message(event)
            case "ping":
                pass
            case kind:
                if kind == "error" or event.get("error"):
                    return self.broken_off(event)
                return (_unknown(event),)
        return ()

    def close(self) -> Iterator[AIMessageChunk]:
        try:
            yield from super().close()
        except StreamError:
            yield from self._end_all()  # so that a block cut short is kept as well
            raise

    def last(self) -> AIMessageChunk:
        if rest := {key: value for key, value in self._usage.items() if key not in _USAGE}:
            self._metadata["usage"] = rest
        return AIMessageChunk(
            blocks=[],
            usage_metadata=read_usage(self._usage) if self._usage else None,
            response_metadata=self._metadata,
            id=self._id,
            chunk_position="last",
        )

    def _delta(self, event: dict[str, Any]) -> Iterator[AIMessageChunk]:
        delta, place = event.get("delta"), event.get("index")
        if not isinstance(delta, dict) or not isinstance(place, int):
            raise StreamError(f"{self.provider} sent a malformed content_block_delta: {str(event)[:120]!r}")
        block = self._open.get(place) or self._unopened(place, delta)
        match delta:
            case {"type": "text_delta", "text": str(said)} if block.kind == "text":
                if said:
                    yield piece("text", "text", said, block.number)
            case {"type": "thinking_delta", "thinking": str(said)} if block.kind == "thinking":
                if said:
                    yield piece("reasoning", "reasoning", said, block.number)
            case {"type": "input_json_delta", "partial_json": str(part)}:
                block.input.append(part)
                if part and block.kind == "tool_use":
                    yield _chunk(args(part, block.number))
            case {"type": "signature_delta", "signature": str(proof)} if block.kind == "thinking":
                yield _chunk(thought("", {"signature": proof}, block.number))
            case {"type": "citations_delta", "citation": dict(citation)} if block.kind == "text":
                yield _chunk(text("", [citation], {}, block.number))
            case _ if delta.keys() <= {"type"}:
                pass  # gateways leave an empty text out
            case _ if is_ours(block.kind):
                yield _unknown(event)
            case _:
                grow(block.start, delta)

    def _unopened(self, place: int, delta: Mapping[str, Any]) -> _Open:
        """A block whose `content_block_start` a gateway left out."""
        kind = text_of(delta.get("type"))
        if kind not in _IMPLIED:
            raise StreamError(f"{self.provider} went on with a block that never began: {str(delta)[:120]!r}")
        return self._opened(place, _IMPLIED[kind], {})

    def _opened(self, place: int, kind: str, start: dict[str, Any]) -> _Open:
        block = self._open[place] = _Open(self._begun, kind, start)
        self._begun += 1
        return block

    def _begin(self, place: int, start: dict[str, Any]) -> Iterator[AIMessageChunk]:
        yield from self._end(place)  # where its content_block_stop was left out
        block = self._opened(place, text_of(start.get("type")), start)
        if (first := begun(block.kind, start, block.number)) is not None:
            yield _chunk(first)

    def _end(self, place: int) -> Iterator[AIMessageChunk]:
        block = self._open.pop(place, None)
        if block is None:
            return
        written, whole = "".join(block.input), block.start.get("input")
        if block.kind == "tool_use":
            if whole and not written:  # it came whole at its beginning
                yield _chunk(args(to_json(whole).decode(), block.number))
        elif block.kind.endswith("_tool_use"):
            used = _parsed(written) if written else whole
            if used:
                more = {"args": used} if isinstance(used, dict) else {"extras": {"input": used}}
                yield _chunk({"type": "server_tool_call", **more, "index": block.number})
        elif not is_ours(block.kind):
            value = {**block.start, "input": _parsed(written)} if written else block.start
            yield _chunk({"type": "non_standard", "value": value, "index": block.number})

    def _end_all(self) -> Iterator[AIMessageChunk]:
        for place in list(self._open):
            yield from self._end(place)

    def _message(self, message: dict[str, Any]) -> Iterator[AIMessageChunk]:
        self._note(message)
        for block in objects_in(message.get("content")):
            yield from self._begin(_WHOLE, block)
            yield from self._end(_WHOLE)

    def _note(self, said: Mapping[str, Any]) -> None:
        """Keep what is said of the message as a whole."""
        if isinstance(id := said.get("id"), str) and id:
            self._id = id
        if isinstance(model := said.get("model"), str):
            self._metadata["model_name"] = model
        if (reason := said.get("stop_reason")) is not None:
            self._metadata["finish_reason"] = reason
        if isinstance(usage := said.get("usage"), dict):
            self._usage.update(given(usage))
        self._metadata.update({key: value for key, value in said.items() if key not in _MESSAGE and value is not None})

    def _place(self, event: dict[str, Any]) -> int:
        place = event.get("index")
        if not isinstance(place, int):
            raise StreamError(f"{self.provider} sent a block without an index: {str(event)[:120]!r}")
        return place

    def _object(self, event: dict[str, Any], key: str) -> dict[str, Any]:
        found = event.get(key)
        if not isinstance(found, dict):
            raise StreamError(f"{self.provider} sent a {event.get('type')} event without {key}: {str(event)[:120]!r}")
        return found


def _chunk(block: Block | None) -> AIMessageChunk:
    return AIMessageChunk(blocks=[block] if block else [])


def _unknown(event: dict[str, Any]) -> AIMessageChunk:
    return AIMessageChunk(blocks=[], response_metadata={"events": [event]})


def _parsed(written: str) -> Any:
    try:
        return from_json(written)
    except ValueError:
        return written
