"""One answer over urllib3, for the blocking wire: httpx's parser, h11, takes 27 µs a streamed piece, this one 10.

Failures are httpx's exceptions: a caller's own client raises the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

import httpx
import urllib3
from urllib3 import exceptions
from urllib3.util import SKIP_HEADER, Timeout, make_headers, parse_url

from nbchat.io.urllib3_connection import PlainPool, SecurePool

MOST_BYTES = 65536  # of one read
_UNWANTED = {"user-agent": SKIP_HEADER, "accept-encoding": SKIP_HEADER}  # what urllib3 adds by itself
Limits = dict[str, float | None]


class Urllib3Client:
    """Connections that threads may share.

    Args:
        proxy: the address of an HTTP proxy, with user and password where it wants them; None for no proxy.
    """

    def __init__(self, proxy: str | None = None) -> None:
        options: Any = {"maxsize": 32, "ssl_context": httpx.create_ssl_context()}
        self._pools = _proxied(proxy, options) if proxy else urllib3.PoolManager(**options)
        self._pools.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}

    def send(self, method: str, url: str, headers: dict[str, str], content: bytes, limits: Limits) -> Urllib3Answer:
        """The answer, its body not read yet.

        Where a kept connection proves to be closed, the request is sent again over another.

        Args:
            limits: seconds to "connect", and to wait at each "read"; looked at before each.

        Raises:
            httpx.TransportError: there is no answer.
        """
        while True:
            try:
                with _in_httpx_words():
                    response = self._pools.urlopen(
                        method,
                        url,
                        body=content or None,
                        headers=_UNWANTED | headers,
                        timeout=Timeout(connect=limits.get("connect"), read=limits.get("read")),
                        retries=False,
                        redirect=False,
                        preload_content=False,
                    )
                return Urllib3Answer(response, limits)
            except httpx.RemoteProtocolError as error:
                if not getattr(error.__cause__, "was_kept", False):
                    raise


class Urllib3Answer:
    """The part of `httpx.Response` that the wire uses.

    Attributes:
        status_code: of HTTP.
        headers: by name, in any case.
    """

    def __init__(self, response: Any, limits: Limits) -> None:
        self._response, self._limits = response, limits
        self.status_code: int = response.status
        self.headers: Any = response.headers

    def iter_bytes(self) -> Iterator[bytes]:
        """The body as it comes, decompressed. Raises httpx.TransportError where it breaks off."""
        read, limits, wait = self._response.read1, self._limits, self._response.incoming.wait
        packed = "content-encoding" in self.headers  # asking urllib3 costs a tenth of a streamed token
        with _in_httpx_words():
            while True:
                wait(limits.get("read"))
                piece = read(MOST_BYTES, decode_content=packed)
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
        closed = isinstance(inner, ValueError) and "b''" in str(inner)  # there is no length of a next chunk
        reason = "the connection was closed" if closed else str(inner) or type(inner).__name__
        raise kind(reason) from inner


_KINDS: tuple[tuple[type[Exception], type[httpx.TransportError]], ...] = (
    (exceptions.NewConnectionError, httpx.ConnectError),  # before ConnectTimeoutError, of which it is a subclass
    (exceptions.SSLError, httpx.ConnectError),
    (exceptions.ConnectTimeoutError, httpx.ConnectTimeout),
    (exceptions.ReadTimeoutError, httpx.ReadTimeout),
    (exceptions.ProxyError, httpx.ProxyError),
    (exceptions.ProtocolError, httpx.RemoteProtocolError),
    (exceptions.HTTPError, httpx.TransportError),
)


def _innermost(error: BaseException) -> BaseException:
    """The error behind urllib3's, whose own message shows addresses of objects."""
    while (within := error.__cause__ or error.__context__) is not None:
        error = within
    return error
