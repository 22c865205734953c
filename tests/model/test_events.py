"""The events of a call: their order, their shape, and which of them are wanted."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from nbchat import AIMessageChunk, HumanMessage, init_chat_model
from nbchat.model.chat_model import ChatModel
from nbchat.values.errors import ConfigurationError, ServerError
from tests.servers import OpenAIServer, faulty


@pytest.fixture
def model() -> Iterator[ChatModel]:
    with OpenAIServer() as server:
        yield init_chat_model("openai:gpt-test", base_url=server.base_url, api_key="k", max_retries=0)


def events(model: Any, input: Any = "Hello", **arguments: Any) -> list[dict[str, Any]]:
    async def collected() -> list[dict[str, Any]]:
        return [event async for event in model.astream_events(input, **arguments)]

    return asyncio.run(collected())


def test_a_call_starts_streams_and_ends(model: ChatModel) -> None:
    seen = events(model)
    kinds = [event["event"] for event in seen]
    assert kinds[0] == "on_chat_model_start"
    assert kinds[-1] == "on_chat_model_end"
    assert set(kinds[1:-1]) == {"on_chat_model_stream"}
    total = sum(event["data"]["chunk"] for event in seen[1:-1])
    assert total.to_message() == seen[-1]["data"]["output"] == model.invoke("Hello")


def test_each_event_has_the_shape_of_version_2(model: ChatModel) -> None:
    run = uuid.uuid4()
    seen = events(model, config={"run_name": "greeting", "tags": ["t"], "metadata": {"user": 1}, "run_id": run})
    for event in seen:
        assert event.keys() == {"event", "name", "run_id", "parent_ids", "tags", "metadata", "data"}
        assert (event["name"], event["tags"], event["metadata"]["user"]) == ("greeting", ["t"], 1)
        assert (event["run_id"], event["parent_ids"]) == (str(run), [])
    assert isinstance(seen[1]["data"]["chunk"], AIMessageChunk)


@pytest.mark.parametrize("input", ["Hello", [("user", "Hello")], [HumanMessage("Hello")]])
def test_the_input_is_told_as_it_was_given(model: ChatModel, input: Any) -> None:
    assert events(model, input)[0]["data"] == {"input": input}


def test_the_start_is_told_before_anything_is_sent() -> None:
    async def first_event(model: ChatModel) -> str:
        stream = model.astream_events("Hello")
        try:
            return (await anext(stream))["event"]
        finally:
            await stream.aclose()  # type: ignore[attr-defined]

    with OpenAIServer() as server:
        model = init_chat_model("openai:gpt-test", base_url=server.base_url, api_key="k")
        assert asyncio.run(first_event(model)) == "on_chat_model_start"
        assert server.count == 0


def test_of_a_model_around_others_it_is_their_events(model: ChatModel) -> None:
    class Place(BaseModel):
        city: str

    with OpenAIServer(first=[faulty.server_error()]) as server:
        broken = init_chat_model("openai:gpt-broken", base_url=server.base_url, api_key="k", max_retries=0)
        seen = events(broken.with_fallbacks([model]).with_structured_output(Place), "Boston")
    assert [event["name"] for event in seen if event["event"] == "on_chat_model_start"] == ["gpt-broken", "gpt-test"]
    assert [event["name"] for event in seen if event["event"] == "on_chat_model_end"] == ["gpt-test"]
    assert seen[-1]["data"]["output"].text == '{"city":"Boston"}'


def test_an_error_is_raised_after_what_had_come() -> None:
    with OpenAIServer(first=[faulty.server_error()]) as server:
        model = init_chat_model("openai:gpt-test", base_url=server.base_url, api_key="k", max_retries=0)
        seen = []

        async def collect() -> None:
            async for event in model.astream_events("Hello"):
                seen.append(event["event"])

        with pytest.raises(ServerError):
            asyncio.run(collect())
    assert seen == ["on_chat_model_start"]


@pytest.mark.parametrize(
    ("wanted", "come"),
    [
        ({"include_names": ["greeting"]}, True),
        ({"include_names": ["other"]}, False),
        ({"include_types": ["chat_model"]}, True),
        ({"include_types": ["tool"]}, False),
        ({"include_tags": ["t"]}, True),
        ({"include_tags": ["u"], "include_names": ["greeting"]}, True),
        ({"include_tags": []}, False),
        ({"exclude_names": ["greeting"]}, False),
        ({"exclude_types": ["chat_model"]}, False),
        ({"exclude_tags": ["t"]}, False),
        ({"exclude_tags": ["u"]}, True),
        ({"include_names": ["greeting"], "exclude_tags": ["t"]}, False),
    ],
)
def test_only_what_is_wanted_comes(model: ChatModel, wanted: Any, come: bool) -> None:
    assert bool(events(model, config={"run_name": "greeting", "tags": ["t"]}, **wanted)) is come


def test_another_version_is_told(model: ChatModel) -> None:
    with pytest.raises(ConfigurationError, match="version=\"v2\", not 'v1'"):
        events(model, version="v1")


def test_the_users_handlers_are_told_too(model: ChatModel) -> None:
    from nbchat import BaseCallbackHandler

    ended = []

    class Handler(BaseCallbackHandler):
        def on_llm_end(self, response: Any, **kwargs: Any) -> None:
            ended.append(response.text)

    events(model, config={"callbacks": [Handler()]})
    assert ended == ["You said: Hello"]
