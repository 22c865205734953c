"""Messages and tools as Anthropic's Messages API takes them. No network, no clock."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nbchat.values.blocks import Block, is_media, object_args
from nbchat.values.errors import UnsupportedError
from nbchat.values.messages import AIMessage, Message, SystemMessage, ToolMessage
from nbchat.wire.anthropic_schema import parameters
from nbchat.wire.codec import ToolSpec

WIRE = "anthropic"
_NEUTRAL = ("type", "url", "base64", "file_id", "mime_type", "name", "extras", "index", "detail", "annotations")
_ANSWERS_ONLY = ("file_id", "abort_reason")  # null in answers, and refused in requests
_FOREIGN_ID = re.compile(r"[^a-zA-Z0-9_-]")


def arranged(messages: Sequence[Message]) -> tuple[list[Block], list[dict[str, Any]]]:
    """(`system` blocks, `messages`): system messages to the top, neighbours of one role in one turn, nothing empty."""
    system: list[Block] = []
    turns: list[dict[str, Any]] = []
    for message in messages:
        if isinstance(message, SystemMessage):
            system.extend(_parts(message))
            continue
        if isinstance(message, ToolMessage):
            role, content = "user", [_tool_result(message)]
        elif isinstance(message, AIMessage):
            role, content = "assistant", list(_assistant(message))
        else:
            role, content = "user", list(_parts(message))
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += content
        elif content:
            turns.append({"role": role, "content": content})
    if turns and turns[-1]["role"] == "assistant" and (last := turns[-1]["content"][-1])["type"] == "text":
        turns[-1]["content"][-1] = {**last, "text": last["text"].rstrip()}  # it is refused at the end of a prefill
    return system, turns


def _parts(message: Message) -> Iterator[Block]:
    for block in message.content_blocks:
        if block["type"] != "text" or block["text"].strip():  # empty text is refused
            yield _part(block)


def _part(block: Block) -> Block:
    """A block of the user's, or of a tool's result."""
    match block:
        case {"type": "image"} if is_media(block):
            return {"type": "image", "source": _source(block), **_own(block)}
        case {"type": "file"} if is_media(block):
            title = {"title": block["name"]} if block.get("name") else {}
            return {"type": "document", "source": _document(block), **title, **_own(block)}
        case {"type": "audio" | "video" as kind}:
            raise UnsupportedError(f"AnthropicMessages takes no {kind}: give its transcript, or use another provider")
        case {"type": "text"}:
            return {"type": "text", **_own(block)}
        case {"type": "non_standard", "value": value}:
            return value
    return {key: value for key, value in block.items() if key != "index"}


def _own(block: Block) -> dict[str, Any]:
    """Anthropic's own fields of a block: `cache_control`, `citations`, `context`, …"""
    return {key: value for key, value in block.items() if key not in _NEUTRAL}


def _source(block: Block) -> dict[str, Any]:
    if "base64" in block:
        return {"type": "base64", "media_type": block.get("mime_type") or "image/png", "data": block["base64"]}
    return {"type": "url", "url": block["url"]} if "url" in block else {"type": "file", "file_id": block["file_id"]}


def _document(block: Block) -> dict[str, Any]:
    mime = block.get("mime_type") or "application/pdf"
    if "base64" in block and mime.startswith("text/"):
        text = base64.b64decode(block["base64"]).decode("utf-8", "replace")
        return {"type": "text", "media_type": "text/plain", "data": text}
    if "base64" in block and mime != "application/pdf":
        raise UnsupportedError(f"AnthropicMessages takes PDF and text files, not {mime}: convert it first")
    return _source({**block, "mime_type": mime})


def _tool_result(message: ToolMessage) -> dict[str, Any]:
    out: dict[str, Any] = {"type": "tool_result", "tool_use_id": _id(message.tool_call_id), **message.additional_kwargs}
    content = list(_parts(message))
    if all(part.keys() == {"type", "text"} for part in content):
        out["content"] = message.text
    else:
        out["content"] = content
    if message.status == "error":
        out["is_error"] = True
    return out


def _id(given: str | None) -> str:
    """A call's id in the letters that Anthropic takes; other providers use more."""
    return _FOREIGN_ID.sub("_", given or "call")


def _assistant(message: AIMessage) -> Iterator[Block]:
    native = message.response_metadata.get("wire", WIRE) == WIRE
    for block in message.content_blocks:
        if (part := _said(block, native)) is not None:
            yield part


def _said(block: Block, native: bool) -> Block | None:
    """A block of the model's own. What another provider's server made of its own accord stays out."""
    extras = (block.get("extras") or {}) if native else {}
    marks = {"cache_control": block["cache_control"]} if "cache_control" in block else {}
    match block:
        case {"type": "text" | "refusal", "text": str(text)}:
            cites = [_citation(c) for c in block.get("annotations") or ()] if native else []
            given = {"citations": cites} if cites else {}
            return {"type": "text", "text": text, **given, **extras, **marks} if text.strip() else None
        case {"type": "tool_call" | "invalid_tool_call", "name": name}:
            used = {"type": "tool_use", "id": _id(block.get("id")), "name": name, "input": object_args(block)}
            return used | extras | marks
        case {"type": "reasoning"}:
            return _thought(block, extras)
        case {"type": "server_tool_call", "name": name, "args": args, "id": id} if native:
            return {"type": "server_tool_use", "id": id, "name": name, "input": args, **extras, **marks}
        case {"type": "server_tool_result", "tool_call_id": id, "output": output} if native and "type" in extras:
            return {"tool_use_id": id, "content": _sendable(output), **extras, **marks}
        case {"type": "non_standard", "value": value} if native:
            return value
    return None


def _thought(block: Block, extras: Mapping[str, Any]) -> Block | None:
    """A thought goes back with the signature that proves it; unsigned ones (cut off, or from elsewhere) are refused."""
    own = {key: value for key, value in extras.items() if key != "redacted"}
    if "redacted" in extras:
        return {"type": "redacted_thinking", "data": extras["redacted"], **own}
    if extras.get("signature"):
        return {"type": "thinking", "thinking": block.get("reasoning") or "", **own}
    return None


def _sendable(said: Any) -> Any:
    return {k: v for k, v in said.items() if k not in _ANSWERS_ONLY} if isinstance(said, Mapping) else said


def _citation(note: Mapping[str, Any]) -> dict[str, Any]:
    extras = _sendable(note.get("extras") or {})
    titled = {} if "document_title" in extras else {"title": note.get("title")}
    out = {key: note[key] for key in ("url", "cited_text") if key in note}
    return {**out, **titled, **extras}


def tool(given: ToolSpec | Mapping[str, Any]) -> Mapping[str, Any]:
    """A tool; Anthropic's own (`web_search_20250305`, …) come as they are."""
    if not isinstance(given, ToolSpec):
        return given
    out: dict[str, Any] = {"name": given.name}
    if given.description:
        out["description"] = given.description
    schema, strict = parameters(given)
    out["input_schema"] = {"type": "object", **schema}
    if strict is not None:
        out["strict"] = strict
    return out


def tool_choice(choice: str | Mapping[str, Any] | None, parallel: bool | None) -> dict[str, Any] | None:
    """`tool_choice`, which also says whether several tools may be used at once."""
    match choice:
        case None if parallel is None:
            return None
        case None | "auto":
            out: dict[str, Any] = {"type": "auto"}
        case "any" | "required":
            out = {"type": "any"}
        case "none":
            return {"type": "none"}
        case {"function": {"name": name}}:
            out = {"type": "tool", "name": name}
        case Mapping():
            out = dict(choice)
        case _:
            out = {"type": "tool", "name": choice}
    return out if parallel is None else {"disable_parallel_tool_use": not parallel, **out}
