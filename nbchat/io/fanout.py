"""Many flows at once on one loop: the caller's own, or one background thread's. Errors are results until the end."""

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
Sink = Callable[[int, Any, BaseException | None], None]


async def fan_out(flows: Flows, width: int, sink: Sink, stop_at_error: bool) -> None:
    """Run flows, `width` at once; each result or error goes to `sink(index, result, error)` as it comes."""
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
                sink(index, None, error)
            else:
                sink(index, result, None)

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


def _ordered(results: dict[int, Any], errors: dict[int, BaseException], return_exceptions: bool) -> list[Any]:
    if errors and not return_exceptions:
        raise errors[min(errors)]
    merged = {**results, **errors}
    return [merged[index] for index in range(len(merged))]


def run_all(flows: Flows, width: int, return_exceptions: bool) -> list[Any]:
    """All results in order. Ctrl-C stops what runs, and closes the connections over which an answer has begun.

    Where none has, the request runs out at the server, within its total timeout: pyreqwest cannot drop it.
    """
    results: dict[int, Any] = {}
    errors: dict[int, BaseException] = {}
    _on_background(fan_out(flows, width, _into(results, errors), not return_exceptions))
    return _ordered(results, errors, return_exceptions)


async def arun_all(flows: Flows, width: int, return_exceptions: bool) -> list[Any]:
    """All results in order, on the caller's loop."""
    results: dict[int, Any] = {}
    errors: dict[int, BaseException] = {}
    await fan_out(flows, width, _into(results, errors), not return_exceptions)
    return _ordered(results, errors, return_exceptions)


def _into(results: dict[int, Any], errors: dict[int, BaseException]) -> Sink:
    def sink(index: int, result: Any, error: BaseException | None) -> None:
        if error is None:
            results[index] = result
        else:
            errors[index] = error

    return sink


def each_completed(flows: Flows, width: int, return_exceptions: bool) -> Iterator[tuple[int, Any]]:
    """Results as they come. Leaving the loop early stops what still runs."""
    landed: queue.SimpleQueue[Any] = queue.SimpleQueue()
    job = _begun(fan_out(flows, width, lambda *result: landed.put(result), not return_exceptions))
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
    job = asyncio.ensure_future(fan_out(flows, width, lambda *result: landed.put_nowait(result), not return_exceptions))
    job.add_done_callback(lambda _: landed.put_nowait(None))
    try:
        while (result := await landed.get()) is not None:
            yield _shown(result, return_exceptions)
        await job
    finally:
        job.cancel()
        await asyncio.gather(job, return_exceptions=True)


def _shown(result: tuple[int, Any, BaseException | None], return_exceptions: bool) -> tuple[int, Any]:
    index, value, error = result
    if error is None:
        return index, value
    if return_exceptions:
        return index, error
    raise error


def _on_background(work: Any) -> None:
    """Run a coroutine on the background loop, and wait for it here, where Ctrl-C is heard."""
    job = _begun(work)
    try:
        job.result()
    finally:
        _stop(job)


def _begun(work: Any) -> Future[Any]:
    """A coroutine under way on the background loop. Raises ConfigurationError there: it would wait for itself."""
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
