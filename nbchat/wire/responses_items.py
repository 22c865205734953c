"""Output items of OpenAI Responses as content blocks, and content blocks as input items. No network, no clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic_core import from_json, to_json

from nbchat.values.blocks import Block
from nbchat.wire.untrusted import list_of, object_of, text_of

_ENVELOPE = frozenset({"type", "id", "call_id", "status"})
_RESULTS = ("outputs", "output", "results", "tools", "result", "error")  # where the kinds of tool put what came out
_ONLY_OUT = frozenset({"created_by"})  # fields of an item that are not taken back
_ADDRESS = ("url", "title", "start_index", "end_index")


def is_server_tool(kind: str) -> bool:
    """Whether items of this type are calls of tools (functions are sorted out before)."""
    return kind.endswith("_call") or kind == "mcp_list_tools"


def server_tool_opening(item: Mapping[str, Any]) -> Block:
    """The call of a tool that the provider has begun to run: its name, before anything else is known."""
    return {"type": "server_tool_call", "name": _tool_name(item), "args": {}, "id": _call_id(item)}


def item_blocks(item: Mapping[str, Any]) -> list[Block]:
    """A finished item that is neither message, reasoning nor function call, as blocks.

    `*_call` items become `server_tool_call` (with `extras["item"]`, the item as it came) and, where they hold results,
    `server_tool_result`; a generated picture is an `image` block; any other item is `non_standard`.
    """
    kind = text_of(item.get("type"))
    if kind == "image_generation_call":
        return _generated_image(item)
    if is_server_tool(kind):
        call = server_tool_opening(item) | {"args": _args(item), "extras": {"item": dict(item)}}
        result = next((item[key] for key in _RESULTS if item.get(key) is not None), None)
        return [call] if result is None else [call, _result(item, result)]
    if kind.endswith("_output"):
        result = next((item[key] for key in _RESULTS if item.get(key) is not None), None)
        return [_result(item, result) | {"extras": {"item": dict(item)}}]
    return [{"type": "non_standard", "value": dict(item)}]


def _tool_name(item: Mapping[str, Any]) -> str:
    return text_of(item.get("name")) or text_of(item.get("type")).removesuffix("_call")


def _call_id(item: Mapping[str, Any]) -> str | None:
    return text_of(item.get("call_id")) or text_of(item.get("id")) or None


def _args(item: Mapping[str, Any]) -> dict[str, Any]:
    for key in ("arguments", "action", "operation", "input"):
        given = item.get(key)
        if isinstance(given, str):
            try:
                given = from_json(given)
            except ValueError:
                continue
        if isinstance(given, dict):
            return given
    return {k: v for k, v in item.items() if k not in _ENVELOPE and k not in _RESULTS and v is not None}


def _result(item: Mapping[str, Any], output: Any) -> Block:
    failed = item.get("error") is not None or item.get("status") in ("failed", "incomplete")
    status = "error" if failed else "success"
    return {"type": "server_tool_result", "tool_call_id": _call_id(item), "output": output, "status": status}


def _generated_image(item: Mapping[str, Any]) -> list[Block]:
    own = {key: value for key, value in item.items() if key != "result"}  # megabytes, kept once: in the image
    call = server_tool_opening(item) | {"args": _args(item), "extras": {"item": own}}
    if data := text_of(item.get("result")):
        mime_type = f"image/{text_of(item.get('output_format')) or 'png'}"
        return [call, {"type": "image", "base64": data, "mime_type": mime_type, "extras": {"id": item.get("id")}}]
    return [call] if item.get("error") is None else [call, _result(item, item["error"])]


def citation(annotation: Any) -> Block:
    """An annotation (`url_citation`, `file_citation`, `container_file_citation`, `file_path`) as a citation."""
    if not isinstance(annotation, dict):
        return {"type": "citation", "extras": {"value": annotation}}
    found: Block = {"type": "citation", **{key: annotation[key] for key in _ADDRESS if annotation.get(key) is not None}}
    found["extras"] = {key: value for key, value in annotation.items() if key not in _ADDRESS}
    if "title" not in found and (name := text_of(annotation.get("filename"))):
        found["title"] = name
    return found


def annotation(cited: Mapping[str, Any]) -> dict[str, Any]:
    """A citation as the annotation it was."""
    extras = object_of(cited.get("extras"))
    address = {key: cited[key] for key in _ADDRESS if key in cited and not (key == "title" and "filename" in extras)}
    return {"type": "url_citation", **address, **extras}


def items_back(blocks: Sequence[Block], *, stored: bool) -> Iterator[dict[str, Any]]:
    """The blocks of an answer that this wire gave, as the input items they came from, in order.

    Args:
        blocks: an assistant message's content blocks.
        stored: whether the provider keeps the items of that answer, so that a bare id is enough for it.
    """
    opened: dict[str, Any] | None = None
    for block in blocks:
        item = _item_back(block, blocks)
        if item is None:
            continue
        if opened is not None:
            if _continues(opened, item):
                _extend(opened, item)
                continue
            yield from _sendable(opened, stored)
        opened = item
    if opened is not None:
        yield from _sendable(opened, stored)


def _item_back(block: Block, blocks: Sequence[Block]) -> dict[str, Any] | None:
    extras = object_of(block.get("extras"))
    match block["type"]:
        case "text" | "refusal":
            part: dict[str, Any] = {"type": "refusal", "refusal": block["text"]}
            if block["type"] == "text":
                cited = [annotation(a) for a in list_of(block.get("annotations")) if isinstance(a, dict)]
                part = {"type": "output_text", "text": block["text"], "annotations": cited}
            return {"type": "message", "role": "assistant", "status": "completed", "content": [part], **extras}
        case "reasoning":
            own, kind = {key: value for key, value in extras.items() if key != "part"}, extras.get("part")
            said = [{"type": kind or "summary_text", "text": block["reasoning"]}] if block["reasoning"] else []
            if kind:
                return {"type": "reasoning", "summary": [], "content": said, **own}
            return {"type": "reasoning", "summary": said, **own}
        case "tool_call" | "invalid_tool_call":
            return call_back(block)
        case "server_tool_call":
            item = dict(object_of(extras.get("item")))
            if item.get("type") == "image_generation_call":
                item["result"] = next((b["base64"] for b in blocks if _is_picture_of(b, item)), None)
            return item or None
        case "server_tool_result":
            return dict(object_of(extras.get("item"))) or None  # without one, it is a part of its call
        case "non_standard":
            return block["value"] if isinstance(block["value"], dict) else None
    return None


def _is_picture_of(block: Block, item: Mapping[str, Any]) -> bool:
    return block["type"] == "image" and "base64" in block and object_of(block.get("extras")).get("id") == item.get("id")


def _continues(item: Mapping[str, Any], more: Mapping[str, Any]) -> bool:
    """Whether two parts belong to one item."""
    alike = item.get("type") == more.get("type") and more.get("type") in ("message", "reasoning")
    return alike and item.get("id") == more.get("id")


def _extend(item: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        if key in ("content", "summary"):
            item[key] = [*item.get(key, ()), *value]
        else:
            item.setdefault(key, value)


def _sendable(item: dict[str, Any], stored: bool) -> Iterator[dict[str, Any]]:
    """The item, unless it is reasoning that the provider could not find again: it refuses an id it has not stored."""
    if item.get("type") != "reasoning" or stored or item.get("encrypted_content") or item.get("content"):
        yield {key: value for key, value in item.items() if key not in _ONLY_OUT}


def call_back(call: Block) -> dict[str, Any]:
    """A tool call as an input item: `function_call`, or `custom_tool_call` where that is what it was."""
    extras = dict(object_of(call.get("extras")))
    args = call["args"]
    if extras.get("type") == "custom_tool_call":
        text = args if isinstance(args, str) else text_of(args.get("input"))
        return {"call_id": call.get("id") or "", "name": call["name"], "input": text, **extras}
    text = args if isinstance(args, str) else to_json(args).decode()
    return {"type": "function_call", "call_id": call.get("id") or "", "name": call["name"], "arguments": text, **extras}
