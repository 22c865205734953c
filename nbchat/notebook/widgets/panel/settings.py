"""The parameters that a panel offers: what the page shows of them, and what it sets."""

from __future__ import annotations

from typing import Any

from nbchat.values.errors import ConfigurationError

_NUMBERS = {"temperature": float, "top_p": float, "max_tokens": int}
_EFFORTS = {"off": False, "low": "low", "medium": "medium", "high": "high"}


def shown(params: dict[str, Any]) -> dict[str, Any]:
    """The offered ones as the page has them: numbers, a word of thinking, None where nothing is set."""
    words = {value: word for word, value in _EFFORTS.items()}
    effort = params.get("reasoning")
    known = words.get(effort) if isinstance(effort, str | bool) else None
    return {**{key: params.get(key) for key in _NUMBERS}, "reasoning": known}


def change(params: dict[str, Any], key: str, value: str) -> None:
    """Set one of them as the page says; empty takes it away.

    Raises:
        ConfigurationError: it is not offered, or this is no value of it; nothing is changed then.
    """
    if key not in _NUMBERS and key != "reasoning":
        raise ConfigurationError(f"the panel has no parameter {key!r}")
    try:
        read = None if not value else _EFFORTS[value] if key == "reasoning" else _NUMBERS[key](value)
    except (KeyError, ValueError):
        expected = " or ".join(_EFFORTS) if key == "reasoning" else "a number"
        raise ConfigurationError(f"{key} is {expected}, not {value!r}") from None
    params.pop(key, None)
    if read is not None:
        params[key] = read
