"""The answer's own text: Markdown as HTML, tinted by probability where that was asked for, with its sources."""

from __future__ import annotations

from nbchat.notebook.render.citations import sources_html, sources_markdown
from nbchat.notebook.render.logprobs import logprobs_html, told
from nbchat.notebook.render.parts import Page, Part
from nbchat.notebook.render.safe import escape_text


def html(part: Part, page: Page) -> str | None:
    """Rendered Markdown; the tokens themselves where their probabilities are known."""
    if part.kind != "text":
        return None
    if part.logprobs is not None:
        return logprobs_html(part.logprobs, f"sure-{id(part):x}") + sources_html(part)
    if page.raw:
        return f"<pre>{escape_text(part.block['text'])}</pre>"
    return part.markdown.html(streaming=part.open) + ("" if part.open else sources_html(part))


def markdown(part: Part) -> str | None:
    """The text as it is: it is Markdown."""
    if part.kind != "text":
        return None
    about = f"*{told(part.logprobs)}*" if part.logprobs is not None else ""
    return "\n\n".join(piece for piece in (part.block["text"].strip(), about, sources_markdown(part)) if piece)
