"""Several models at once: each answers in a column of its own, all of them streaming."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nbchat.model.chat import Chat
from nbchat.notebook.background_events import at_once
from nbchat.notebook.render.article import columns
from nbchat.notebook.view import AnswerView

Tell = Callable[[int, Any], None]


def ask_chats(chats: list[Chat], prompt: Any, params: dict[str, Any], take: Tell) -> None:
    """Ask all of them the same; `take(number of the chat, event or error)` is called as they come, in this thread.

    Ctrl-C stops all of them; an error in one leaves the others alone.
    """

    async def ask(number: int, chat: Chat, tell: Tell) -> None:
        try:
            async for event in chat.astream(prompt, **params):
                tell(number, event)
        except Exception as error:
            tell(number, error)

    at_once(lambda tell: [ask(number, chat, tell) for number, chat in enumerate(chats)], take)


def bundle(views: list[AnswerView], *, streaming: bool) -> dict[str, str]:
    """All columns as one mime bundle; below each other where there is no HTML."""
    html = columns([view.html(streaming=streaming and not view.ended) for view in views])
    if streaming:
        return {"text/html": html, "text/plain": "…"}
    return {
        "text/html": html,
        "text/markdown": "\n\n---\n\n".join(f"**{view.model}**\n\n{view.markdown()}" for view in views),
        "text/plain": "\n\n".join(f"{view.model}:\n{view.text()}" for view in views),
    }
