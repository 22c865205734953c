"""A small fast HTTP/1.1 server on a loopback port, run by its own thread and scripted by its handler."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import ssl
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from tests.servers.reply import Reply, as_reply
from tests.servers.request import BadRequestError, Recorded, RequestReader

Answer = Any  # a Reply, the body of one, or an awaitable of either
Handler = Callable[[Recorded], Answer] | Reply | Sequence[Reply | Callable[[Recorded], Answer]]


@dataclass(frozen=True)
class ClosedByClient:
    """The client left before its reply ended; `at` is `time.monotonic()` seconds, `sent` the bytes written by then."""

    at: float
    request: Recorded
    sent: int


class Server:
    """`with Server(handler) as server: httpx.get(server.url)`.

    `handler` is a reply, a function of a `Recorded` request giving a reply (or a body, an awaitable or an async
    generator of pieces), or a list of those, taken one a request; the last repeats. It runs on the server's thread.
    An exception in it is answered with a 500 and raised again when the `with` block ends.
    `record=False` keeps no requests, for benchmarks. `wait_for` is how a test waits for what the server sees.
    """

    tls: ssl.SSLContext | None = None  # set it before the start, and the server speaks HTTPS

    def __init__(self, handler: Handler, *, port: int = 0, record: bool = True) -> None:
        self._handler = handler
        self._record = record
        self._lock = threading.Condition()
        self._connections: set[_Connection] = set()
        self._errors: list[BaseException] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="loopback server", daemon=True)
        self.port = port
        self.requests: list[Recorded] = []
        self.count = 0
        self.connections_total = 0
        self.closed_by_client: list[ClosedByClient] = []

    @property
    def url(self) -> str:
        """The root address, without a closing slash."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def connections_open(self) -> int:
        """How many connections are open now."""
        return len(self._connections)

    def wait_for(self, condition: Callable[[], Any], timeout: float = 5.0) -> Any:
        """Blocks until `condition()` is true and returns its value. Raises `TimeoutError` after `timeout` seconds."""
        with self._lock:
            value = self._lock.wait_for(condition, timeout)
        if not value:
            raise TimeoutError(f"the server waited {timeout} s in vain; it saw {self.count} requests")
        return value

    def start(self) -> Self:
        """Listens. Raises `OSError` where the port is taken."""
        _allow_many_connections()
        self._thread.start()
        listening = asyncio.run_coroutine_threadsafe(self._listen(), self._loop)
        try:
            listening.result(10)
        except BaseException:
            self._halt()
            raise
        return self

    def stop(self) -> None:
        """Drops every connection and ends the thread."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._halt()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
        if self._errors and error is None:
            raise self._errors[0]

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.close()

    def _halt(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    async def _listen(self) -> None:
        self._socket = await self._loop.create_server(
            lambda: _Connection(self), "127.0.0.1", self.port, backlog=4096, ssl=self.tls
        )
        self.port = self._socket.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        self._socket.close()
        plays = [connection.drop() for connection in list(self._connections)]
        await asyncio.gather(*filter(None, plays), return_exceptions=True)
        await asyncio.sleep(0)  # lets the transports tell their protocols

    def opened(self, connection: _Connection) -> None:
        """A client connected."""
        with self._lock:
            self._connections.add(connection)
            self.connections_total += 1
            self._lock.notify_all()

    def closed(self, connection: _Connection, left: ClosedByClient | None) -> None:
        """A connection is gone; `left` where the client went before its reply ended."""
        with self._lock:
            self._connections.discard(connection)
            if left is not None:
                self.closed_by_client.append(left)
            self._lock.notify_all()

    def answer(self, request: Recorded) -> Answer:
        """What the handler says to `request`."""
        with self._lock:
            number = self.count
            self.count += 1
            if self._record:
                self.requests.append(request)
            self._lock.notify_all()
        try:
            step = self._handler
            if isinstance(step, Sequence):
                step = step[min(number, len(step) - 1)]
            return step if isinstance(step, Reply) else step(request)
        except Exception as error:
            return self.failed(error)

    def failed(self, error: Exception) -> Reply:
        """Keeps a handler's exception for the end of the `with` block, and answers with it meanwhile."""
        self._errors.append(error)
        return Reply(status=500, body="".join(traceback.format_exception(error)))


class _Connection(asyncio.Protocol):
    """One client: its requests in order, one reply at a time."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._reader = RequestReader()
        self._transport: asyncio.Transport
        self._request: Recorded | None = None
        self._play: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._sent = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server.opened(self)

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        self._advance()

    def connection_lost(self, exc: Exception | None) -> None:
        left = None
        if self._request is not None:
            left = ClosedByClient(time.monotonic(), self._request, self._sent)
        self._server.closed(self, left)
        if self._play is not None:
            self._play.cancel()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def drop(self) -> asyncio.Task[None] | None:
        """Ends the connection from this side; returns the reply still playing."""
        self._request = None
        self._transport.abort()
        return self._play

    def _advance(self) -> None:
        while self._request is None and not self._transport.is_closing():
            try:
                request = self._reader.next()
            except (BadRequestError, ValueError) as error:
                self._transport.write(b"".join(_only_bytes(Reply(status=400, body=str(error)))))
                self._transport.close()
                return
            if request is None:
                return
            self._request = request
            self._sent = 0
            self._respond(request)

    def _respond(self, request: Recorded) -> None:
        answer = self._server.answer(request)
        if not inspect.isawaitable(answer):
            reply = as_reply(answer)
            if reply.wire is not None and len(reply.wire) == 1 and isinstance(reply.wire[0], bytes):
                self._transport.write(reply.wire[0])
                self._end(reply)
                return
        self._play = asyncio.create_task(self._perform(answer))

    async def _perform(self, answer: Answer) -> None:
        try:
            reply = as_reply(await answer if inspect.isawaitable(answer) else answer)
            async for step in reply.steps():
                await self._step(step)
        except Exception as error:
            reply = self._server.failed(error)
            if self._sent:
                reply = Reply(cut=True)  # its head is out: the client can only be dropped
            else:
                self._transport.write(b"".join(_only_bytes(reply)))
        self._play = None
        self._end(reply)
        self._advance()

    async def _step(self, step: bytes | float) -> None:
        if isinstance(step, bytes):
            self._transport.write(step)
            self._sent += len(step)
            await self._writable.wait()
        elif step == float("inf"):
            await asyncio.get_running_loop().create_future()
        else:
            await asyncio.sleep(step)

    def _end(self, reply: Reply) -> None:
        asked = self._request is not None and b"\r\nconnection: close" in self._request.head.lower()
        self._request = None
        if reply.closes or asked:
            self._transport.close()


def _only_bytes(reply: Reply) -> list[bytes]:
    return [step for step in reply.wire or [] if isinstance(step, bytes)]


def _allow_many_connections() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):  # not on Windows; a lower hard limit stays
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = 16_384 if hard == resource.RLIM_INFINITY else min(hard, 16_384)
        if soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
