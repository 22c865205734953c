"""How the metadata and usage of chunks add up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbchat.values.usage import Usage


def added(a: Usage | None, b: Usage | None) -> Usage | None:
    """Two usages as one; None is not known."""
    if a is None or b is None:
        return a if b is None else b
    return a + b


def merged(a: dict[str, Any], b: dict[str, Any]) -> dict[str, Any]:
    """Two pieces of metadata as one: lists extend, dicts merge, the later value wins."""
    if not b:
        return a
    out = dict(a)
    for key, value in b.items():
        before = out.get(key)
        if isinstance(before, list) and isinstance(value, list):
            out[key] = before + value
        elif isinstance(before, dict) and isinstance(value, dict):
            out[key] = merged(before, value)
        elif value is not None or key not in out:
            out[key] = value
    return out


def merge_into(whole: dict[str, Any], piece: Mapping[str, Any]) -> None:
    """The same as `merged`, changing `whole` in place: lists grow without a copy. `piece` stays unchanged."""
    for key, value in piece.items():
        before = whole.get(key)
        if isinstance(before, list) and isinstance(value, list):
            before.extend(value)
        elif isinstance(before, dict) and isinstance(value, dict):
            merge_into(before, value)
        elif value is not None or key not in whole:
            whole[key] = _own(value)


def _own(value: Any) -> Any:
    if isinstance(value, list):
        return list(value)
    return {key: _own(inner) for key, inner in value.items()} if isinstance(value, dict) else value
