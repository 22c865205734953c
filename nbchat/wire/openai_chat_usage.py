"""Token usage as OpenAI's chat completions and the servers like it give it. No network, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbchat.values.usage import Usage
from nbchat.wire.untrusted import count_of, object_of

_PROMPT, _COMPLETION = "prompt_tokens_details", "completion_tokens_details"
_CACHE_READ = ("prompt_cache_hit_tokens", "cached_tokens", "num_cached_tokens", "cache_read_input_tokens")
_READ = {
    "": {
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "reasoning_tokens",
        "cache_creation_input_tokens",
        *_CACHE_READ,
    },
    _PROMPT: {"cached_tokens", "cache_write_tokens", "audio_tokens"},
    _COMPLETION: {"reasoning_tokens", "audio_tokens"},
}


def read_usage(usage: Mapping[str, Any]) -> Usage:
    """`usage` of an answer: `prompt_tokens`, `completion_tokens` and their details.

    Cached tokens are read from `prompt_tokens_details.cached_tokens`, or where DeepSeek, Moonshot, Mistral and
    Anthropic's resellers put them.
    """
    prompt, completion = object_of(usage.get(_PROMPT)), object_of(usage.get(_COMPLETION))
    read, written = count_of(usage.get("prompt_tokens")), count_of(usage.get("completion_tokens"))
    total = count_of(usage.get("total_tokens"))
    reasoning = _first(completion.get("reasoning_tokens"), usage.get("reasoning_tokens"))
    if reasoning and read is not None and written is not None and total == read + written + reasoning:
        written += reasoning  # xAI counts reasoning apart
    return Usage.of(
        read,
        written,
        total,
        input_details={
            "cache_read": _first(prompt.get("cached_tokens"), *(usage.get(key) for key in _CACHE_READ)),
            "cache_creation": _first(prompt.get("cache_write_tokens"), usage.get("cache_creation_input_tokens")),
            "audio": count_of(prompt.get("audio_tokens")),
        },
        output_details={"reasoning": reasoning, "audio": count_of(completion.get("audio_tokens"))},
    )


def rest_of_usage(usage: Mapping[str, Any]) -> dict[str, Any]:
    """What a vendor reports beside the counts that `read_usage` reads: cost, times, other kinds of tokens."""
    rest = {key: value for key, value in usage.items() if key not in _READ[""] and value is not None}
    for key in (_PROMPT, _COMPLETION):
        if isinstance(details := rest.get(key), dict):
            rest[key] = {k: v for k, v in details.items() if k not in _READ[key] and v is not None}
            if not rest[key]:
                del rest[key]
    return rest


def _first(*values: Any) -> int | None:
    return next((count for value in values if (count := count_of(value)) is not None), None)
