"""Anthropic's recorded answers, read by hand from the bodies."""

from __future__ import annotations

import json
from typing import Any

from tests.recorded.harness import Expected, Failure, documents

KINDS = {
    "authentication_error": "AuthenticationError",
    "permission_error": "PermissionDeniedError",
    "not_found_error": "NotFoundError",
    "rate_limit_error": "RateLimitError",
    "billing_error": "QuotaError",
    "invalid_request_error": "BadRequestError",
    "request_too_large": "BadRequestError",
    "api_error": "ServerError",
    "timeout_error": "ServerError",
    "overloaded_error": "OverloadedError",
}
ALLOWED = {
    "*type": "events, blocks, pieces and answers have types of their own here",
    "*role": "always assistant",
    "*index": "blocks are counted anew",
    "*usage.input_tokens": "the neutral count has the cached ones in it",
    "message.usage.output_tokens": "only what had come at the start; `message_delta` has the total",
    "delta.partial_json": "parsed",
}
TOTALS = ("usage",)


def read(exchange: dict[str, Any]) -> Expected:
    """The answer of one exchange."""
    events = documents(exchange)
    if exchange["wire"] == "json":
        return _failed(events[0]) if "error" in events[0] else _whole(events[0])
    return _whole(_assembled(events))


def _failed(body: dict[str, Any]) -> Expected:
    error = body["error"]
    kind = KINDS[error["type"]]
    if "prompt is too long" in error["message"]:
        kind = "ContextLengthError"
    return Expected(failure=Failure(kind, error["message"], error["type"]))


def _assembled(events: list[dict[str, Any]]) -> dict[str, Any]:
    """A stream's events as the message that a request without `stream` would have had."""
    message: dict[str, Any] = {}
    for event in events:
        match event["type"]:
            case "message_start":
                message = event["message"]
            case "content_block_start":
                message["content"].append({**event["content_block"], "json": ""})
            case "content_block_delta":
                _add(message["content"][event["index"]], event["delta"])
            case "message_delta":
                message.update(event["delta"])
                message["usage"].update({k: v for k, v in event["usage"].items() if v is not None})
    for block in message["content"]:
        if block["json"]:
            block["input"] = json.loads(block["json"])
    return message


def _add(block: dict[str, Any], delta: dict[str, Any]) -> None:
    match delta["type"]:
        case "text_delta":
            block["text"] += delta["text"]
        case "thinking_delta":
            block["thinking"] += delta["thinking"]
        case "signature_delta":
            block["signature"] = delta["signature"]
        case "input_json_delta":
            block["json"] += delta["partial_json"]
        case "citations_delta":
            block["citations"] = [*(block.get("citations") or []), delta["citation"]]


def _whole(message: dict[str, Any]) -> Expected:
    blocks, usage = message["content"], message["usage"]
    read, written = usage.get("cache_read_input_tokens", 0), usage.get("cache_creation_input_tokens", 0)
    counts = {"input_tokens": usage["input_tokens"] + read + written, "output_tokens": usage["output_tokens"]}
    counts["total_tokens"] = sum(counts.values())
    if "cache_read_input_tokens" in usage:
        counts |= {"cache_read": read, "cache_creation": written}
    if "output_tokens_details" in usage:
        counts["reasoning"] = usage["output_tokens_details"]["thinking_tokens"]
    notes = [note for block in blocks for note in block.get("citations") or ()]
    return Expected(
        text="".join(b["text"] for b in blocks if b["type"] == "text"),
        tool_calls=[(b["name"], b["input"], b["id"]) for b in blocks if b["type"] == "tool_use"],
        reasoning="".join(b["thinking"] for b in blocks if b["type"] == "thinking"),
        finish_reason=message["stop_reason"],
        usage=counts,
        citations=[note.get("url") or note.get("title") or note.get("document_title") for note in notes],
        model=message["model"],
    )
