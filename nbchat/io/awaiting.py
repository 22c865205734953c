"""The awaiting wire: effects done on a running loop, over pyreqwest where it is installed, else over httpx."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any
from weakref import WeakKeyDictionary

import httpx

from nbchat.flow.effects import Route
from nbchat.io import failures, transport
from nbchat.io.fast_answer import FastAnswer
from nbchat.io.patience import Patience
from nbchat.io.transport import fast
from nbchat.values.errors import APITimeoutError, CertificateError, ChatError
from nbchat.wire.codec import Request

Loop = asyncio.AbstractEventLoop
_CLIENTS: WeakKeyDictionary[Loop, dict[Any, httpx.AsyncHTTPTransport]] = WeakKeyDictionary()  # by proxy and trust
_DOUBTED: set[tuple[str, transport.Trust]] = set()  # base URLs that pyreqwest does not trust
_PENDING: WeakKeyDictionary[Loop, dict[tuple[int, str], asyncio.Future[None]]] = WeakKeyDictionary()


class AwaitingWire:
    """One caller's wire on a loop. Each method does one effect (see `nbchat.flow.effects`).

    Args:
        pauses: whether a reader may leave it waiting: then nobody else waits for its answers.
    """

    def __init__(self, *, pauses: bool = False) -> None:
        self._pauses = pauses
        self._route: Route
        self._deadline: float | None = None
        self._reader: Any = None  # what the open answer is read with
        self._patience = Patience()
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
            except CertificateError:  # Python also trusts who signed themselves, and has authorities of its own
                _DOUBTED.add((endpoint.base_url, transport.trust()))
        self._reader = _HttpxAnswer(route)
        return await self._within(self._reader.open(*asked), limit.first_byte, "first_byte")

    async def _within(self, work: Any, seconds: float | None, what: str) -> Any:
        if self._deadline is not None:
            left = max(0.0, self._deadline - time.monotonic())
            if seconds is None or left < seconds:
                seconds, what = left, "total"
        try:
            return await self._patience.wait(work, seconds)
        except APITimeoutError:  # which is a TimeoutError, and has its words already
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
            await self._patience.wait(self._rest(), transport.DRAIN_S)

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
        """A cached message; where the same prompt is being asked on this loop just now, wait for its answer.

        Where that one fails, those who waited ask for themselves. None also where this flow has recalled it before:
        what came then did not do.
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
        self._patience.end()
        await self._close_answer()

    async def _close_answer(self) -> None:
        if self._reader is not None:
            reader, self._reader = self._reader, None
            await reader.aclose()


def _is_doubted(base_url: str) -> bool:
    return bool(_DOUBTED) and (base_url, transport.trust()) in _DOUBTED


class _HttpxAnswer:
    """An answer over httpx: the user's own client, or a transport of this loop."""

    def __init__(self, route: Route) -> None:
        self._route = route
        self._response: httpx.Response | None = None
        self._bytes: Any = None

    async def open(self, method: str, url: str, headers: dict[str, str], content: bytes) -> tuple[int, Any]:
        limits = {"connect": self._route.timeout.connect, "read": None, "write": None, "pool": None}
        extensions = {"timeout": limits}
        client = self._route.http_async_client
        try:
            if client is not None:
                request = client.build_request(method, url, headers=headers, content=content, extensions=extensions)
                self._response = await client.send(request, stream=True)
            else:
                parsed = transport.parsed_url(url)
                request = httpx.Request(method, parsed, headers=headers, content=content, extensions=extensions)
                self._response = await _of_this_loop(url, self._route.proxy).handle_async_request(request)
                self._response.request = request
        except httpx.TimeoutException:
            raise failures.timed_out(self._route, self._route.timeout.connect, "connect") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise failures.connection_failed(self._route, error) from None
        except BaseException as error:  # a Stop: a verbose traceback would show the headers in the frames beneath
            raise error.with_traceback(None) from None
        self._bytes = self._response.aiter_bytes()
        return self._response.status_code, self._response.headers

    def is_short(self) -> bool:
        return False

    async def read(self) -> bytes:
        try:
            return await anext(self._bytes, b"")
        except (httpx.HTTPError, OSError) as error:
            raise failures.broken_off(self._route, error) from None

    async def aclose(self) -> None:
        if self._response is not None:
            await self._response.aclose()


def _of_this_loop(url: str, proxy: str | None) -> httpx.AsyncHTTPTransport:
    """httpx's connections belong to the loop that opened them, so each loop has its own."""
    proxy = transport.proxy_for(url, proxy)
    mine, key = _CLIENTS.setdefault(asyncio.get_running_loop(), {}), (proxy, transport.trust())
    if key not in mine:
        with transport.reading_certificates():
            mine[key] = httpx.AsyncHTTPTransport(proxy=proxy, limits=httpx.Limits(max_connections=None))
    return mine[key]
