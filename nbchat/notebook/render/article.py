"""One output: the parts of an answer in one element, with the style sheet and what a screen reader needs."""

from collections.abc import Sequence

from nbchat.notebook.render.style import style_tag


def article(html_parts: Sequence[str], *, streaming: bool) -> str:
    """The parts, which are safe HTML, as one article; while `streaming` it is marked busy and ends in a caret."""
    spoken = f'role="article" aria-label="Answer" aria-live="polite" aria-busy="{"true" if streaming else "false"}"'
    return f'{style_tag()}<div class="nbchat" {spoken}>{"".join(html_parts)}</div>'


def columns(articles: Sequence[str]) -> str:
    """Several articles side by side, as many as there is room for."""
    style = "display:grid;grid-template-columns:repeat(auto-fit,minmax(min(16rem,100%),1fr));gap:1.5rem"
    return f'<div style="{style}">{"".join(f"<div>{each}</div>" for each in articles)}</div>'
