"""Several models at once: each answers in a column of its own, all of them streaming."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Iterator
from typing import Any

from nbchat.io.fanout import background_loop
from nbchat.model.chat import Chat
from nbchat.notebook.render.article import columns
from nbchat.notebook.view import AnswerView

_ENDED = object()


def events(chats: list[Chat], prompt: Any, params: dict[str, Any]) -> Iterator[tuple[int, Any]]:
    """(number of the chat, event or error) as they come, to be drawn on the caller's own thread.

    Leaving the loop early, or Ctrl-C, stops all of them; an error in one leaves the others alone.
    """
    landed: queue.SimpleQueue[tuple[int, Any]] = queue.SimpleQueue()

    async def follow(number: int, chat: Chat) -> None:
        try:
            async for event in chat.astream(prompt, **params):
                landed.put((number, event))
        except Exception as error:
            landed.put((number, error))
        finally:
            landed.put((number, _ENDED))

    loop = background_loop()
    jobs = [asyncio.run_coroutine_threadsafe(follow(n, chat), loop) for n, chat in enumerate(chats)]
    running = len(jobs)
    try:
        while running:
            number, event = landed.get()
            if event is _ENDED:
                running -= 1
            else:
                yield number, event
    finally:
        for job in jobs:
            job.cancel()


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
