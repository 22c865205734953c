"""The blocking connections: connections are kept and dropped as they should be, and failures are httpx's exceptions."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx
import pytest

from nbchat import init_chat_model
from nbchat.io.transport import proxy_for
from nbchat.io.urllib3_answer import Limits, Urllib3Answer, Urllib3Client
from nbchat.values.errors import ConfigurationError

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"


@contextmanager
def talker(*parts: bytes, keep: bool = False) -> Iterator[tuple[str, list[socket.socket]]]:
    """A server that says these bytes to everyone; its address, and the connections it has had."""
    seen: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    client, _ = listening.accept()
                except OSError:
                    return
                seen.append(client)
                threading.Thread(target=answer, args=(client,), daemon=True).start()

        def answer(client: socket.socket) -> None:
            with suppress(OSError):  # the other side may have left
                while piece := client.recv(65536):
                    if not piece.endswith(b"}"):  # head and body may come apart
                        continue
                    for part in parts:
                        client.sendall(part)
                    if not keep:
                        client.shutdown(socket.SHUT_WR)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/", seen
        listening.shutdown(socket.SHUT_RDWR)
        for client in seen:
            client.close()


@contextmanager
def listener() -> Iterator[tuple[str, list[bytes]]]:
    """A server for one request; its address, and what one read of it heard."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            client, _ = listening.accept()
            heard.append(client.recv(65536))
            client.sendall(HEAD + b"Content-Length: 2\r\n\r\nok")
            client.close()

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", heard


def ask(client: Urllib3Client, url: str, **limits: float | None) -> Urllib3Answer:
    return client.send("POST", url, {}, b"{}", limits)


def pieces(answer: Urllib3Answer) -> list[bytes]:
    try:
        return list(answer.iter_bytes())
    finally:
        answer.close()


def test_an_answer_read_to_its_end_leaves_its_connection_to_the_next() -> None:
    client = Urllib3Client()
    with talker(HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n", keep=True) as (url, seen):
        for _ in range(3):
            assert b"".join(pieces(ask(client, url))) == b"one"
        assert len(seen) == 1


def test_an_answer_left_early_takes_its_connection_with_it() -> None:
    client = Urllib3Client()
    with talker(HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n", keep=True) as (url, seen):
        answer = ask(client, url)
        assert next(answer.iter_bytes()) == b"one"
        answer.close()
        seen[0].settimeout(10)
        assert seen[0].recv(1) == b""


def test_a_request_is_sent_as_one() -> None:
    with listener() as (url, heard):
        assert b"".join(pieces(ask(Urllib3Client(), url))) == b"ok"
    assert heard[0].endswith(b"\r\n\r\n{}")


@pytest.mark.parametrize("head", [HEAD + b"Transfer-Encoding: chunked\r\n\r\n9\r\none", HEAD + b"\r\none"])
def test_part_of_a_chunk_is_seen_at_once_and_each_wait_has_the_limit_of_then(head: bytes) -> None:
    with talker(head, keep=True) as (url, _):
        limits: Limits = {"read": 30.0}
        stream = Urllib3Client().send("POST", url, {}, b"{}", limits).iter_bytes()
        limits["read"] = 0.05
        assert next(stream) == b"one"
        with pytest.raises(httpx.ReadTimeout):
            next(stream)


@pytest.mark.parametrize(
    "said",
    [
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n9\r\none",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\none",
        HEAD + b"Content-Length: 9\r\n\r\none",
        b"what?\r\n\r\n",
        b"",
    ],
)
def test_an_answer_that_breaks_off_or_is_no_http_is_a_protocol_error(said: bytes) -> None:
    with talker(said) as (url, _), pytest.raises(httpx.RemoteProtocolError):
        pieces(ask(Urllib3Client(), url))


def test_the_reason_is_said_without_addresses_of_objects() -> None:
    with talker() as (url, _):
        pass
    with pytest.raises(httpx.ConnectError) as caught:
        ask(Urllib3Client(), url)
    assert "refused" in str(caught.value)
    assert "0x" not in str(caught.value)


def test_a_proxy_that_wants_a_name_gets_it() -> None:
    with listener() as (url, heard):
        proxy = url.replace("://", "://me:p%40ss@")
        assert b"".join(pieces(ask(Urllib3Client(proxy), "http://provider.test/v1"))) == b"ok"
    assert heard[0].startswith(b"POST http://provider.test/v1 ")
    assert b"basic bwu6cebzcw==" in heard[0].lower()
    assert heard[0].lower().count(b"\r\nhost: ") == 1


@pytest.mark.parametrize("proxy", ["socks5://localhost:1080", "localhost:8080", "ftp://x"])
def test_a_proxy_of_another_kind_is_refused_before_anything_is_sent(proxy: str) -> None:
    with pytest.raises(ConfigurationError, match="http_client="):
        proxy_for("https://provider.test/v1", proxy)
    model = init_chat_model("openai:x", base_url="https://provider.test/v1", api_key="k", proxy=proxy)
    with pytest.raises(ConfigurationError, match="http_client="):
        model.invoke("hi")
