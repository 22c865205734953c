"""`nbchat.live()`: a `with` block in which every call of the user's own code shows itself as it streams."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from nbchat.model.callbacks import BaseCallbackHandler, listening
from nbchat.notebook.display import LiveDisplay
from nbchat.notebook.view import AnswerView
from nbchat.values.chunks import AIMessageChunk
from nbchat.values.messages import AIMessage


class _LiveHandler(BaseCallbackHandler):
    """Draws each answer into the cell; only for calls made on the cell's own thread, where its outputs belong."""

    streams = True

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self._shown: dict[UUID, tuple[AnswerView, LiveDisplay]] = {}

    def on_chat_model_start(self, serialized: dict[str, Any], messages: Any, *, run_id: Any = None, **_: Any) -> None:
        if threading.get_ident() == self._thread:
            shown = AnswerView(serialized.get("name", "")), LiveDisplay()
            self._shown[run_id] = shown
            shown[1].draw(shown[0].bundle(streaming=True))

    def on_llm_new_token(
        self, token: str, *, chunk: AIMessageChunk | None = None, run_id: Any = None, **_: Any
    ) -> None:
        if shown := self._shown.get(run_id):
            view, display = shown
            view.add(chunk)
            display.redraw(lambda: view.bundle(streaming=True))

    def on_llm_end(self, response: AIMessage, *, run_id: Any = None, **_: Any) -> None:
        self._finish(run_id)

    def on_llm_error(self, error: BaseException, *, run_id: Any = None, **_: Any) -> None:
        self._finish(run_id, "stopped" if isinstance(error, KeyboardInterrupt) else "not finished")

    def _finish(self, run_id: Any, note: str = "") -> None:
        if shown := self._shown.pop(run_id, None):
            view, display = shown
            view.finish(note)
            display.draw(view.bundle())


@contextmanager
def live() -> Iterator[None]:
    """Show every `invoke`, `stream` and `Chat` call inside the block in the cell, as it streams.

    with nbchat.live():
        summary = model.invoke("Sum it up")
        title = model.invoke(f"A title for: {summary.text}")
    """
    with listening(_LiveHandler()):
        yield
