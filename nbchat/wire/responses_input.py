"""Messages as the input items of an OpenAI Responses request. No network, no clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nbchat.values.blocks import Block, data_url, is_media
from nbchat.values.errors import UnsupportedError
from nbchat.values.messages import AIMessage, Message, ToolMessage
from nbchat.wire.responses_decoder import WIRE
from nbchat.wire.responses_items import call_back, items_back
from nbchat.wire.untrusted import object_of


def input_items(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """The request's `input`. Raises UnsupportedError for audio and video."""
    custom = {  # calls of custom tools are answered in their own form
        block.get("id")
        for message in messages
        if isinstance(message, AIMessage)
        for block in message.content_blocks
        if object_of(block.get("extras")).get("type") == "custom_tool_call"
    }
    return [item for message in messages for item in _items(message, custom)]


def _items(message: Message, custom: set[Any]) -> Iterator[dict[str, Any]]:
    if isinstance(message, ToolMessage):
        kind = "custom_tool_call_output" if message.tool_call_id in custom else "function_call_output"
        parts, items = _parts(message)
        output = message.text if all(_is_plain(part) for part in parts) else parts
        if parts or not items:
            yield {"type": kind, "call_id": message.tool_call_id, "output": output}
        yield from items
    elif isinstance(message, AIMessage):
        metadata = message.response_metadata
        if metadata.get("wire") == WIRE:
            yield from items_back(message.content_blocks, stored=metadata.get("store") is not False)
        else:
            yield from _foreign(message)
    else:
        parts, items = _parts(message)
        plain = all(_is_plain(part) for part in parts)
        if parts or not items:
            yield {"role": message.role, "content": message.text if plain else parts}
        yield from items


def _foreign(message: AIMessage) -> Iterator[dict[str, Any]]:
    """An answer of another wire: its text, its calls; a picture it made is shown again as the user's."""
    if message.text:
        yield {"type": "message", "role": "assistant", "content": message.text}
    for block in message.content_blocks:
        if block["type"] in ("tool_call", "invalid_tool_call"):
            yield call_back({**block, "extras": {}})
    if pictures := [block for block in message.content_blocks if block["type"] == "image" and is_media(block)]:
        yield {"role": "user", "content": [_part(block) for block in pictures]}


def is_text(message: Message) -> bool:
    """Whether a message holds nothing but plain text."""
    return all(_is_plain(part) for part in _parts(message)[0])


def _is_plain(part: Mapping[str, Any]) -> bool:
    return part.get("type") == "input_text" and len(part) == 2


def _parts(message: Message) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(content parts, input items): a provider's own block that is an item of its own stands beside the message."""
    parts: list[dict[str, Any]] = []
    items: list[dict[str, Any]] = []
    for block in message.content_blocks:
        part = _part(block)
        (parts if str(part.get("type")).startswith("input_") else items).append(part)
    return parts, items


_NOT_SENT = frozenset({"type", "text", "annotations", "extras", "index", "cache_control"})  # the last is Anthropic's


def _part(block: Block) -> dict[str, Any]:
    match block:
        case {"type": "text" | "refusal", "text": text}:
            own = {k: v for k, v in block.items() if k not in _NOT_SENT}
            return {"type": "input_text", "text": text, **own}
        case {"type": "image"} if is_media(block):
            place = {"file_id": block["file_id"]} if "file_id" in block else {"image_url": data_url(block)}
            return {"type": "input_image", "detail": block.get("detail") or "auto", **place}
        case {"type": "file", "file_id": file_id}:
            return {"type": "input_file", "file_id": file_id}
        case {"type": "file", "url": url}:
            return {"type": "input_file", "file_url": url}
        case {"type": "file", "base64": _}:
            return {"type": "input_file", "filename": block.get("name") or "file.pdf", "file_data": data_url(block)}
        case {"type": "audio" | "video" as kind} if is_media(block):
            raise UnsupportedError(f"OpenAIResponses has no {kind} input; use chat completions or another provider")
        case {"type": "non_standard", "value": value}:
            return value
    return {key: value for key, value in block.items() if key != "index"}
