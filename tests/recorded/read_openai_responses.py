"""An independent reading of OpenAI Responses bodies: straight from the JSON, without nbchat's decoder."""

from __future__ import annotations

import json
from typing import Any

from tests.recorded.harness import Expected, Failure, documents

_ECHO = (  # fields of the response that repeat the request
    "instructions", "tools.*", "text.*", "reasoning.*", "tool_choice*", "previous_response_id", "prompt_cache_*",
    "truncation", "temperature", "top_p", "top_logprobs", "presence_penalty", "frequency_penalty", "max_output_tokens",
    "max_tool_calls",
)  # fmt: skip

ALLOWED = {
    **{f"{place}{name}": "repeats the request" for name in _ECHO for place in ("", "response.")},
    "*object": "always the same",
    "*type": "the kind of event, item, part or annotation is the kind of block",
    "*role": "always the assistant",
    "*status": "of an item that has begun or ended; the response's own is the finish reason",
    "*sequence_number": "counts events",
    "*_index": "says where in the answer an event belongs",
    "*obfuscation": "padding against traffic analysis",
    "item_id": "says which item an event goes on with; the item's own id is kept",
    "delta": "pieces, compared joined",
    "*arguments": "compared parsed",
    "*.logprobs.*": "deltas have them exactly, finished items rounded; compared",
    "item.encrypted_content": "encrypted anew in every event; the finished item's is kept",
    "response.output.*.encrypted_content": "encrypted anew in every event; the finished item's is kept",
    "response.service_tier": "the last one is kept",
}
TOTALS = ("response.usage",)


def read(exchange: dict[str, Any]) -> Expected:
    """The answer as the last document says it: an event with the whole response, or the body itself."""
    if exchange["response"]["status"] >= 400:
        return Expected(failure=_refused(exchange))
    found = documents(exchange)
    whole = next((d["response"] for d in reversed(found) if isinstance(d.get("response"), dict)), None) or found[-1]
    expected = Expected(model=whole.get("model"), citations=[])
    for item in whole.get("output") or []:
        _read_item(item, expected)
    if exchange["wire"] == "sse":
        deltas = [d for d in found if d["type"] == "response.output_text.delta"]
        expected.text = "".join(d["delta"] for d in deltas) or expected.text
        expected.logprobs = [(p["token"], p["logprob"]) for d in deltas for p in d.get("logprobs") or ()] or None
        expected.failure = _broken_off(found, whole)
    reason = (whole.get("incomplete_details") or {}).get("reason")
    expected.finish_reason = reason or whole.get("status")
    expected.usage = _usage(whole["usage"]) if whole.get("usage") else None
    return expected


def _usage(usage: dict[str, Any]) -> dict[str, int]:
    counts = {key: usage[key] for key in ("input_tokens", "output_tokens", "total_tokens")}
    cached = (usage.get("input_tokens_details") or {}).get("cached_tokens")
    thought = (usage.get("output_tokens_details") or {}).get("reasoning_tokens")
    return counts | {k: v for k, v in (("cache_read", cached), ("reasoning", thought)) if v is not None}


def _read_item(item: dict[str, Any], expected: Expected) -> None:
    if item["type"] == "message":
        for part in item["content"]:
            expected.text += part.get("text", "")
            expected.citations += [a.get("url") or a.get("filename") for a in part.get("annotations") or ()]
            if part.get("logprobs"):
                expected.logprobs = [(p["token"], p["logprob"]) for p in part["logprobs"]]
    elif item["type"] == "reasoning":
        expected.reasoning += "".join(p["text"] for p in [*item["summary"], *(item.get("content") or ())])
    elif item["type"] == "function_call":
        expected.tool_calls.append((item["name"], json.loads(item["arguments"] or "{}"), item["call_id"]))
    elif item["type"] == "custom_tool_call":
        expected.tool_calls.append((item["name"], {"input": item["input"]}, item["call_id"]))
    elif item["type"] == "image_generation_call" and item.get("result"):
        expected.images.append(item["result"])


_KINDS = {401: "AuthenticationError", 403: "PermissionDeniedError", 404: "NotFoundError", 429: "RateLimitError"}
_CODES = {"rate_limit_exceeded": "RateLimitError", "server_error": "ServerError", "insufficient_quota": "QuotaError"}


def _refused(exchange: dict[str, Any]) -> Failure:
    body = json.loads(exchange["response"]["body_text"])
    error, status = body["error"], exchange["response"]["status"]
    message = error if isinstance(error, str) else error["message"]
    kind = _KINDS.get(status, "BadRequestError" if status < 500 else "ServerError")
    return Failure("AuthenticationError" if "API key" in message else kind, message)


def _broken_off(found: list[dict[str, Any]], whole: dict[str, Any]) -> Failure | None:
    error = next((d.get("error") or d for d in found if d["type"] == "error"), None) or whole.get("error")
    if error:
        return Failure(_CODES.get(error.get("code") or "", "ServerError"), error["message"])
    ended = any(d["type"] in ("response.completed", "response.incomplete") for d in found)
    return None if ended else Failure("StreamError")
