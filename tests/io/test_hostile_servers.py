"""Servers that answer slowly, without end, with odd heads, or over connections that they close when they like."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from nbchat import AIMessage, init_chat_model
from nbchat.io import failures
from nbchat.values.errors import APIConnectionError, APITimeoutError, NotFoundError, StreamError

Behaviour = Callable[[socket.socket, bool, int], Any]

DELTA = {"index": 0, "delta": {"content": "Hello"}, "finish_reason": None}
END = {"index": 0, "delta": {}, "finish_reason": "stop"}
WHOLE = json.dumps({"id": "c", "choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]}).encode()
EVENTS = b"".join(b"data: %s\n\n" % json.dumps({"id": "c", "choices": [c]}).encode() for c in (DELTA, END))
STREAM = EVENTS + b"data: [DONE]\n\n"


def body(stream: bool) -> bytes:
    return STREAM if stream else WHOLE


def head(stream: bool, *more: bytes) -> bytes:
    kind = b"text/event-stream" if stream else b"application/json"
    return b"\r\n".join([b"HTTP/1.1 200 OK", b"Content-Type: " + kind, *more, b"", b""])


def whole(stream: bool) -> bytes:
    return head(stream, b"Content-Length: %d" % len(body(stream))) + body(stream)


@contextmanager
def server(behave: Behaviour) -> Iterator[str]:
    """A server that does this with every request: (connection, whether it is for a stream, its place there, from 1)."""
    open_: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listening.accept()
                    open_.append(client)
                    threading.Thread(target=serve, args=(client,), daemon=True).start()

        def serve(client: socket.socket) -> None:
            with suppress(OSError), client:
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                place = 0
                while request := _read(client):
                    place += 1
                    if behave(client, b'"stream":true' in request, place) is False:
                        return

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        listening.shutdown(socket.SHUT_RDWR)
        for client in open_:
            client.close()


def _read(client: socket.socket) -> bytes:
    data = b""
    while not data.endswith(b"}"):
        if not (piece := client.recv(65536)):
            return b""
        data += piece
    return data


def added(chunks: list[Any]) -> AIMessage:
    total = chunks[0]
    for chunk in chunks[1:]:
        total = total + chunk
    return total.to_message()


def astreamed(model: Any) -> AIMessage:
    async def read() -> list[Any]:
        return [chunk async for chunk in model.astream("x")]

    return added(asyncio.run(read()))


STREAMING = {"stream": lambda model: added(list(model.stream("x"))), "astream": astreamed}
WHOLES = {"invoke": lambda model: model.invoke("x"), "batch": lambda model: model.batch(["x"])[0]}
all_verbs = pytest.mark.parametrize("ask", [*WHOLES.values(), *STREAMING.values()], ids=[*WHOLES, *STREAMING])
whole_verbs = pytest.mark.parametrize("ask", WHOLES.values(), ids=WHOLES)
streaming_verbs = pytest.mark.parametrize("ask", STREAMING.values(), ids=STREAMING)


def model_at(url: str, **more: Any) -> Any:
    return init_chat_model("m", model_provider="openai", base_url=url, **{"max_retries": 0, **more})


@all_verbs
def test_a_head_that_drips_has_to_be_whole_in_time(ask: Callable[[Any], Any]) -> None:
    def drip(client: socket.socket, stream: bool, place: int) -> None:
        for byte in head(stream):
            client.sendall(bytes([byte]))
            time.sleep(0.04)

    with server(drip) as url, pytest.raises(APITimeoutError, match="first_byte"):
        ask(model_at(url, timeout={"first_byte": 0.3, "between": 60}))


@all_verbs
def test_a_body_that_drips_has_to_be_whole_in_the_total_time(ask: Callable[[Any], Any]) -> None:
    def drip(client: socket.socket, stream: bool, place: int) -> None:
        client.sendall(head(stream, b"Transfer-Encoding: chunked"))
        for byte in b"0" * 1000:  # of a chunk's length, which never ends
            client.sendall(bytes([byte]))
            time.sleep(0.04)

    with server(drip) as url, pytest.raises(APITimeoutError, match="total"):
        ask(model_at(url, timeout={"between": 60, "total": 0.4}))


@whole_verbs
def test_a_whole_body_that_stalls_runs_into_the_limit_between_pieces(ask: Callable[[Any], Any]) -> None:
    def stall(client: socket.socket, stream: bool, place: int) -> None:
        client.sendall(whole(stream)[:-10])

    with server(stall) as url, pytest.raises(APITimeoutError, match="between"):
        ask(model_at(url, timeout={"between": 0.1}))


@whole_verbs
def test_a_whole_answer_without_end_does_not_fill_the_memory(
    ask: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "MOST_BYTES", 2**20)

    def flood(client: socket.socket, stream: bool, place: int) -> None:
        client.sendall(head(stream, b"Transfer-Encoding: chunked"))
        while True:
            client.sendall(b"10000\r\n" + b"a" * 65536 + b"\r\n")

    with server(flood) as url, pytest.raises(StreamError, match="more than 1 MB as one answer"):
        ask(model_at(url))


@all_verbs
@pytest.mark.parametrize("said", [b"SSH-2.0-OpenSSH\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 9000])
def test_what_is_no_http_is_said_to_be_none(ask: Callable[[Any], Any], said: bytes) -> None:
    with (
        server(lambda client, stream, place: client.sendall(said) or False) as url,
        pytest.raises(StreamError, match="does not answer as a web server does"),
    ):
        ask(model_at(url))


@all_verbs
def test_a_connection_closed_without_a_word_is_no_answer(ask: Callable[[Any], Any]) -> None:
    with server(lambda client, stream, place: False) as url, pytest.raises(APIConnectionError, match="could not reach"):
        ask(model_at(url))


@all_verbs
def test_hints_before_the_answer_are_passed_over(ask: Callable[[Any], Any]) -> None:
    hints = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    with server(lambda client, stream, place: client.sendall(hints + whole(stream))) as url:
        assert ask(model_at(url)).text == "Hello"


@all_verbs
def test_a_header_that_is_no_text_is_as_good_as_none(ask: Callable[[Any], Any]) -> None:
    def busy_at_first(client: socket.socket, stream: bool, place: int) -> None:
        busy = b"HTTP/1.1 429 Busy\r\nRetry-After: \xff\xfe\r\nContent-Length: 0\r\n\r\n"
        client.sendall(busy if place == 1 else whole(stream))

    with server(busy_at_first) as url:
        assert ask(model_at(url, max_retries=1)).text == "Hello"


@pytest.mark.parametrize("fast", [True, False])
@all_verbs
def test_a_handshake_that_never_ends_is_part_of_connecting(
    ask: Callable[[Any], Any], fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not fast:
        monkeypatch.setattr("nbchat.io.awaiting.fast", None)
    with server(lambda client, stream, place: None) as url:
        limits = {"connect": 0.2, "first_byte": 30}
        with pytest.raises(APITimeoutError, match=r"within 0\.2 s \(connect\)"):
            ask(model_at(url.replace("http:", "https:"), timeout=limits))


@all_verbs
def test_a_byte_order_mark_before_the_answer_is_passed_over(ask: Callable[[Any], Any]) -> None:
    def marked(client: socket.socket, stream: bool, place: int) -> None:
        said = b"\xef\xbb\xbf" + body(stream)
        client.sendall(head(stream, b"Content-Length: %d" % len(said)) + said)

    with server(marked) as url:
        assert ask(model_at(url)).text == "Hello"


@all_verbs
def test_a_redirect_is_not_followed_and_says_where_it_leads(ask: Callable[[Any], Any]) -> None:
    there = b"HTTP/1.1 307 Elsewhere\r\nLocation: http://other.test/v1\r\nContent-Length: 0\r\n\r\n"
    with (
        server(lambda client, stream, place: client.sendall(there)) as url,
        pytest.raises(NotFoundError, match=r"answered 307: it wants to be asked at http://other\.test/v1; check"),
    ):
        ask(model_at(url))


@all_verbs
@pytest.mark.parametrize("reset", [False, True])
def test_a_kept_connection_that_proves_to_be_closed_costs_no_retry(ask: Callable[[Any], Any], reset: bool) -> None:
    def one_each(client: socket.socket, stream: bool, place: int) -> bool:
        if place == 1:
            client.sendall(whole(stream))
            return True
        if reset:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False

    with server(one_each) as url:
        model = model_at(url)
        assert [ask(model).text for _ in range(4)] == ["Hello"] * 4


@streaming_verbs
@pytest.mark.parametrize("reset", [False, True])
def test_a_stream_is_whole_with_its_last_event_however_the_connection_ends(
    ask: Callable[[Any], Any], reset: bool
) -> None:
    ended = threading.Event()

    def linger(client: socket.socket, stream: bool, place: int) -> bool:
        chunk = b"%x\r\n%s\r\n" % (len(STREAM), STREAM)
        client.sendall(head(stream, b"Transfer-Encoding: chunked") + chunk)
        if reset:
            time.sleep(0.05)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            ended.wait(20)
        return False

    with server(linger) as url:
        assert ask(model_at(url, timeout={"between": 15})).text == "Hello"
    ended.set()


def test_a_request_that_ran_out_of_time_is_dropped_before_its_answer_begins() -> None:
    dropped = threading.Event()

    def wait(client: socket.socket, stream: bool, place: int) -> None:
        with suppress(OSError):
            client.recv(1)
        dropped.set()

    async def ask(url: str) -> None:
        with pytest.raises(APITimeoutError, match="total"):
            await model_at(url, timeout=0.1).ainvoke("x")

    with server(wait) as url:
        asyncio.run(ask(url))
        assert dropped.wait(10)
