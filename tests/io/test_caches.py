"""Caches: equal answers to equal questions, and one question for many who ask it at once."""

from __future__ import annotations

import asyncio
import pickle
import threading
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from nbchat import AIMessage, InMemoryCache, SQLiteCache, get_usage_metadata_callback, init_chat_model, set_llm_cache
from nbchat.values.errors import ConfigurationError, StructuredOutputError
from tests.servers import AnthropicServer, OpenAIServer, faulty


@pytest.fixture(params=["memory", "sqlite"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Any]]:
    made: list[Any] = []

    def cache() -> Any:
        made.append(InMemoryCache() if request.param == "memory" else SQLiteCache(tmp_path / "c.sqlite"))
        return made[-1]

    yield cache
    for each in made:
        if isinstance(each, SQLiteCache):
            each.close()


def model(server: OpenAIServer, **more: Any) -> Any:
    return init_chat_model("gpt-test", model_provider="openai", base_url=server.base_url, api_key="k", **more)


async def astream(chat: Any) -> Any:
    return sum([chunk async for chunk in chat.astream("hi")])


def test_every_verb_reads_what_any_verb_wrote(make: Callable[[], Any]) -> None:
    verbs: list[Callable[[Any], Any]] = [
        lambda m: m.invoke("hi"),
        lambda m: sum(m.stream("hi")),
        lambda m: asyncio.run(m.ainvoke("hi")),
        lambda m: asyncio.run(astream(m)),
        lambda m: m.batch(["hi"])[0],
    ]
    for write in verbs:
        cache = make()
        cache.clear()
        with OpenAIServer(lambda body: "fine") as server:
            chat = model(server, cache=cache)
            first = write(chat)
            for read in verbs:
                again = read(chat)
                assert (again.text, again.usage_metadata, again.id) == (first.text, first.usage_metadata, first.id)
                assert "from_cache" in again.timing
            assert server.count == 1


def test_another_parameter_is_another_question(make: Callable[[], Any]) -> None:
    with OpenAIServer(lambda body: "fine") as server:
        chat = model(server, cache=make())
        for temperature in (0, 0.5, 0):
            chat.invoke("hi", temperature=temperature)
        assert server.count == 2


def test_a_header_that_a_parameter_becomes_is_part_of_the_question(make: Callable[[], Any]) -> None:
    with AnthropicServer() as server:
        chat = init_chat_model("c", model_provider="anthropic", base_url=server.url, api_key="k", cache=make())
        for betas in ([], ["code-execution"], []):
            chat.invoke("hi", betas=betas)
        assert server.count == 2


def test_identical_prompts_of_one_batch_are_asked_once(make: Callable[[], Any]) -> None:
    with OpenAIServer(lambda body: "fine", latency=0.05) as server:
        chat = model(server, cache=make())
        assert [m.text for m in chat.batch(["same"] * 20 + ["other"])] == ["fine"] * 21
        assert server.count == 2
        assert [m.text for m in asyncio.run(chat.abatch(["new"] * 20))] == ["fine"] * 20
        assert server.count == 3


def test_without_a_cache_each_of_identical_prompts_is_asked() -> None:
    with OpenAIServer(lambda body: "fine") as server:
        model(server).batch(["same"] * 5)
        assert server.count == 5


@pytest.mark.parametrize("verb", ["batch_as_completed", "abatch_as_completed"])
def test_as_completed_identical_prompts_are_asked_once_too(make: Callable[[], Any], verb: str) -> None:
    async def awaited() -> list[Any]:
        return [pair async for pair in chat.abatch_as_completed(["same"] * 10)]

    with OpenAIServer(lambda body: "fine", latency=0.05) as server:
        chat = model(server, cache=make())
        pairs = asyncio.run(awaited()) if verb[0] == "a" else list(chat.batch_as_completed(["same"] * 10))
        assert sorted((place, answer.text) for place, answer in pairs) == [(n, "fine") for n in range(10)]
        assert server.count == 1


def test_repeats_count_as_answers_from_the_cache(make: Callable[[], Any]) -> None:
    with OpenAIServer(lambda body: "fine", latency=0.05) as server:
        chat = model(server, cache=make())
        with get_usage_metadata_callback() as usage:
            answers = chat.batch(["same"] * 5)
    assert sorted("from_cache" in answer.timing for answer in answers) == [False, True, True, True, True]
    assert usage.usage_metadata == {"gpt-test": answers[0].usage_metadata}


def test_when_the_first_of_identical_prompts_fails_the_others_ask_for_themselves(make: Callable[[], Any]) -> None:
    with OpenAIServer(lambda body: "fine", first=[faulty.server_error()]) as server:
        chat = model(server, cache=make(), max_retries=0)
        answers = chat.batch(["same"] * 5, return_exceptions=True)
        assert sum(isinstance(a, AIMessage) for a in answers) == 4


def test_a_model_that_is_asked_again_waits_for_nobody_but_its_own_answer(make: Callable[[], Any]) -> None:
    with OpenAIServer(lambda body: "fine", first=[faulty.server_error()], latency=0.05) as server:
        chat = model(server, cache=make(), max_retries=0).with_retry(wait_exponential_jitter=False)
        answers = asyncio.run(asyncio.wait_for(chat.abatch(["same"] * 5), 10))
        assert [a.text for a in answers] == ["fine"] * 5
        assert server.count == 2


def test_nobody_waits_for_a_stream_whose_reader_may_pause(make: Callable[[], Any]) -> None:
    async def side_by_side(chat: Any) -> list[str]:
        one, other = chat.astream("hi"), chat.astream("hi")
        first = [await anext(one), await anext(other)]
        return [(c + sum([chunk async for chunk in s])).text for c, s in zip(first, (one, other), strict=True)]

    with OpenAIServer() as server:
        chat = model(server, cache=make())
        assert asyncio.run(asyncio.wait_for(side_by_side(chat), 10)) == ["You said: hi"] * 2


def test_models_with_each_other_in_reserve_do_not_wait_for_each_other(make: Callable[[], Any]) -> None:
    async def both() -> list[Any]:
        there, back = one.with_fallbacks([other]), other.with_fallbacks([one])
        return await asyncio.wait_for(asyncio.gather(there.ainvoke("hi"), back.ainvoke("hi")), 10)

    requests, begun = count(), threading.Barrier(2)

    def answer(body: Any) -> Any:
        if next(requests) >= 2:
            return "fine"
        begun.wait(10)  # each fails while the other is being asked
        return faulty.server_error()

    with OpenAIServer(answer) as first, OpenAIServer(answer) as second:
        cache = make()
        one, other = model(first, cache=cache, max_retries=0), model(second, cache=cache, max_retries=0)
        assert [a.text for a in asyncio.run(both())] == ["fine"] * 2


@pytest.mark.parametrize("awaited", [False, True])
def test_an_answer_that_does_not_fit_is_asked_for_anew_not_recalled(make: Callable[[], Any], awaited: bool) -> None:
    says = iter(["no JSON", "none either", '{"count": 3}'])
    schema = {"title": "Count", "type": "object", "properties": {"count": {"type": "integer"}}, "required": ["count"]}
    with OpenAIServer(lambda body: next(says)) as server:
        counted = model(server, cache=make()).with_structured_output(schema)
        with pytest.raises(StructuredOutputError):
            counted.invoke("How many?")
        again = counted.with_retry(wait_exponential_jitter=False)
        given = asyncio.run(again.ainvoke("How many?")) if awaited else again.invoke("How many?")
        assert given == {"count": 3}
        assert counted.invoke("How many?") == {"count": 3}


def test_an_answer_from_the_cache_may_be_changed_without_harm(make: Callable[[], Any]) -> None:
    with OpenAIServer(lambda body: "fine") as server:
        chat = model(server, cache=make())
        chat.invoke("hi").blocks.clear()
        chat.invoke("hi").response_metadata.clear()
        assert chat.invoke("hi").text == "fine"


def test_the_global_cache_and_a_models_own_setting() -> None:
    with OpenAIServer(lambda body: "fine") as server:
        set_llm_cache(InMemoryCache())
        try:
            model(server).batch(["hi", "hi"])
            model(server, cache=False).invoke("hi")
            assert server.count == 2
        finally:
            set_llm_cache(None)
        with pytest.raises(ConfigurationError, match="set_llm_cache"):
            model(server, cache=True).invoke("hi")


def test_the_least_recently_used_answer_leaves_first() -> None:
    cache = InMemoryCache(maxsize=2)
    for key in "ab":
        cache.update(key, AIMessage(key))
    cache.lookup("a")
    cache.update("c", AIMessage("c"))
    assert [bool(cache.lookup(key)) for key in "abc"] == [True, False, True]


def test_a_pickled_cache_is_the_same_file_or_an_empty_memory(tmp_path: Path) -> None:
    cache = InMemoryCache(maxsize=2)
    cache.update("a", AIMessage("kept"))
    copy = pickle.loads(pickle.dumps(cache))
    assert len(copy) == 0
    for key in "abc":
        copy.update(key, AIMessage(key))
    assert len(copy) == 2
    assert repr(pickle.loads(pickle.dumps(SQLiteCache(tmp_path / "c.sqlite")))) == repr(
        SQLiteCache(tmp_path / "c.sqlite")
    )
