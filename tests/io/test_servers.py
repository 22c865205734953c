"""The loopback servers themselves: framing, faults, and what they see of their clients."""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.servers import (
    Recorded,
    Reply,
    Server,
    faulty,
    openai_answer,
    openai_stream,
    spawn,
)

http = httpx.Client(verify=False)  # loading certificates, for each client anew, would take most of these tests' time


def test_one_connection_carries_many_requests_and_each_is_recorded() -> None:
    with Server(lambda request: {"echo": request.json}) as server:
        for number in range(3):
            reply = http.post(f"{server.url}/a?b=c", json={"n": number}, headers={"X-Mark": "yes"})
            assert reply.json() == {"echo": {"n": number}}
        assert server.count == 3
        assert (server.connections_total, server.connections_open) == (1, 1)
        last = server.requests[-1]
        assert (last.method, last.path, last.query, last.headers["x-mark"]) == ("POST", "/a", {"b": "c"}, "yes")


def test_a_chunked_request_body_is_joined() -> None:
    with Server(lambda request: request.body) as server:
        assert http.post(server.url, content=iter([b"ab", b"", b"c" * 100_000])).content == b"ab" + b"c" * 100_000


def test_pipelined_requests_cut_anywhere_are_answered_in_order() -> None:
    sent = b"POST /1 HTTP/1.1\r\ncontent-length: 2\r\n\r\nhiGET /2 HTTP/1.1\r\nconnection: close\r\n\r\n"
    with Server(lambda r: Reply(body=[r.path, 0.001, "!"])) as server:
        with socket.create_connection(("127.0.0.1", server.port)) as line:
            for i in range(0, len(sent), 7):
                line.sendall(sent[i : i + 7])
            answer = b"".join(iter(lambda: line.recv(1000), b""))
        assert [r.body for r in server.requests] == [b"hi", b""]
        assert answer.index(b"/1") < answer.index(b"/2")


def test_a_list_of_replies_is_a_script_whose_last_repeats() -> None:
    with Server([faulty.rate_limited(2), Reply(body="ok")]) as server:
        first, *rest = [http.get(server.url) for _ in range(3)]
        assert (first.status_code, first.headers["retry-after"]) == (429, "2")
        assert [r.text for r in rest] == ["ok", "ok"]


def test_an_async_generator_streams_its_pieces() -> None:
    async def count(request: Recorded) -> AsyncIterator[str | float]:
        for number in range(3):
            yield f"{request.path}{number}"
            yield 0.001

    with Server(count) as server, http.stream("GET", f"{server.url}/n") as reply:
        assert reply.headers["transfer-encoding"] == "chunked"
        assert "".join(reply.iter_text()) == "/n0/n1/n2"


def test_a_handler_that_raises_is_answered_with_500_and_fails_the_block() -> None:
    def broken(request: Recorded) -> Reply:
        raise KeyError("typo")

    with pytest.raises(KeyError, match="typo"), Server(broken) as server:
        assert http.get(server.url).status_code == 500


@pytest.mark.parametrize(
    "reply",
    [
        Reply(body=[b"data: 1\n\n"], cut=True),
        Reply(body={"half": "of it"}, cut=True),
        Reply(body=b"short", content_length=50),
        faulty.garbage(),
    ],
    ids=["cut stream", "cut body", "content-length lies", "garbage"],
)
def test_a_broken_reply_is_a_protocol_error_to_the_client(reply: Reply) -> None:
    with Server(reply) as server, pytest.raises(httpx.RemoteProtocolError):
        http.get(server.url)


def test_a_slow_drip_arrives_whole() -> None:
    events = openai_stream(openai_answer("né 🎉"))
    with Server(faulty.slow_drip(events, size=97, gap=0)) as server:
        assert http.get(server.url).content == b"".join(events)


@pytest.mark.parametrize("reply", [Reply(hang=True), Reply(body=[b"data: 1\n\n", math.inf])], ids=["silent", "stalled"])
def test_a_client_that_gives_up_is_seen_at_once(reply: Reply) -> None:
    with Server(reply) as server:
        with pytest.raises(httpx.ReadTimeout):
            http.get(f"{server.url}/slow", timeout=0.05)
        [left] = server.wait_for(lambda: server.closed_by_client)
        assert left.request.path == "/slow"
        assert (left.sent > 0) == (not reply.hang)
        assert server.connections_open == 0


def test_a_client_that_waits_for_the_end_has_not_given_up() -> None:
    with Server(Reply(body=["all"])) as server:
        http.get(server.url, headers={"connection": "close"})
        server.wait_for(lambda: not server.connections_open)
        assert server.closed_by_client == []


def test_a_thousand_connections_are_held_open_together() -> None:
    async def crowd(port: int) -> None:
        lines = [await asyncio.open_connection("127.0.0.1", port) for _ in range(1000)]
        assert server.wait_for(lambda: server.connections_open == 1000)
        for _, writer in lines:
            writer.write(b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n")
        answers = await asyncio.gather(*(reader.read() for reader, _ in lines))
        assert all(answer.endswith(b"hi") for answer in answers)
        for _, writer in lines:
            writer.close()

    with Server(Reply(body="hi")) as server:
        asyncio.run(crowd(server.port))


def test_a_server_process_counts_what_each_user_text_cost() -> None:
    with spawn("openai", "--tokens", "4", "--fault-every", "3") as url:
        rows = [{"model": "m", "messages": [{"role": "user", "content": f"row {n % 2}"}]} for n in range(3)]
        statuses = [http.post(f"{url}/v1/chat/completions", json=row).status_code for row in rows]
        assert statuses == [200, 200, 500]
        assert http.get(f"{url}/__count__").json() == {"total": 3, "by_text": {"row 0": 2, "row 1": 1}}


def test_reaching_for_another_machine_is_refused_and_noted(this_machine_only: list[str]) -> None:
    with pytest.raises(OSError, match="stay on this machine"):
        socket.create_connection(("192.0.2.1", 80))
    with pytest.raises(OSError, match="looks up"):
        socket.getaddrinfo("example.org", 443)
    assert this_machine_only == ["('192.0.2.1', 80)", "example.org"]
    this_machine_only.clear()  # or this test would fail for it
