"""AWS Bedrock's ConverseStream events, and its whole answers, as chunks. No network, no clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from pydantic_core import to_json

from nbchat.values.blocks import Block
from nbchat.values.chunks import AIMessageChunk
from nbchat.values.errors import StreamError
from nbchat.values.usage import Usage
from nbchat.wire.bedrock_held import MEDIA, Held
from nbchat.wire.decoding import StreamDecoder
from nbchat.wire.errors import read_error
from nbchat.wire.event_stream import EXCEPTION, EventStream
from nbchat.wire.untrusted import count_of, object_of, objects_in, text_of

WIRE = "bedrock"
_HELD = frozenset({"toolResult", *MEDIA})
_EVENT = frozenset({"contentBlockIndex", "start", "delta", "p"})  # p: padding against guessing text from its length


class BedrockDecoder(StreamDecoder):
    """Reads `messageStart`, `contentBlock…`, `messageStop` and `metadata`; a text block needs no start event."""

    def __init__(self, provider: str) -> None:
        super().__init__(provider)
        self._usage: Usage | None = None
        self._metadata: dict[str, Any] = {"model_provider": provider, "wire": WIRE}
        self._held: dict[int, Held] = {}  # blocks that are shown once they are whole

    @classmethod
    def of_stream(cls, provider: str) -> BedrockDecoder:
        """A decoder of an event stream. Raises ConfigurationError where botocore is not installed."""
        decoder = cls(provider)
        decoder.frames = EventStream(provider)
        return decoder

    def on_event(self, name: bytes, event: Any) -> Iterator[AIMessageChunk]:
        if not isinstance(event, dict):
            raise StreamError(f"{self.provider} sent a {_shown(name)} event that is no object: {str(event)[:120]!r}")
        if name == b"contentBlockDelta":
            return self._delta(event)
        if name.startswith(EXCEPTION):
            raise _error(self.provider, name, event)
        if name == b"contentBlockStart":
            return self._start(event)
        if name == b"contentBlockStop":
            return self._stop(event)
        event.pop("p", None)
        self._note(name, event)
        return iter(())

    def _note(self, name: bytes, event: dict[str, Any]) -> None:
        """Keep what is said beside the content."""
        match name:
            case b"messageStart":
                event.pop("role", None)
            case b"messageStop":
                self.done = True
                self._metadata["finish_reason"] = event.pop("stopReason", None)
            case b"metadata":
                self._usage, left = read_usage(event.pop("usage", None))
                if left:
                    self._metadata["usage"] = left
            case _:
                event = {"events": [*self._metadata.get("events", ()), {_shown(name): event}]}
        self._metadata.update(event)

    def _delta(self, event: dict[str, Any]) -> Iterator[AIMessageChunk]:
        index, delta = self._index(event), event.get("delta")
        if not isinstance(delta, dict):
            raise StreamError(f"{self.provider} sent a contentBlockDelta without a delta: {str(event)[:120]}")
        for kind, value in delta.items():
            if kind == "text" and isinstance(value, str):
                if value:
                    yield AIMessageChunk(blocks=[{"type": "text", "text": value, "index": index}])
            elif kind == "toolUse" and isinstance(value, dict):
                yield from self._arguments(index, value)
            elif kind == "reasoningContent" and isinstance(value, dict):
                yield from self._reasoning(index, value)
            elif kind == "citation" and isinstance(value, dict):
                yield _citation(index, value)
            elif kind in _HELD and index in self._held:
                self._held[index].pieces.append(value)
            else:
                yield _unknown({kind: value})

    def _start(self, event: dict[str, Any]) -> Iterator[AIMessageChunk]:
        index, start = self._index(event), event.get("start")
        for kind, value in start.items() if isinstance(start, dict) else ():
            if kind == "toolUse" and isinstance(value, dict) and value.get("type") != "server_tool_use":
                yield AIMessageChunk(blocks=[_call_begun(index, value)])
            elif (kind == "toolUse" or kind in _HELD) and isinstance(value, dict):
                self._held[index] = Held(kind, value)
            else:
                yield _unknown({kind: value})

    def _arguments(self, index: int, value: dict[str, Any]) -> Iterator[AIMessageChunk]:
        text = value.get("input")
        if not isinstance(text, str):
            text = "" if text is None else to_json(text).decode()
        if held := self._held.get(index):
            held.pieces.append(text)
        elif text:
            yield AIMessageChunk(blocks=[{**_GOES_ON, "args": text, "index": index}])

    def _reasoning(self, index: int, value: dict[str, Any]) -> Iterator[AIMessageChunk]:
        for key, piece in value.items():
            if key == "text" and isinstance(piece, str):
                if piece:
                    yield AIMessageChunk(blocks=[{"type": "reasoning", "reasoning": piece, "index": index}])
            elif key in ("signature", "redactedContent") and isinstance(piece, str):
                self._held.setdefault(index, Held(key, {})).pieces.append(piece)
            else:
                yield _unknown({"reasoningContent": {key: piece}})

    def _stop(self, event: dict[str, Any]) -> Iterator[AIMessageChunk]:
        if held := self._held.pop(self._index(event), None):
            yield AIMessageChunk(blocks=[{**held.block(), "index": event["contentBlockIndex"]}])

    def _index(self, event: dict[str, Any]) -> int:
        index = event.get("contentBlockIndex")
        if not isinstance(index, int):
            raise StreamError(f"{self.provider} sent a block without a contentBlockIndex: {str(event)[:120]}")
        if len(event) > 2 and (own := event.keys() - _EVENT):
            self._metadata.update({key: event[key] for key in own})
        return index

    def whole(self, data: Mapping[str, Any]) -> Iterator[AIMessageChunk]:
        """The chunks of an answer that came whole."""
        output = data.get("output")
        message = output.get("message") if isinstance(output, dict) else None
        content = message.get("content") if isinstance(message, dict) else None
        if not isinstance(message, dict) or not isinstance(content, list):
            raise StreamError(f"{self.provider}'s answer has no output.message.content: {str(dict(data))[:200]}")
        for index, block in enumerate(content):
            yield from self._block(index, block)
        self._note(b"metadata", {key: value for key, value in data.items() if key not in ("output", "stopReason")})
        self._note(b"messageStop", {"stopReason": data.get("stopReason")})
        self._metadata.update({key: value for key, value in message.items() if key not in ("role", "content")})

    def _block(self, index: int, block: Any) -> Iterator[AIMessageChunk]:
        """A whole block, read as the events it would have come in."""
        match block:
            case {"text": str(text), **rest} if not rest:
                yield from self._delta({"contentBlockIndex": index, "delta": {"text": text}})
            case {"toolUse": {"input": given, **named}, **rest} if not rest:
                yield from self._start({"contentBlockIndex": index, "start": {"toolUse": named}})
                yield from self._arguments(index, {"input": to_json(given).decode()})
            case {"toolResult": {"content": content, **told}, **rest} if not rest:
                self._held[index] = Held("toolResult", cast(dict[str, Any], told), [content])
            case {"reasoningContent": {"reasoningText": {**reasoning}, **rest}} if not rest:
                yield from self._reasoning(index, cast(dict[str, Any], reasoning))
            case {"reasoningContent": {"redactedContent": redacted, **rest}} if not rest:
                yield from self._reasoning(index, {"redactedContent": redacted})
            case {"citationsContent": {"content": list(texts), "citations": list(citations), **rest}} if not rest:
                yield from self._cited(index, texts, citations)
            case dict() if len(block) == 1 and _is_media(*next(iter(block.items()))):
                kind, inside = next(iter(block.items()))
                start = {key: value for key, value in inside.items() if key != "source"}
                self._held[index] = Held(kind, start, [{"source": inside["source"]}])
            case _:
                yield _unknown(block)
        yield from self._stop({"contentBlockIndex": index})

    def _cited(self, index: int, texts: list[Any], citations: list[Any]) -> Iterator[AIMessageChunk]:
        for text in texts:
            delta = text if isinstance(text, dict) else {"content": text}
            yield from self._delta({"contentBlockIndex": index, "delta": delta})
        for citation in citations:
            yield from self._delta({"contentBlockIndex": index, "delta": {"citation": citation}})

    def last(self) -> AIMessageChunk:
        blocks = [{**held.block(), "index": index} for index, held in self._held.items()]
        return AIMessageChunk(
            blocks=blocks, usage_metadata=self._usage, response_metadata=self._metadata, chunk_position="last"
        )


_GOES_ON = {"type": "tool_call_chunk", "name": "", "id": None}


def _is_media(kind: str, inside: Any) -> bool:
    return kind in MEDIA and isinstance(inside, dict) and "source" in inside


def _call_begun(index: int, start: dict[str, Any]) -> Block:
    block: Block = {"type": "tool_call_chunk", "name": _text(start.get("name")) or "", "args": ""}
    block |= {"id": _text(start.get("toolUseId")), "index": index}
    own = {key: value for key, value in start.items() if key not in ("name", "toolUseId", "type")}
    return block | ({"extras": own} if own else {})


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None if value is None else str(value)


def _citation(index: int, citation: dict[str, Any]) -> AIMessageChunk:
    """`citation`, with the provider's own form kept in `extras`, to go back as it came."""
    note: Block = {"type": "citation", "extras": citation}
    if title := text_of(citation.get("title")):
        note["title"] = title
    if url := text_of(object_of(object_of(citation.get("location")).get("web")).get("url")):
        note["url"] = url
    if cited := "".join(text_of(source.get("text")) for source in objects_in(citation.get("sourceContent"))):
        note["cited_text"] = cited
    return AIMessageChunk(blocks=[{"type": "text", "text": "", "annotations": [note], "index": index}])


def _unknown(block: Any) -> AIMessageChunk:
    return AIMessageChunk(blocks=[{"type": "non_standard", "value": block}])


def _shown(name: bytes) -> str:
    return name.decode("utf-8", "replace")


def _error(provider: str, name: bytes, event: dict[str, Any]) -> Exception:
    said = [text_of(event.get(key)) for key in ("message", "Message", "originalMessage")]
    code = _shown(name.removeprefix(EXCEPTION))
    return read_error(provider, None, {}, {**event, "code": code, "message": ": ".join(filter(None, said))})


_COUNTS = ("inputTokens", "outputTokens", "totalTokens", "cacheReadInputTokens", "cacheWriteInputTokens")
_TWINS = ("cacheReadInputTokenCount", "cacheWriteInputTokenCount")  # older names of the same counts


def read_usage(given: Any) -> tuple[Usage | None, dict[str, Any]]:
    """(`usage` of an answer, what else it says). `inputTokens` leaves out what the cache read or wrote; ours has it."""
    if not isinstance(given, dict):
        return None, {}
    counts = {key: n for key in (*_COUNTS, *_TWINS) if (n := count_of(given.get(key))) is not None}
    read = counts.get("cacheReadInputTokens", counts.get("cacheReadInputTokenCount"))
    written = counts.get("cacheWriteInputTokens", counts.get("cacheWriteInputTokenCount"))
    usage = Usage.of(
        counts.get("inputTokens", 0) + (read or 0) + (written or 0),
        counts.get("outputTokens"),
        counts.get("totalTokens"),
        input_details={"cache_read": read, "cache_creation": written},
    )
    return usage, {key: value for key, value in given.items() if key not in counts and value not in ({}, [], None)}
