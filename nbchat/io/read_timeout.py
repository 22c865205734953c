"""A timeout for each read of an answer, with one timer for all: one timer a read costs a third of a streamed token."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any


class ReadTimeout:
    """Awaits one thing at a time, each for a limited time."""

    def __init__(self) -> None:
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[Any] | None = None  # the one that waits just now
        self._until = 0.0
        self._cancelled = False  # by the timer, not from outside

    async def wait(self, work: Awaitable[Any], seconds: float | None) -> Any:
        """What `work` gives.

        Raises:
            TimeoutError: it took longer than `seconds`, and was cancelled.
        """
        task = asyncio.current_task()
        assert task is not None, "a coroutine is awaited by a task"
        before = task.cancelling()
        if seconds is not None:
            self._limit(task, seconds)
        try:
            result = await work
        except asyncio.CancelledError:
            if self._cancelled and task.uncancel() <= before:  # else it was cancelled from outside as well
                raise TimeoutError from None
            raise
        else:  # pyreqwest may give its result to a task that was just cancelled: the cancellation must not be lost
            if self._cancelled:
                task.uncancel()
            if task.cancelling() > before:
                raise asyncio.CancelledError
            return result
        finally:
            self._task, self._cancelled = None, False

    def _limit(self, task: asyncio.Task[Any], seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._task = task
        self._until = loop.time() + seconds
        if self._timer is None or self._timer.when() > self._until:
            self._set(loop)

    def _set(self, loop: asyncio.AbstractEventLoop) -> None:
        self.end()
        self._timer = loop.call_at(self._until, self._ring, loop)

    def _ring(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        if self._task is None:
            return
        if loop.time() < self._until:  # what it was set for came in time; now a later wait is on
            self._set(loop)
        else:
            self._cancelled = True
            self._task.cancel()

    def end(self) -> None:
        """Take the timer away."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
