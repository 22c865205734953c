"""One answer over httpx, for the awaiting wire: without pyreqwest, or over the user's own client."""

from __future__ import annotations

import asyncio
from typing import Any
from weakref import WeakKeyDictionary

import httpx

from nbchat.flow.effects import Route
from nbchat.io import failures, transport

_TRANSPORTS: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Any, httpx.AsyncHTTPTransport]] = WeakKeyDictionary()


class HttpxAnswer:
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
    mine, key = _TRANSPORTS.setdefault(asyncio.get_running_loop(), {}), (proxy, transport.trust(url))
    if key not in mine:
        with transport.reading_certificates():
            mine[key] = httpx.AsyncHTTPTransport(proxy=proxy, limits=httpx.Limits(max_connections=None))
    return mine[key]
