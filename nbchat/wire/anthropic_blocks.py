"""Anthropic's content blocks as blocks of our own, each as its `content_block_start` gives it. No network, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbchat.values.blocks import Block
from nbchat.values.usage import Usage
from nbchat.wire.untrusted import count_of, object_of, objects_in, text_of


def begun(kind: str, start: Mapping[str, Any], number: int) -> Block | None:
    """The block that begins (or, outside a stream, comes whole); None for one that says nothing yet, or is not known.

    `input` is left out: it is known at the block's end. Fields that are not known go into `extras`.
    """
    match kind:
        case "text":
            extras, citations = _rest(start, "text", "citations"), list(objects_in(start.get("citations")))
            return text(text_of(start.get("text")), citations, extras, number)
        case "thinking":
            return thought(text_of(start.get("thinking")), _rest(start, "thinking"), number)
        case "redacted_thinking":
            return thought("", {"redacted": start.get("data"), **_rest(start, "data")}, number)
        case "tool_use":
            call = {
                "type": "tool_call_chunk",
                "name": text_of(start.get("name")),
                "args": "",
                "id": text_of(start.get("id")) or None,
            }
            return _with(call, _rest(start, "name", "id", "input"), number)
        case _ if kind.endswith("_tool_use"):
            own: dict[str, Any] = {} if kind == "server_tool_use" else {"type": kind}
            used: Block = {"type": "server_tool_call", "name": start.get("name"), "args": {}, "id": start.get("id")}
            return _with(used, own | _rest(start, "name", "id", "input"), number)
        case _ if kind.endswith("_tool_result"):
            return _result(kind, start, number)
    return None


def is_ours(kind: str) -> bool:
    """Whether `begun` knows blocks of this kind."""
    return kind in ("text", "thinking", "redacted_thinking") or kind.endswith(("tool_use", "_tool_result"))


def text(said: str, citations: list[dict[str, Any]], extras: dict[str, Any], number: int) -> Block | None:
    """A piece of text; None where it is empty."""
    block: Block = {"type": "text", "text": said}
    if citations:
        block["annotations"] = [_citation(c) for c in citations]
    return _with(block, extras, number) if said or citations or extras else None


def thought(said: str, extras: dict[str, Any], number: int) -> Block | None:
    """A piece of reasoning, or its signature; None where it is empty."""
    return _with({"type": "reasoning", "reasoning": said}, extras, number) if said or extras else None


def args(part: str, number: int) -> Block:
    """A piece of a tool call's arguments."""
    return {"type": "tool_call_chunk", "name": "", "args": part, "id": None, "index": number}


def grow(start: dict[str, Any], delta: Mapping[str, Any]) -> None:
    """Add a delta to a block of no known kind."""
    for key, value in delta.items():
        before = start.get(key)
        if key != "type" and value is not None:
            start[key] = before + value if isinstance(value, str) and isinstance(before, str) else value


def given(values: Mapping[str, Any]) -> dict[str, Any]:
    """What is not null."""
    return {key: value for key, value in values.items() if value is not None}


def read_usage(usage: Mapping[str, Any]) -> Usage:
    """`usage` of an answer. `input_tokens` there leaves out what went through the cache; here it is counted in."""
    details = object_of(usage.get("output_tokens_details"))
    read, written = count_of(usage.get("cache_read_input_tokens")), count_of(usage.get("cache_creation_input_tokens"))
    return Usage.of(
        (count_of(usage.get("input_tokens")) or 0) + (read or 0) + (written or 0),
        count_of(usage.get("output_tokens")),
        input_details={"cache_read": read, "cache_creation": written},
        output_details={"reasoning": count_of(details.get("thinking_tokens"))},
    )


def _result(kind: str, start: Mapping[str, Any], number: int) -> Block:
    output = start.get("content")
    failed = start.get("is_error") is True or text_of(object_of(output).get("type")).endswith("_error")
    block = {
        "type": "server_tool_result",
        "tool_call_id": start.get("tool_use_id"),
        "output": output,
        "status": "error" if failed else "success",
    }
    return _with(block, {"type": kind, **_rest(start, "tool_use_id", "content")}, number)


def _citation(raw: Mapping[str, Any]) -> Block:
    """A citation; its places are in the source, not in the answer, so they stay in `extras`."""
    title = raw.get("title") or raw.get("document_title")
    note = given({"type": "citation", "url": raw.get("url"), "title": title, "cited_text": raw.get("cited_text")})
    return {**note, "extras": {key: raw[key] for key in raw.keys() - {"url", "title", "cited_text"}}}


def _with(block: Block, extras: Mapping[str, Any], number: int) -> Block:
    return {**block, "extras": extras, "index": number} if extras else {**block, "index": number}


def _rest(start: Mapping[str, Any], *known: str) -> dict[str, Any]:
    """Fields beside the known ones. A signature begins as an empty text."""
    return {k: v for k, v in start.items() if k != "type" and k not in known and v is not None and v != ""}
