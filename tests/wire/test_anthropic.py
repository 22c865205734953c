"""Anthropic Messages: streams and whole answers read, one test a quirk."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbchat.values.errors import OverloadedError, RateLimitError, StreamError
from nbchat.values.messages import AIMessage
from nbchat.wire.anthropic import AnthropicMessages
from tests.wire.damage import damaged, survives
from tests.wire.summed import summed

CODEC = AnthropicMessages()


def event(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, **fields}


def start(index: int, **block: Any) -> dict[str, Any]:
    return event("content_block_start", index=index, content_block=block)


def delta(index: int, kind: str, **fields: Any) -> dict[str, Any]:
    return event("content_block_delta", index=index, delta={"type": kind, **fields})


def stop(index: int) -> dict[str, Any]:
    return event("content_block_stop", index=index)


def sse(events: list[dict[str, Any]]) -> bytes:
    return b"".join(f"event: {e['type']}\ndata: {json.dumps(e, ensure_ascii=False)}\n\n".encode() for e in events)


OPENING = event(
    "message_start",
    message={
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-test",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {
            "input_tokens": 5,
            "cache_creation_input_tokens": 20,
            "cache_read_input_tokens": 100,
            "output_tokens": 1,
        },
    },
)
CITATION = {
    "type": "web_search_result_location",
    "url": "https://a.example/",
    "title": "A",
    "cited_text": "c",
    "encrypted_index": "e",
}
FOUND = [{"type": "web_search_result", "url": "u"}]
ENDING = [
    event("message_delta", delta={"stop_reason": "tool_use", "stop_sequence": None}, usage={"output_tokens": 30}),
    event("message_stop"),
]
EVENTS = [
    OPENING,
    start(0, type="thinking", thinking="", signature=""),
    event("ping"),
    delta(0, "thinking_delta", thinking="Let me "),
    delta(0, "thinking_delta", thinking="look."),
    delta(0, "signature_delta", signature="c2lnbmVk"),
    stop(0),
    start(1, type="redacted_thinking", data="aGlkZGVu"),
    stop(1),
    start(2, type="text", text=""),
    delta(2, "text_delta", text="Zürich\u2028 "),
    delta(2, "citations_delta", citation=CITATION),
    delta(2, "text_delta", text="is 🌧️."),
    stop(2),
    start(3, type="tool_use", id="toolu_1", name="weather", input={}, caller={"type": "direct"}),
    delta(3, "input_json_delta", partial_json=""),
    delta(3, "input_json_delta", partial_json='{"city": "Zür'),
    delta(3, "input_json_delta", partial_json='ich"}'),
    stop(3),
    start(4, type="server_tool_use", id="srvtoolu_1", name="web_search", input={}),
    delta(4, "input_json_delta", partial_json='{"query": "rain"}'),
    stop(4),
    start(5, type="web_search_tool_result", tool_use_id="srvtoolu_1", content=FOUND),
    stop(5),
    start(6, type="compaction", content=None),
    delta(6, "compaction_delta", content="so far", encrypted_content="ZW5j"),
    stop(6),
    *ENDING,
]  # fmt: skip
WHOLE = {
    **OPENING["message"],
    "content": [
        {"type": "thinking", "thinking": "Let me look.", "signature": "c2lnbmVk"},
        {"type": "redacted_thinking", "data": "aGlkZGVu"},
        {"type": "text", "text": "Zürich\u2028 is 🌧️.", "citations": [CITATION]},
        {
            "type": "tool_use",
            "id": "toolu_1",
            "name": "weather",
            "input": {"city": "Zürich"},
            "caller": {"type": "direct"},
        },
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "rain"}},
        EVENTS[22]["content_block"],
        {"type": "compaction", "content": "so far", "encrypted_content": "ZW5j"},
    ],
    "stop_reason": "tool_use",
    "usage": {**OPENING["message"]["usage"], "output_tokens": 30},
}


def read(*pieces: bytes) -> AIMessage:
    return summed(CODEC.decoder("anthropic"), *pieces)


def answer(**fields: Any) -> AIMessage:
    return CODEC.answer(json.dumps({**WHOLE, **fields}).encode(), "anthropic")


def test_a_stream_has_every_block_in_order() -> None:
    message = read(sse(EVENTS))
    assert message.blocks == [
        {"type": "reasoning", "reasoning": "Let me look.", "extras": {"signature": "c2lnbmVk"}},
        {"type": "reasoning", "reasoning": "", "extras": {"redacted": "aGlkZGVu"}},
        {
            "type": "text",
            "text": "Zürich\u2028 is 🌧️.",
            "annotations": [
                {
                    "type": "citation",
                    "url": "https://a.example/",
                    "title": "A",
                    "cited_text": "c",
                    "extras": {"type": "web_search_result_location", "encrypted_index": "e"},
                }
            ],
        },
        {
            "type": "tool_call",
            "name": "weather",
            "args": {"city": "Zürich"},
            "id": "toolu_1",
            "extras": {"caller": {"type": "direct"}},
        },
        {"type": "server_tool_call", "name": "web_search", "args": {"query": "rain"}, "id": "srvtoolu_1"},
        {
            "type": "server_tool_result",
            "tool_call_id": "srvtoolu_1",
            "output": [{"type": "web_search_result", "url": "u"}],
            "status": "success",
            "extras": {"type": "web_search_tool_result"},
        },
        {
            "type": "non_standard",
            "value": {"type": "compaction", "content": "so far", "encrypted_content": "ZW5j"},
        },
    ]
    assert message.id == "msg_1"
    assert message.finish_reason == "tool_calls"
    assert message.response_metadata == {
        "model_provider": "anthropic",
        "wire": "anthropic",
        "model_name": "claude-test",
        "finish_reason": "tool_use",
    }


def test_a_whole_answer_equals_its_stream() -> None:
    assert answer() == read(sse(EVENTS))


def test_a_stream_is_the_same_byte_by_byte_and_with_crlf() -> None:
    data = sse(EVENTS)
    assert read(*(bytes([b]) for b in data)) == read(data)
    assert read(*(bytes([b]) for b in data.replace(b"\n", b"\r\n"))) == read(data)


@given(st.lists(st.integers(0, len(sse(EVENTS))), max_size=30).map(sorted))
def test_a_stream_is_the_same_in_any_cuts(places: list[int]) -> None:
    data = sse(EVENTS)
    assert read(*(data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True))) == read(data)


def test_input_tokens_count_what_went_through_the_cache_and_output_tokens_are_a_total() -> None:
    usage = read(sse(EVENTS)).usage_metadata
    assert usage == {
        "input_tokens": 125,
        "output_tokens": 30,
        "total_tokens": 155,
        "input_token_details": {"cache_read": 100, "cache_creation": 20},
    }


def test_usage_at_the_end_replaces_that_at_the_start() -> None:
    ending = event(
        "message_delta", delta={}, usage={"input_tokens": 9, "cache_read_input_tokens": None, "output_tokens": 2}
    )
    usage = read(sse([OPENING, ending, event("message_stop")])).usage_metadata
    assert usage is not None
    assert (usage.input_tokens, usage.cache_read_tokens) == (129, 100)


def test_thinking_tokens_and_what_else_usage_says_are_kept() -> None:
    said = {
        "input_tokens": 1,
        "output_tokens": 9,
        "output_tokens_details": {"thinking_tokens": 7},
        "service_tier": "standard",
        "server_tool_use": {"web_search_requests": 1},
    }
    message = answer(usage=said)
    assert message.usage_metadata is not None
    assert message.usage_metadata.reasoning_tokens == 7
    assert message.response_metadata["usage"] == {
        "service_tier": "standard",
        "server_tool_use": {"web_search_requests": 1},
    }


def test_a_thought_with_nothing_but_a_signature_is_kept() -> None:
    thought = [
        start(0, type="thinking", thinking="", signature=""),
        delta(0, "signature_delta", signature="s"),
        stop(0),
    ]
    message = read(sse([OPENING, *thought, *ENDING]))
    assert message.blocks == [{"type": "reasoning", "reasoning": "", "extras": {"signature": "s"}}]


def test_a_tool_call_without_arguments_has_none() -> None:
    message = read(sse([OPENING, start(0, type="tool_use", id="t", name="now", input={}), stop(0), *ENDING]))
    assert message.tool_calls == [{"type": "tool_call", "name": "now", "args": {}, "id": "t"}]


def test_a_tool_call_that_comes_whole_at_its_start_keeps_its_arguments() -> None:
    message = read(sse([OPENING, start(0, type="tool_use", id="t", name="f", input={"a": 1}), stop(0), *ENDING]))
    assert message.tool_calls[0]["args"] == {"a": 1}


def test_a_tool_call_cut_at_max_tokens_is_invalid_and_not_lost() -> None:
    call = [
        start(0, type="tool_use", id="t", name="f", input={}),
        delta(0, "input_json_delta", partial_json='{"a": "b'),
    ]
    ending = [event("message_delta", delta={"stop_reason": "max_tokens"}), event("message_stop")]
    message = read(sse([OPENING, *call, *ending]))
    assert message.finish_reason == "length"
    assert message.invalid_tool_calls[0]["args"] == '{"a": "b'


def test_blocks_that_share_an_index_stay_apart() -> None:
    first, second = (start(0, type="tool_use", id=n, name=n, input={}) for n in "ab")
    args = delta(0, "input_json_delta", partial_json="{}")
    message = read(sse([OPENING, first, args, stop(0), second, args, *ENDING]))
    assert [(c["id"], c["args"]) for c in message.tool_calls] == [("a", {}), ("b", {})]


def test_a_delta_whose_empty_text_a_gateway_left_out_is_nothing() -> None:
    call = [start(0, type="tool_use", id="t", name="f"), delta(0, "input_json_delta")]
    message = read(sse([OPENING, *call, delta(0, "input_json_delta", partial_json='{"a": 1}'), stop(0), *ENDING]))
    assert message.tool_calls[0]["args"] == {"a": 1}
    assert "events" not in message.response_metadata


def test_a_block_without_its_start_is_read() -> None:
    assert read(sse([OPENING, delta(0, "text_delta", text="Hi"), *ENDING])).text == "Hi"


def test_an_error_of_a_servers_tool_is_an_error() -> None:
    failed = {"type": "web_search_tool_result_error", "error_code": "max_uses_exceeded"}
    block = {"type": "web_search_tool_result", "tool_use_id": "s", "content": failed}
    assert answer(content=[block]).blocks[0]["status"] == "error"


def test_a_tool_of_an_mcp_server_keeps_the_servers_name() -> None:
    used = {"type": "mcp_tool_use", "id": "m", "name": "ask", "server_name": "wiki", "input": {"q": 1}}
    assert answer(content=[used]).blocks == [
        {
            "type": "server_tool_call",
            "name": "ask",
            "args": {"q": 1},
            "id": "m",
            "extras": {"type": "mcp_tool_use", "server_name": "wiki"},
        }
    ]


def test_what_is_not_known_is_kept() -> None:
    odd = {"type": "hologram", "shape": "cat"}
    event_of_tomorrow = event("weather_report", sky="blue")
    block = [start(0, **odd), delta(0, "glow_delta", shape="fish"), stop(0)]
    message = read(sse([OPENING, *block, event_of_tomorrow, *ENDING]))
    assert message.blocks == [{"type": "non_standard", "value": {"type": "hologram", "shape": "catfish"}}]
    assert message.response_metadata["events"] == [event_of_tomorrow]


def test_container_and_stop_sequence_are_kept() -> None:
    ending = event(
        "message_delta", delta={"stop_reason": "stop_sequence", "stop_sequence": "END", "container": {"id": "c"}}
    )
    message = read(sse([OPENING, ending, event("message_stop", **{"amazon-bedrock-invocationMetrics": {"x": 1}})]))
    assert message.finish_reason == "stop"
    assert message.response_metadata["stop_sequence"] == "END"
    assert message.response_metadata["container"] == {"id": "c"}
    assert message.response_metadata["amazon-bedrock-invocationMetrics"] == {"x": 1}


def test_an_error_in_a_stream_keeps_what_came_before() -> None:
    error = event("error", error={"type": "overloaded_error", "message": "Overloaded"})
    with pytest.raises(OverloadedError, match="Overloaded") as caught:
        read(sse([*EVENTS[:11], error]))
    assert caught.value.partial.text == "Zürich\u2028 "


def test_an_error_with_status_200_is_an_error() -> None:
    body = {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}, "request_id": "req_1"}
    with pytest.raises(RateLimitError, match="req_1"):
        CODEC.answer(json.dumps(body).encode(), "anthropic")


@pytest.mark.parametrize("count", range(len(EVENTS)))
def test_a_cut_stream_is_an_error_after_any_event(count: int) -> None:
    with pytest.raises(StreamError, match="anthropic"):
        read(sse(EVENTS[:count]))


def test_a_cut_stream_keeps_the_servers_tool_call_it_was_in() -> None:
    with pytest.raises(StreamError) as caught:
        read(sse(EVENTS[:21]))
    assert caught.value.partial.blocks[-1]["args"] == {"query": "rain"}  # type: ignore[attr-defined]


@pytest.mark.parametrize("body", [b"", b"<html>no</html>", b"[]", b'"hello"', b'{"choices": []}', b'{"content": "x"}'])
def test_a_body_that_is_no_message_is_named(body: bytes) -> None:
    with pytest.raises(StreamError, match="anthropic"):
        CODEC.answer(body, "anthropic")


def test_a_whole_answer_in_place_of_a_stream_is_read() -> None:
    assert read(json.dumps(WHOLE).encode()) == read(sse(EVENTS))


def test_openais_last_word_is_nothing() -> None:
    assert read(sse(EVENTS) + b"data: [DONE]\n\n") == read(sse(EVENTS))


@given(damaged(EVENTS))
def test_damaged_events_end_in_a_message_or_a_named_error(events: list[Any]) -> None:
    lines = [b"data: " + json.dumps(e).encode() + b"\n\n" for e in events]
    survives(CODEC, b"".join(lines))


@given(damaged([WHOLE]))
def test_a_damaged_answer_ends_in_a_message_or_a_named_error(bodies: list[Any]) -> None:
    survives(CODEC, b"".join(json.dumps(body).encode() for body in bodies))


@given(st.binary(max_size=200))
def test_random_bytes_end_in_a_named_error(data: bytes) -> None:
    assert survives(CODEC, data) is None
    assert survives(CODEC, b"data: " + data + b"\n\n") is None
