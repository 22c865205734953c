"""The blocking wire: effects on the caller's own thread, so that Ctrl-C ends a read at once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx

from nbchat.flow.effects import Route
from nbchat.io import failures, transport
from nbchat.io.bridge import finish
from nbchat.io.urllib3_answer import Urllib3Answer
from nbchat.wire.codec import Request


class BlockingWire:
    """One caller's wire. Each method does one effect (see `nbchat.flow.effects`)."""

    def __init__(self) -> None:
        self._response: httpx.Response | Urllib3Answer | None = None
        self._bytes: Iterator[bytes] = iter(())
        self._route: Route
        self._timeout: dict[str, float | None] = {}
        self._deadline: float | None = None
        self._recalled: set[tuple[int, str]] = set()  # caches and keys

    def open(self, route: Route, request: Request, stream: bool) -> tuple[int, Any]:
        self.close()
        self._route = route
        limit = route.timeout
        self._deadline = None if limit.total is None else time.monotonic() + limit.total
        first = _least(limit.first_byte, limit.total)
        self._timeout = {"connect": _least(limit.connect, limit.total), "read": first, "write": first, "pool": first}
        content = request.sent()
        endpoint = route.endpoint.starter() if route.endpoint.starter else route.endpoint
        url, headers = endpoint.sealed(request, content)
        began = time.monotonic()
        try:
            self._response = self._send(route, request.method, url, headers, content)
        except httpx.TimeoutException as error:
            early = first is None or time.monotonic() - began < first - 0.01  # the TLS handshake is a read to urllib3
            connecting = early or isinstance(error, httpx.ConnectTimeout)
            raise self._timed_out("connect" if connecting else "first_byte") from None
        except httpx.RemoteProtocolError as error:
            raise failures.unreadable(route, error) from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise failures.connection_failed(route, error) from None
        except BaseException as error:  # Ctrl-C: a verbose traceback would show the headers in the frames beneath
            raise error.with_traceback(None) from None
        self._timeout["read"] = _least(limit.between, self._remaining())
        self._bytes = self._response.iter_bytes()
        return self._response.status_code, self._response.headers

    def _send(
        self, route: Route, method: str, url: str, headers: dict[str, str], content: bytes
    ) -> httpx.Response | Urllib3Answer:
        client = route.http_client
        if client is None:
            return transport.blocking(url, route.proxy).send(method, url, headers, content, self._timeout)
        extensions = {"timeout": self._timeout}
        request = client.build_request(method, url, headers=headers, content=content, extensions=extensions)
        return client.send(request, stream=True)

    def read(self) -> bytes:
        if self._deadline is not None:
            self._timeout["read"] = _least(self._route.timeout.between, self._remaining())
        try:
            data = next(self._bytes, None)
            while data == b"":  # an empty piece is not the end
                data = next(self._bytes, None)
        except httpx.TimeoutException:
            raise self._timed_out("between") from None
        except (httpx.HTTPError, OSError) as error:
            raise failures.broken_off(self._route, error) from None
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise self._timed_out("total")
        return data or b""

    def read_all(self) -> bytes:
        pieces, size = [], 0
        while piece := self.read():
            pieces.append(piece)
            size += len(piece)
            if size > failures.MOST_BYTES:
                raise failures.too_long(self._route)
        return b"".join(pieces)

    def drain(self) -> None:
        self._timeout["read"] = transport.DRAIN_S
        until = time.monotonic() + transport.DRAIN_S
        with suppress(httpx.HTTPError, OSError):
            while time.monotonic() < until and next(self._bytes, None) is not None:
                pass

    def _remaining(self) -> float | None:
        return None if self._deadline is None else max(0.001, self._deadline - time.monotonic())

    def _timed_out(self, what: str) -> Exception:
        limit = self._route.timeout
        if self._deadline is not None and time.monotonic() >= self._deadline - 0.01:
            what = "total"
        return failures.timed_out(self._route, getattr(limit, what), what)

    def clock(self) -> float:
        return time.perf_counter()

    def now(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def recall(self, cache: Any, key: str) -> Any:
        """A cached message; None also where this flow has recalled it before: what came then did not do."""
        claim = (id(cache), key)
        if claim in self._recalled:
            return None
        self._recalled.add(claim)
        return cache.lookup(key)

    def remember(self, cache: Any, key: str, message: Any) -> None:
        cache.update(key, message)

    def reserve(self, limiter: Any, tokens: int) -> None:
        limiter.acquire(tokens=tokens)

    def ask(self, question: Any, *args: Any) -> Any:
        return finish(question(*args))

    def close(self) -> None:
        """Give the connection back, or close it where the answer was not read to its end."""
        if self._response is not None:
            self._response.close()
            self._response = None
            self._bytes = iter(())


def _least(*limits: float | None) -> float | None:
    return min((limit for limit in limits if limit is not None), default=None)
