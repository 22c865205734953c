"""Ollama's own chat: requests held against its SDK's types, streams and whole answers read, one test a quirk."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ollama._types import ChatRequest

from nbchat.values.errors import ServerError, StreamError, UnsupportedError
from nbchat.values.messages import AIMessage, HumanMessage, Message, SystemMessage, ToolMessage
from nbchat.wire.codec import Call, OutputSchema, ToolSpec
from nbchat.wire.ollama import OllamaChat
from tests.recorded.harness import answer, body_of, decode, exchanges, load, streamed
from tests.wire.damage import damaged, survives
from tests.wire.summed import summed

CODEC = OllamaChat()
WEATHER = ToolSpec("weather", "Weather.", {"type": "object", "properties": {"city": {"type": "string"}}})
PIXEL = "iVBORw0KGgo="


def line(message: dict[str, Any], **more: Any) -> dict[str, Any]:
    said = {"role": "assistant", **message}
    return {"model": "qwen3", "created_at": "2026-11-01T10:00:00Z", "message": said, "done": False, **more}


def called(name: str, arguments: Any, **more: Any) -> dict[str, Any]:
    return {"content": "", "tool_calls": [{"function": {"name": name, "arguments": arguments}, **more}]}


ENDING = line({"content": ""}, done=True, done_reason="stop", prompt_eval_count=12, eval_count=5, total_duration=9)
LINES = [
    line({"content": "", "thinking": "Let me "}),
    line({"content": "", "thinking": "look."}),
    line({"content": "Zürich\u2028 "}, logprobs=[{"token": "Z", "logprob": -0.5, "top_logprobs": []}]),
    line({"content": "is 🌧️."}, logprobs=[{"token": "i", "logprob": -0.25, "top_logprobs": []}]),
    line(called("weather", {"city": "Zürich"})),
    line(called("weather", {"city": "Bern"})),
    ENDING,
]


def ndjson(lines: list[Any]) -> bytes:
    return b"".join(json.dumps(one, ensure_ascii=False).encode() + b"\n" for one in lines)


def read(*pieces: bytes) -> AIMessage:
    return summed(CODEC.decoder("ollama"), *pieces)


def body(*messages: Message, **rest: Any) -> dict[str, Any]:
    made = CODEC.request(Call("qwen3", messages or (HumanMessage("Hi"),), **rest)).body
    ChatRequest.model_validate(json.loads(json.dumps(made)))
    return made


def test_a_stream_has_thoughts_text_and_calls() -> None:
    message = read(ndjson(LINES))
    assert [block["type"] for block in message.blocks] == ["reasoning", "text", "tool_call", "tool_call"]
    assert message.reasoning == "Let me look."
    assert message.text == "Zürich\u2028 is 🌧️."
    assert [(c["name"], c["args"]) for c in message.tool_calls] == [
        ("weather", {"city": "Zürich"}),
        ("weather", {"city": "Bern"}),
    ]
    assert message.usage_metadata == {"input_tokens": 12, "output_tokens": 5, "total_tokens": 17}
    assert message.response_metadata == {
        "model_provider": "ollama",
        "wire": "ollama",
        "model_name": "qwen3",
        "finish_reason": "stop",
        "created_at": "2026-11-01T10:00:00Z",
        "total_duration": 9,
        "logprobs": {"content": [LINES[2]["logprobs"][0], LINES[3]["logprobs"][0]]},
    }


def test_the_finish_is_tool_calls_though_ollama_says_stop() -> None:
    assert read(ndjson(LINES)).finish_reason == "tool_calls"


def test_logprobs_are_read() -> None:
    assert [(t.token, t.logprob) for t in read(ndjson(LINES)).logprobs or ()] == [("Z", -0.5), ("i", -0.25)]


def test_calls_without_ids_get_ones_that_are_always_the_same_and_never_shared() -> None:
    first, second = (call["id"] for call in read(ndjson(LINES)).tool_calls)
    assert first != second
    assert [first, second] == [call["id"] for call in read(ndjson(LINES)).tool_calls]
    other_turn = [{**one, "created_at": "2026-11-01T10:00:09Z"} for one in LINES]
    assert {first, second}.isdisjoint(call["id"] for call in read(ndjson(other_turn)).tool_calls)


def test_an_id_that_the_server_gives_is_kept() -> None:
    assert read(ndjson([line(called("f", {}, id="call_x")), ENDING])).tool_calls[0]["id"] == "call_x"


def test_a_whole_answer_equals_its_stream() -> None:
    whole = line(
        {"thinking": "Let me look.", **called("weather", {"city": "Bern"}), "content": "Hi"},
        **{key: value for key, value in ENDING.items() if key not in ("message", "model", "created_at")},
    )
    parts = [line({"content": "", "thinking": "Let me look."}), line({"content": "Hi"}), LINES[5], ENDING]
    assert CODEC.answer(json.dumps(whole).encode(), "ollama") == read(ndjson(parts))


@given(st.lists(st.integers(0, len(ndjson(LINES))), max_size=20).map(sorted))
def test_a_stream_is_the_same_in_any_cuts(places: list[int]) -> None:
    data = ndjson(LINES)
    assert read(*(data[a:b] for a, b in pairwise([0, *places, len(data)]))) == read(data)


def test_a_stream_is_the_same_byte_by_byte_and_without_its_last_line_feed() -> None:
    data = ndjson(LINES)
    assert read(*(bytes([b]) for b in data)) == read(data) == read(data.rstrip(b"\n"))


def test_thoughts_between_tags_are_thoughts() -> None:
    message = read(ndjson([line({"content": "<think>hm</th"}), line({"content": "ink>\n\nYes"}), ENDING]))
    assert (message.reasoning, message.text) == ("hm", "Yes")


def test_a_prompt_that_was_all_cached_has_no_count() -> None:
    ending = {key: value for key, value in ENDING.items() if key != "prompt_eval_count"}
    assert read(ndjson([ending])).usage_metadata == {"input_tokens": 0, "output_tokens": 5, "total_tokens": 5}


def test_an_image_and_unknown_fields_are_kept() -> None:
    message = read(ndjson([line({"content": "", "images": [PIXEL], "mood": "good"}, remote_model="big"), ENDING]))
    assert message.blocks == [{"type": "image", "base64": PIXEL, "mime_type": "image/png"}]
    assert message.additional_kwargs == {"mood": "good"}
    assert message.response_metadata["remote_model"] == "big"


def test_an_error_in_the_stream_keeps_what_came_before() -> None:
    with pytest.raises(ServerError, match="llama runner process has terminated") as caught:
        read(ndjson([*LINES[:4], {"error": "llama runner process has terminated"}]))
    assert caught.value.partial.text == "Zürich\u2028 is 🌧️."


@pytest.mark.parametrize("count", range(len(LINES)))
def test_a_cut_stream_is_an_error_after_any_line(count: int) -> None:
    with pytest.raises(StreamError, match="ollama"):
        read(ndjson(LINES[:count]))


@pytest.mark.parametrize("data", [b"", b"<html>no</html>", b"[]", b'"hello"', b"{}", b'{"message": "hello"}'])
def test_a_body_that_is_no_answer_is_named(data: bytes) -> None:
    with pytest.raises(StreamError, match="ollama"):
        CODEC.answer(data, "ollama")


@given(damaged(LINES))
def test_damaged_lines_end_in_a_message_or_a_named_error(lines: list[Any]) -> None:
    survives(CODEC, ndjson(lines))


@given(damaged([{**LINES[0], **ENDING, "message": {**LINES[0]["message"], **LINES[4]["message"]}}]))
def test_a_damaged_answer_ends_in_a_message_or_a_named_error(bodies: list[Any]) -> None:
    survives(CODEC, ndjson(bodies))


@given(st.binary(max_size=200))
def test_random_bytes_end_in_a_named_error(data: bytes) -> None:
    assert survives(CODEC, data) is None


def test_the_smallest_request() -> None:
    request = CODEC.request(Call("qwen3", [SystemMessage("Be brief."), HumanMessage("Hi")]))
    assert (request.method, request.path, request.headers) == ("POST", "/api/chat", {})
    assert request.body == {
        "model": "qwen3",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
        "stream": False,
    }


def test_options_of_the_runner_are_nested_and_others_are_not() -> None:
    neutral = {"temperature": 0, "max_tokens": 9, "stop": ["x"], "seed": 1, "top_k": None}
    made = body(options={**neutral, "num_ctx": 4096, "keep_alive": "5m", "options": {"min_p": 0.1}}, stream=True)
    nested = {"temperature": 0, "num_predict": 9, "stop": ["x"], "seed": 1, "num_ctx": 4096, "min_p": 0.1}
    assert (made["options"], made["keep_alive"], made["stream"]) == (nested, "5m", True)


def test_logprobs_stand_at_the_top() -> None:
    assert {k: v for k, v in body(options={"top_logprobs": 3}).items() if "logprobs" in k} == {
        "top_logprobs": 3,
        "logprobs": True,
    }


def test_a_schema_or_json_is_a_format() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    assert body(output=OutputSchema("x", schema))["format"] == schema
    assert body(output=OutputSchema("x", {}, method="json_mode"))["format"] == "json"


@pytest.mark.parametrize("reasoning", ["low", "high", True, False])
def test_reasoning_is_think(reasoning: Any) -> None:
    assert body(options={"reasoning": reasoning})["think"] == reasoning


def test_models_that_think_otherwise_are_asked_otherwise() -> None:
    level = CODEC.request(Call("qwen3", [HumanMessage("Hi")], options={"reasoning": "low"}))
    again = CODEC.retry_without(level, 'think value "low" is not supported for this model')
    assert again is not None
    assert again.body["think"] is True
    off = CODEC.request(Call("llama3", [HumanMessage("Hi")], options={"reasoning": False}))
    again = CODEC.retry_without(off, '"llama3" does not support thinking')
    assert again is not None
    assert "think" not in again.body
    on = CODEC.request(Call("llama3", [HumanMessage("Hi")], options={"reasoning": True}))
    assert CODEC.retry_without(on, '"llama3" does not support thinking') is None  # it was asked for


def test_a_result_names_its_tool_and_its_call() -> None:
    made = body(HumanMessage("Hi"), read(ndjson([LINES[4], ENDING])), ToolMessage("sunny", "call_x", name="f"))
    (call,) = made["messages"][1]["tool_calls"]
    assert call["function"] == {"name": "weather", "arguments": {"city": "Zürich"}}
    assert made["messages"][2] == {"role": "tool", "content": "sunny", "tool_name": "f", "tool_call_id": "call_x"}
    asking = AIMessage(tool_calls=[{"name": "f", "args": {}, "id": "a"}])
    unnamed = body(HumanMessage("Hi"), asking, ToolMessage("x", "a"))
    assert unnamed["messages"][2]["tool_name"] == "f"


def test_thoughts_go_back_to_ollama_only() -> None:
    assert body(HumanMessage("Hi"), read(ndjson(LINES)))["messages"][1]["thinking"] == "Let me look."
    foreign = AIMessage([{"type": "reasoning", "reasoning": "hm"}, "Hi"], response_metadata={"wire": "gemini"})
    assert body(HumanMessage("Hi"), foreign)["messages"][1] == {"role": "assistant", "content": "Hi"}


def test_images_stand_beside_the_text() -> None:
    made = body(HumanMessage(["What", {"type": "image", "base64": PIXEL, "mime_type": "image/png"}, "is it?"]))
    assert made["messages"] == [{"role": "user", "content": "What\nis it?", "images": [PIXEL]}]


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ({"type": "image", "url": "https://a.example/x.png"}, "give it as base64"),
        ({"type": "file", "base64": PIXEL, "mime_type": "application/pdf"}, "not file"),
        ({"type": "audio", "base64": PIXEL}, "not audio"),
    ],
)
def test_media_that_it_cannot_take_are_named(block: dict[str, Any], said: str) -> None:
    with pytest.raises(UnsupportedError, match=said):
        body(HumanMessage([block]))


def test_tools_and_what_it_lacks_of_them() -> None:
    assert body(tools=(WEATHER,), tool_choice="auto")["tools"] == [
        {
            "type": "function",
            "function": {"name": "weather", "description": "Weather.", "parameters": WEATHER.parameters},
        }
    ]
    assert "tools" not in body(tools=(WEATHER,), tool_choice="none")
    with pytest.raises(UnsupportedError, match="OllamaChat has no forced tools"):
        body(tools=(WEATHER,), tool_choice="weather")
    with pytest.raises(UnsupportedError, match="OllamaChat has no strict tools"):
        body(tools=(ToolSpec("f", strict=True),))
    with pytest.raises(UnsupportedError, match="OllamaChat has no switch for parallel"):
        body(tools=(WEATHER,), parallel_tool_calls=False)
    with pytest.raises(UnsupportedError, match="OllamaChat has no reasoning budget"):
        body(options={"reasoning": 1000})


RECORDED = [path for path in exchanges() if path.parent.name == "ollama" and load(path)["response"]["status"] == 200]


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_a_recorded_answer_goes_back_in_the_sdks_types(path: Path) -> None:
    exchange = load(path)
    message, _ = decode(CODEC, exchange, [body_of(exchange)]) if streamed(exchange) else answer(CODEC, exchange)
    results = [ToolMessage("done", call["id"] or "") for call in message.tool_calls]
    assert body(HumanMessage("Hi"), message, *results, HumanMessage("Go on"))["messages"][1]["role"] == "assistant"
