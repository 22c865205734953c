"""The chat-models page: a test for each of its code blocks, in its order; only the import lines are changed.

Both providers that the page names are pretend ones on this machine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field

from nbchat import (
    AIMessage,
    BaseCallbackHandler,
    ChatOpenAI,
    HumanMessage,
    SystemMessage,
    init_chat_model,
    set_llm_cache,
    tool,
)
from nbchat.providers.table import PROVIDERS
from tests.servers import AnthropicServer, OpenAIServer, Reply, openai_answer

NAMES = {"openai": "openai:gpt-5-nano", "anthropic": "anthropic:claude-sonnet-4-5"}


@dataclass
class World:
    """The two providers."""

    openai: OpenAIServer
    anthropic: AnthropicServer

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The bodies that came, in order."""
        both = [*self.openai.requests, *self.anthropic.requests]
        return [request.json for request in sorted(both, key=lambda request: request.at)]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with OpenAIServer() as openai, AnthropicServer() as anthropic:
        for name, url in (("openai", openai.base_url), ("anthropic", anthropic.url)):
            monkeypatch.setitem(PROVIDERS, name, replace(PROVIDERS[name], base_url=url))
            monkeypatch.setenv(f"{name.upper()}_API_KEY", "key")
        yield World(openai, anthropic)


@pytest.fixture(params=list(NAMES))
def provider(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def model(world: World, provider: str) -> Any:
    return init_chat_model(NAMES[provider])


@pytest.fixture
def no_cache_after() -> Iterator[None]:
    yield
    set_llm_cache(None)


@tool
def get_weather(location: str) -> str:
    """Get the weather at a location."""
    return f"It's sunny in {location}."


class Movie(BaseModel):
    """A movie with details."""

    title: str = Field(..., description="The title of the movie")
    year: int = Field(..., description="The year the movie was released")
    director: str = Field(..., description="The director of the movie")
    rating: float = Field(..., description="The movie's rating out of 10")


# Basic usage


def test_initialize_a_chat_model(world: World) -> None:
    from nbchat import init_chat_model

    model = init_chat_model("openai:gpt-5-nano")
    response = model.invoke("Why do parrots talk?")

    assert isinstance(response, AIMessage)
    assert response.text == "You said: Why do parrots talk?"
    assert world.requests[0]["model"] == "gpt-5-nano"


# Invocation


def test_invoke_with_a_single_message(model: Any, capsys: pytest.CaptureFixture[str]) -> None:
    response = model.invoke("Why do parrots have colorful feathers?")
    print(response)

    assert capsys.readouterr().out == "AIMessage('You said: Why do parrots have colorful feathers?')\n"


def test_invoke_with_a_conversation_history(world: World, model: Any, provider: str) -> None:
    conversation = [
        SystemMessage("You are a helpful assistant that translates English to French."),
        HumanMessage("Translate: I love programming."),
        AIMessage("J'adore la programmation."),
        HumanMessage("Translate: I love building applications."),
    ]

    response = model.invoke(conversation)

    assert response.text == "You said: Translate: I love building applications."
    roles = [message["role"] for message in world.requests[0]["messages"]]
    assert roles == (["system"] if provider == "openai" else []) + ["user", "assistant", "user"]


def test_stream(model: Any, capsys: pytest.CaptureFixture[str]) -> None:
    for chunk in model.stream("Why do parrots have colorful feathers?"):
        print(chunk.text, end="|", flush=True)

    assert capsys.readouterr().out.startswith("You| said|:| Why| do| parrots| have| colorful|")


def test_construct_an_aimessage_from_chunks(model: Any, capsys: pytest.CaptureFixture[str]) -> None:
    full = None  # None | AIMessageChunk
    for chunk in model.stream("What color is the sky?"):
        full = chunk if full is None else full + chunk
        print(full.text)

    assert "You\nYou said\nYou said:\nYou said: What\n" in capsys.readouterr().out
    assert full.content_blocks == [{"type": "text", "text": "You said: What color is the sky?"}]
    whole = model.invoke("What color is the sky?")
    assert full.to_message() == whole
    assert model.invoke([HumanMessage("What color is the sky?"), full, HumanMessage("Why?")]).text == "You said: Why?"


def test_stream_events(model: Any, capsys: pytest.CaptureFixture[str]) -> None:
    async def block() -> None:
        async for event in model.astream_events("Hello"):
            if event["event"] == "on_chat_model_start":
                print(f"Input: {event['data']['input']}")

            elif event["event"] == "on_chat_model_stream":
                print(f"Token: {event['data']['chunk'].text}")

            elif event["event"] == "on_chat_model_end":
                print(f"Full message: {event['data']['output'].text}")

            else:
                pass

    asyncio.run(block())

    lines = [line for line in capsys.readouterr().out.splitlines() if line != "Token: "]
    assert lines == [
        "Input: Hello",
        "Token: You",
        "Token:  said",
        "Token: :",
        "Token:  Hello",
        "Full message: You said: Hello",
    ]


def test_batch(model: Any, capsys: pytest.CaptureFixture[str]) -> None:
    responses = model.batch(
        ["Why do parrots have colorful feathers?", "How do airplanes fly?", "What is quantum computing?"]
    )
    for response in responses:
        print(response)

    assert capsys.readouterr().out.splitlines() == [
        "AIMessage('You said: Why do parrots have colorful feathers?')",
        "AIMessage('You said: How do airplanes fly?')",
        "AIMessage('You said: What is quantum computing?')",
    ]


def test_batch_as_completed(model: Any) -> None:
    questions = ["Why do parrots have colorful feathers?", "How do airplanes fly?", "What is quantum computing?"]
    seen = {}
    for response in model.batch_as_completed(questions):
        index, message = response
        seen[index] = message.text

    assert seen == {index: f"You said: {question}" for index, question in enumerate(questions)}


def test_batch_with_max_concurrency(world: World, model: Any) -> None:
    list_of_inputs = [f"question {number}" for number in range(20)]
    responses = model.batch(
        list_of_inputs,
        config={
            "max_concurrency": 5,  # Limit to 5 parallel calls
        },
    )

    assert [response.text for response in responses] == [f"You said: {each}" for each in list_of_inputs]
    assert world.openai.connections_total + world.anthropic.connections_total <= 5


# Tool calling


def test_binding_user_tools(model: Any, capsys: pytest.CaptureFixture[str]) -> None:
    model_with_tools = model.bind_tools([get_weather])

    response = model_with_tools.invoke("What's the weather like in Boston?")
    for tool_call in response.tool_calls:
        # View tool calls made by the model
        print(f"Tool: {tool_call['name']}")
        print(f"Args: {tool_call['args']}")

    assert capsys.readouterr().out == "Tool: get_weather\nArgs: {'location': 'Boston'}\n"


def test_tool_execution_loop(model: Any) -> None:
    # Bind (potentially multiple) tools to the model
    model_with_tools = model.bind_tools([get_weather])

    # Step 1: Model generates tool calls
    messages: list[Any] = [{"role": "user", "content": "What's the weather in Boston?"}]
    ai_msg = model_with_tools.invoke(messages)
    messages.append(ai_msg)

    # Step 2: Execute tools and collect results
    for tool_call in ai_msg.tool_calls:
        # Execute the tool with the generated arguments
        tool_result = get_weather.invoke(tool_call)
        messages.append(tool_result)

    # Step 3: Pass results back to model for final response
    final_response = model_with_tools.invoke(messages)

    assert final_response.text == "Here is what I found: It's sunny in Boston."
    assert messages[2].tool_call_id == ai_msg.tool_calls[0]["id"]


def test_forcing_tool_calls(model: Any) -> None:
    @tool
    def tool_1(word: str) -> str:
        """Say a word."""
        return word

    model_with_tools = model.bind_tools([tool_1], tool_choice="any")

    assert model_with_tools.invoke("Hello").tool_calls[0]["name"] == "tool_1"
    assert model.bind_tools([tool_1]).invoke("Hello").tool_calls == []


def test_parallel_tool_calls(model: Any) -> None:
    model_with_tools = model.bind_tools([get_weather])

    response = model_with_tools.invoke("What's the weather in Boston and Tokyo?")

    # Execute all tools (can be done in parallel with async)
    results = []
    for tool_call in response.tool_calls:
        if tool_call["name"] == "get_weather":
            result = get_weather.invoke(tool_call)
        results.append(result)

    assert [call["args"] for call in response.tool_calls] == [{"location": "Boston"}, {"location": "Tokyo"}]
    assert [result.text for result in results] == ["It's sunny in Boston.", "It's sunny in Tokyo."]


def test_streaming_tool_calls(model: Any, capsys: pytest.CaptureFixture[str]) -> None:
    model_with_tools = model.bind_tools([get_weather])
    for chunk in model_with_tools.stream("What's the weather in Boston and Tokyo?"):
        # Tool call chunks arrive progressively
        if chunk.tool_call_chunks:
            for tool_chunk in chunk.tool_call_chunks:
                print(f"Tool: {tool_chunk.get('name', '')}")
                print(f"Args: {tool_chunk.get('args', '')}")

    lines = capsys.readouterr().out.splitlines()
    assert lines.count("Tool: get_weather") == 2
    assert {line for line in lines if line.startswith("Tool: ")} == {"Tool: get_weather", "Tool: "}
    args = "".join(line.removeprefix("Args: ") for line in lines if line.startswith("Args: "))
    assert args.replace(" ", "") == '{"location":"Boston"}{"location":"Tokyo"}'
    assert len(lines) > 8, "the arguments come in pieces"


def test_accumulate_tool_calls(model: Any) -> None:
    model_with_tools = model.bind_tools([get_weather])
    gathered = None
    seen = []
    for chunk in model_with_tools.stream("What's the weather in Boston?"):
        gathered = chunk if gathered is None else gathered + chunk
        seen.append(gathered.content_blocks)

    assert seen[0] != seen[-1]
    block = seen[-1][0]
    assert (block["type"], block["name"], block["args"]) == ("tool_call", "get_weather", {"location": "Boston"})


# Structured outputs


def test_structured_output_with_pydantic(model: Any) -> None:
    model_with_structure = model.with_structured_output(Movie)
    response = model_with_structure.invoke("Provide details about the movie Inception")

    assert isinstance(response, Movie)
    assert response.title == "Inception"


def test_structured_output_with_the_raw_message(model: Any) -> None:
    model_with_structure = model.with_structured_output(Movie, include_raw=True)
    response = model_with_structure.invoke("Provide details about the movie Inception")

    assert response.keys() == {"raw", "parsed", "parsing_error"}
    assert isinstance(response["raw"], AIMessage)
    assert response["raw"].usage_metadata.total_tokens > 0
    assert isinstance(response["parsed"], Movie)
    assert response["parsing_error"] is None


def test_structured_output_with_nested_structures(model: Any) -> None:
    class Actor(BaseModel):
        name: str
        role: str

    class MovieDetails(BaseModel):
        title: str
        year: int
        cast: list[Actor]
        genres: list[str]
        budget: float | None = Field(None, description="Budget in millions USD")

    model_with_structure = model.with_structured_output(MovieDetails)

    details = model_with_structure.invoke("Provide details about the movie Inception (2010)")
    assert details.year == 2010
    assert all(isinstance(actor, Actor) for actor in details.cast)
    assert details.cast


# Multimodal


def test_multimodal_output(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = openai_answer("Here's a picture of a cat")
    picture = {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,/9j/4A=="}}
    answer["choices"][0]["message"]["images"] = [picture]
    with OpenAIServer(lambda body: Reply(body=answer)) as server:
        model = init_chat_model("openai:gpt-test", base_url=server.base_url)
        response = model.invoke("Create a picture of a cat")

    assert response.content_blocks == [
        {"type": "text", "text": "Here's a picture of a cat"},
        {"type": "image", "base64": "/9j/4A==", "mime_type": "image/jpeg"},
    ]


# Reasoning


def _thinking_openai(body: dict[str, Any]) -> dict[str, Any]:
    return {"text": "Structural color.", "reasoning": "Pigments, or structure?"}


def _thinking_anthropic(body: dict[str, Any]) -> dict[str, Any]:
    return {"text": "Structural color.", "thinking": "Pigments, or structure?"}


def test_reasoning_in_a_stream(provider: str) -> None:
    server: Any = OpenAIServer(_thinking_openai) if provider == "openai" else AnthropicServer(_thinking_anthropic)
    seen: list[Any] = []
    with server:
        url = server.base_url if provider == "openai" else server.url
        model = init_chat_model(NAMES[provider], base_url=url, api_key="key")
        for chunk in model.stream("Why do parrots have colorful feathers?"):
            reasoning_steps = [r for r in chunk.content_blocks if r["type"] == "reasoning"]
            seen.append(reasoning_steps if reasoning_steps else chunk.text)

    thoughts = "".join(step["reasoning"] for steps in seen if isinstance(steps, list) for step in steps)
    assert thoughts == "Pigments, or structure?"
    assert "".join(text for text in seen if isinstance(text, str)) == "Structural color."
    kinds = [type(each) for each in seen if each]
    assert kinds == sorted(kinds, key=lambda kind: kind is str), "the reasoning comes first"


# Caching


def test_setting_a_cache(no_cache_after: None) -> None:
    from nbchat import set_llm_cache

    assert set_llm_cache(None) is None


def test_in_memory_cache(world: World, model: Any, no_cache_after: None) -> None:
    from nbchat import InMemoryCache

    set_llm_cache(InMemoryCache())

    first = model.invoke("Tell me a joke")
    response = model.invoke("Tell me a joke")  # Fast, from cache

    assert response == first
    assert len(world.requests) == 1


def test_sqlite_cache(world: World, model: Any, tmp_path: Path, no_cache_after: None) -> None:
    # We can do the same thing with a SQLite cache
    from nbchat import SQLiteCache

    set_llm_cache(SQLiteCache(database_path=str(tmp_path / ".langchain.db")))

    first = model.invoke("Tell me a joke")
    response = model.invoke("Tell me a joke")  # Fast, from cache

    assert response == first
    assert len(world.requests) == 1
    set_llm_cache(SQLiteCache(database_path=str(tmp_path / ".langchain.db")))  # as after a restart
    assert model.invoke("Tell me a joke") == first
    assert len(world.requests) == 1


# Rate limiting


def test_define_a_rate_limiter(world: World) -> None:
    from nbchat import InMemoryRateLimiter

    rate_limiter = InMemoryRateLimiter(
        requests_per_second=0.1,  # 1 request every 10s
        check_every_n_seconds=0.1,  # Check every 100ms whether allowed to make a request
        max_bucket_size=10,  # Controls the maximum burst size.
    )

    model = init_chat_model(model="gpt-5", model_provider="openai", rate_limiter=rate_limiter)

    assert [model.invoke("Hello").text for _ in range(10)] == ["You said: Hello"] * 10
    assert rate_limiter.acquire(blocking=False) is False, "the burst is used up"


# Base URL or proxy


def test_base_url(world: World) -> None:
    model = init_chat_model(
        model="MODEL_NAME",
        model_provider="openai",
        base_url=world.openai.base_url,
        api_key="YOUR_API_KEY",
    )

    assert model.invoke("Hello").text == "You said: Hello"
    assert world.openai.requests[0].headers["authorization"] == "Bearer YOUR_API_KEY"
    assert world.requests[0]["model"] == "MODEL_NAME"


def test_proxy(world: World) -> None:
    model = ChatOpenAI(model="gpt-4o", openai_proxy="http://proxy.example.com:8080")
    assert model.target.route.proxy == "http://proxy.example.com:8080"

    model = ChatOpenAI(model="gpt-4o", openai_proxy=world.openai.url, base_url="http://api.example.com/v1")
    assert model.invoke("Hello").text == "You said: Hello"
    assert asyncio.run(model.ainvoke("Hello")).text == "You said: Hello"
    asked = {request.target for request in world.openai.requests}
    assert asked == {"http://api.example.com/v1/chat/completions"}, "a proxy is asked for the whole address"


# Log probabilities


def test_log_probabilities(world: World) -> None:
    model = init_chat_model(model="gpt-4o", model_provider="openai").bind(logprobs=True)

    response = model.invoke("Why do parrots talk?")

    listed = response.response_metadata["logprobs"]["content"]
    assert "".join(entry["token"] for entry in listed) == response.text
    assert all(entry["logprob"] < 0 for entry in listed)


# Token usage


def test_usage_callback_handler(world: World) -> None:
    from nbchat import UsageMetadataCallbackHandler, init_chat_model

    llm_1 = init_chat_model(model="openai:gpt-4o-mini")
    llm_2 = init_chat_model(model="anthropic:claude-3-5-haiku-latest")

    callback = UsageMetadataCallbackHandler()
    result_1 = llm_1.invoke("Hello", config={"callbacks": [callback]})
    result_2 = llm_2.invoke("Hello", config={"callbacks": [callback]})

    assert callback.usage_metadata == {
        "gpt-4o-mini": result_1.usage_metadata,
        "claude-3-5-haiku-latest": result_2.usage_metadata,
    }
    for usage in callback.usage_metadata.values():
        assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
        assert usage["input_token_details"]["cache_read"] == 0
    assert callback.usage_metadata["gpt-4o-mini"]["output_token_details"] == {"audio": 0, "reasoning": 0}


# Invocation config


def test_invocation_with_config(model: Any) -> None:
    heard: dict[str, Any] = {}

    class Handler(BaseCallbackHandler):
        def on_chat_model_start(self, serialized: dict[str, Any], messages: Any, **kwargs: Any) -> None:
            heard.update(kwargs)

        def on_llm_end(self, response: AIMessage, **kwargs: Any) -> None:
            heard["text"] = response.text

    my_callback_handler = Handler()
    response = model.invoke(
        "Tell me a joke",
        config={
            "run_name": "joke_generation",  # Custom name for this run
            "tags": ["humor", "demo"],  # Tags for categorization
            "metadata": {"user_id": "123"},  # Custom metadata
            "callbacks": [my_callback_handler],  # Callback handlers
        },
    )

    assert heard["name"] == "joke_generation"
    assert heard["tags"] == ["humor", "demo"]
    assert heard["metadata"]["user_id"] == "123"
    assert heard["text"] == response.text


# Configurable models


def test_configurable_model(world: World) -> None:
    configurable_model = init_chat_model(temperature=0)

    configurable_model.invoke(
        "what's your name",
        config={"configurable": {"model": "gpt-5-nano"}},  # Run with GPT-5-Nano
    )
    configurable_model.invoke(
        "what's your name",
        config={"configurable": {"model": "claude-3-5-sonnet-latest"}},  # Run with Claude
    )

    assert [(r["model"], r["temperature"]) for r in world.requests] == [
        ("gpt-5-nano", 0),
        ("claude-3-5-sonnet-latest", 0),
    ]
    assert (world.openai.count, world.anthropic.count) == (1, 1)


def test_configurable_model_with_default_values(world: World) -> None:
    first_llm = init_chat_model(
        model="gpt-4.1-mini",
        temperature=0,
        configurable_fields=("model", "model_provider", "temperature", "max_tokens"),
        config_prefix="first",  # Useful when you have a chain with multiple models
    )

    first_llm.invoke("what's your name")
    first_llm.invoke(
        "what's your name",
        config={
            "configurable": {
                "first_model": "claude-3-5-sonnet-latest",
                "first_temperature": 0.5,
                "first_max_tokens": 100,
            }
        },
    )

    by_default, chosen = world.requests
    assert (by_default["model"], by_default["temperature"]) == ("gpt-4.1-mini", 0)
    assert (chosen["model"], chosen["temperature"], chosen["max_tokens"]) == ("claude-3-5-sonnet-latest", 0.5, 100)


class GetWeather(BaseModel):
    """Get the current weather in a given location"""

    location: str = Field(..., description="The city and state, e.g. San Francisco, CA")


class GetPopulation(BaseModel):
    """Get the current population in a given location"""

    location: str = Field(..., description="The city and state, e.g. San Francisco, CA")


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Both providers look up the two populations, as on the page."""
    with OpenAIServer(_populations) as openai, AnthropicServer(_populations) as anthropic:
        for name, url in (("openai", openai.base_url), ("anthropic", anthropic.url)):
            monkeypatch.setitem(PROVIDERS, name, replace(PROVIDERS[name], base_url=url))
            monkeypatch.setenv(f"{name.upper()}_API_KEY", "key")
        yield


def _populations(body: dict[str, Any]) -> dict[str, Any]:
    named = {tool.get("name") or tool["function"]["name"] for tool in body["tools"]}
    assert named == {"GetWeather", "GetPopulation"}
    places = ("Los Angeles, CA", "New York, NY")
    return {"tool_calls": [{"name": "GetPopulation", "args": {"location": place}} for place in places]}


def test_tools_of_a_configurable_model(counting: None) -> None:
    llm = init_chat_model(temperature=0)
    llm_with_tools = llm.bind_tools([GetWeather, GetPopulation])

    calls = llm_with_tools.invoke(
        "what's bigger in 2024 LA or NYC", config={"configurable": {"model": "gpt-4.1-mini"}}
    ).tool_calls

    _assert_populations(calls, "call_")


def test_tools_of_a_configurable_model_with_claude(counting: None) -> None:
    llm = init_chat_model(temperature=0)
    llm_with_tools = llm.bind_tools([GetWeather, GetPopulation])

    calls = llm_with_tools.invoke(
        "what's bigger in 2024 LA or NYC",
        config={"configurable": {"model": "claude-3-5-sonnet-latest"}},
    ).tool_calls

    _assert_populations(calls, "toolu_")


def _assert_populations(calls: list[dict[str, Any]], prefix: str) -> None:
    assert all(call.pop("id").startswith(prefix) for call in calls)
    assert calls == [
        {"name": "GetPopulation", "args": {"location": "Los Angeles, CA"}, "type": "tool_call"},
        {"name": "GetPopulation", "args": {"location": "New York, NY"}, "type": "tool_call"},
    ]
