"""A block of no known kind: named, and shown folded as it came."""

from __future__ import annotations

import json

from nbchat.notebook.render.parts import Page, Part
from nbchat.notebook.render.safe import escape_text

_LONGEST = 2000


def html(part: Part, page: Page) -> str | None:
    """The block's type, and its JSON folded away."""
    return (
        f"<details><summary><b>{escape_text(_name(part))}</b></summary><pre>{escape_text(_json(part))}</pre></details>"
    )


def markdown(part: Part) -> str | None:
    """The block's type alone."""
    return f"*({_name(part)})*"


def _name(part: Part) -> str:
    value = part.block.get("value")
    inner = value.get("type") if isinstance(value, dict) else None
    return str(inner or part.block.get("name") or part.kind).replace("_", " ")


def _json(part: Part) -> str:
    shown = json.dumps(part.block, indent=1, ensure_ascii=False, default=str)  # takes half a surrogate pair as well
    return shown if len(shown) <= _LONGEST else shown[:_LONGEST] + "…"
