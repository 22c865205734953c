"""The JSON object in a model's text: bare, fenced, or with prose around it; whole, or as far as it has come."""

from __future__ import annotations

from json import JSONDecoder
from typing import Any

from pydantic_core import from_json

_DECODER = JSONDecoder(strict=False)  # models leave line breaks in strings as they are
_TRIES = 32  # braces in prose before the object; a text full of them is not searched to its end


def find_object(text: str) -> dict[str, Any] | None:
    """The first JSON object that is whole. None where there is none, or the text ends before the object does."""
    return _search(text, growing=False)


def growing_object(text: str) -> dict[str, Any] | None:
    """The first JSON object as far as it has come; the last string in it may be cut."""
    return _search(text, growing=True)


def _search(text: str, growing: bool) -> dict[str, Any] | None:
    start = text.find("{")
    for _ in range(_TRIES):
        if start < 0:
            return None
        try:
            return _DECODER.raw_decode(text, start)[0]
        except (ValueError, RecursionError):
            pass
        try:
            partial = from_json(text[start:], allow_partial="trailing-strings")
        except ValueError:  # no JSON begins at this brace
            start = text.find("{", start + 1)
        else:
            return partial if growing else None
    return None
