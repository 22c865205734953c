"""What Anthropic's models take, as far as their names tell it."""

from __future__ import annotations

import re

BUDGETS = {"low": 2048, "medium": 8192, "high": 16_384}  # tokens of thought, for models that take no effort

_THREE = re.compile(r"claude-(?:\d|instant)")
_FOUR = re.compile(r"claude-[a-z]+-4(?:[-.](?P<minor>[0-5]))?(?!\d|[-.]\d{1,2}(?!\d))")  # up to 4.5, dated or not


def generation(model: str) -> str:
    """ "3" (thinks by budget at most, no schemas, short answers), "4.0" (by budget, no schemas), "4.5" (by budget),
    "adaptive" (by effort), or "other" for a model of another maker, which is taken to know budgets only."""
    if _THREE.search(model):
        return "3"
    if found := _FOUR.search(model):
        return "4.5" if found["minor"] and found["minor"] != "0" else "4.0"
    return "adaptive" if "claude" in model else "other"
