"""Answers of the pretend providers are what the providers' own libraries accept, whole and streamed."""

from __future__ import annotations

import json
import math
from datetime import date
from functools import cache
from typing import Annotated, Any, Literal

import httpx
from anthropic import Anthropic
from anthropic.types import Message
from openai import OpenAI
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import BaseModel, Field

from tests.servers import (
    AnthropicServer,
    OpenAIServer,
    Reply,
    Server,
    anthropic_answer,
    anthropic_stream,
    faulty,
    openai_answer,
    openai_stream,
)
from tests.servers.schema import Mentions, example

WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
OPENAI_TOOLS: Any = [{"type": "function", "function": {"name": "get_weather", "strict": True, "parameters": WEATHER}}]
ANTHROPIC_TOOLS: Any = [{"name": "get_weather", "input_schema": WEATHER}]
ASKED = "What's the weather in Boston and Tokyo?"
http = httpx.Client(verify=False)  # loading certificates, for each client anew, would take most of these tests' time
BEARER = {"authorization": "Bearer sk-test"}


@cache
def openai_library() -> OpenAI:
    return OpenAI(api_key="sk-test", max_retries=0)


@cache
def anthropic_library() -> Anthropic:
    return Anthropic(api_key="sk-ant-test", max_retries=0)


def openai_client(server: OpenAIServer) -> OpenAI:
    return openai_library().with_options(base_url=server.base_url)


def anthropic_client(server: Server) -> Anthropic:
    return anthropic_library().with_options(base_url=server.url)


def joined_openai(events: list[bytes]) -> dict[str, Any]:
    """The message that a stream adds up to."""
    joined: dict[str, Any] = {"content": "", "reasoning_content": "", "calls": {}, "logprobs": [], "usage": None}
    for event in events[:-1]:
        chunk = json.loads(event.removeprefix(b"data: "))
        ChatCompletionChunk.model_validate(chunk)
        joined["usage"] = chunk.get("usage") or joined["usage"]
        for choice in chunk["choices"]:
            delta = choice["delta"]
            joined["content"] += delta.get("content") or ""
            joined["reasoning_content"] += delta.get("reasoning_content") or ""
            joined["logprobs"] += (choice["logprobs"] or {}).get("content", [])
            joined["finish_reason"] = choice["finish_reason"]
            for call in delta.get("tool_calls", ()):
                held = joined["calls"].setdefault(call["index"], {"arguments": "", **call})
                held["arguments"] += call["function"]["arguments"]
    return joined


def test_an_openai_stream_adds_up_to_the_whole_answer() -> None:
    calls = [{"name": "f", "args": {"a": "é" * 20}}, {"name": "g", "args": {}}]
    answer = openai_answer("one, two 🎉\u2028", tool_calls=calls, reasoning="hm so", logprobs=2)
    ChatCompletion.model_validate(answer)
    events = openai_stream(answer)
    message = answer["choices"][0]["message"]
    joined = joined_openai(events)
    assert events[-1] == b"data: [DONE]\n\n"
    assert joined["content"] == message["content"]
    assert joined["reasoning_content"] == "hm so"
    assert joined["finish_reason"] == "tool_calls"
    assert joined["usage"] == answer["usage"]
    assert joined["logprobs"] == answer["choices"][0]["logprobs"]["content"]
    assert [c["arguments"] for c in joined["calls"].values()] == [
        c["function"]["arguments"] for c in message["tool_calls"]
    ]


def test_token_probabilities_add_up_to_less_than_one() -> None:
    for entry in openai_answer("some words of an answer", logprobs=5)["choices"][0]["logprobs"]["content"]:
        assert len(entry["top_logprobs"]) == 5
        assert sum(math.exp(other["logprob"]) for other in entry["top_logprobs"]) <= 1


def test_an_anthropic_stream_adds_up_to_the_whole_answer_in_their_own_library() -> None:
    calls = [{"name": "f", "args": {"a": "é" * 20}}, {"name": "g", "args": {}}]
    answer = anthropic_answer("one, two 🎉", tool_calls=calls, thinking="hm so")
    Message.model_validate(answer)
    with (
        Server(Reply(body=anthropic_stream(answer))) as server,
        anthropic_client(server).messages.stream(
            model="m", max_tokens=9, messages=[{"role": "user", "content": "q"}]
        ) as stream,
    ):
        final = stream.get_final_message().to_dict()
    assert final["content"] == answer["content"]
    assert (final["stop_reason"], final["usage"]) == ("tool_use", answer["usage"])


def test_the_openai_library_streams_a_conversation_with_parallel_tools(openai_server: OpenAIServer) -> None:
    client = openai_client(openai_server)
    messages: list[Any] = [{"role": "user", "content": ASKED}]
    with client.chat.completions.stream(model="gpt-test", messages=messages, tools=OPENAI_TOOLS) as stream:
        asked = stream.get_final_completion().choices[0]
    assert asked.finish_reason == "tool_calls"
    calls = asked.message.tool_calls or []
    assert [json.loads(call.function.arguments) for call in calls] == [{"city": "Boston"}, {"city": "Tokyo"}]
    wire = [call.to_dict() for call in calls]
    for call in wire:
        call["function"].pop("parsed_arguments", None)  # type: ignore[attr-defined]
        call.pop("index", None)
    messages.append({"role": "assistant", "content": None, "tool_calls": wire})
    messages += [
        {"role": "tool", "tool_call_id": c.id, "content": f"{n} °F"} for n, c in zip((72, 64), calls, strict=True)
    ]
    options: Any = {"include_usage": True}
    with client.chat.completions.stream(
        model="gpt-test", messages=messages, tools=OPENAI_TOOLS, stream_options=options
    ) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].message.content == "Here is what I found: 72 °F; 64 °F"
    whole = client.chat.completions.create(model="gpt-test", messages=messages, tools=OPENAI_TOOLS)
    assert whole.choices[0].message.content == final.choices[0].message.content
    assert whole.usage == final.usage


def test_the_anthropic_library_streams_a_thinking_conversation_with_tools(anthropic_server: AnthropicServer) -> None:
    client = anthropic_client(anthropic_server)
    options: Any = {
        "model": "claude-test",
        "max_tokens": 4096,
        "tools": ANTHROPIC_TOOLS,
        "thinking": {"type": "enabled", "budget_tokens": 1024},
    }
    messages: list[Any] = [{"role": "user", "content": ASKED}]
    with client.messages.stream(messages=messages, **options) as stream:
        asked = stream.get_final_message()
    assert asked.stop_reason == "tool_use"
    calls = [block for block in asked.content if block.type == "tool_use"]
    assert [call.input for call in calls] == [{"city": "Boston"}, {"city": "Tokyo"}]
    messages.append({"role": "assistant", "content": [block.to_dict() for block in asked.content]})
    results = [{"type": "tool_result", "tool_use_id": c.id, "content": f"{c.input['city']} is sunny"} for c in calls]
    messages.append({"role": "user", "content": results})
    with client.messages.stream(messages=messages, **options) as stream:
        final = stream.get_final_message()
    assert final.content[-1].type == "text"
    assert final.content[-1].text == "Here is what I found: Boston is sunny; Tokyo is sunny"


def test_both_list_their_models(openai_server: OpenAIServer, anthropic_server: AnthropicServer) -> None:
    assert "gpt-test" in [model.id for model in openai_client(openai_server).models.list()]
    assert "claude-test" in [model.id for model in anthropic_client(anthropic_server).models.list()]


class Node(BaseModel):
    """A schema with most of what schemas have, itself included."""

    name: Annotated[str, Field(min_length=3)]
    kind: Literal["leaf", "branch"]
    size: Annotated[int, Field(ge=5, lt=8)]
    day: date
    next: Node | None
    parts: Annotated[list[Node], Field(max_length=1)]
    pair: tuple[float, bool]
    tags: set[str] = {"a default"}


def test_made_up_values_are_valid_for_their_schema() -> None:
    made = example(Node.model_json_schema(), Mentions.of("a branch for Al of 99 from 2026-05-04"))
    node = Node.model_validate(made)
    assert (node.name, node.kind, node.size, node.day) == ("Alx", "branch", 7, date(2026, 5, 4))
    assert node.next is not None


def test_a_schema_and_a_forced_tool_are_obeyed_by_both(
    openai_server: OpenAIServer, anthropic_server: AnthropicServer
) -> None:
    schema = {"name": "Weather", "strict": True, "schema": WEATHER}
    formatted: Any = {"type": "json_schema", "json_schema": schema}
    client = openai_client(openai_server)
    messages: list[Any] = [{"role": "user", "content": "Tell me about Paris"}]
    said = client.chat.completions.create(model="gpt-test", messages=messages, response_format=formatted)
    assert said.choices[0].message.content == '{"city":"Paris"}'
    choice: Any = {"type": "function", "function": {"name": "get_weather"}}
    forced = client.chat.completions.create(model="gpt-test", messages=messages, tools=OPENAI_TOOLS, tool_choice=choice)
    assert forced.choices[0].finish_reason == "stop"
    assert forced.choices[0].message.tool_calls
    other = anthropic_client(anthropic_server).messages.create(
        model="claude-test",
        max_tokens=100,
        messages=messages,
        tools=ANTHROPIC_TOOLS,
        tool_choice={"type": "tool", "name": "get_weather"},
    )
    assert [block.to_dict()["input"] for block in other.content] == [{"city": "Paris"}]


def test_arithmetic_calls_each_tool_with_its_numbers(openai_server: OpenAIServer) -> None:
    numbers = {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "required": ["a", "b"],
    }
    tools: Any = [{"type": "function", "function": {"name": n, "parameters": numbers}} for n in ("add", "multiply")]
    said = openai_client(openai_server).chat.completions.create(
        model="gpt-test", messages=[{"role": "user", "content": "What is 3 * 12? Also, what is 11 + 49?"}], tools=tools
    )
    calls = [call.to_dict()["function"] for call in said.choices[0].message.tool_calls or []]
    assert calls == [
        {"name": "multiply", "arguments": '{"a":3,"b":12}'},
        {"name": "add", "arguments": '{"a":11,"b":49}'},
    ]


def test_a_token_limit_cuts_the_answer_and_says_so(openai_server: OpenAIServer) -> None:
    said = openai_client(openai_server).chat.completions.create(
        model="gpt-test", messages=[{"role": "user", "content": "one two three"}], max_completion_tokens=3
    )
    assert (said.choices[0].message.content, said.choices[0].finish_reason) == ("You said:", "length")
    assert said.usage
    assert said.usage.completion_tokens == 3


def test_a_scripted_answer_replaces_the_made_up_one_after_the_first_faults() -> None:
    with OpenAIServer(lambda body: body["model"].upper(), first=[faulty.html_page()]) as server:
        body = {"model": "gpt-test", "messages": [{"role": "user", "content": "hi"}]}
        asked = [http.post(f"{server.base_url}/chat/completions", json=body, headers=BEARER) for _ in range(2)]
    assert asked[0].text.startswith("<html>")
    assert asked[1].json()["choices"][0]["message"]["content"] == "GPT-TEST"
