"""A conversation in AWS Bedrock's form: turns that alternate, and what is native to it. No network, no clock."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from nbchat.values.blocks import Block, is_media, object_args
from nbchat.values.errors import UnsupportedError
from nbchat.values.messages import AIMessage, Message, SystemMessage, ToolMessage
from nbchat.wire.bedrock_decoder import WIRE
from nbchat.wire.bedrock_media import media_block
from nbchat.wire.codec import Call
from nbchat.wire.untrusted import objects_in


def turns(call: Call) -> list[dict[str, Any]]:
    """The turns, alternating: what one side says in a row is one message; tool results are the user's."""
    out: list[dict[str, Any]] = []
    for message in call.messages:
        if isinstance(message, SystemMessage):
            continue
        role = "assistant" if isinstance(message, AIMessage) else "user"
        content = list(parts(message, call.model))
        if not content:
            continue
        if out and out[-1]["role"] == role:
            out[-1]["content"].extend(content)
        else:
            out.append({"role": role, "content": content})
    _name_documents(out)
    return out


def parts(message: Message, model: str) -> Iterator[dict[str, Any]]:
    """The content blocks of a message. What another provider made for itself alone is left out."""
    if isinstance(message, ToolMessage):
        yield _tool_result(message)
        return
    native = not isinstance(message, AIMessage) or message.response_metadata.get("wire") == WIRE
    for place, block in enumerate(message.content_blocks):
        if part := _part(block, native, model, place):
            yield part
            if isinstance(mark := block.get("cache_control"), Mapping):  # Anthropic's mark is a block of its own here
                ttl = {"ttl": mark["ttl"]} if mark.get("ttl") else {}
                yield {"cachePoint": {"type": "default", **ttl}}


def _part(block: Block, native: bool, model: str, place: int) -> dict[str, Any] | None:
    match block:
        case {"type": "text", "text": str(text)}:
            return _text(block, native) if text else None
        case {"type": "refusal", "text": str(text)}:
            return {"text": text} if text else None
        case {"type": "tool_call" | "invalid_tool_call", "name": name}:
            use = {"toolUseId": _call_id(block.get("id"), place), "name": name, "input": object_args(block)}
            return {"toolUse": use | (_extras(block) if native else {})}
        case {"type": "reasoning"}:
            return _reasoning(block, model) if native else None
        case {"type": "server_tool_call", "name": name, "args": args, "id": id}:
            return {"toolUse": {"toolUseId": id, "name": name, "input": args, **_extras(block)}} if native else None
        case {"type": "server_tool_result", "tool_call_id": id, "output": output}:
            result = {"toolUseId": id, "content": output, "status": block.get("status") or "success"}
            return {"toolResult": result | _extras(block)} if native else None
        case {"type": "non_standard", "value": value}:
            return dict(value) if native and isinstance(value, dict) else None
    if is_media(block):
        return media_block(block)
    raise UnsupportedError(f"BedrockConverse has no content block of type {block.get('type')!r}")


def _extras(block: Block) -> dict[str, Any]:
    return dict(block.get("extras") or {})


def _text(block: Block, native: bool) -> dict[str, Any]:
    notes = block.get("annotations") or [] if native else []
    cited = [note["extras"] for note in notes if isinstance(note, Mapping) and note.get("extras")]
    if not cited:
        return {"text": block["text"]}
    return {"citationsContent": {"content": [{"text": block["text"]}], "citations": cited}}


def _reasoning(block: Block, model: str) -> dict[str, Any] | None:
    extras = _extras(block)
    if "redacted" in extras:
        return {"reasoningContent": {"redactedContent": extras["redacted"]}}
    if "signature" not in extras and "claude" in model:
        return None  # Claude refuses reasoning that it has not signed: an answer that was stopped
    return {"reasoningContent": {"reasoningText": {"text": block.get("reasoning") or "", **extras}}}


def _tool_result(message: ToolMessage) -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    for block in message.content_blocks:
        match block:
            case {"type": "text", "text": str(text)}:
                content += [{"text": text}] if text else []
            case {"type": "non_standard", "value": value}:
                content.append(value)
            case _ if is_media(block):
                content.append(media_block(block))
            case _:
                content.append({"json": {key: value for key, value in block.items() if key != "index"}})
    result = {"toolUseId": _call_id(message.tool_call_id, 0), "content": content or [{"text": "(no output)"}]}
    if message.status == "error":
        result["status"] = "error"
    return {"toolResult": result}


def _call_id(id: str | None, place: int) -> str:
    """Bedrock takes 64 letters, digits and `_.:-`; ids of other providers are made to fit, the same way each time."""
    return re.sub(r"[^a-zA-Z0-9_.:-]", "_", id)[-64:] if id else f"call_{place}"


def _name_documents(messages: list[dict[str, Any]]) -> None:
    """Bedrock refuses a request in which two documents have one name."""
    seen: dict[str, int] = {}
    for part in (part for message in messages for part in message["content"]):
        if isinstance(document := part.get("document"), dict):
            name = str(document.get("name"))
            seen[name] = seen.get(name, 0) + 1
            if seen[name] > 1:
                part["document"] = {**document, "name": f"{name} ({seen[name]})"}


def inside(messages: list[dict[str, Any]], kind: str) -> Iterator[dict[str, Any]]:
    """What the content blocks of one kind hold."""
    return (found for message in messages for part in message["content"] for found in objects_in([part.get(kind)]))
