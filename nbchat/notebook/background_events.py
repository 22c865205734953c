"""Work of the background loop whose events are taken in by the thread that waits for it."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from typing import Any

from nbchat.io.fanout import background_loop, together

LEAVING_S = 2.0  # for connections to close after a stop
_OVER = object()


def at_once(
    works: Callable[[Callable[..., None]], Iterable[Coroutine[Any, Any, None]]], take: Callable[..., None]
) -> None:
    """Run works at the same time.

    Args:
        works: makes them of a function by which they tell of events.
        take: called with each event, in the thread that waits here: outputs may be drawn from it.

    Raises:
        KeyboardInterrupt: all were stopped; what they still had to say was taken in.
    """
    landed: queue.SimpleQueue[Any] = queue.SimpleQueue()

    async def run() -> None:
        try:
            await together(works(lambda *event: landed.put(event)))
        finally:
            landed.put(_OVER)

    job = asyncio.run_coroutine_threadsafe(run(), background_loop())
    try:
        while (event := landed.get()) is not _OVER:
            take(*event)
        job.result()  # raises what went wrong in us
    except KeyboardInterrupt:
        job.cancel()
        with suppress(queue.Empty):
            while (event := landed.get(timeout=LEAVING_S)) is not _OVER:
                take(*event)
        raise
    finally:
        job.cancel()
