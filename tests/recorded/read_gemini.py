"""An independent reading of Gemini bodies: straight from the JSON, without nbchat's decoder."""

from __future__ import annotations

import json
from typing import Any

from tests.recorded.harness import Expected, Failure, documents

ALLOWED = {
    "candidates.*.content.role": "always the model's",
    "candidates.*.index": "the message is the first candidate",
    "candidates.*.safetyRatings.*": "each event rates what has come so far; the last ratings are kept",
    "candidates.*.avgLogprobs": "of what has come so far; the last is kept",
    "candidates.*.finishReason": "compared by name; here it may be a number",
    "usageMetadata.promptTokensDetails.*": "text counts follow from the totals; the others are compared",
    "usageMetadata.candidatesTokensDetails.*": "text counts follow from the totals; the others are compared",
    "usageMetadata.*TokenCount": "compared as sums: thoughts are output, what tools added is input",
    "candidates.*.content.parts.*.functionCall.id": "is the id of the tool call",
}
TOTALS = ("usageMetadata",)

_FINISH = {1: "STOP", 2: "MAX_TOKENS", 3: "SAFETY", 4: "RECITATION", 5: "OTHER"}
_KINDS = {
    401: "AuthenticationError",
    403: "PermissionDeniedError",
    404: "NotFoundError",
    429: "RateLimitError",
    503: "OverloadedError",
}


def read(exchange: dict[str, Any]) -> Expected:
    """All parts of all events, one after the other; of the counts only the last."""
    status = exchange["response"]["status"]
    if status >= 400:
        error = json.loads(exchange["response"]["body_text"])
        error = (error[0] if isinstance(error, list) else error)["error"]
        kind = _KINDS.get(status, "BadRequestError" if status < 500 else "ServerError")
        kind = "AuthenticationError" if "API key" in error["message"] else kind
        return Expected(failure=Failure(kind, error["message"]))
    expected = Expected()
    for event in documents(exchange):
        if error := event.get("error"):
            expected.failure = Failure(_KINDS.get(error["code"], "ServerError"), error["message"])
        expected.model = event.get("modelVersion", expected.model)
        if event.get("usageMetadata"):
            expected.usage = _usage(event["usageMetadata"])
        if reason := (event.get("promptFeedback") or {}).get("blockReason"):
            expected.finish_reason = reason
        for candidate in event.get("candidates") or []:
            _read_candidate(candidate, expected)
    return expected


def _read_candidate(candidate: dict[str, Any], expected: Expected) -> None:
    for part in (candidate.get("content") or {}).get("parts") or []:
        if "text" in part:
            if part.get("thought"):
                expected.reasoning += part["text"]
            else:
                expected.text += part["text"]
        elif call := part.get("functionCall"):
            expected.tool_calls.append((call["name"], call.get("args", {}), call.get("id")))
        elif (data := part.get("inlineData")) and not part.get("thought"):
            kinds = {"audio": expected.audio, "image": expected.images}
            kinds.get(data["mimeType"].partition("/")[0], []).append(data["data"])
    if "finishReason" in candidate:
        expected.finish_reason = _FINISH.get(candidate["finishReason"], candidate["finishReason"])
    if chosen := (candidate.get("logprobsResult") or {}).get("chosenCandidates"):
        expected.logprobs = (expected.logprobs or []) + [(c["token"], c["logProbability"]) for c in chosen]
    grounding = candidate.get("groundingMetadata") or {}
    sources = [next(iter(chunk.values())) for chunk in grounding.get("groundingChunks") or []]
    for support in grounding.get("groundingSupports") or []:
        found = [sources[n] for n in support.get("groundingChunkIndices") or []]
        expected.citations = (expected.citations or []) + [s.get("uri") or s.get("title") for s in found]


def _usage(usage: dict[str, Any]) -> dict[str, int]:
    found = {
        "input_tokens": usage.get("promptTokenCount", 0) + usage.get("toolUsePromptTokenCount", 0),
        "output_tokens": usage.get("candidatesTokenCount", 0) + usage.get("thoughtsTokenCount", 0),
        "total_tokens": usage.get("totalTokenCount", 0),
    }
    if "cachedContentTokenCount" in usage:
        found["cache_read"] = usage["cachedContentTokenCount"]
    if "thoughtsTokenCount" in usage:
        found["reasoning"] = usage["thoughtsTokenCount"]
    return found
