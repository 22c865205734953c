"""Requests and tokens a minute, of a whole batch: what a request will take is learned from those before."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

SCOUT_S = 20.0  # how long others wait for what the first question takes, which may hang
MOST_TOKENS = 4_000_000  # no answer takes more; a server that says so would have the batch wait for years


@dataclass(eq=False, slots=True)
class Share:
    """What one question has reserved, in tokens: as guessed by its length, and as corrected by what others took."""

    guessed: int = 0
    reserved: int = 0


class Meter:
    """A rate limiter that knows better from answer to answer how many tokens to reserve. Lives on one loop.

    Where tokens are limited the first question goes alone: many at once, each with too little reserved, would pass the
    limit together.

    Args:
        limiter: an `InMemoryRateLimiter`, or what stands in for one.
    """

    def __init__(self, limiter: Any) -> None:
        self._limiter = limiter
        self._guessed = self._used = 0
        self._scout: Share | None = None  # the first question's
        self._scouted = asyncio.Event()

    async def enter(self, share: Share, body: Mapping[str, Any]) -> None:
        """Wait for leave to send a request."""
        guess: int = self._limiter.estimate(body)  # 0 where only requests are limited
        self._scout = self._scout or share
        if guess and self._scout is not share and not self._scouted.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._scouted.wait(), SCOUT_S)
            self._scouted.set()
        tokens = round(guess * max(1.0, self._used / self._guessed)) if self._guessed else guess
        await self._limiter.aacquire(tokens=tokens)
        share.guessed += guess
        share.reserved += tokens

    def settle(self, share: Share, used: int) -> None:
        """Say how many tokens a question took in all: 0 where it failed, or nobody counted."""
        used = min(max(0, used), MOST_TOKENS)
        self._limiter.settle(share.reserved, used)
        if used:
            self._used += used
            self._guessed += share.guessed
        if self._scout is share:
            self._scouted.set()

    def observe(self, headers: Mapping[str, str]) -> None:
        """Heed what the provider says of its own limits."""
        self._limiter.observe(headers)
