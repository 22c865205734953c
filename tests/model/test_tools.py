"""Tools: what a model sees of them, and running them."""

from __future__ import annotations

import asyncio
import threading
from datetime import date
from functools import partial
from typing import Any, TypedDict

import numpy as np
import pandas as pd
import pytest
from pydantic import BaseModel, Field

from nbchat import BaseCallbackHandler, ToolMessage, init_chat_model, tool
from nbchat.model.tool_specs import checked_choice
from nbchat.model.tools import Tool, bound_tools
from nbchat.values.errors import ConfigurationError, ToolError
from nbchat.wire.codec import ToolSpec
from tests.servers import OpenAIServer


@tool
def get_weather(location: str, days: int = 1) -> str:
    """Get the weather at a location."""
    return f"It's sunny in {location} for {days} d."


class GetPopulation(BaseModel):
    """Get the population of a place."""

    place: str = Field(description="The city and state")


class Lookup(TypedDict):
    """Look a word up."""

    word: str


def call(name: str, **args: Any) -> dict[str, Any]:
    return {"name": name, "args": args, "id": "call_1", "type": "tool_call"}


def message_of(value: Any, **about: Any) -> ToolMessage:
    return Tool(lambda: value, name="it", **about).invoke(call("it"))


def test_a_tool_is_still_the_function_it_was() -> None:
    assert get_weather("Boston") == "It's sunny in Boston for 1 d."
    assert repr(get_weather) == "Tool(get_weather(location, days))"
    assert get_weather.name == get_weather.__name__ == "get_weather"
    assert get_weather.description == get_weather.__doc__ == "Get the weather at a location."
    assert list(get_weather.args) == list(get_weather.args_schema.model_json_schema()["properties"])


def test_a_tool_call_gives_a_tool_message_and_plain_arguments_the_value() -> None:
    result = get_weather.invoke(call("get_weather", location="Boston", days=2))
    assert result == ToolMessage("It's sunny in Boston for 2 d.", "call_1", name="get_weather")
    assert result.artifact is None
    assert get_weather.invoke({"location": "Boston"}) == "It's sunny in Boston for 1 d."
    assert get_weather.invoke({"name": "get_weather", "args": {"location": "X"}, "id": None}).tool_call_id == ""


def test_a_single_value_is_the_only_argument() -> None:
    @tool
    def double(n: int) -> int:
        return 2 * n

    assert double.invoke("21") == 42
    with pytest.raises(ToolError, match="get_weather takes a dict of location, days"):
        get_weather.invoke("Boston")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({}, "'location' is missing"),
        ({"location": "x", "days": "soon"}, "'days': Input should be a valid integer.*not 'soon'"),
        ({"location": "x", "unit": "K"}, "there is no argument 'unit'.*It takes location, days"),
    ],
)
def test_arguments_that_do_not_fit_are_named(args: dict[str, Any], said: str) -> None:
    with pytest.raises(ToolError, match=f"get_weather: .*{said}"):
        get_weather.invoke(call("get_weather", **args))


def test_arguments_become_what_the_function_declares() -> None:
    @tool
    def plan(when: date | None = None, *, who: GetPopulation, tags: set[str]) -> Any:
        return when, who, tags

    assert plan.invoke({"when": "2026-01-02", "who": {"place": "LA"}, "tags": ["a", "a"]}) == (
        date(2026, 1, 2),
        GetPopulation(place="LA"),
        {"a"},
    )


def test_positional_only_bound_and_private_parameters_are_passed_rightly() -> None:
    class Shop:
        def price(self, item: str, /, times: int = 1, *, _cache: str = "own") -> tuple[Any, ...]:
            return item, times, _cache

    assert Tool(Shop().price).invoke({"item": "tea", "times": 2}) == ("tea", 2, "own")
    assert Tool(partial(Shop().price, times=9)).invoke({"item": "tea"}) == ("tea", 9, "own")


def test_the_decorator_takes_a_name_a_description_and_a_schema() -> None:
    @tool("people", description="Counts people.", args_schema=GetPopulation)
    def count(**anything: str) -> str:
        return anything["place"]

    assert count.spec == ToolSpec("people", "Counts people.", bound_tools([GetPopulation])[0].parameters)  # type: ignore[union-attr]
    assert count.invoke(call("people", place="LA")).text == "LA"
    assert tool(name="hers")(lambda: None).name == "hers"
    with pytest.raises(ConfigurationError, match=r"needs a name .*give it one with name="):
        tool(lambda x: x)


def test_an_async_tool_runs_from_blocking_code_and_awaited() -> None:
    @tool
    async def slow(x: int) -> int:
        await asyncio.sleep(0)
        return x + 1

    assert slow.invoke({"x": 1}) == 2
    assert asyncio.run(slow.ainvoke(call("slow", x=1))) == ToolMessage("2", "call_1", name="slow")


def test_a_sync_tool_stays_on_the_callers_thread_when_awaited() -> None:
    thread = Tool(threading.get_ident, name="thread", args_schema=type("None_", (BaseModel,), {}))
    assert asyncio.run(thread.ainvoke({})) == threading.get_ident()


def test_handlers_hear_of_a_tools_start_and_of_its_end_or_error() -> None:
    class Ears(BaseCallbackHandler):
        def __init__(self) -> None:
            self.heard: list[Any] = []

        def on_tool_start(self, serialized: Any, input_str: str, **kwargs: Any) -> None:
            self.heard.append((serialized["name"], kwargs["inputs"]))

        async def on_tool_end(self, output: Any, **kwargs: Any) -> None:
            self.heard.append(output)

        def on_tool_error(self, error: BaseException, **kwargs: Any) -> None:
            self.heard.append(type(error))

    ears = Ears()
    get_weather.invoke({"location": "Rome"}, config={"callbacks": [ears]})
    with pytest.raises(ToolError):
        asyncio.run(get_weather.ainvoke({}, config={"callbacks": [ears]}))
    started = ("get_weather", {"location": "Rome"})
    assert ears.heard == [started, "It's sunny in Rome for 1 d.", ("get_weather", {}), ToolError]


def test_an_exception_of_a_tool_called_directly_is_raised() -> None:
    def broken() -> None:
        raise ZeroDivisionError("no")

    with pytest.raises(ZeroDivisionError):
        Tool(broken).invoke(call("broken"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is", "as it is"),
        (None, "null"),
        (3.5, "3.5"),
        (float("nan"), "NaN"),
        ({"a": [1, {"b": None}]}, '{"a":[1,{"b":null}]}'),
        (GetPopulation(place="LA"), '{"place":"LA"}'),
        ([GetPopulation(place="LA")], '[{"place":"LA"}]'),
        ({"when": pd.Timestamp("2026-01-01")}, '{"when":"2026-01-01T00:00:00"}'),
        (date(2026, 1, 2), "2026-01-02"),
        (np.float64(1.5), "1.5"),
        ({"n": np.int64(3)}, '{"n":3}'),
        ({1, 2}, "[1,2]"),
    ],
)
def test_plain_results_are_text_or_json(value: Any, text: str) -> None:
    result = message_of(value)
    assert result.content == text
    assert result.artifact is None


def test_a_result_that_nothing_can_serialise_is_shown_as_python_shows_it() -> None:
    class Sulky:
        def __repr__(self) -> str:
            raise RuntimeError("no")

    circle: list[Any] = []
    circle.append(circle)
    lock = threading.Lock()
    assert (message_of(lock).content, message_of(lock).artifact) == (repr(lock), lock)
    assert message_of(b"\xff\x00").content == repr(b"\xff\x00")
    assert message_of(np.arange(3)).content == "array([0, 1, 2])"
    assert message_of(Sulky()).content == "<Sulky: its repr raised RuntimeError>"
    assert message_of(circle).content == "[[...]]"
    assert message_of({"a": Sulky()}).content == '{"a":"<Sulky: its repr raised RuntimeError>"}'


def test_a_frame_is_shown_by_its_head_and_kept_whole() -> None:
    frame = pd.DataFrame({"city": ["Boston", "LA"] * 15, "n": range(30)})
    result = message_of(frame)
    assert result.text.startswith("DataFrame, 30 x 2:\ncity,n\nBoston,0\nLA,1\n")
    assert result.text.endswith("\n(10 more rows)")
    assert result.artifact is frame


def test_a_picture_is_an_image_block_and_kept_whole() -> None:
    from PIL import Image

    picture = Image.new("RGB", (2, 2))
    result = message_of(picture)
    assert [block["type"] for block in result.content_blocks] == ["image"]
    assert result.content_blocks[0]["mime_type"] == "image/png"
    assert result.artifact is picture


def test_content_blocks_pass_as_they_are() -> None:
    blocks = [{"type": "text", "text": "a"}, {"type": "image", "url": "https://example.org/a.png"}]
    assert message_of(blocks).content_blocks == blocks


def test_a_pair_of_content_and_artifact() -> None:
    result = message_of(("short", {"long": 1}), response_format="content_and_artifact")
    assert (result.content, result.artifact) == ("short", {"long": 1})
    with pytest.raises(ToolError, match=r"returns a pair \(content, artifact\), not str"):
        message_of("short", response_format="content_and_artifact")


@pytest.mark.parametrize(
    "given",
    [
        {"title": "f", "description": "d", "type": "object", "properties": {"a": {"type": "string"}}},
        {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"properties": {"a": {}}}}},
        {"type": "function", "name": "f", "description": "d", "parameters": {"properties": {"a": {}}}},
        {"name": "f", "description": "d", "input_schema": {"type": "object", "properties": {"a": {}}}},
        {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {"a": {}}}},
    ],
)
def test_json_schemas_in_each_providers_form_are_read(given: dict[str, Any]) -> None:
    spec = bound_tools([given], strict=True)[0]
    assert isinstance(spec, ToolSpec)
    assert (spec.name, spec.description, spec.parameters["type"], spec.strict) == ("f", "d", "object", True)
    assert list(spec.parameters["properties"]) == ["a"]


@pytest.mark.parametrize(
    "given",
    [
        {"type": "web_search"},
        {"type": "web_search_20250305", "name": "web_search"},
        {"google_search": {}},
        {"name": "f", "input_schema": {"type": "object"}, "cache_control": {"type": "ephemeral"}},
    ],
)
def test_a_providers_own_tools_pass_as_they_are(given: dict[str, Any]) -> None:
    assert bound_tools([given])[0] is given


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"type": "object", "properties": {}}, "needs a 'title'"),
        (int, "int is none"),
        ("get_weather", "a tool is a function, .* not str"),
    ],
)
def test_what_no_tool_can_be_made_of_is_refused(given: Any, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        bound_tools([given])


def test_bind_tools_sends_functions_classes_and_schemas() -> None:
    with OpenAIServer() as server:
        model = init_chat_model("gpt-test", model_provider="openai", base_url=server.base_url, api_key="k")
        bound = model.bind_tools([get_weather, GetPopulation, Lookup], tool_choice="any", parallel_tool_calls=False)
        answer = bound.invoke("What's bigger, LA or NYC? Get the population")
        sent = server.requests[0].json
    assert [t["function"]["name"] for t in sent["tools"]] == ["get_weather", "GetPopulation", "Lookup"]
    assert sent["tools"][1]["function"]["description"] == "Get the population of a place."
    assert (sent["tool_choice"], sent["parallel_tool_calls"]) == ("required", False)
    assert answer.tool_calls[0]["name"] == "GetPopulation"
    assert model.tools == ()


def test_tool_choice_in_neutral_words() -> None:
    specs = (ToolSpec("f"), {"type": "web_search"})
    assert [checked_choice(c, specs) for c in ("auto", "any", "required", True, False, None, "none", "f")] == [
        *("auto", "any", "any", "any", None, None, "none", "f")
    ]
    assert checked_choice({"type": "tool", "name": "f"}, specs) == "f"
    assert checked_choice({"type": "function", "function": {"name": "f"}}, specs) == "f"
    assert checked_choice({"type": "allowed_tools"}, specs) == {"type": "allowed_tools"}
    assert checked_choice(get_weather, (get_weather.spec,)) == "get_weather"
    with pytest.raises(ConfigurationError, match=r"tool_choice names 'g', which is not bound; .* or f"):
        checked_choice("g", specs)
