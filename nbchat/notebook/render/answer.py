"""The answer's own text: Markdown as HTML."""

from __future__ import annotations

from nbchat.notebook.render.parts import Page, Part


def html(part: Part, page: Page) -> str | None:
    """Rendered Markdown."""
    return part.markdown.html(streaming=part.open) if part.kind == "text" else None


def markdown(part: Part) -> str | None:
    """The text as it is: it is Markdown."""
    return part.block["text"].strip() if part.kind == "text" else None
