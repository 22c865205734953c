"""One answer over pyreqwest, for the awaiting wire."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from nbchat.flow.effects import Route
from nbchat.io import failures, transport
from nbchat.io.transport import fast_errors
from nbchat.values.errors import CertificateError

SHORT = 100_000  # bytes; a shorter body is read at once
LATER_S = 0.5  # by which pyreqwest's timeout comes after ours, which has the better words


class FastAnswer:
    """An answer that pyreqwest reads, each piece as it comes."""

    def __init__(self, route: Route) -> None:
        self._route = route
        self._streaming: Any = None
        self._response: Any = None
        self._body: Any = None
        self._headers: _Headers

    async def open(self, method: str, url: str, headers: dict[str, str], content: bytes) -> tuple[int, Any]:
        asked = (method, url, headers, content)
        try:
            response = await self._sent(transport.MOST_IDLE, *asked)
        except fast_errors.ConnectError as error:
            if url not in _ANSWERED or not _was_closed(error):
                raise _fast_failure(self._route, error) from None
            response = await self._sent(0, *asked)  # it may have been a kept one, closed in the meantime
        _ANSWERED.add(url)
        self._response, self._body = response, response.body_reader
        self._headers = _Headers(response.headers)
        return response.status, self._headers

    def is_short(self) -> bool:
        """Whether the body is known to be small."""
        length = self._headers.get("content-length")  # missing where the body is compressed
        return length is not None and length.isdecimal() and int(length) < SHORT

    async def read_short(self) -> bytes:
        try:
            whole = bytes(await self._response.bytes())
        except fast_errors.PyreqwestError as error:
            raise failures.broken_off(self._route, error) from None
        self._streaming = None
        return whole

    async def _sent(self, idle: int, method: str, url: str, headers: dict[str, str], content: bytes) -> Any:
        """The answer's head. Raises ConnectError where there is no connection, or a kept one was closed."""
        limit = self._route.timeout
        try:
            client = transport.awaiting(url, self._route.proxy, limit.connect, idle)
        except fast_errors.BuilderError as error:
            raise CertificateError(f"pyreqwest finds no certificates on this machine: {error}") from None
        # with a buffer, a slow answer would stay silent until that is full
        request = client.request(method, url).headers(headers).body_bytes(content).streamed_read_buffer_limit(0)
        if limit.total is not None:
            # nothing else ends a request that is given up before its answer begins
            request = request.timeout(timedelta(seconds=limit.total + LATER_S))
        self._streaming = request.build_streamed()
        del request  # once sent, its repr raises, which breaks a traceback that shows local variables
        try:
            return await self._streaming.__aenter__()
        except BaseException as error:  # a cancellation as well: nothing is open
            self._streaming = None
            if idle and isinstance(error, fast_errors.ConnectError):
                raise
            if isinstance(error, fast_errors.PyreqwestError):
                raise _fast_failure(self._route, error) from None
            raise

    async def read(self) -> bytes:
        try:
            piece = await self._body.read_chunk()
        except fast_errors.PyreqwestError as error:
            raise failures.broken_off(self._route, error) from None
        if piece is None:
            self._streaming = None  # nothing is open any more
            return b""
        return bytes(piece)

    async def aclose(self) -> None:
        if self._streaming is not None:
            streaming, self._streaming = self._streaming, None
            await streaming.__aexit__(None, None, None)


class _Headers:
    """pyreqwest's headers, without those that are not text."""

    def __init__(self, headers: Any) -> None:
        self._headers = headers

    def get(self, name: str) -> str | None:
        try:
            return self._headers.get(name)
        except ValueError:
            return None


_ANSWERED: set[str] = set()  # addresses to which connections may be kept


def _was_closed(error: Any) -> bool:
    """Whether there was a connection, and it was closed before an answer came."""
    return any("(SendRequest)" in cause["message"] for cause in error.details.get("causes") or ())


def _fast_failure(route: Route, error: Any) -> Exception:
    if isinstance(error, fast_errors.ConnectTimeoutError):
        return failures.timed_out(route, route.timeout.connect, "connect")
    if isinstance(error, fast_errors.DecodeError):
        return failures.unreadable(route, error)
    return failures.connection_failed(route, error)
