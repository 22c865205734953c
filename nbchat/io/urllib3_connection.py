"""urllib3's connections, with what a streamed answer needs: one send a request, and a limit on each wait."""

from __future__ import annotations

import http.client
import io
import socket
import time
from typing import Any

import urllib3

NEAR_S = 0.02  # by which a socket's timeout may be too long: setting it takes longer than reading a token


class _Incoming(io.RawIOBase):
    """What comes from a socket until a deadline, which is set before each wait.

    A socket's own timeout is that of one `recv`: a server that sends a byte now and then would never run into it.
    """

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw, self._sock = raw, sock
        self._set = sock.gettimeout()
        self.wait(self._set)

    def wait(self, seconds: float | None) -> None:
        """Set the deadline to so many seconds from now, however many pieces come."""
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
    """An answer, without the hints (102, 103) that may come before it; `http.client` knows only of 100."""

    def _read_status(self) -> tuple[str, int, str]:
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if not 101 < status < 200:
                return version, status, reason
            http.client.parse_headers(self.fp)


class _InTime:
    """A connection whose answers are read through `_Incoming`, their attribute `incoming`.

    `was_kept` of an error tells that the connection had answered before: the server may have closed it since.
    """

    _answered = False
    _unsent: list[bytes] | None = None

    def connect(self) -> None:
        self._answered = False
        super().connect()  # type: ignore[misc]

    def request(self, *args: Any, **kwargs: Any) -> None:
        """Send head and body at once: sending them one by one costs a fourth of a whole call."""
        unsent: list[bytes] = []
        self._unsent = unsent
        try:
            super().request(*args, **kwargs)  # type: ignore[misc]
        finally:
            self._unsent = None
        self.send(b"".join(unsent))

    def send(self, data: bytes) -> None:
        if self._unsent is None:
            super().send(data)  # type: ignore[misc]
        else:
            self._unsent.append(data)

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


class PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _SecureConnection
