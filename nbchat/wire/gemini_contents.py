"""Neutral messages as the contents of a Gemini request. No network, no clock."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic_core import from_json

from nbchat.values.blocks import Block, is_media, object_args
from nbchat.values.messages import AIMessage, Message, SystemMessage, ToolMessage
from nbchat.wire.codec import Call
from nbchat.wire.gemini_decoder import WIRE
from nbchat.wire.untrusted import object_of

UNSIGNED = "skip_thought_signature_validator"  # Google's word for a call that another model made
_DEFAULT_MIME = {"image": "image/png", "audio": "audio/wav", "video": "video/mp4", "file": "application/pdf"}


def generation_of(model: str) -> int:
    """3 of "gemini-3-pro", and of "gemini-flash-latest"; 2 of names that do not say."""
    found = re.search(r"gemini-(\d+)", model)
    return int(found[1]) if found else 3 if "-latest" in model else 2


def contents(call: Call) -> list[dict[str, Any]]:
    """The conversation as turns of user and model; neighbours of one role are one turn."""
    names: dict[str, dict[str, Any]] = {}  # id of a tool call: what Gemini knows it by
    turns: list[dict[str, Any]] = []
    for message in call.messages:
        if isinstance(message, SystemMessage):
            continue
        if isinstance(message, AIMessage):
            role, parts = "model", _model_parts(message, generation_of(call.model))
            names.update(_called(message))
        elif isinstance(message, ToolMessage):
            role, parts = "user", _result_parts(message, names)
        else:
            role, parts = "user", parts_of(message) or [{"text": ""}]
        if not parts:
            continue  # an answer that was empty: Gemini refuses a turn without parts
        if turns and turns[-1]["role"] == role:
            turns[-1]["parts"] += parts
        else:
            turns.append({"role": role, "parts": parts})
    return turns


def _called(message: AIMessage) -> Iterator[tuple[str, dict[str, Any]]]:
    native = message.response_metadata.get("wire") == WIRE
    for block in message.content_blocks:
        if block["type"] in ("tool_call", "invalid_tool_call") and block.get("id"):
            own = object_of(object_of(block.get("extras")).get("functionCall")) if native else {}
            yield block["id"], {"name": block["name"], **({"id": own["id"]} if own.get("id") else {})}


def _result_parts(message: ToolMessage, names: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    known = names.get(message.tool_call_id) or {"name": message.name or "tool"}
    response: dict[str, Any] = {"error": message.text} if message.status == "error" else _json_object(message.text)
    media = [_part(block) for block in message.content_blocks if is_media(block)]
    return [{"functionResponse": {**known, "response": response}}, *media]


def _json_object(text: str) -> dict[str, Any]:
    """Gemini takes an object: the text as one, or in one."""
    if text.lstrip()[:1] not in ("{", "["):
        return {"output": text}
    try:
        found = from_json(text, allow_inf_nan=False)
    except ValueError:
        return {"output": text}
    return found if isinstance(found, dict) else {"output": found}


def _model_parts(message: AIMessage, generation: int) -> list[dict[str, Any]]:
    native = message.response_metadata.get("wire") == WIRE
    read = _part_back if native else _foreign_part
    parts = [part for block in message.content_blocks if (part := read(block))]
    first = next((part for part in parts if "functionCall" in part), None)
    if generation >= 3 and first is not None:
        first.setdefault("thoughtSignature", UNSIGNED)
    return parts


def _part_back(block: Block) -> dict[str, Any] | None:
    """A block of Gemini's own answer as the part that it was."""
    extras = dict(object_of(block.get("extras")))
    if "part" in extras:
        return dict(extras["part"])
    if "signature" in extras:
        extras["thoughtSignature"] = extras.pop("signature")
    match block:
        case {"type": "text", "text": text}:
            return {"text": text, **extras} if text or extras else None
        case {"type": "reasoning", "reasoning": text}:
            return {"text": text, "thought": True, **extras}
        case {"type": "tool_call" | "invalid_tool_call", "name": name}:
            own = extras.pop("functionCall", {})
            return {"functionCall": {"name": name, "args": object_args(block), **own}, **extras}
        case {"type": "non_standard", "value": dict(value)}:
            return value
        case {"type": kind} if is_media(block):
            mime_type = block.get("mime_type") or _DEFAULT_MIME[kind]
            key, name = ("inlineData", "data") if "base64" in block else ("fileData", "fileUri")
            content = block.get("base64") or block.get("url") or block.get("file_id")
            return {**extras, key: {**object_of(extras.get(key)), "mimeType": mime_type, name: content}}
    return None


def _foreign_part(block: Block) -> dict[str, Any] | None:
    """A block of another wire's answer, as far as it means anything to Gemini: its text, calls and pictures."""
    match block:
        case {"type": "text", "text": str(text)} if text:
            return {"text": text}
        case {"type": "tool_call" | "invalid_tool_call", "name": name}:
            return {"functionCall": {"name": name, "args": object_args(block)}}
        case {"type": "image", "base64": _}:
            return _part(block)
    return None


def parts_of(message: Message) -> list[dict[str, Any]]:
    return [_part(block) for block in message.content_blocks]


def _part(block: Block) -> dict[str, Any]:
    match block:
        case {"type": "text" | "refusal", "text": text}:
            return {"text": text}
        case {"type": kind} if is_media(block):
            own = {key: value for key, value in object_of(block.get("extras")).items() if key != "signature"}
            if "base64" in block:
                data = {"mimeType": block.get("mime_type") or _DEFAULT_MIME[kind], "data": block["base64"]}
                return {"inlineData": data, **own}
            uri = block.get("url") or block["file_id"]
            mime_type = block.get("mime_type") or mimetypes.guess_type(uri)[0]
            return {"fileData": {"fileUri": uri, **({"mimeType": mime_type} if mime_type else {})}, **own}
        case {"type": "non_standard", "value": value}:
            return value
    return {key: value for key, value in block.items() if key not in ("index", "type")}
