"""A refusal: the model's own words for why it does not answer."""

from __future__ import annotations

from nbchat.notebook.render.parts import Page, Part
from nbchat.notebook.render.safe import escape_text


def html(part: Part, page: Page) -> str | None:
    """The words, marked as a refusal."""
    return f'<p><span class="warn">refused</span> {escape_text(_words(part))}</p>' if part.kind == "refusal" else None


def markdown(part: Part) -> str | None:
    """The same as text."""
    return f"*refused:* {_words(part)}" if part.kind == "refusal" else None


def _words(part: Part) -> str:
    return str(part.block.get("text") or part.block.get("refusal") or "")
