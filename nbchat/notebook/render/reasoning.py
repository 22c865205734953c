"""What a model thought before it answered: folded, with its length."""

from __future__ import annotations

from nbchat.notebook.render.parts import Page, Part
from nbchat.values.quantities import duration


def html(part: Part, page: Page) -> str | None:
    """A folded section; its summary says how long the model thought."""
    if part.kind != "reasoning":
        return None
    if not part.block.get("reasoning"):
        return ""  # only a signature: nothing for people
    return f"<details><summary>{_summary(part)}</summary>{part.markdown.html(streaming=part.open)}</details>"


def markdown(part: Part) -> str | None:
    """A quotation."""
    if part.kind != "reasoning":
        return None
    thought = (part.block.get("reasoning") or "").strip()
    return "\n".join(f"> {line}" for line in thought.splitlines()) if thought else ""


def _summary(part: Part) -> str:
    words = len(part.block["reasoning"].split())
    length = f"{words:,} {'word' if words == 1 else 'words'}"
    if part.open:
        return f"thinking · {length}"
    return f"thought for {duration(part.seconds)} · {length}" if part.seconds else f"thought · {length}"
