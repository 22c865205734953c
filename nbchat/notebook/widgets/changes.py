"""What changed in HTML that grows: how much of the old stays, and what follows it."""

from __future__ import annotations

from typing import Any


def slot_changes(old: dict[str, str], new: dict[str, str]) -> dict[str, Any]:
    """`slots`: name to [UTF-16 units of the old HTML that stay, the rest]; `gone`: names that are no more."""
    slots = {name: change(old.get(name, ""), html) for name, html in new.items() if old.get(name) != html}
    gone = [name for name in old if name not in new]
    return {key: value for key, value in (("slots", slots), ("gone", gone)) if value}


def change(old: str, new: str) -> list[Any]:
    """[how many UTF-16 units stay, what follows]; UTF-16, because JavaScript counts so."""
    stays = _common(old, new)
    kept = old[:stays]
    units = stays if kept.isascii() else len(kept.encode("utf-16-le", "surrogatepass")) // 2
    return [units, new[stays:]]


def _common(a: str, b: str) -> int:
    """Length of the common beginning, by halving: comparing slices is quick."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
