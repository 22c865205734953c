"""Flows about jobs, on the background loop; what comes of them goes to the thread that reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nbchat.flow.effects import Flow
from nbchat.frame.asking import Asking
from nbchat.frame.paced_wire import PacedWire
from nbchat.io.drivers import arun

WIDTH = 8  # requests about jobs at once


class JobFlows(Asking):
    """Flows under way; what `do.ask` names is run by the thread that reads what came of them."""

    def __init__(self) -> None:
        super().__init__(WIDTH)

    def run(self, flow: Flow[Any], then: Callable[[Any], None]) -> None:
        """Start a flow; `then` comes back with its result or its error."""
        self.put([(then, lambda: flow)])

    async def _answer(self, ticket: Any, start: Callable[[], Flow[Any]]) -> None:
        wire = PacedWire(self.pace, None, self._elsewhere)
        try:
            result: Any = await arun(start(), wire)
        except Exception as error:
            result = error
        self._land(ticket, result)
