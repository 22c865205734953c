"""The desk on the scheduler: one purse, one rate and one tally for all workers. And how they ask it."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import Future
from typing import Any

from distributed import SchedulerPlugin, get_worker

from nbchat.flow.retry import retry_after
from nbchat.frame.budget import Purse
from nbchat.frame.plan import limiter_of
from nbchat.io.reset_headers import remaining

LOOK_S = 0.05  # between a worker's looks whether its request may go


class Desk(SchedulerPlugin):
    """What the workers of one batch share. Each method but the plugin's own can be called from them, by its name.

    Args:
        name: of the desk among the scheduler's plugins and calls.
        usd, tokens: what may be spent by all together; None: no limit.
        rpm, tpm: requests and tokens a minute of all together; None: no limit.
    """

    def __init__(self, name: str, usd: float | None, tokens: int | None, rpm: float | None, tpm: float | None) -> None:
        self.name = name
        self._limits = usd, tokens, rpm, tpm

    async def start(self, scheduler: Any) -> None:
        """Open: from now on the scheduler knows the desk's calls."""
        usd, tokens, rpm, tpm = self._limits
        self._purse = Purse(usd, tokens)
        self._limiter = limiter_of(rpm, tpm)
        self._counts: dict[int, dict[str, Any]] = {}
        self._tickets: dict[str, set[str]] = {}
        self._stopping = False
        scheduler.handlers[self.name] = self.called

    def remove_worker(self, scheduler: Any, worker: str, **_: Any) -> None:
        """What a worker that died had held is free again."""
        for ticket in self._tickets.pop(worker, ()):
            self._purse.pay(ticket, 0.0, 0)

    def called(self, verb: str, **given: Any) -> Any:
        """One call: `hold`, `hold_all`, `pay`, `go`, `settle`, `rest`, `report`, `counts`, `stop`."""
        return getattr(self, verb)(**given)

    def hold(self, worker: str, ticket: str, usd: float, tokens: int) -> bool:
        held = self._purse.hold(ticket, usd, tokens)
        if held:
            self._tickets.setdefault(worker, set()).add(ticket)
        return held

    def hold_all(self, worker: str, ticket: str, usd: float, tokens: int) -> bool:
        held = self._purse.hold_all(ticket, usd, tokens)
        if held:
            self._tickets.setdefault(worker, set()).add(ticket)
        return held

    def pay(self, worker: str, ticket: str, usd: float, tokens: int) -> None:
        self._purse.pay(ticket, usd, tokens)
        self._tickets.get(worker, set()).discard(ticket)

    def go(self, tokens: int) -> bool:
        return self._limiter is None or self._limiter.acquire(blocking=False, tokens=tokens)

    def settle(self, reserved: int, used: int) -> None:
        if self._limiter is not None:
            self._limiter.settle(reserved, used)

    def rest(self, seconds: float) -> None:
        if self._limiter is not None:
            self._limiter.observe({"retry-after": str(seconds)})

    def report(self, partition: int, counts: dict[str, Any]) -> bool:
        """Take a partition's counts; returns whether it is to stop."""
        self._counts[partition] = counts
        return self._stopping

    def counts(self) -> list[dict[str, Any]]:
        return list(self._counts.values())

    def stop(self) -> None:
        self._stopping = True


class Caller:
    """A worker's way to the desk; takes the place of a `Purse` and of a rate limiter there.

    Args:
        name: the desk's.
        limiter: estimates the tokens of a request.
    """

    def __init__(self, name: str, limiter: Any) -> None:
        self._worker = get_worker()
        self._name = name
        self._limiter = limiter
        self._turn = asyncio.Lock()

    def hold(self, ticket: str, usd: float, tokens: int) -> bool:
        """See `Purse.hold`."""
        return self._call("hold", worker=self._worker.address, ticket=ticket, usd=usd, tokens=tokens).result()

    def hold_all(self, ticket: str, usd: float, tokens: int) -> bool:
        """See `Purse.hold_all`."""
        return self._call("hold_all", worker=self._worker.address, ticket=ticket, usd=usd, tokens=tokens).result()

    def pay(self, ticket: str, usd: float, tokens: int) -> None:
        """See `Purse.pay`."""
        self._call("pay", worker=self._worker.address, ticket=ticket, usd=usd, tokens=tokens).result()

    def estimate(self, body: Any) -> int:
        """See `InMemoryRateLimiter.estimate`."""
        return self._limiter.estimate(body)

    async def aacquire(self, *, tokens: int = 0) -> bool:
        """Wait for leave to send a request of so many tokens."""
        async with self._turn:  # the desk would be overrun if all who wait asked it again and again
            while not await asyncio.wrap_future(self._call("go", tokens=tokens)):
                await asyncio.sleep(LOOK_S)
        return True

    def settle(self, reserved: int, used: int) -> None:
        """See `InMemoryRateLimiter.settle`."""
        self._call("settle", reserved=reserved, used=used)

    def observe(self, headers: Any) -> None:
        """Tell the desk how long the provider wants to be left alone, where it does."""
        if seconds := retry_after(headers, time.time()) or remaining(headers):
            self._call("rest", seconds=seconds)

    def report(self, partition: int, counts: dict[str, Any]) -> bool:
        """Tell the desk how far a partition is; returns whether it is to stop."""
        return self._call("report", partition=partition, counts=counts).result()

    def _call(self, verb: str, **given: Any) -> Future[Any]:
        call = getattr(self._worker.scheduler, self._name)
        return asyncio.run_coroutine_threadsafe(call(verb=verb, **given), self._worker.loop.asyncio_loop)  # type: ignore[attr-defined]
