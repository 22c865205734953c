"""How many requests run at once: fewer when a server says it is too much, then slowly more again."""

from __future__ import annotations

import asyncio
from collections import deque

from nbchat.flow.retry import LONGEST_WAIT

BUSY = frozenset({429, 503, 529})


class Pace:
    """A number of places for requests on one loop. Halved at a 429, 503 or 529, then raised by one a round of answers.

    Args:
        width: the most requests at once.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self.places = float(width)
        self._inside = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._round = 0  # a burst of refusals is one sign, not many: only requests of this round count
        self._resting: asyncio.TimerHandle | None = None

    async def enter(self) -> int:
        """Wait for a place; returns the round, for `heard`."""
        while self._resting is not None or self._inside >= int(self.places):
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._wake()  # the turn was ours, and goes to the next
                raise
        self._inside += 1
        return self._round

    def leave(self) -> None:
        """Give a place back."""
        self._inside -= 1
        self._wake()

    def heard(self, status: int, asked_in: int, rest: float | None = None) -> None:
        """Heed an answer's status, and for how many seconds the server wants to be left alone."""
        if status not in BUSY:
            self.places = min(self.width, self.places + 1 / self.places)
            return
        if asked_in == self._round:
            self._round += 1
            self.places = max(1.0, self.places / 2)
        if rest and rest <= LONGEST_WAIT and self._resting is None:  # beyond that, the row fails
            self._resting = asyncio.get_running_loop().call_later(rest, self._rested)

    def _rested(self) -> None:
        self._resting = None
        self._wake()

    def _wake(self) -> None:
        free = int(self.places) - self._inside
        while self._waiting and free > 0 and self._resting is None:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                free -= 1
