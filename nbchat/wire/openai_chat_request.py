"""Neutral messages as the messages of a chat completions request. No network, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from pydantic_core import to_json

from nbchat.values.blocks import Block, data_url, is_media, object_args, standard_block
from nbchat.values.errors import UnsupportedError
from nbchat.values.messages import AIMessage, Message, ToolMessage
from nbchat.wire.openai_chat_calls import CUSTOM
from nbchat.wire.openai_chat_choice import DETAILS
from nbchat.wire.openai_chat_events import WIRE

MAX_ID = 40  # characters of a tool call's id, for OpenAI
_ONLY_OUT = frozenset({"channel", "name", "token_id", "index"})  # fields of an answer that no vendor takes back
_CALLS = ("tool_call", "invalid_tool_call")


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a vendor takes in messages; see the same names in `OpenAIChat`."""

    reasoning_back: str | None = None
    document: str | None = None
    short_ids: bool = False

    def id(self, id: str) -> str:
        """A tool call's id in the form that the vendor takes: another provider's may be too long for it."""
        fits = len(id) == 9 and id.isalnum() if self.short_ids else len(id) <= MAX_ID
        return id if fits else blake2b(id.encode(), digest_size=5).hexdigest()[:9]


def wire_messages(messages: Sequence[Message], dialect: Dialect) -> list[dict[str, Any]]:
    """The request's `messages`. Tool results hold text only: their pictures follow them as the user's."""
    out: list[dict[str, Any]] = []
    media: list[Block] = []
    unnamed: list[str] = []  # our ids of calls that have none of their own, waiting for their results
    for place, message in enumerate(messages):
        if isinstance(message, ToolMessage):
            id = message.tool_call_id or (unnamed.pop(0) if unnamed else "")
            out.append(_tool_result(message, dialect.id(id)))
            media += [block for block in message.content_blocks if is_media(block)]
            continue
        out += _user(media, dialect)
        media = []
        if isinstance(message, AIMessage):
            asked, native = _calls(message), _is_native(message)
            calls = [_call(b, dialect.id(b.get("id") or f"call_{place}_{n}"), native) for n, b in enumerate(asked)]
            unnamed = [call["id"] for call, block in zip(calls, asked, strict=True) if not block.get("id")]
            out.append(_assistant(message, calls, dialect))
        else:
            out.append(_named(message) | {"content": _content(message.content_blocks, dialect)})
    return out + _user(media, dialect)


def _named(message: Message) -> dict[str, Any]:
    return {"role": message.role, "name": message.name} if message.name else {"role": message.role}


def _user(media: Sequence[Block], dialect: Dialect) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [part(block, dialect) for block in media]}] if media else []


def _tool_result(message: ToolMessage, id: str) -> dict[str, Any]:
    count = sum(map(is_media, message.content_blocks))
    text = message.text or (f"({count} attachments follow)" if count else "")
    return {"role": "tool", "tool_call_id": id, "content": text}


def _content(blocks: Iterable[Block], dialect: Dialect) -> str | list[Mapping[str, Any]]:
    return _plain([part(block, dialect) for block in blocks])


def _plain(parts: list[Mapping[str, Any]]) -> str | list[Mapping[str, Any]]:
    """Parts that are text and nothing else, as one text."""
    texts = [p["text"] for p in parts if p.keys() == {"type", "text"} and p["type"] == "text"]
    return "".join(texts) if len(texts) == len(parts) and all(isinstance(t, str) for t in texts) else parts


def _calls(message: AIMessage) -> list[Block]:
    return [block for block in message.content_blocks if block["type"] in _CALLS]


def _is_native(message: AIMessage) -> bool:
    """Whether a message came in this format, or was made by hand, so that what is its own may go back."""
    return message.response_metadata.get("wire", WIRE) == WIRE


def _call(call: Block, id: str, native: bool) -> dict[str, Any]:
    args, own = object_args(call), (call.get("extras") or {}) if native else {}
    if own.get("type") == CUSTOM:
        return {"id": id, CUSTOM: {"name": call["name"], "input": args.get("input") or ""}, **own}
    function = {"name": call["name"], "arguments": to_json(args).decode()}
    return {"id": id, "type": "function", "function": function, **own}


def _assistant(message: AIMessage, calls: list[dict[str, Any]], dialect: Dialect) -> dict[str, Any]:
    out = _named(message)
    native = _is_native(message)
    blocks = message.content_blocks
    if native:
        out |= {key: value for key, value in message.additional_kwargs.items() if key not in _ONLY_OUT}
        out |= _native(blocks)
    out["content"] = _answer(blocks, native, dialect) or (None if calls or "audio" in out else "")
    if calls:
        out["tool_calls"] = calls
    thought = message.reasoning if native else ""
    if dialect.reasoning_back in ("reasoning_content", "reasoning") and (thought or calls):
        out[dialect.reasoning_back] = thought  # beside tool calls DeepSeek wants the field even where it is empty
    if dialect.reasoning_back == DETAILS and native:
        details = [d for b in blocks if b["type"] == "reasoning" for d in (b.get("extras") or {}).get(DETAILS) or ()]
        out |= {DETAILS: details} if details else {}
    return out


def _native(blocks: Iterable[Block]) -> dict[str, Any]:
    """What an answer of this format held beside its content."""
    out: dict[str, Any] = {}
    for block in blocks:
        match block:
            case {"type": "audio", "file_id": id}:
                out["audio"] = {"id": id}
            case {"type": "refusal", "text": str(text)}:
                out["refusal"] = text
            case {"type": "text", "annotations": [*notes]} if own := [
                n for n in notes if isinstance(n, dict) and n.get("type") != "citation"
            ]:
                out["annotations"] = own  # files that OpenRouter has read already
            case {"type": "image"} if is_media(block):
                out.setdefault("images", []).append({"type": "image_url", "image_url": {"url": data_url(block)}})
    return out


def _answer(blocks: Iterable[Block], native: bool, dialect: Dialect) -> str | list[Mapping[str, Any]]:
    """An assistant's content: text, and in the order of the vendor the parts that only it knows."""
    parts: list[Mapping[str, Any]] = []
    for block in blocks:
        match block:
            case {"type": "text", "text": str(text)}:
                parts.append({"type": "text", "text": text})
            case {"type": "reasoning", "reasoning": str(text)} if native and dialect.reasoning_back == "thinking":
                own = block.get("extras") or {}
                parts.append({"type": "thinking", "thinking": [{"type": "text", "text": text}], **own})
            case {"type": "non_standard", "value": {"type": _} as value} if native:
                parts.append(value)
    return _plain(parts)


def part(block: Block, dialect: Dialect) -> Mapping[str, Any]:
    """One block of a user's or system message as a content part. Raises UnsupportedError for what the format lacks."""
    block = standard_block(block)
    match block:
        case {"type": "text", "text": text}:
            own = {k: v for k, v in block.items() if k not in ("annotations", "extras", "index")}
            return own | {"text": text}
        case {"type": "image"} if is_media(block):
            if "file_id" in block:
                raise UnsupportedError("OpenAIChat takes an image by url or base64, not by file_id")
            detail = {"detail": block["detail"]} if "detail" in block else {}
            return {"type": "image_url", "image_url": {"url": data_url(block), **detail}}
        case {"type": "audio", "base64": data}:
            form = (block.get("mime_type") or "audio/wav").rpartition("/")[2]
            return {"type": "input_audio", "input_audio": {"data": data, "format": _AUDIO.get(form, form)}}
        case {"type": "file"} if is_media(block):
            return _file(block, dialect)
        case {"type": "video"} if is_media(block):
            return {"type": "video_url", "video_url": {"url": data_url(block)}}
        case {"type": "audio"} if is_media(block):
            raise UnsupportedError("OpenAIChat takes audio as bytes, not by url: read it and give it as base64")
        case {"type": "non_standard", "value": value}:
            return value
    return {k: v for k, v in block.items() if k != "index"}


_AUDIO = {"mpeg": "mp3", "x-wav": "wav", "wave": "wav", "x-m4a": "m4a", "mp4": "m4a"}


def _file(block: Block, dialect: Dialect) -> Mapping[str, Any]:
    if "file_id" in block:
        return {"type": "file", "file": {"file_id": block["file_id"]}}
    if dialect.document == "document_url":
        return {"type": "document_url", "document_url": data_url(block)}
    if "base64" in block or dialect.document == "file":
        return {"type": "file", "file": {"filename": block.get("name") or "file.pdf", "file_data": data_url(block)}}
    raise UnsupportedError("OpenAIChat takes file as bytes, not by url: read it and give it as base64")
