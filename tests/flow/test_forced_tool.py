"""Forced tool calls from an engine that knows no tools, stepped by hand."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from nbchat.flow.effects import Flow
from nbchat.flow.forced_tool import by_schema
from nbchat.values.chunks import AIMessageChunk
from nbchat.values.errors import UnsupportedError
from nbchat.values.messages import AIMessage, HumanMessage, Message, SystemMessage, ToolMessage
from nbchat.wire.codec import Call, ToolSpec

PLACE = {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}
WEATHER = ToolSpec("get_weather", "The weather.", PLACE)
TIME = ToolSpec("get_time", "The time.", {"type": "object", "properties": {}, "$defs": {"Zone": {"type": "string"}}})
WRAPPED = '{\n  "name": "get_weather",\n  "arguments": {"place": "Rome {}}"}\n}\n'


def call(*messages: Message, tools: Any = (WEATHER, TIME), choice: Any = "any", stream: bool = True) -> Call:
    return Call("tiny", messages or (HumanMessage("Weather?"),), tools=tools, tool_choice=choice, stream=stream)


def total(chunks: Iterable[Any]) -> AIMessage:
    return sum(chunks).to_message()


class Engine:
    """Gives a text in pieces, or whole, and remembers what it was asked."""

    def __init__(self, *pieces: str) -> None:
        self.pieces = pieces
        self.asked: Call

    def __call__(self, call: Call) -> Flow[AIMessage]:
        self.asked = call
        if not call.stream:
            return AIMessage("".join(self.pieces), id="m1")
        chunks = [AIMessageChunk(piece) for piece in self.pieces]
        chunks.append(AIMessageChunk(id="m1", chunk_position="last"))
        yield from chunks
        return total(chunks)


def play(flow: Flow[AIMessage]) -> tuple[list[AIMessageChunk], AIMessage]:
    seen = []
    while True:
        try:
            seen.append(next(flow))
        except StopIteration as done:
            return seen, done.value


def ask(engine: Engine, question: Call) -> AIMessage:
    return play(by_schema(engine, question))[1]


def halves(text: str) -> Iterable[tuple[str, str]]:
    return ((text[:cut], text[cut:]) for cut in range(len(text) + 1))


def test_the_only_tool_is_forced_by_the_schema_of_its_arguments() -> None:
    engine = Engine('{"place"', ': "Rome"}')
    seen, message = play(by_schema(engine, call(choice="get_weather")))
    assert [(c["name"], c["args"]) for chunk in seen for c in chunk.tool_call_chunks] == [
        ("get_weather", '{"place"'),
        ("", ': "Rome"}'),
        ("", ""),
    ]
    assert message.tool_calls == [
        {"name": "get_weather", "args": {"place": "Rome"}, "id": "call_m1", "type": "tool_call"}
    ]
    assert message == total(seen)
    assert engine.asked.output is not None
    assert engine.asked.output.schema == {**PLACE, "additionalProperties": False}
    assert (engine.asked.tools, engine.asked.tool_choice) == ((), None)


def test_one_of_several_tools_is_read_out_of_its_wrapping_however_it_is_cut() -> None:
    for pieces in halves(WRAPPED):
        seen, message = play(by_schema(Engine(*pieces), call()))
        assert [(c["name"], c["args"]) for c in message.tool_calls] == [("get_weather", {"place": "Rome {}}"})]
        assert message == total(seen)


def test_the_schema_of_several_tools_names_each_and_shares_definitions() -> None:
    engine = Engine(WRAPPED)
    ask(engine, call())
    assert engine.asked.output is not None
    schema = json.loads(json.dumps(engine.asked.output.schema))
    assert [each["properties"]["name"]["const"] for each in schema["anyOf"]] == ["get_weather", "get_time"]
    assert schema["$defs"] == {"Zone": {"type": "string"}}


def test_not_streamed_it_is_the_same_message() -> None:
    streamed = ask(Engine(WRAPPED), call())
    assert ask(Engine(WRAPPED), call(stream=False)) == streamed


@pytest.mark.parametrize("text", ['{"name": "get_wea', '{"name": "get_weather", "arguments": {"pla'])
def test_a_call_that_was_cut_is_invalid_not_a_crash(text: str) -> None:
    message = ask(Engine(text), call())
    assert message.tool_calls == []
    assert len(message.invalid_tool_calls) == 1


def test_the_tools_are_described_beside_the_users_own_instructions() -> None:
    engine = Engine(WRAPPED)
    ask(engine, call(SystemMessage("Be brief."), HumanMessage("Weather?")))
    told = engine.asked.messages[0].text
    assert told.startswith("Be brief.\n\nAnswer with")
    assert "get_weather(place): The weather." in told


def test_results_are_told_in_words_and_answered_freely() -> None:
    engine = Engine("Sunny.")
    asked = AIMessage(tool_calls=[{"name": "get_weather", "args": {"place": "Rome"}, "id": "c1"}])
    results = ToolMessage("sunny", "c1", name="get_weather"), ToolMessage("noon", "c2", name="get_time")
    assert ask(engine, call(HumanMessage("Weather?"), asked, *results, choice="auto")).text == "Sunny."
    assert [(m.role, m.text) for m in engine.asked.messages] == [
        ("user", "Weather?"),
        ("assistant", "Let me look it up with get_weather(place='Rome')."),
        (
            "user",
            "The result of get_weather is: sunny\nThe result of get_time is: noon\nWhat is the answer to my question?",
        ),
    ]
    assert engine.asked.output is None


@pytest.mark.parametrize("choice", [None, "auto"])
def test_a_free_choice_is_refused_with_advice(choice: Any) -> None:
    with pytest.raises(UnsupportedError, match=r"tiny cannot decide .* tool_choice='any' or tool_choice='get_weather'"):
        ask(Engine(), call(choice=choice))


def test_without_tools_or_with_none_allowed_nothing_changes() -> None:
    for question in (call(tools=(), choice=None), call(choice="none")):
        engine = Engine("Hi")
        assert ask(engine, question).text == "Hi"
        assert engine.asked.output is None
