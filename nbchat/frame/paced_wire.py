"""The wire of one question of a batch: it keeps to the batch's pace, and has the caller's thread run functions."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from nbchat.flow.effects import Route
from nbchat.flow.retry import retry_after
from nbchat.frame.meter import Meter, Share
from nbchat.frame.pace import Pace
from nbchat.io.awaiting import AwaitingWire
from nbchat.wire.codec import Request

Elsewhere = Callable[..., Any]  # (function, *args) to an awaitable of its result


class PacedWire(AwaitingWire):
    """An awaiting wire that takes a place of the pace for each request, and counts them.

    Args:
        pace: of the whole batch.
        meter: requests and tokens a minute, of the whole batch; None: no limit.
        ask: runs the user's functions on the thread that called the batch.

    Attributes:
        sent: requests so far.
        began: `time.perf_counter()` at the first of them; None before.
    """

    def __init__(self, pace: Pace, meter: Meter | None, ask: Elsewhere) -> None:
        super().__init__()
        self._pace = pace
        self._meter = meter
        self._elsewhere = ask
        self._inside = False
        self._share = Share()
        self.sent = 0
        self.began: float | None = None

    async def open(self, route: Route, request: Request, stream: bool) -> tuple[int, Any]:
        self._leave()
        if self._meter is not None:
            await self._meter.enter(self._share, request.body)
        asked_in = await self._pace.enter()
        self._inside = True
        self.sent += 1
        self.began = self.began or time.perf_counter()
        status, headers = await super().open(route, request, stream)
        self._pace.heard(status, asked_in, retry_after(headers, time.time()))
        if self._meter is not None:
            self._meter.observe(headers)
        return status, headers

    async def sleep(self, seconds: float) -> None:
        self._leave()
        await super().sleep(seconds)

    async def ask(self, question: Any, *args: Any) -> Any:
        self._leave()
        return await self._elsewhere(question, *args)

    def settle(self, used: int) -> None:
        """Say how many tokens the question took in all."""
        if self._meter is not None:
            self._meter.settle(self._share, used)

    async def aclose(self) -> None:
        await super().aclose()
        self._leave()

    def _leave(self) -> None:
        if self._inside:
            self._inside = False
            self._pace.leave()
