"""The awaiting wire: effects done on a running loop, over pyreqwest where it is installed, else over httpx."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any
from weakref import WeakKeyDictionary

from nbchat.flow.effects import Route
from nbchat.io import failures, transport
from nbchat.io.fast_answer import FastAnswer
from nbchat.io.httpx_answer import HttpxAnswer
from nbchat.io.read_timeout import ReadTimeout
from nbchat.io.transport import fast
from nbchat.values.errors import APITimeoutError, CertificateError, ChatError
from nbchat.wire.codec import Request

Loop = asyncio.AbstractEventLoop
_DOUBTED: set[tuple[str, transport.Trust]] = set()  # base URLs that pyreqwest does not trust
_PENDING: WeakKeyDictionary[Loop, dict[tuple[int, str], asyncio.Future[None]]] = WeakKeyDictionary()


class AwaitingWire:
    """One caller's wire on a loop. Each method does one effect (see `nbchat.flow.effects`).

    Args:
        pauses: whether a reader may pause it: then nobody else waits for its answers.
    """

    def __init__(self, *, pauses: bool = False) -> None:
        self._pauses = pauses
        self._route: Route
        self._deadline: float | None = None
        self._reader: Any = None  # what the open answer is read with
        self._read_timeout = ReadTimeout()
        self._recalled: set[tuple[int, str]] = set()  # caches and keys
        self._claim: tuple[int, str] | None = None  # the one whose answer others may wait for

    async def open(self, route: Route, request: Request, stream: bool) -> tuple[int, Any]:
        await self._close_answer()
        self._route = route
        limit = route.timeout
        self._deadline = None if limit.total is None else time.monotonic() + limit.total
        content = request.sent()
        endpoint = route.endpoint
        if endpoint.starter is not None:
            endpoint = await asyncio.to_thread(endpoint.starter)
        url, headers = endpoint.sealed(request, content)
        asked = (request.method, url, headers, content)
        if route.http_async_client is None and fast is not None and not _is_doubted(endpoint.base_url):
            self._reader = FastAnswer(route)
            try:
                return await self._within(self._reader.open(*asked), limit.first_byte, "first_byte")
            except CertificateError:  # httpx also trusts listed self-signed ones, and its own authorities
                _DOUBTED.add((endpoint.base_url, transport.trust(endpoint.base_url)))
        self._reader = HttpxAnswer(route)
        return await self._within(self._reader.open(*asked), limit.first_byte, "first_byte")

    async def _within(self, work: Any, seconds: float | None, what: str) -> Any:
        if self._deadline is not None:
            left = max(0.0, self._deadline - time.monotonic())
            if seconds is None or left < seconds:
                seconds, what = left, "total"
        try:
            return await self._read_timeout.wait(work, seconds)
        except APITimeoutError:  # a TimeoutError that has its words already
            raise
        except TimeoutError:
            shown = self._route.timeout.total if what == "total" else seconds
            raise failures.timed_out(self._route, shown, what) from None

    async def read(self) -> bytes:
        return await self._within(self._reader.read(), self._route.timeout.between, "between")

    async def read_all(self) -> bytes:
        if self._reader.is_short():  # the usual case, in fewer steps
            return await self._within(self._reader.read_short(), self._route.timeout.between, "between")
        pieces, size = [], 0
        while piece := await self.read():
            pieces.append(piece)
            size += len(piece)
            if size > failures.MOST_BYTES:
                raise failures.too_long(self._route)
        return b"".join(pieces)

    async def drain(self) -> None:
        with suppress(ChatError, TimeoutError):
            await self._read_timeout.wait(self._rest(), transport.DRAIN_S)

    async def _rest(self) -> None:
        while await self._reader.read():
            pass

    async def clock(self) -> float:
        return time.perf_counter()

    async def now(self) -> float:
        return time.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def recall(self, cache: Any, key: str) -> Any:
        """A cached message, waited for where another flow on this loop is asking the same; None where that fails.

        None also where this flow has recalled it before: what came then did not do.
        """
        claim = (id(cache), key)
        if claim in self._recalled:
            return None
        self._recalled.add(claim)
        self._release()  # who waits holds nothing that others wait for
        pending = _PENDING.setdefault(asyncio.get_running_loop(), {})
        if claim in pending:
            await asyncio.shield(pending[claim])
        elif not self._pauses:
            pending[claim] = asyncio.get_running_loop().create_future()
            self._claim = claim
        found = await cache.alookup(key)
        if found is not None:
            self._release()
        return found

    async def remember(self, cache: Any, key: str, message: Any) -> None:
        await cache.aupdate(key, message)
        self._release()

    def _release(self) -> None:
        if self._claim is not None:
            waiting = _PENDING[asyncio.get_running_loop()].pop(self._claim)
            self._claim = None
            waiting.set_result(None)

    async def reserve(self, limiter: Any, tokens: int) -> None:
        await limiter.aacquire(tokens=tokens)

    async def ask(self, question: Any, *args: Any) -> Any:
        result = question(*args)
        return await result if hasattr(result, "__await__") else result

    async def aclose(self) -> None:
        """Give the connection back, or close it where the answer was not read to its end."""
        self._release()
        self._read_timeout.end()
        await self._close_answer()

    async def _close_answer(self) -> None:
        if self._reader is not None:
            reader, self._reader = self._reader, None
            await reader.aclose()


def _is_doubted(base_url: str) -> bool:
    return bool(_DOUBTED) and (base_url, transport.trust(base_url)) in _DOUBTED
