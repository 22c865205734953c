"""urllib3 behind httpx's interface: httpx's own HTTP parser, h11, takes 27 µs a streamed piece, this one 10."""

from __future__ import annotations

import http.client
import io
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

import httpx
import urllib3
from urllib3 import exceptions
from urllib3.util import SKIP_HEADER, Timeout, make_headers, parse_url

MOST_BYTES = 65536  # that one read gives
NEAR_S = 0.02  # a socket's timeout may be so much too long: to set it takes longer than to read a token
_UNWANTED = {"user-agent": SKIP_HEADER, "accept-encoding": SKIP_HEADER}  # what urllib3 adds by itself


class _Incoming(io.RawIOBase):
    """What comes from a socket until a moment that is set before each wait.

    A socket's own timeout is one of each `recv`: a server that sends a byte now and then would never run into it.
    """

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw, self._sock = raw, sock
        self._set = sock.gettimeout()
        self.wait(self._set)

    def wait(self, seconds: float | None) -> None:
        """Wait so long from now, however many pieces come."""
        self._until = None if seconds is None else time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = None if self._until is None else self._until - time.monotonic()
        if left is not None and left <= 0:
            raise TimeoutError("timed out")
        near = self._set is left if left is None or self._set is None else left <= self._set < left + NEAR_S
        if not near:
            self._sock.settimeout(left)
            self._set = left
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    """An answer, without the hints (102, 103) that may come before it; the library knows only of 100."""

    def _read_status(self) -> tuple[str, int, str]:
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if not 101 < status < 200:
                return version, status, reason
            http.client.parse_headers(self.fp)


class _InTime:
    """A connection whose answers are read as `_Incoming`, which each of them carries.

    An error says by `was_kept` that the connection had answered before: the server may have closed it in the meantime.
    """

    _answered = False

    def connect(self) -> None:
        self._answered = False
        super().connect()  # type: ignore[misc]

    def response_class(self, sock: socket.socket, *args: Any, **kwargs: Any) -> http.client.HTTPResponse:
        response = _Answer(sock, *args, **kwargs)
        self._incoming = _Incoming(response.fp.detach(), sock)
        response.fp = io.BufferedReader(self._incoming)
        return response

    def getresponse(self) -> Any:
        try:
            response = super().getresponse()  # type: ignore[misc]
        except ConnectionError as error:
            error.was_kept = self._answered  # type: ignore[attr-defined]
            raise
        self._answered = True
        response.incoming = self._incoming
        return response


class _PlainConnection(_InTime, urllib3.connection.HTTPConnection):  # type: ignore[misc]
    pass


class _SecureConnection(_InTime, urllib3.connection.HTTPSConnection):  # type: ignore[misc]
    pass


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class Urllib3Transport(httpx.BaseTransport):
    """A pool of connections that threads may share. Failures are httpx's exceptions, timeouts its extension.

    A request for which a kept connection proves to be closed is sent again over another.

    Args:
        proxy: the address of an HTTP proxy, with user and password where it wants them; None: none.
    """

    def __init__(self, proxy: str | None = None) -> None:
        options: Any = {"maxsize": 32, "ssl_context": httpx.create_ssl_context()}
        self._pools = _proxied(proxy, options) if proxy else urllib3.PoolManager(**options)
        self._pools.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        limits = request.extensions.get("timeout", {})
        headers = {name: value for name, value in request.headers.items() if name != "host"}  # urllib3 adds its own
        while True:
            try:
                with _in_httpx_words():
                    response: Any = self._pools.urlopen(
                        request.method,
                        str(request.url),
                        body=request.read() or None,
                        headers=_UNWANTED | headers,
                        timeout=Timeout(connect=limits.get("connect"), read=limits.get("read")),
                        retries=False,
                        redirect=False,
                        preload_content=False,
                    )
                break
            except httpx.RemoteProtocolError as error:
                if not getattr(error.__cause__, "was_kept", False):
                    raise
        told = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers.items()]
        return httpx.Response(response.status, headers=told, stream=_Body(response, limits))


class _Body(httpx.SyncByteStream):
    """The body as it comes. `limits["read"]` is looked at before each read."""

    def __init__(self, response: Any, limits: dict[str, float | None]) -> None:
        self._response, self._limits = response, limits

    def __iter__(self) -> Iterator[bytes]:
        read, limits, wait = self._response.read1, self._limits, self._response.incoming.wait
        with _in_httpx_words():
            while True:
                wait(limits.get("read"))
                piece = read(MOST_BYTES, decode_content=False)
                if not piece:
                    return
                yield piece

    def close(self) -> None:
        """Give the connection back, or close it where the body was not read to its end."""
        self._response.close()


def _proxied(proxy: str, options: dict[str, Any]) -> urllib3.PoolManager:
    login = parse_url(proxy).auth
    headers = make_headers(proxy_basic_auth=unquote(login)) if login else None
    return urllib3.ProxyManager(proxy, proxy_headers=headers, **options)


@contextmanager
def _in_httpx_words() -> Iterator[None]:
    try:
        yield
    except exceptions.HTTPError as error:
        inner = _innermost(error)
        kind = next(kind for known, kind in _KINDS if isinstance(error, known))
        raise kind(str(inner) or type(inner).__name__) from inner


_KINDS: tuple[tuple[type[Exception], type[httpx.TransportError]], ...] = (
    (exceptions.NewConnectionError, httpx.ConnectError),  # which is a kind of the next but one
    (exceptions.SSLError, httpx.ConnectError),
    (exceptions.ConnectTimeoutError, httpx.ConnectTimeout),
    (exceptions.ReadTimeoutError, httpx.ReadTimeout),
    (exceptions.ProxyError, httpx.ProxyError),
    (exceptions.ProtocolError, httpx.RemoteProtocolError),
    (exceptions.HTTPError, httpx.TransportError),
)


def _innermost(error: BaseException) -> BaseException:
    """The error behind urllib3's own, whose words show addresses of objects."""
    while (within := error.__cause__ or error.__context__) is not None:
        error = within
    return error
