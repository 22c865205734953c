"""What the pretend models share: token-like pieces of a text, stable ids, stable log probabilities."""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Iterator
from typing import Any

_TOKEN = re.compile(r"\s*\w{1,8}|\s*[^\w\s]|\s+")
CREATED = 1_763_800_000  # seconds since 1970; fixed, so that answers can be compared whole


def tokens(text: str) -> list[str]:
    """Token-like pieces which joined give `text` again."""
    return _TOKEN.findall(text)


def names(listed: str) -> frozenset[str]:
    """The words of a list written as one text."""
    return frozenset(listed.split())


def count(value: Any) -> int:
    """Tokens of all texts within a JSON value."""
    return sum(len(tokens(text)) for text in _texts(value))


def stable_id(prefix: str, *of: object) -> str:
    """A provider-like id, the same whenever `of` is the same."""
    return prefix + hashlib.sha1(repr(of).encode()).hexdigest()[:24]


def logprob(token: str, at: int) -> float:
    """A log probability for the token at this position; never 0, and often near it."""
    return -(((zlib.crc32(f"{at}:{token}".encode()) % 1000 + 1) / 1000) ** 3) * 4


def pieces(text: str, size: int = 6) -> list[str]:
    """`text` in slices of at most `size` characters, as tool arguments arrive."""
    return [text[i : i + size] for i in range(0, len(text), size)]


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str(text):
            yield text
        case list(items):
            for item in items:
                yield from _texts(item)
        case dict(fields):
            for item in fields.values():
                yield from _texts(item)
