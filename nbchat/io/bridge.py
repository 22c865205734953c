"""The bridge from blocking code into a running loop: the one import of nest_asyncio."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable
from typing import Any

from nbchat.values.errors import ConfigurationError


def finish(result: Any) -> Any:
    """A value as it is, or the result of an awaitable: on the loop that already runs in this thread, if one does.

    In a notebook that loop is the kernel's own, to which objects awaited in earlier cells belong.

    Raises:
        ConfigurationError: the kernel's loop cannot be entered with what is installed; says what to install.
    """
    if not inspect.isawaitable(result):
        return result
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(_awaited(result))
    _patch(loop)
    task = loop.create_task(_awaited(result))
    try:
        return loop.run_until_complete(task)
    finally:
        task.cancel()  # after Ctrl-C it must not go on unseen


async def _awaited(result: Awaitable[Any]) -> Any:
    return await result


def _patch(loop: asyncio.AbstractEventLoop) -> None:
    """Make the running loop re-enterable. nest_asyncio2 is preferred: 1.6.0 loses queued cells on ipykernel 7."""
    try:
        import nest_asyncio2 as nest
    except ImportError:
        import nest_asyncio as nest

        if _ipykernel_major() >= 7:
            raise ConfigurationError(
                "nest_asyncio 1.6 loses queued cells on ipykernel 7 and later: "
                "run `pip install nest-asyncio2`, or await the async variant (ainvoke, astream) instead"
            ) from None
    nest.apply(loop)


def _ipykernel_major() -> int:
    import sys

    kernel = sys.modules.get("ipykernel")
    return int(kernel.__version__.partition(".")[0]) if kernel else 0
