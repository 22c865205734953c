"""Which of a model's parameters may be shown and saved with their values: any other may hold a key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PLAIN = (
    "temperature",
    "top_p",
    "top_k",
    "max_tokens",
    "stop",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "logprobs",
    "top_logprobs",
    "reasoning",
)
_SHOWN = {*PLAIN, "model", "model_provider"}


def plain(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Those that may be saved."""
    return {name: parameters[name] for name in PLAIN if name in parameters}


def shown(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Each as its repr, or as "…" where it may hold a key."""
    return {name: repr(value) if name in _SHOWN else "…" for name, value in parameters.items()}
