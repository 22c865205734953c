"""The renderers, tried in order; the first that does not pass shows the part. A user's own go first."""

from __future__ import annotations

from typing import Protocol

from nbchat.notebook.render import answer, failure, media, reasoning, refusal, structured, tool_call, unknown_block
from nbchat.notebook.render.parts import Page, Part


class Renderer(Protocol):
    """A module or an object with two functions; each returns None to pass."""

    def html(self, part: Part, page: Page) -> str | None:
        """The part as safe HTML."""

    def markdown(self, part: Part) -> str | None:
        """The part as Markdown, for where HTML is not shown."""


_BUILT_IN: tuple[Renderer, ...] = (answer, reasoning, tool_call, media, structured, refusal, failure, unknown_block)
_own: list[Renderer] = []


def add_renderer(renderer: Renderer) -> None:
    """Try this renderer before all others, for every answer shown from now on."""
    _own.insert(0, renderer)


def html_of(part: Part, page: Page) -> str:
    """The part as HTML."""
    for renderer in (*_own, *_BUILT_IN):
        if (shown := renderer.html(part, page)) is not None:
            return shown
    return ""


def markdown_of(part: Part) -> str:
    """The part as Markdown."""
    for renderer in (*_own, *_BUILT_IN):
        if (shown := renderer.markdown(part)) is not None:
            return shown
    return ""
