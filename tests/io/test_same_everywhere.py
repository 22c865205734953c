"""One transcript through every verb: blocking, awaited, streamed and batched give equal messages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from nbchat import AIMessage, init_chat_model
from nbchat.model.chat_model import ChatModel
from tests.servers import AnthropicServer, OpenAIServer

CALLS = [
    {"name": "get_weather", "args": {"city": "Boston"}, "id": "call_1"},
    {"name": "get_time", "args": {}, "id": "call_2"},
]
TEXT = "Because of Brücken, 日本 and 🦜: light is scattered.\u2028Really."

OPENAI: dict[str, dict[str, Any]] = {
    "text": {"text": TEXT},
    "tools": {"tool_calls": CALLS},
    "text and tools": {"text": TEXT, "tool_calls": CALLS},
    "arguments that are no JSON": {"tool_calls": [{"name": "get_weather", "args": '{"city": Boston}', "id": "call_1"}]},
    "reasoning": {"text": TEXT, "reasoning": "Pigments, or structure?"},
    "logprobs": {"text": TEXT, "logprobs": 2},
    "refusal": {"refusal": "I can't help with that."},
    "cut": {"text": TEXT, "finish_reason": "length"},
    "nothing": {"text": ""},
}
ANTHROPIC: dict[str, dict[str, Any]] = {
    "text": {"text": TEXT},
    "tools": {"tool_calls": CALLS},
    "text and tools": {"text": TEXT, "tool_calls": CALLS},
    "reasoning": {"text": TEXT, "thinking": "Pigments, or structure?"},
    "reasoning and tools": {"thinking": "I need the weather.", "text": TEXT, "tool_calls": CALLS},
    "cut": {"text": TEXT, "stop_reason": "max_tokens"},
    "stop sequence": {"text": TEXT, "stop_reason": "stop_sequence", "stop_sequence": "END"},
}
TRANSCRIPTS = [("openai", name) for name in OPENAI] + [("anthropic", name) for name in ANTHROPIC]


async def _streamed(model: ChatModel) -> AIMessage:
    chunks: list[Any] = [chunk async for chunk in model.astream("Why?")]
    return sum(chunks).to_message()


async def _batched(model: ChatModel) -> AIMessage:
    return (await model.abatch(["Why?", "Why?"]))[1]


async def _completed(model: ChatModel) -> AIMessage:
    return dict([pair async for pair in model.abatch_as_completed(["Why?"])])[0]


async def _told(model: ChatModel) -> AIMessage:
    return [event async for event in model.astream_events("Why?")][-1]["data"]["output"]


VERBS: dict[str, Callable[[ChatModel], AIMessage]] = {
    "ainvoke": lambda model: asyncio.run(model.ainvoke("Why?")),
    "stream": lambda model: sum(model.stream("Why?")).to_message(),
    "astream": lambda model: asyncio.run(_streamed(model)),
    "batch": lambda model: model.batch(["Why?", "Why?"])[1],
    "abatch": lambda model: asyncio.run(_batched(model)),
    "batch_as_completed": lambda model: dict(model.batch_as_completed(["Why?"]))[0],
    "abatch_as_completed": lambda model: asyncio.run(_completed(model)),
    "astream_events": lambda model: asyncio.run(_told(model)),
}


@contextmanager
def answering(provider: str, answer: Any = None) -> Iterator[tuple[Any, ChatModel]]:
    server: Any = OpenAIServer(answer) if provider == "openai" else AnthropicServer(answer)
    with server:
        url = server.base_url if provider == "openai" else server.url
        yield server, init_chat_model("a-test", model_provider=provider, base_url=url, api_key="k")


@pytest.mark.parametrize(("provider", "name"), TRANSCRIPTS)
def test_every_verb_gives_the_same_message(provider: str, name: str) -> None:
    fields = (OPENAI if provider == "openai" else ANTHROPIC)[name]
    with answering(provider, lambda body: dict(fields)) as (_, model):
        message = model.invoke("Why?")
        for verb, ask in VERBS.items():
            other = ask(model)
            assert other == message, verb
            assert other.usage_metadata == message.usage_metadata, verb
            assert other.usage_metadata is not None, verb
            assert other.response_metadata == message.response_metadata, verb
            assert other.content_blocks == message.content_blocks, verb
            assert other.finish_reason == message.finish_reason, verb
            assert other.tool_calls == message.tool_calls, verb
            assert other.invalid_tool_calls == message.invalid_tool_calls, verb
            assert other.to_dict().keys() == message.to_dict().keys(), verb


def test_logprobs_are_the_same_everywhere() -> None:
    with answering("openai") as (_, plain):
        model = plain.bind(logprobs=True, top_logprobs=3)
        message = model.invoke("Why?")
        assert message.logprobs is not None
        assert "".join(token.token for token in message.logprobs) == message.text
        for verb, ask in VERBS.items():
            assert ask(model).response_metadata["logprobs"] == message.response_metadata["logprobs"], verb


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_sums_of_chunks_in_any_order_of_adding_are_the_message(provider: str) -> None:
    fields = OPENAI["text and tools"] if provider == "openai" else ANTHROPIC["reasoning and tools"]
    with answering(provider, lambda body: dict(fields)) as (_, model):
        chunks = list(model.stream("Why?"))
        message = model.invoke("Why?")
    left = sum(chunks)
    half = len(chunks) // 2
    assert left.to_message() == message
    assert (sum(chunks[:half]) + sum(chunks[half:])).to_message() == message


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_one_model_works_in_several_loops_in_turn(provider: str) -> None:
    with answering(provider) as (_, model):
        for _ in range(3):
            assert asyncio.run(model.ainvoke("Why?")).text == "You said: Why?"
            assert asyncio.run(_streamed(model)).text == "You said: Why?"
            assert asyncio.run(_batched(model)).text == "You said: Why?"
            assert model.batch(["Why?"])[0].text == "You said: Why?"


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_over_plain_httpx_it_works_in_several_loops_in_turn(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nbchat.io.awaiting.fast", None)
    with answering(provider) as (_, model):
        message = model.invoke("Why?")
        for _ in range(3):
            for verb, ask in VERBS.items():
                assert ask(model) == message, verb


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_a_stream_left_early_closes_its_connection(provider: str) -> None:
    async def first(model: ChatModel) -> None:
        stream = model.astream("Why?")
        await anext(stream)
        await stream.aclose()  # type: ignore[attr-defined]

    server: Any = OpenAIServer(gap=0.02) if provider == "openai" else AnthropicServer(gap=0.02)
    with server:
        url = server.base_url if provider == "openai" else server.url
        model = init_chat_model("a-test", model_provider=provider, base_url=url, api_key="k")
        asyncio.run(first(model))
        server.wait_for(lambda: len(server.closed_by_client) == 1)
        for _ in model.stream("Why?"):
            break
        server.wait_for(lambda: len(server.closed_by_client) == 2)
