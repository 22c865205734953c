"""Log probabilities of a choice, in the forms that the vendors give them, as OpenAI's. No network, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbchat.wire.untrusted import list_of, logprobs_in


def read_logprobs(logprobs: Any, text: str) -> dict[str, Any]:
    """OpenAI's form: `content` and `refusal`, lists of token, logprob, bytes, top_logprobs; empty where nothing is.

    Together's lists of `tokens` and `token_logprobs` are read too, and its stream's single number, which is of `text`.
    """
    if isinstance(logprobs, int | float):
        return {"content": [_entry(text, logprobs, None)]}
    if not isinstance(logprobs, Mapping):
        return {}
    if tokens := list_of(logprobs.get("tokens")):
        numbers, tops = list_of(logprobs.get("token_logprobs")), list_of(logprobs.get("top_logprobs"))
        return {
            "content": [_entry(t, _at(numbers, n), _at(tops, n)) for n, t in enumerate(tokens) if isinstance(t, str)]
        }
    return {key: found for key, value in logprobs.items() if (found := logprobs_in(value))}


def _entry(token: str, logprob: Any, tops: Any) -> dict[str, Any]:
    pairs = tops.items() if isinstance(tops, dict) else ()
    alternatives = [{"token": t, "logprob": p} for t, p in pairs if isinstance(p, int | float)]
    return {
        "token": token,
        "logprob": logprob if isinstance(logprob, int | float) else None,
        "top_logprobs": alternatives,
    }


def _at(items: list[Any], place: int) -> Any:
    return items[place] if place < len(items) else None
