"""A display in a cell that is drawn again as its content grows: at most 15 times a second, and always at the end."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

REDRAW_S = 1 / 15
REST = 4  # times as long as the last drawing took to make
BYTES_PER_S = 200_000  # each drawing sends the whole answer: a long one is drawn less often

Bundle = dict[str, str]


class LiveDisplay:
    """One output of a cell. Draw only from the thread that runs the cell: that is where outputs belong to it.

    The interval grows with the size of what is sent, so that traffic stays linear in the length of the answer.
    """

    def __init__(
        self, publish: Callable[..., Any] | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._publish = publish or _publisher()
        self._id = uuid4().hex
        self._clock = clock
        self._shown = False
        self._next = 0.0

    def redraw(self, make: Callable[[], Bundle]) -> None:
        """Draw if it is time to; then rest for some times as long as the drawing was made, so that reading goes on."""
        begun = self._clock()
        if begun < self._next:
            return
        bundle = make()
        took = self._clock() - begun
        self.draw(bundle)
        self._next = max(self._next, self._clock() + REST * took)

    def draw(self, bundle: Bundle) -> None:
        """Draw now."""
        self._publish(bundle, {}, transient={"display_id": self._id}, update=self._shown)
        self._shown = True
        size = sum(len(text) for text in bundle.values())
        self._next = self._clock() + max(REDRAW_S, size / BYTES_PER_S)


def _publisher() -> Callable[..., Any]:
    from IPython.core.interactiveshell import InteractiveShell

    return InteractiveShell.instance().display_pub.publish
