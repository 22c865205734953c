"""Gemini's counts, enums and log probabilities in neutral terms. No network, no clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nbchat.values.usage import Usage
from nbchat.wire.untrusted import count_of, objects_in, text_of

_MODALITIES = ("unspecified", "text", "image", "video", "audio", "document")


def word(value: Any, names: tuple[str, ...]) -> str:
    """An enum's name, also where it came as a number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return names[value] if 0 <= value < len(names) else str(value)
    return text_of(value)


def logprobs(result: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """`logprobsResult` in OpenAI's form."""
    tops = [list(objects_in(top.get("candidates"))) for top in objects_in(result.get("topCandidates"))]
    for n, chosen in enumerate(objects_in(result.get("chosenCandidates"))):
        yield {**_token(chosen), "top_logprobs": [_token(top) for top in tops[n]] if n < len(tops) else []}


def _token(candidate: Mapping[str, Any]) -> dict[str, Any]:
    value = candidate.get("logProbability")
    own = {key: candidate[key] for key in candidate.keys() - {"token", "logProbability"}}
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else None
    return {"token": text_of(candidate.get("token")), "logprob": number, "bytes": None, **own}


COUNTED = frozenset({
    "promptTokenCount", "candidatesTokenCount", "totalTokenCount", "thoughtsTokenCount", "cachedContentTokenCount",
    "toolUsePromptTokenCount", "promptTokensDetails", "candidatesTokensDetails",
})  # fmt: skip


def read_usage(usage: Mapping[str, Any]) -> Usage:
    """`usageMetadata`: the prompt with what tools added to it is input, the thoughts are output."""
    count = {key: count_of(value) for key, value in usage.items()}
    tools, thoughts = count.get("toolUsePromptTokenCount"), count.get("thoughtsTokenCount")
    given = _by_modality(usage.get("promptTokensDetails"))
    return Usage.of(
        (count.get("promptTokenCount") or 0) + (tools or 0),
        (count.get("candidatesTokenCount") or 0) + (thoughts or 0),
        count.get("totalTokenCount"),
        input_details={"cache_read": count.get("cachedContentTokenCount"), "tool_use": tools, **given},
        output_details={"reasoning": thoughts, **_by_modality(usage.get("candidatesTokensDetails"))},
    )


def _by_modality(details: Any) -> dict[str, int]:
    found: dict[str, int] = {}
    for detail in objects_in(details):
        kind, tokens = word(detail.get("modality"), _MODALITIES).lower(), count_of(detail.get("tokenCount"))
        if kind not in ("", "text", "unspecified") and tokens is not None:
            found[kind] = found.get(kind, 0) + tokens
    return found
