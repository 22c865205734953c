"""Bad input is a named error before anything is sent, or has a safe outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nbchat import (
    AIMessage,
    Chat,
    HumanMessage,
    InMemoryCache,
    InMemoryRateLimiter,
    SQLiteCache,
    SystemMessage,
    ToolMessage,
    init_chat_model,
    set_llm_cache,
    tool,
)
from nbchat.values.errors import ConfigurationError
from tests.servers import OpenAIServer

CALL = {"name": "f", "args": {}, "id": "call_1"}
VERBS: dict[str, Callable[[Any, Any], Any]] = {
    "invoke": lambda model, given: model.invoke(given),
    "stream": lambda model, given: list(model.stream(given)),
    "ainvoke": lambda model, given: asyncio.run(model.ainvoke(given)),
    "batch": lambda model, given: model.batch([given]),
}


NO_CONVERSATIONS = [
    *("", " \n", None, 3, b"hi", {"role": "user"}, HumanMessage("")),
    *([], [[]], [("user", 5)], [("user", None)], [("poet", "x")], [{"content": "x"}]),
    *([HumanMessage("")], [SystemMessage(" "), HumanMessage("")]),
]


def nowhere(provider: str = "openai", **more: Any) -> Any:
    """A model at an address where nobody answers."""
    return init_chat_model("m", model_provider=provider, base_url="http://127.0.0.1:9/v1", **more)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("given", NO_CONVERSATIONS, ids=repr)
def test_what_is_no_conversation_is_not_sent(given: Any, verb: str) -> None:
    with pytest.raises(ConfigurationError):
        VERBS[verb](nowhere(), given)


@pytest.mark.parametrize("provider", ["anthropic", "google"])
def test_instructions_alone_are_nothing_to_answer_where_they_stand_apart(provider: str) -> None:
    with pytest.raises(ConfigurationError, match="nothing to send"):
        nowhere(provider, api_key="k").invoke([SystemMessage("Be brief.")])


def test_a_pair_alone_is_one_message() -> None:
    with OpenAIServer() as server:
        init_chat_model("m", model_provider="openai", base_url=server.base_url, api_key="k").invoke(("human", "hi"))
        assert server.requests[0].json["messages"] == [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize("provider", ["openai", "anthropic", "google", "ollama"])
def test_a_tool_result_without_its_call_is_not_sent(provider: str) -> None:
    model = nowhere(provider, api_key="k")
    asked = AIMessage(tool_calls=[CALL])
    for lost in ([HumanMessage("hi"), ToolMessage("4", "call_2")], [ToolMessage("4", "call_1"), asked]):
        with pytest.raises(ConfigurationError, match=r"'call_.' answers no tool call .* put the answer that asked"):
            model.invoke(lost)
    with pytest.raises(ConfigurationError, match=r"'4', without an id, answers no tool call"):
        model.invoke([HumanMessage("hi"), ToolMessage("4")])
    model.call([HumanMessage("hi"), asked, ToolMessage("4", "call_1")])


def test_a_tool_result_whose_call_the_provider_remembers_may_stand_alone() -> None:
    model = nowhere(use_responses_api=True, previous_response_id="resp_1")
    assert model.call([ToolMessage("4", "call_1")]).messages


def test_a_call_in_a_providers_own_form_is_a_call() -> None:
    asked = {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}]}
    assert nowhere("anthropic", api_key="k").asked([("user", "hi"), asked, ToolMessage("4", "toolu_1")])


@pytest.mark.parametrize("verb", VERBS)
def test_half_a_character_is_sent_as_a_question_mark(verb: str, tmp_path: Path) -> None:
    given = ["\ud83d?", HumanMessage([{"type": "text", "text": "half \udc00"}]), ("user", "whole \U0001f642")]
    with OpenAIServer(lambda body: "fine") as server:
        cache = SQLiteCache(tmp_path / "c.sqlite")
        limiter = InMemoryRateLimiter(requests_per_second=100, tokens_per_minute=1e6)
        model = init_chat_model(
            "m", model_provider="openai", base_url=server.base_url, api_key="k", cache=cache, rate_limiter=limiter
        )
        VERBS[verb](model, given)
        cache.close()
    assert [m["content"] for m in server.requests[0].json["messages"]] == ["??", "half ?", "whole \U0001f642"]


def test_a_parameter_may_be_one_of_numpys_numbers() -> None:
    with OpenAIServer(lambda body: "fine") as server:
        model = init_chat_model("m", model_provider="openai", base_url=server.base_url, api_key="k")
        model.invoke("hi", max_tokens=np.int64(7), temperature=np.float32(0.5))
        sent = server.requests[0].json
    assert (sent["max_completion_tokens"], sent["temperature"]) == (7, 0.5)


@pytest.mark.parametrize("cache", [None, InMemoryCache()])
@pytest.mark.parametrize("verb", VERBS)
def test_a_parameter_that_is_no_json_is_named(verb: str, cache: Any) -> None:
    loop: list[Any] = []
    loop.append(loop)
    for wrong, said in ((object(), "object"), (loop, "ircular")):
        with pytest.raises(ConfigurationError, match=said):
            VERBS[verb](nowhere(api_key="k", cache=cache, thing=wrong), "hi")


def test_a_tools_result_that_is_no_json_reaches_the_model_as_words() -> None:
    class Stranger:
        def __repr__(self) -> str:
            raise RuntimeError("no words")

    @tool
    def fetch() -> Any:
        """Fetch it."""
        return {"it": Stranger(), "loop": {1, 2}}

    with OpenAIServer() as server:
        model = init_chat_model("m", model_provider="openai", base_url=server.base_url, api_key="k")
        chat = Chat(model, tools=[fetch])
        chat("call fetch", tool_choice="fetch")
    result = next(message for message in chat.messages if isinstance(message, ToolMessage))
    assert "its repr raised RuntimeError" in result.text


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"cache": 3}, "a cache is an InMemoryCache"),
        ({"rate_limiter": 3}, "takes an InMemoryRateLimiter"),
        ({"max_retries": -1}, "at least 0, not -1"),
        ({"max_retries": "2"}, "at least 0, not '2'"),
        ({"timeout": "soon"}, "timeout= takes seconds"),
        ({"timeout": 0}, "above 0, not 0"),
        ({"timeout": {"connect": 1, "between": -2}}, r"above 0, not -2 \(between\)"),
        ({"timeout": {"total": "5"}}, "above 0, not '5'"),
    ],
)
def test_what_helps_a_model_is_looked_at_when_it_is_made(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        nowhere(**given)


def test_what_is_no_cache_is_not_set() -> None:
    with pytest.raises(ConfigurationError, match="a cache is an InMemoryCache"):
        set_llm_cache(True)  # type: ignore[arg-type]


WRONG_CONFIGS = ["tags", 5, {"metadata": "x"}, {"configurable": 3}, {"max_concurrency": "5"}, {"max_concurrency": 0}]


@pytest.mark.parametrize("config", WRONG_CONFIGS)
def test_a_config_of_another_shape_is_named(config: Any) -> None:
    with pytest.raises(ConfigurationError):
        nowhere(api_key="k").batch(["hi"], config=config)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda model: model.bind_tools(lookup), r"tools are given in a list, tools=\[…\]"),
        (lambda model: model.with_retry().bind_tools(lookup), r"tools are given in a list"),
        (lambda model: Chat(model, tools=lookup), r"tools are given in a list"),
        (lambda model: model.bind_tools([lookup, lookup]), "two tools are called 'lookup'"),
        (lambda model: Chat(model, [lookup], approve=5), "approve= is a function"),
        (lambda model: InMemoryCache("x"), "maxsize is a whole number"),
        (lambda model: InMemoryRateLimiter(requests_per_second="x"), "requests_per_second is a number above 0"),
        (lambda model: InMemoryRateLimiter(max_bucket_size="x"), "max_bucket_size is a number"),
    ],
)
def test_an_argument_of_another_kind_is_told_where_it_is_given(make: Any, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        make(nowhere("openai", api_key="k"))


def lookup(word: str) -> str:
    """Look a word up."""
    return word
