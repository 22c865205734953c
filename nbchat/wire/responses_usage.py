"""Token usage as OpenAI Responses gives it. No network, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbchat.values.usage import Usage
from nbchat.wire.untrusted import count_of, object_of

_COUNTS = frozenset({"input_tokens", "output_tokens", "total_tokens"})
_DETAILS = {
    "input_tokens_details": frozenset({"cached_tokens", "cache_write_tokens", "audio_tokens"}),
    "output_tokens_details": frozenset({"reasoning_tokens", "audio_tokens"}),
}


def read_usage(usage: Mapping[str, Any]) -> Usage:
    """`usage` of a response: `input_tokens`, `output_tokens` and their details."""
    inputs, outputs = object_of(usage.get("input_tokens_details")), object_of(usage.get("output_tokens_details"))
    return Usage.of(
        count_of(usage.get("input_tokens")),
        count_of(usage.get("output_tokens")),
        count_of(usage.get("total_tokens")),
        input_details={
            "cache_read": count_of(inputs.get("cached_tokens")),
            "cache_creation": count_of(inputs.get("cache_write_tokens")),
            "audio": count_of(inputs.get("audio_tokens")),
        },
        output_details={
            "reasoning": count_of(outputs.get("reasoning_tokens")),
            "audio": count_of(outputs.get("audio_tokens")),
        },
    )


def rest_of_usage(usage: Mapping[str, Any]) -> dict[str, Any]:
    """What a provider reports beside these counts: cost, sources used, other kinds of tokens."""
    known = _COUNTS | _DETAILS.keys()
    rest = {key: value for key, value in usage.items() if key not in known and value is not None}
    for key, read in _DETAILS.items():
        if own := {name: value for name, value in object_of(usage.get(key)).items() if name not in read}:
            rest[key] = own
    return rest
