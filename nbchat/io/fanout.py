"""Many flows at once, on the caller's loop or on that of one background thread."""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from functools import lru_cache
from typing import Any

from nbchat.flow.effects import Flow
from nbchat.io.drivers import arun
from nbchat.values.errors import ConfigurationError

Flows = Iterable[Callable[[], Flow[Any]]]
Landed = tuple[int, Any, BaseException | None]  # place of the input, its result, or its error


async def fan_out(flows: Flows, width: int, land: Callable[[Landed], Any], stop_at_error: bool) -> None:
    """Run flows, `width` at once; `land` is given each result or error as it comes."""
    waiting = enumerate(flows)
    failed = False

    async def work() -> None:
        nonlocal failed
        for index, make in waiting:
            if failed:
                return
            try:
                result = await arun(make())
            except Exception as error:
                failed = failed or stop_at_error
                land((index, None, error))
            else:
                land((index, result, None))

    await together(work() for _ in range(width))


async def together(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run these at once; however it ends, none of them goes on."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def run_all(flows: Flows, width: int, return_exceptions: bool) -> list[Any]:
    """All results in order. Ctrl-C stops what runs, and closes the connections on which an answer has begun.

    Where none has, the request goes on until its total timeout: pyreqwest cannot drop it.
    """
    job = _begun(arun_all(flows, width, return_exceptions))
    try:
        return job.result()  # waited for here, where Ctrl-C is heard
    finally:
        _stop(job)


async def arun_all(flows: Flows, width: int, return_exceptions: bool) -> list[Any]:
    """All results in order, on the caller's loop."""
    landed: dict[int, Landed] = {}
    await fan_out(flows, width, lambda result: landed.update({result[0]: result}), not return_exceptions)
    return [_shown(landed[index], return_exceptions)[1] for index in sorted(landed)]


def each_completed(flows: Flows, width: int, return_exceptions: bool) -> Iterator[tuple[int, Any]]:
    """Results as they come. Leaving the loop early stops what still runs."""
    landed: queue.SimpleQueue[Any] = queue.SimpleQueue()
    job = _begun(fan_out(flows, width, landed.put, not return_exceptions))
    job.add_done_callback(lambda _: landed.put(None))
    try:
        while (result := landed.get()) is not None:
            yield _shown(result, return_exceptions)
        job.result()
    finally:
        _stop(job)


async def aeach_completed(flows: Flows, width: int, return_exceptions: bool) -> AsyncIterator[tuple[int, Any]]:
    """Results as they come, on the caller's loop. Leaving the loop early stops what still runs."""
    landed: asyncio.Queue[Any] = asyncio.Queue()
    job = asyncio.ensure_future(fan_out(flows, width, landed.put_nowait, not return_exceptions))
    job.add_done_callback(lambda _: landed.put_nowait(None))
    try:
        while (result := await landed.get()) is not None:
            yield _shown(result, return_exceptions)
        await job
    finally:
        job.cancel()
        await asyncio.gather(job, return_exceptions=True)


def _shown(landed: Landed, return_exceptions: bool) -> tuple[int, Any]:
    index, value, error = landed
    if error is None:
        return index, value
    if return_exceptions:
        return index, error
    raise error


def _begun(work: Any) -> Future[Any]:
    """Start a coroutine on the background loop. Raises ConfigurationError on that loop, which would wait for itself."""
    loop = background_loop()
    with suppress(RuntimeError):
        if asyncio.get_running_loop() is loop:
            work.close()
            raise ConfigurationError("a callback of a batch cannot wait for another one: make it async, and use abatch")
    return asyncio.run_coroutine_threadsafe(work, loop)


def _stop(job: Any) -> None:
    """Cancel a job and wait until its connections are closed."""
    if job.done():
        return
    ended = threading.Event()
    job.add_done_callback(lambda _: ended.set())
    job.cancel()
    ended.wait(1.0)


def background_loop() -> asyncio.AbstractEventLoop:
    """The process's one background loop, in a daemon thread. A fork gets its own."""
    return _background(os.getpid())


@lru_cache(maxsize=1)
def _background(pid: int) -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="nbchat", daemon=True).start()
    return loop
