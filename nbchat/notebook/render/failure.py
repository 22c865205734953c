"""An error in the middle of an answer, drawn where it struck."""

from __future__ import annotations

from nbchat.notebook.render.parts import Page, Part
from nbchat.notebook.render.safe import escape_text


def html(part: Part, page: Page) -> str | None:
    """One calm line: what failed, and what to do next."""
    if part.kind != "error":
        return None
    name, text = escape_text(part.block["name"]), escape_text(part.block["text"])
    return f'<p role="alert"><span class="bad">{name}</span> {text}</p>'


def markdown(part: Part) -> str | None:
    """The same as text."""
    return f"**{part.block['name']}:** {part.block['text']}" if part.kind == "error" else None
