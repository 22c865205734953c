"""Servers that are slow, drop connections or lie: each gives an answer or one named error, over either driver."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from nbchat import init_chat_model
from nbchat.values.errors import (
    APIConnectionError,
    APITimeoutError,
    ChatError,
    OverloadedError,
    RateLimitError,
    ServerError,
    StreamError,
)
from tests.servers import OpenAIServer, Reply, faulty, openai_answer, openai_stream

EVENTS = openai_stream(openai_answer("one two three four five six"))


async def _astream(model: Any) -> list[Any]:
    return [chunk async for chunk in model.astream("hi")]


VERBS: dict[str, Callable[[Any], Any]] = {
    "invoke": lambda model: model.invoke("hi"),
    "stream": lambda model: sum(model.stream("hi")),
    "ainvoke": lambda model: asyncio.run(model.ainvoke("hi")),
    "astream": lambda model: sum(asyncio.run(_astream(model))),
    "batch": lambda model: model.batch(["hi"])[0],
}
STREAMS = ["stream", "astream"]


@pytest.fixture(params=VERBS)
def verb(request: pytest.FixtureRequest) -> Callable[[Any], Any]:
    return VERBS[request.param]


@pytest.fixture(params=STREAMS)
def streaming(request: pytest.FixtureRequest) -> Callable[[Any], Any]:
    return VERBS[request.param]


def model(server: Any, **more: Any) -> Any:
    return init_chat_model("gpt-test", model_provider="openai", base_url=f"{server.url}/v1", api_key="k", **more)


@pytest.mark.parametrize(
    "busy",
    [
        faulty.rate_limited(ms=5),
        faulty.rate_limited(0),
        faulty.rate_limited(at=datetime.now(UTC) - timedelta(seconds=5)),
        faulty.server_error(),
        faulty.overloaded(),
        Reply(status=529, body={"error": {"message": "overloaded"}}, headers={"retry-after-ms": "5"}),
        Reply(status=409, body=b"", headers={"retry-after": "0"}),
    ],
)
def test_a_busy_server_is_asked_again(verb: Callable[[Any], Any], busy: Reply) -> None:
    with OpenAIServer(lambda body: "fine", first=[busy]) as server:
        assert verb(model(server)).text == "fine"
        assert server.count == 2


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (faulty.rate_limited(ms=1), RateLimitError),
        (faulty.server_error(), ServerError),
        (faulty.overloaded(), OverloadedError),
        (faulty.html_page(), ServerError),
        (faulty.html_page(200), StreamError),
        (faulty.wrong_json(), StreamError),
        (Reply(body=b""), StreamError),
        (faulty.garbage(), APIConnectionError),
        (Reply(body=b"null", headers={"content-type": "application/json"}), StreamError),
    ],
)
def test_what_never_becomes_an_answer_is_one_named_error(verb: Callable[[Any], Any], reply: Reply, kind: type) -> None:
    with OpenAIServer(first=[reply]) as server, pytest.raises(kind) as caught:
        verb(model(server, max_retries=0))
    assert isinstance(caught.value, ChatError)
    assert "openai" in str(caught.value)


def test_a_stream_cut_midway_keeps_what_came_and_is_not_asked_again(streaming: Callable[[Any], Any]) -> None:
    with OpenAIServer(first=[faulty.cut_stream(EVENTS, after=4)]) as server:
        with pytest.raises(StreamError) as caught:
            streaming(model(server))
        assert server.count == 1
    assert caught.value.partial.text.startswith("one two")


def test_a_stream_cut_before_its_first_text_is_asked_again(streaming: Callable[[Any], Any]) -> None:
    with OpenAIServer(lambda body: "fine", first=[faulty.cut_stream(EVENTS, after=1)]) as server:
        assert streaming(model(server)).text == "fine"
        assert server.count == 2


def test_a_whole_answer_cut_midway_is_asked_again() -> None:
    cut = Reply(body={"choices": [{"message": {"content": "never"}}]}, cut=True)
    for name in ("invoke", "ainvoke", "batch"):
        with OpenAIServer(lambda body: "fine", first=[cut]) as server:
            assert VERBS[name](model(server)).text == "fine"


def test_a_server_that_is_down_is_named_with_its_address(verb: Callable[[Any], Any]) -> None:
    with OpenAIServer() as server:
        url = server.url
    gone = init_chat_model("x", model_provider="openai", base_url=f"{url}/v1", api_key="k", max_retries=0)
    with pytest.raises(APIConnectionError, match=r"could not reach openai at http://127\.0\.0\.1"):
        verb(gone)


@pytest.mark.parametrize("field", ["first_byte", "total"])
def test_a_server_that_never_answers_runs_into_the_timeout(verb: Callable[[Any], Any], field: str) -> None:
    with OpenAIServer(first=[faulty.hanging()]) as server, pytest.raises(APITimeoutError, match=field):
        verb(model(server, timeout={field: 0.1}, max_retries=0))


@pytest.mark.parametrize("field", ["between", "total"])
def test_a_stream_that_stalls_runs_into_the_timeout_and_keeps_what_came(
    streaming: Callable[[Any], Any], field: str
) -> None:
    stalled = faulty.stalled_stream(EVENTS, after=4)
    with OpenAIServer(first=[stalled]) as server, pytest.raises(APITimeoutError, match=field) as caught:
        streaming(model(server, timeout={field: 0.5}))
    assert caught.value.partial.text.startswith("one two")


def test_a_slow_drip_is_read_whole(streaming: Callable[[Any], Any]) -> None:
    with OpenAIServer(first=[faulty.slow_drip(EVENTS, size=7)]) as server:
        assert streaming(model(server)).text == "one two three four five six"


def test_pieces_are_seen_as_they_come_not_at_the_end(streaming: Callable[[Any], Any]) -> None:
    seen = threading.Event()
    in_time: list[bool] = []

    class Ear:
        def on_llm_new_token(self, token: str, **_: Any) -> None:
            seen.set()

    async def answer() -> AsyncIterator[bytes]:
        for event in EVENTS[:3]:
            yield event
        in_time.append(await asyncio.to_thread(seen.wait, 10))
        for event in EVENTS[3:]:
            yield event

    with OpenAIServer(first=[Reply(body=answer())]) as server:
        streaming(model(server).with_config(callbacks=[Ear()]))
    assert in_time == [True]


@pytest.mark.parametrize("stalls", [False, True])
def test_an_interrupt_ends_a_stream_and_closes_its_connection(stalls: bool) -> None:
    first = [faulty.stalled_stream(EVENTS, after=3)] if stalls else []
    with OpenAIServer(lambda body: "word " * 500, gap=0.02, first=first) as server:
        threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            list(model(server).stream("hi"))
        server.wait_for(lambda: len(server.closed_by_client) == 1)
        assert model(server).bind(max_tokens=2).invoke("and now?").text


def test_an_interrupt_ends_a_batch_without_waiting_for_its_answers() -> None:
    with OpenAIServer(first=[faulty.hanging()] * 8) as server:
        chat = model(server)
        timer = threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            chat.batch(["hi"] * 8)
        assert model(server).invoke("and now?").text


def test_a_cancelled_stream_closes_its_connection() -> None:
    async def cancelled(chat: Any) -> None:
        work = asyncio.ensure_future(_astream(chat))
        await asyncio.sleep(0.3)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    with OpenAIServer(first=[faulty.stalled_stream(EVENTS, after=3)]) as server:
        asyncio.run(cancelled(model(server)))
        server.wait_for(lambda: len(server.closed_by_client) == 1)


def test_a_users_own_clients_are_used() -> None:
    seen: list[str] = []

    def note(request: httpx.Request) -> None:
        seen.append("sync")

    async def anote(request: httpx.Request) -> None:
        seen.append("async")

    with (
        OpenAIServer(lambda body: "fine") as server,
        httpx.Client(event_hooks={"request": [note]}) as client,
    ):
        own = model(server, http_client=client)
        assert own.invoke("hi").text == sum(own.stream("hi")).text == "fine"

        async def ask() -> None:
            async with httpx.AsyncClient(event_hooks={"request": [anote]}) as aclient:
                other = model(server, http_async_client=aclient)
                assert (await other.ainvoke("hi")).text == "fine"
                assert sum([chunk async for chunk in other.astream("hi")]).text == "fine"
                assert [m.text for m in await other.abatch(["a", "b"])] == ["fine", "fine"]

        asyncio.run(ask())
    assert seen == ["sync"] * 2 + ["async"] * 4
