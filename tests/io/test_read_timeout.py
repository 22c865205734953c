"""One timer for many waits: each has its own limit, and a cancellation from outside stays one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Generator
from typing import Any

import pytest

from nbchat.io.read_timeout import ReadTimeout


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(work, 20))


def test_what_comes_in_time_is_given_and_the_next_wait_has_its_whole_time() -> None:
    async def reads() -> list[str]:
        patience = ReadTimeout()
        return [await patience.wait(asyncio.sleep(0.1, "came"), 0.45) for _ in range(5)]

    assert run(reads()) == ["came"] * 5


@pytest.mark.parametrize("earlier", [600, 0.001, None])
def test_a_wait_ends_at_its_own_limit_whatever_the_one_before(earlier: float | None) -> None:
    async def late() -> str:
        patience = ReadTimeout()
        await patience.wait(asyncio.sleep(0), earlier)
        with pytest.raises(TimeoutError):
            await patience.wait(asyncio.sleep(30), 0.02)
        return await patience.wait(asyncio.sleep(0, "goes on"), 10)

    assert run(late()) == "goes on"


def test_a_cancellation_from_outside_is_no_timeout() -> None:
    async def cancelled() -> bool:
        task = asyncio.create_task(ReadTimeout().wait(asyncio.sleep(30), 10))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return task.cancelled()

    assert run(cancelled())


def test_no_timer_is_left_behind() -> None:
    async def left() -> int:
        patience = ReadTimeout()
        await patience.wait(asyncio.sleep(0), 600)
        patience.end()
        return sum(not handle.cancelled() for handle in asyncio.get_running_loop()._scheduled)  # type: ignore[attr-defined]

    assert asyncio.run(left()) == 0


class Swallowing:
    """Gives its result also to a task that was cancelled meanwhile, as pyreqwest's reads may."""

    def __await__(self) -> Generator[None, None, str]:
        with contextlib.suppress(asyncio.CancelledError):
            yield
        return "came"


@pytest.mark.parametrize("seconds", [None, 10])
def test_a_result_that_comes_with_a_cancellation_does_not_hide_it(seconds: float | None) -> None:
    async def cancelled() -> bool:
        task = asyncio.create_task(ReadTimeout().wait(Swallowing(), seconds))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert run(cancelled())
