"""Bedrock's recorded answers, read by hand from the bodies."""

from __future__ import annotations

import json
from typing import Any

from tests.recorded.harness import Expected, Failure, body_of, documents, frames

ALLOWED = {
    "p": "padding",
    "role": "always assistant",
    "output.message.role": "always assistant",
    "contentBlockIndex": "the order of the blocks says it",
    "usage.inputTokens": "leaves out what was cached; the message's count does not",
    "start.toolUse.type": "tool_use is what every call is; server_tool_use is kept",
    "output.message.content.*.toolUse.type": "tool_use is what every call is; server_tool_use is kept",
    "delta.toolUse.input": "a piece of JSON, which the message holds parsed",
}
TOTALS = ()

_KINDS = {
    400: "BadRequestError",
    403: "PermissionDeniedError",
    404: "NotFoundError",
    408: "ServerError",
    424: "ServerError",
    429: "RateLimitError",
    500: "ServerError",
    503: "OverloadedError",
}
_NO_ENTRY = {"UnrecognizedClientException", "ExpiredTokenException", "InvalidSignatureException"}


def read(exchange: dict[str, Any]) -> Expected:
    """The answer of one exchange."""
    response = exchange["response"]
    if response["status"] >= 400:
        return Expected(failure=_failure(response, json.loads(body_of(exchange))["message"]))
    if exchange["wire"] == "eventstream":
        blocks, stop, usage = _streamed(exchange)
    else:
        (data,) = documents(exchange)
        blocks, stop, usage = data["output"]["message"]["content"], data["stopReason"], data["usage"]
    thoughts = [b["reasoningContent"].get("reasoningText", {}) for b in blocks if "reasoningContent" in b]
    uses = [b["toolUse"] for b in blocks if "toolUse" in b]
    read_, written = usage.get("cacheReadInputTokens", 0), usage.get("cacheWriteInputTokens", 0)
    return Expected(
        text="".join(_text(b) for b in blocks),
        tool_calls=[(u["name"], u["input"], u["toolUseId"]) for u in uses if u.get("type") != "server_tool_use"],
        reasoning="".join(thought.get("text", "") for thought in thoughts),
        images=[b["image"]["source"]["bytes"] for b in blocks if "image" in b],
        finish_reason=stop,
        usage={
            "input_tokens": usage["inputTokens"] + read_ + written,
            "output_tokens": usage["outputTokens"],
            "total_tokens": usage["totalTokens"],
        }
        | ({"cache_read": read_} if "cacheReadInputTokens" in usage else {})
        | ({"cache_creation": written} if "cacheWriteInputTokens" in usage else {}),
        citations=[c.get("title") for b in blocks for c in b.get("citationsContent", b).get("citations", ())],
    )


def _failure(response: dict[str, Any], said: str) -> Failure:
    code = response["headers"].get("x-amzn-errortype", "").partition(":")[0] or None
    if code in _NO_ENTRY:
        return Failure("AuthenticationError", said, code)
    if response["status"] == 400 and "too long" in said:
        return Failure("ContextLengthError", said, code)
    return Failure(_KINDS[response["status"]], said, code)


def _text(block: dict[str, Any]) -> str:
    if "citationsContent" in block:
        return "".join(part["text"] for part in block["citationsContent"]["content"])
    return block.get("text", "")


def _streamed(exchange: dict[str, Any]) -> tuple[list[dict[str, Any]], str | None, dict[str, Any]]:
    blocks: dict[int, dict[str, Any]] = {}
    stop, usage = None, {}
    for headers, payload in frames(body_of(exchange)):
        event = json.loads(payload)
        block = blocks.setdefault(event.get("contentBlockIndex", -1), {})
        match headers[":event-type"]:
            case "contentBlockStart":
                for kind, start in event["start"].items():
                    block[kind] = {**start, "input": ""}
            case "contentBlockDelta":
                _add(block, event["delta"])
            case "messageStop":
                stop = event["stopReason"]
            case "metadata":
                usage = event["usage"]
    for block in blocks.values():
        if "toolUse" in block:
            block["toolUse"]["input"] = json.loads(block["toolUse"]["input"] or "{}")
    return list(blocks.values()), stop, usage


def _add(block: dict[str, Any], delta: dict[str, Any]) -> None:
    if "text" in delta:
        block["text"] = block.get("text", "") + delta["text"]
    if "citation" in delta:
        block.setdefault("citations", []).append(delta["citation"])
    if "toolUse" in delta:
        block["toolUse"]["input"] += delta["toolUse"]["input"]
    if "reasoningContent" in delta:
        whole = block.setdefault("reasoningContent", {}).setdefault("reasoningText", {})
        whole["text"] = whole.get("text", "") + delta["reasoningContent"].get("text", "")
