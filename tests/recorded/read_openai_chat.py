"""An independent reading of recorded OpenAI chat completions."""

from __future__ import annotations

import json
from typing import Any

from tests.recorded.harness import Expected, Failure, documents

ALLOWED = {
    "object": "names the kind of the document",
    "obfuscation": "padding against traffic analysis",
    "p": "padding against traffic analysis",
    "choices.*.index": "a place, told by the order",
    "choices.*.*.role": "always the assistant",
    "choices.*.message.tool_calls.*.index": "a place, told by the order",
    "choices.*.delta.tool_calls.*.index": "a place, told by the order",
    "choices.*.*.tool_calls.*.type": "every call is of a function",
    "choices.*.*.tool_calls.*.function.arguments": "parsed, and compared as a value",
    "choices.*.*.function_call.arguments": "parsed, and compared as a value",
    "choices.*.*.executed_tools.*.arguments": "parsed",
    "choices.*.*.annotations.*.type": "read as a citation",
    "choices.*.message.content": "cut in two where it begins with <think>, and compared as text and reasoning",
    "choices.*.message.content.*.type": "text or thinking: told by the kind of block",
    "choices.*.message.content.*.thinking.*.type": "always text",
    "choices.*.delta.name": "the role again",
    "error.*": "on the error",
    "created": "of an event later than the first",
}
TOTALS = ("usage", "x_groq.usage", "created", "choices.0.finish_reason", "choices.0.native_finish_reason")


def read(exchange: dict[str, Any]) -> Expected:
    """What the body says."""
    if exchange["response"]["status"] >= 400:
        return Expected(failure=_failure(exchange))
    out = Expected()
    calls: dict[Any, dict[str, Any]] = {}
    text, logprobs = "", []
    for document in documents(exchange):
        if document.get("usage"):
            out.usage = _usage(document["usage"])
        out.model = document.get("model") or out.model
        for choice in document.get("choices") or []:
            said = choice.get("delta") or {}
            if exchange["wire"] == "json":
                said = choice["message"]
            text += _text(said.get("content"), out)
            out.reasoning += _reasoning(said)
            _calls(said, calls)
            logprobs += [(t["token"], t["logprob"]) for t in (choice.get("logprobs") or {}).get("content") or []]
            out.finish_reason = choice.get("finish_reason") or out.finish_reason
            cites = [a["url_citation"]["url"] for a in said.get("annotations") or [] if a["type"] == "url_citation"]
            out.citations = (out.citations or []) + cites if cites else out.citations
            out.images += [image["image_url"]["url"].partition(",")[2] for image in said.get("images") or []]
        if document.get("error"):
            error = document["error"]
            out.failure = Failure(_KINDS[error.get("status_code") or error["code"]], error["message"])
    if text.startswith("<think>"):
        thought, _, text = text.removeprefix("<think>").partition("</think>")
        out.reasoning, text = thought, text.lstrip()
    out.text, out.logprobs = text, logprobs or None
    for call in calls.values():
        out.tool_calls.append((call["name"], json.loads(call["arguments"] or "{}"), call["id"]))
    return out


def _text(content: Any, out: Expected) -> str:
    if not isinstance(content, list):
        return content or ""
    out.reasoning += "".join(p["text"] for part in content if part["type"] == "thinking" for p in part["thinking"])
    return "".join(part["text"] for part in content if part["type"] == "text")


def _reasoning(said: dict[str, Any]) -> str:
    for key in ("reasoning_content", "reasoning"):
        if said.get(key):
            return said[key]
    return "".join(d.get("text") or d.get("summary") or "" for d in said.get("reasoning_details") or [])


def _calls(said: dict[str, Any], calls: dict[Any, dict[str, Any]]) -> None:
    for place, call in enumerate(said.get("tool_calls") or []):
        known = calls.setdefault(call.get("index", place), {"name": "", "arguments": "", "id": None})
        known["name"] = known["name"] or call["function"].get("name")
        known["id"] = known["id"] or call.get("id")
        known["arguments"] += call["function"].get("arguments") or ""
    legacy = said.get("function_call") or {}
    if legacy.get("name"):
        calls["legacy"] = {**legacy, "id": None}


def _usage(usage: dict[str, Any]) -> dict[str, int]:
    prompt = usage.get("prompt_tokens_details") or {}
    found = {
        "input_tokens": usage.get("prompt_tokens"),
        "output_tokens": usage.get("completion_tokens") or 0,
        "total_tokens": usage.get("total_tokens"),
        "cache_read": prompt.get("cached_tokens", usage.get("prompt_cache_hit_tokens")),
        "reasoning": (usage.get("completion_tokens_details") or {}).get("reasoning_tokens"),
    }
    return {key: value for key, value in found.items() if value is not None}


def _failure(exchange: dict[str, Any]) -> Failure:
    body = json.loads(exchange["response"]["body_text"])
    error = body.get("error", body)
    message = error if isinstance(error, str) else error.get("message") or error["detail"]
    if "context length" in message:
        return Failure("ContextLengthError", message)
    if "API key" in message:
        return Failure("AuthenticationError", message)
    return Failure(_KINDS[exchange["response"]["status"]], message)


_KINDS = {
    400: "BadRequestError",
    401: "AuthenticationError",
    402: "QuotaError",
    403: "PermissionDeniedError",
    404: "NotFoundError",
    413: "BadRequestError",
    422: "BadRequestError",
    429: "RateLimitError",
    500: "ServerError",
    502: "ServerError",
    503: "OverloadedError",
}
