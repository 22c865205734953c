"""Reads an OpenAI Responses answer, streamed or whole. No network, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from nbchat.values.blocks import Block
from nbchat.values.chunks import AIMessageChunk
from nbchat.values.errors import StreamError
from nbchat.values.usage import Usage
from nbchat.wire.decoding import StreamDecoder, piece
from nbchat.wire.responses_growing import GrowingItem, GrowingPart, arguments_text, call_piece, late_fields, own_fields
from nbchat.wire.responses_items import citation, is_server_tool, item_blocks, server_tool_opening
from nbchat.wire.responses_metadata import metadata_of
from nbchat.wire.responses_usage import read_usage
from nbchat.wire.sse import SSE
from nbchat.wire.untrusted import list_of, logprobs_in, object_of, objects_in, text_of

WIRE = "openai_responses"

_DELTAS = {  # event: (kind of block, the item's list of such parts, the event's place in that list)
    "response.output_text.delta": ("text", "content", "content_index"),
    "response.refusal.delta": ("refusal", "content", "content_index"),
    "response.reasoning_summary_text.delta": ("reasoning", "summary", "summary_index"),
    "response.reasoning_summary.delta": ("reasoning", "summary", "summary_index"),
    "response.reasoning_text.delta": ("reasoning", "content", "content_index"),
    "response.reasoning.delta": ("reasoning", "content", "content_index"),
}
_AUDIO = {"response.audio.delta": "base64", "response.audio.transcript.delta": "transcript"}
_ENDS = frozenset(
    {"response.completed", "response.incomplete", "response.failed", "response.cancelled", "response.done"}
)
_NEW_PARTS = frozenset(
    {"response.content_part.added", "response.reasoning_summary_part.added", "response.reasoning_part.added"}
)
_IDLE = frozenset({"ping", "keepalive", "heartbeat"})
_PART_KINDS = {
    "output_text": "text",
    "text": "text",
    "refusal": "refusal",
    "reasoning_text": "reasoning",
    "summary_text": "reasoning",
}
_CUSTOM = frozenset({"custom", "namespace", "tool_search"})  # tools that may be, or bring, the caller's custom ones
_TEXT_KEY = {"text": "text", "refusal": "text", "reasoning": "reasoning"}


class ResponsesDecoder(StreamDecoder):
    """Reads `response.*` events. What no delta brought is taken from the finished item, or the finished response."""

    def __init__(self, provider: str) -> None:
        super().__init__(provider)
        self.frames = SSE()
        self._items: dict[int | str, GrowingItem] = {}
        self._places = 0
        self._usage: Usage | None = None
        self._metadata: dict[str, Any] = {"model_provider": provider, "wire": WIRE}
        self._id: str | None = None
        self._calls = {"function_call", "custom_tool_call"}  # items that are calls of the caller's tools

    def on_event(self, name: bytes, event: Any) -> Iterable[AIMessageChunk]:
        if not isinstance(event, dict):
            raise StreamError(f"{self.provider} sent an event that is no response event: {str(event)[:120]!r}")
        kind = text_of(event.get("type")) or name.decode("utf-8", "replace")
        if kind in _DELTAS:
            return self._delta(event, *_DELTAS[kind])
        if kind in _ENDS:
            return self.whole(object_of(event.get("response")), kind.removeprefix("response."))
        if kind == "response.function_call_arguments.delta":
            return self._arguments(event)
        if kind == "response.output_item.added":
            return self._open(event)
        if kind == "response.output_item.done":
            return self._finish(self._item(event), object_of(event.get("item")))
        if kind == "response.output_text.annotation.added":
            return self._annotate(event)
        if kind in _AUDIO:
            delta = text_of(event.get("delta"))
            return (piece("audio", _AUDIO[kind], delta, 0),) if delta else ()
        if kind == "error" or event.get("error"):
            return self.broken_off(event)
        if kind in _NEW_PARTS:
            self._expect(event)
        elif kind == "response.created":
            self._note_tools(object_of(event.get("response")))
        elif not kind.startswith("response.") and kind not in _IDLE:  # the others tell of an item's progress
            return (AIMessageChunk(blocks=[{"type": "non_standard", "value": event}]),)
        return ()

    def whole(self, response: Mapping[str, Any], ending: str = "completed") -> Iterator[AIMessageChunk]:
        """Yield what of a finished response has not been yielded yet, and note the rest for the last chunk."""
        status = text_of(response.get("status")) or ending
        if status == "failed" or response.get("error"):
            yield from self.broken_off({"error": response.get("error") or "the response failed, without a reason"})
        self._note_tools(response)
        known = {item.id: item for item in self._items.values() if item.id}
        for position, raw in enumerate(objects_in(response.get("output"))):
            item = known.get(text_of(raw.get("id"))) or self._at(position, raw)
            yield from self._finish(item, raw)
        self._id = text_of(response.get("id")) or None
        if usage := object_of(response.get("usage")):
            self._usage = read_usage(usage)
        self._metadata.update(metadata_of(response, status))
        self.done = self.over = True

    def last(self) -> AIMessageChunk:
        return AIMessageChunk(
            blocks=[],
            usage_metadata=self._usage,
            response_metadata=self._metadata,
            id=self._id,
            chunk_position="last",
        )

    def _note_tools(self, response: Mapping[str, Any]) -> None:
        """Where no custom tool was declared, a call of one is of a tool that the provider has run: xAI's `x_search`."""
        kinds = {text_of(tool.get("type")) for tool in objects_in(response.get("tools"))}
        if kinds and not kinds & _CUSTOM:
            self._calls.discard("custom_tool_call")

    def _next_place(self) -> int:
        self._places += 1
        return self._places - 1

    def _item(self, event: Mapping[str, Any]) -> GrowingItem:
        """The item that an event is about: by its place in the output, or by its id where a server gives no places."""
        key: Any = event.get("output_index")
        if key.__class__ is not int:
            key = text_of(event.get("item_id")) or text_of(object_of(event.get("item")).get("id"))
        item = self._items.get(key)
        if item is None:
            item = self._items[key] = GrowingItem(self._next_place())
            item.id = key if key and isinstance(key, str) else None
        return item

    def _at(self, position: int, raw: Mapping[str, Any]) -> GrowingItem:
        item = self._items.get(position)
        if item is None or item.kind not in ("", raw.get("type")):  # some servers number them differently at the end
            item = GrowingItem(self._next_place())
        return item

    def _part(self, item: GrowingItem, kind: str, group: str, number: Any) -> GrowingPart:
        key = (group, number if number.__class__ is int else 0)
        part = item.parts.get(key)
        if part is None:
            place = self._next_place() if item.parts else item.place
            part = item.parts[key] = GrowingPart(kind, place)
        return part

    def _delta(self, event: Mapping[str, Any], kind: str, group: str, number: str) -> Iterator[AIMessageChunk]:
        item = self._item(event)
        part = self._part(item, kind, group, event.get(number))
        delta = event.get("delta")
        if isinstance(delta, str):
            if part.begun:
                if delta:
                    yield piece(part.kind, _TEXT_KEY[part.kind], delta, part.place)
            else:
                yield self._begin(item, part, group, delta)
        if logprobs := event.get("logprobs"):
            yield from self._logprobs(part, logprobs)

    def _begin(self, item: GrowingItem, part: GrowingPart, group: str, text: str) -> AIMessageChunk:
        """The first piece of a part; it says which item the part belongs to."""
        part.begun = True
        block: Block = {"type": part.kind, _TEXT_KEY[part.kind]: text, "index": part.place}
        extras = item.new_extras() if part.place == item.place else {"id": item.id} if item.id else {}
        if part.kind == "reasoning" and group == "content":
            extras["part"] = "reasoning_text"
        if extras:
            block["extras"] = extras
        return AIMessageChunk(blocks=[block])

    def _logprobs(self, part: GrowingPart, entries: Any) -> Iterator[AIMessageChunk]:
        found = logprobs_in(entries)
        part.logprobs += len(found)
        if found:
            yield AIMessageChunk(blocks=[], response_metadata={"logprobs": {"content": found}})

    def _expect(self, event: Mapping[str, Any]) -> None:
        """A part is announced: its place in the event may differ from its place in the item, which counts only some."""
        raw = object_of(event.get("part"))
        kind = _PART_KINDS.get(text_of(raw.get("type")))
        if kind:
            group = "summary" if raw.get("type") == "summary_text" else "content"
            self._part(self._item(event), kind, group, event.get(f"{group}_index"))

    def _annotate(self, event: Mapping[str, Any]) -> Iterator[AIMessageChunk]:
        part = self._part(self._item(event), "text", "content", event.get("content_index"))
        part.annotations += 1
        if part.kind == "text":
            yield _cited(part, [event.get("annotation")])

    def _open(self, event: Mapping[str, Any]) -> Iterator[AIMessageChunk]:
        """An item begins. Its place among the blocks is taken now, except by a message: that has its text to come."""
        item, raw = self._item(event), object_of(event.get("item"))
        item.kind, item.id = text_of(raw.get("type")), text_of(raw.get("id")) or None
        item.extras = own_fields(raw)
        item.extras.pop("encrypted_content", None)  # only the finished item has all of it
        if item.begun or item.parts:
            return
        if item.kind in self._calls:
            item.begun = True
            yield AIMessageChunk(blocks=[call_piece(item, raw, "")])
        elif item.kind == "reasoning":
            yield AIMessageChunk(blocks=[late_fields(item)])
        elif is_server_tool(item.kind):
            yield AIMessageChunk(blocks=[server_tool_opening(raw) | {"index": item.place}])

    def _arguments(self, event: Mapping[str, Any]) -> Iterator[AIMessageChunk]:
        item = self._item(event)
        if delta := text_of(event.get("delta")):
            item.said = True
            block = {"type": "tool_call_chunk", "name": "", "args": delta, "id": None, "index": item.place}
            yield AIMessageChunk(blocks=[block])

    def _finish(self, item: GrowingItem, raw: Mapping[str, Any]) -> Iterator[AIMessageChunk]:
        """Yield what of a finished item has not been yielded yet."""
        if item.done:
            return
        item.done, item.kind = True, text_of(raw.get("type")) or item.kind
        item.id = item.id or text_of(raw.get("id")) or None
        item.extras = own_fields(raw)
        match item.kind:
            case "message":
                yield from self._fill(item, "content", raw.get("content"))
            case "reasoning":
                yield from self._fill(item, "summary", raw.get("summary"))
                yield from self._fill(item, "content", raw.get("content"))
                yield AIMessageChunk(blocks=[late_fields(item)])
            case kind if kind in self._calls:
                args = "" if item.said else arguments_text(raw)
                if args or not item.begun or item.extras.keys() - item.sent:
                    yield AIMessageChunk(blocks=[call_piece(item, raw, args)])
            case _:
                yield AIMessageChunk(blocks=[block | {"index": item.place} for block in item_blocks(raw)])

    def _fill(self, item: GrowingItem, group: str, content: Any) -> Iterator[AIMessageChunk]:
        if isinstance(content, str):
            content = [{"type": "output_text", "text": content}]
        announced = [part for (owner, _), part in item.parts.items() if owner == group]
        for number, raw in enumerate(list_of(content)):
            kind = _PART_KINDS.get(text_of(object_of(raw).get("type")))
            if kind is None:
                yield AIMessageChunk(blocks=[{"type": "non_standard", "value": raw}])
                continue
            part = announced[number] if number < len(announced) else self._part(item, kind, group, number)
            text = text_of(raw.get("refusal" if raw.get("type") == "refusal" else "text"))
            if text and not part.begun:
                yield self._begin(item, part, group, text)
            if cites := list_of(raw.get("annotations"))[part.annotations :]:
                part.annotations += len(cites)
                yield _cited(part, cites)
            if not part.logprobs:
                yield from self._logprobs(part, raw.get("logprobs"))


def _cited(part: GrowingPart, annotations: list[Any]) -> AIMessageChunk:
    block = {"type": "text", "text": "", "annotations": [citation(a) for a in annotations], "index": part.place}
    return AIMessageChunk(blocks=[block])
