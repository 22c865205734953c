"""The JSON object in a model's text: bare, fenced, or with prose around it; whole, or as far as it has come."""

from __future__ import annotations

from collections.abc import Iterator
from json import JSONDecoder
from typing import Any

from pydantic_core import from_json

_DECODER = JSONDecoder(strict=False)  # models leave line breaks in strings as they are
_TRIES = 32  # braces in prose before the object; a text full of them is not searched to its end


def find_object(text: str) -> dict[str, Any] | None:
    """The first JSON object that is whole. None where there is none, or the text ends before the object does."""
    for start in _braces(text):
        if (found := _whole(text, start)) is not None:
            return found
        if _begun(text, start) is not None:
            return None  # what is whole inside a cut object is not the answer
    return None


def growing_object(text: str) -> dict[str, Any] | None:
    """The first JSON object as far as it has come; the last string in it may be cut."""
    for start in _braces(text):
        if (found := _begun(text, start)) is not None or (found := _whole(text, start)) is not None:
            return found
    return None


def _braces(text: str) -> Iterator[int]:
    start = -1
    for _ in range(_TRIES):
        if (start := text.find("{", start + 1)) < 0:
            return
        yield start


def _whole(text: str, start: int) -> dict[str, Any] | None:
    try:
        return _DECODER.raw_decode(text, start)[0]
    except (ValueError, RecursionError):
        return None


def _begun(text: str, start: int) -> dict[str, Any] | None:
    """An object of which nothing but its end may be missing."""
    try:
        return from_json(text[start:], allow_partial="trailing-strings")
    except ValueError:
        return None
