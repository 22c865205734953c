"""A conversation, or one message of it, as it looks on the page."""

from __future__ import annotations

from collections.abc import Sequence

from nbchat.notebook.render.article import article
from nbchat.notebook.render.markdown import markdown_html
from nbchat.notebook.render.media import media_html
from nbchat.notebook.render.parts import Page
from nbchat.notebook.render.safe import escape_text
from nbchat.notebook.text_file import text_file
from nbchat.notebook.view import AnswerView
from nbchat.values.blocks import Block, is_media
from nbchat.values.messages import AIMessage, Message, ToolMessage


def transcript(messages: Sequence[Message]) -> dict[str, str]:
    """All messages in order, as a mime bundle; tools with their results where they were called."""
    html: list[str] = []
    lines: list[str] = []
    view: AnswerView | None = None
    for message in messages:
        if isinstance(message, AIMessage | ToolMessage):
            view = view or AnswerView("")
            view.add(message)
            continue
        _close(view, html, lines)
        view = None
        html.append(said(message))
        lines.append(f"{message.role}: {message.text}")
    _close(view, html, lines)
    return {"text/html": article(html, streaming=False), "text/plain": "\n\n".join(lines)}


def _close(view: AnswerView | None, html: list[str], lines: list[str]) -> None:
    if view is not None:
        view.finish()
        html.extend([*view.parts_html(), view.foot()])
        lines.append(view.text())


def said(message: Message) -> str:
    """What a person (or the system) said, set apart from answers."""
    blocks = "".join(map(_said_block, message.content_blocks))
    return f'<div class="said"><b>{escape_text(message.role)}</b>{blocks}</div>'


def _said_block(block: Block) -> str:
    if is_media(block):
        return media_html(block, Page())
    if file := text_file(block):
        name, text = map(escape_text, file)
        return f"<details><summary>{name}</summary><pre>{text}</pre></details>"
    return markdown_html(str(block.get("text") or ""))
