"""The last state of a widget as static HTML in the notebook file, seen only where the widget itself is not alive."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

from nbchat.notebook.widgets.notebook import publisher

_VIEW = "application/vnd.jupyter.widget-view+json"

# Of two outputs below a cell, the static one and the widget, one is seen: the widget where it lives. (Where a host has
# no such classes, stage.js hides the static one.)
_ONE_OF_TWO = """<style>
.jp-OutputArea-child:has(.nbchat-saved):has(+ .jp-OutputArea-child .nbchat-live){display:none}
.jp-OutputArea-child:has(.nbchat-saved) + .jp-OutputArea-child:not(:has(.nbchat-live,.nbchat-waits)){
height:0;overflow:hidden}
</style>"""


class SavedState:
    """The static twin of a widget, in every cell that shows it.

    Args:
        state: gives (HTML, plain text) of now.

    Attributes:
        id: by which the page finds it, to hide it while the widget lives.
    """

    def __init__(self, state: Callable[[], tuple[str, str]]) -> None:
        self._state = state
        self.id = uuid4().hex
        self._shown = False

    def show(self, model_id: str) -> None:
        """Put the static state and the widget into the running cell."""
        publish = publisher()
        if publish is None:
            return
        publish(self._bundle(), {}, transient={"display_id": self.id})
        self._shown = True
        view = {"version_major": 2, "version_minor": 0, "model_id": model_id}
        publish({_VIEW: view, "text/html": "", "text/plain": ""}, {})

    def update(self) -> None:
        """Bring the static state up to date wherever it is shown."""
        publish = publisher() if self._shown else None
        if publish is not None:
            publish(self._bundle(), {}, transient={"display_id": self.id}, update=True)

    def _bundle(self) -> dict[str, str]:
        html, text = self._state()
        saved = f'{_ONE_OF_TWO}<div class="nbchat-saved" data-of="{self.id}">{html}</div>'
        return {"text/html": saved, "text/plain": text}
