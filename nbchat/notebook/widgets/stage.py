"""A widget that shows what Python holds: a small state, and HTML in slots. Changes go out 15 times a second at most."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import anywidget

from nbchat.notebook.display import REDRAW_S, REST
from nbchat.notebook.render.style import SHEET
from nbchat.notebook.widgets.changes import slot_changes
from nbchat.notebook.widgets.saved import SavedState

FAREWELL_S = 3.0  # a cell that is moved takes its view away for a moment
_HERE = Path(__file__).parent

PageEvent = dict[str, Any]  # `do`, what is to be done; `view`, which view asks; `buffers`; and more, by `do`


def front(name: str) -> tuple[str, str]:
    """(ES module, style sheet) of a widget: what all of them share, then the files of the widget's own folder."""
    script, style = "", SHEET
    for folder in (_HERE, _HERE / name):
        script += "".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.js")))
        style += "".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.css")))
    return script, style


class Stage(anywidget.AnyWidget):
    """What the panel, the comparison and the explorer share.

    A subclass gives `picture`, `saved`, and a handler `async def do_NAME(event)` for each thing that the page may ask
    for. Handlers run as tasks on the loop of the kernel; what one raises is shown on the page.
    """

    def __init__(self) -> None:
        super().__init__()
        self.error = ""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._views: set[str] = set()
        self._unheard: set[str] = set()  # views that may be gone
        self._farewell: asyncio.TimerHandle | None = None
        self._drawing: asyncio.TimerHandle | None = None
        self._next = 0.0
        self._state: dict[str, Any] = {}  # as the page has it
        self._slots: dict[str, str] = {}
        self._saved = SavedState(self.saved)
        self.on_msg(self._heard)

    def __del__(self) -> None:
        if hasattr(self, "_saved"):  # one that could not be made has nothing to close
            super().__del__()

    def picture(self) -> tuple[dict[str, Any], dict[str, str]]:
        """(state, HTML by slot) of now; a slot whose HTML did not change is the same string."""
        raise AssertionError("a subclass gives the picture")

    def saved(self) -> tuple[str, str]:
        """(HTML, plain text) that stays in the notebook file."""
        raise AssertionError("a subclass says what is saved")

    def touch(self) -> None:
        """Something changed: draw it when it is time to."""
        self._find_loop()
        if self._drawing is None and self._loop is not None and self.comm is not None:
            self._drawing = self._loop.call_later(max(0.0, self._next - time.monotonic()), self.flush)

    def flush(self) -> None:
        """Draw now: send what changed since."""
        if self._drawing is not None:
            self._drawing.cancel()
            self._drawing = None
        begun = time.monotonic()
        state, slots = self._drawn_now()
        changes = slot_changes(self._slots, slots)
        if state != self._state:
            changes["state"] = state
        self._state, self._slots = state, slots
        if changes and self._views:
            self.send(changes)
        took = time.monotonic() - begun
        self._next = time.monotonic() + max(REDRAW_S, REST * took)

    def _drawn_now(self) -> tuple[dict[str, Any], dict[str, str]]:
        """The picture; where it cannot be drawn (a renderer of the user's fails), the last one, and why."""
        try:
            return self.picture()
        except Exception as error:
            self.error = told(error)
            return {**self._state, "error": self.error}, self._slots

    def keep(self) -> None:
        """Draw now, in the saved notebook too."""
        self.flush()
        self._saved.update()

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
        """Run a handler as a task on the kernel's loop."""
        self._find_loop()
        if self._loop is None:
            work.close()
            return None
        task = self._loop.create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:
            self.error = told(error)
            self.touch()

    def _find_loop(self) -> None:
        if self._loop is None or self._loop.is_closed():
            self._loop = _running_loop()

    def _heard(self, _: Any, content: Any, buffers: list[Any]) -> None:
        if not isinstance(content, dict):  # not from our script
            return
        event: PageEvent = {**content, "buffers": buffers}
        self._find_loop()
        if self._loop is None:
            return
        if _running_loop() is self._loop:
            self._handle(event)
        else:  # a kernel may hear the page in another thread
            self._loop.call_soon_threadsafe(self._handle, event)
            self.overheard(event)

    def overheard(self, event: PageEvent) -> None:
        """Something was heard in another thread, maybe while the kernel's own is busy; its handler comes later."""

    def _handle(self, event: PageEvent) -> None:
        self.send({"heard": event.get("n")})
        handler = getattr(self, f"do_{event.get('do')}", None)
        if handler is not None:
            self.start(handler(event))

    async def do_hello(self, event: PageEvent) -> None:
        """A view came: it gets everything."""
        self._views.add(event["view"])
        if self._farewell is not None:
            self._farewell.cancel()
            self._farewell = None
        self.flush()
        whole = {name: [0, html] for name, html in self._slots.items()}
        self.send({"to": event["view"], "state": self._state, "slots": whole, "twin": self._saved.id})

    async def do_gone(self, event: PageEvent) -> None:
        """A view went: with the last one all ends, unless another comes soon."""
        self._views.discard(event["view"])
        self._unheard = set(self._views)  # a page that was reloaded took its views along without a word
        self.send({"roll": True})
        if self._farewell is None:
            self._wait_for_views()

    async def do_here(self, event: PageEvent) -> None:
        """A view is still there."""
        self._unheard.discard(event["view"])

    def _wait_for_views(self) -> None:
        if self._loop is not None:
            self._farewell = self._loop.call_later(FAREWELL_S, self._leave, time.monotonic() + FAREWELL_S)

    def _leave(self, due: float) -> None:
        """No view has come: end all, unless others are still there."""
        self._farewell = None
        if time.monotonic() > due + FAREWELL_S:  # a cell ran, and they are yet to be heard
            self._wait_for_views()
            return
        self._views -= self._unheard
        if not self._views:
            self.close()

    async def do_dismiss(self, _: PageEvent) -> None:
        """The error was read."""
        self.error = ""
        self.touch()

    def close(self) -> None:
        """Stop what runs and leave the page; showing the widget again opens it again."""
        for timer in (self._farewell, self._drawing):
            if timer is not None:
                timer.cancel()
        self._farewell = self._drawing = None
        for task in list(self._tasks):
            task.cancel()
        self._views.clear()
        if self.comm is not None:
            super().close()
            self.layout.close()  # every widget has one, with a comm of its own

    def open(self) -> None:
        """Be there for a page: in the beginning, and again after `close`."""
        if self.layout.comm is None:
            self.layout.open()
        super().open()

    def _ipython_display_(self) -> None:
        self._find_loop()
        self.open()
        self._state, self._slots = self._drawn_now()
        self._saved.show(self.model_id)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def told(error: Exception) -> str:
    """An error in a line."""
    return f"{type(error).__name__}: {error}"
