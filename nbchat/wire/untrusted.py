"""Values out of a provider's JSON, each with a type that can be relied on: a server may send anything anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_NOTHING: Mapping[str, Any] = {}


def text_of(value: Any) -> str:
    """The value where it is text, else ""."""
    return value if isinstance(value, str) else ""


def object_of(value: Any) -> Mapping[str, Any]:
    """The value where it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else _NOTHING


def objects_in(value: Any) -> Iterator[dict[str, Any]]:
    """The JSON objects in the value where it is a list; whatever else is in there is skipped."""
    if isinstance(value, list):
        for item in value:
            if isinstance(item, dict):
                yield item


def list_of(value: Any) -> list[Any]:
    """The value where it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def count_of(value: Any) -> int | None:
    """The value where it is a whole number that can be a count, else None: not -1, not 10**30."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else None


def logprobs_in(value: Any) -> list[dict[str, Any]]:
    """The entries of a list that are log probabilities in OpenAI's form: token, logprob, top_logprobs."""
    return [entry for entry in objects_in(value) if _is_logprob(entry) and _are_logprobs(entry.get("top_logprobs"))]


def _are_logprobs(value: Any) -> bool:
    return not value or (isinstance(value, list) and all(isinstance(e, dict) and _is_logprob(e) for e in value))


def _is_logprob(entry: Mapping[str, Any]) -> bool:
    number, given = entry.get("logprob"), entry.get("bytes")
    return (
        isinstance(entry.get("token"), str)
        and (number is None or isinstance(number, int | float))
        and (given is None or isinstance(given, list))
    )
