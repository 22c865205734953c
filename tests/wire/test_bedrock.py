"""AWS Bedrock Converse: streams and whole answers read, one test a quirk."""

from __future__ import annotations

import base64
import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nbchat.values.errors import (
    ChatError,
    OverloadedError,
    RateLimitError,
    ServerError,
    StreamError,
)
from nbchat.values.messages import HumanMessage
from nbchat.wire.codec import Call
from tests.recorded.harness import frames
from tests.wire.aws_frames import delta, ended, event, frame, refusals, start, stop, whole
from tests.wire.bedrock_answers import ANSWER, CITED, CODEC, NOTE, chunks, stream
from tests.wire.damage import damaged, survives

PIXEL = base64.b64encode(b"not really a picture").decode()


def test_a_streamed_answer_has_its_blocks_in_order() -> None:
    message = stream(ANSWER)
    assert [block["type"] for block in message.blocks] == ["reasoning", "text", "tool_call", "tool_call"]
    assert message.reasoning == "Let me look."
    assert message.blocks[0]["extras"] == {"signature": "c2ln"}
    assert message.text == "I\u2019ll check \u2028 the weather 🌦."
    assert [(c["args"], c["id"]) for c in message.tool_calls] == [
        ({"city": "Boston"}, "tooluse_1"),
        ({"city": "Tokyo"}, "tooluse_2"),
    ]
    assert message.finish_reason == "tool_calls"
    assert message.response_metadata["finish_reason"] == "tool_use"
    assert message.response_metadata["metrics"] == {"latencyMs": 7}


def test_byte_by_byte_gives_the_same() -> None:
    assert stream(*(bytes([b]) for b in ANSWER)) == stream(ANSWER)


@settings(max_examples=30)
@given(st.lists(st.integers(0, len(ANSWER)), max_size=12))
def test_any_cuts_give_the_same(places: list[int]) -> None:
    ends = [0, *sorted(places), len(ANSWER)]
    assert stream(*(ANSWER[a:b] for a, b in pairwise(ends))) == stream(ANSWER)


def test_the_whole_answer_equals_the_streamed_one() -> None:
    cached = {"cacheReadInputTokens": 10, "cacheWriteInputTokens": 0}
    answer = whole(
        {"reasoningContent": {"reasoningText": {"text": "Let me look.", "signature": "c2ln"}}},
        {"text": "I\u2019ll check \u2028 the weather 🌦."},
        {"toolUse": {"name": "weather", "toolUseId": "tooluse_1", "type": "tool_use", "input": {"city": "Boston"}}},
        {"toolUse": {"name": "weather", "toolUseId": "tooluse_2", "input": {"city": "Tokyo"}}},
        reason="tool_use",
        metrics={"latencyMs": 7},
        usage={"inputTokens": 3, "outputTokens": 2, "totalTokens": 5, **cached},
    )
    assert CODEC.answer(answer, "bedrock") == stream(ANSWER)


def test_usage_counts_what_the_cache_read_and_is_sent_once() -> None:
    counted = [chunk.usage_metadata for chunk in chunks(ANSWER) if chunk.usage_metadata]
    assert counted == [
        {
            "input_tokens": 13,
            "output_tokens": 2,
            "total_tokens": 5,
            "input_token_details": {"cache_read": 10, "cache_creation": 0},
        }
    ]
    assert chunks(ANSWER)[-1].chunk_position == "last"


def test_a_text_block_needs_no_start_and_an_empty_one_leaves_nothing() -> None:
    message = stream(delta(0, text=""), stop(0), delta(1, text="Hello"), stop(1), ended())
    assert message.content_blocks == [{"type": "text", "text": "Hello"}]


def test_a_tool_call_without_arguments() -> None:
    message = stream(start(0, toolUse={"name": "now", "toolUseId": "t"}), delta(0, toolUse={"input": ""}), ended())
    assert message.tool_calls[0]["args"] == {}


def test_redacted_reasoning_in_pieces_is_one_block() -> None:
    pieces = [base64.b64encode(part).decode() for part in (b"secr", b"et")]
    message = stream(*(delta(0, reasoningContent={"redactedContent": p}) for p in pieces), stop(0), ended())
    assert message.blocks == [
        {"type": "reasoning", "reasoning": "", "extras": {"redacted": base64.b64encode(b"secret").decode()}}
    ]


def test_a_citation_comes_before_its_text() -> None:
    message = stream(delta(0, citation=CITED), delta(0, text="In 1993"), delta(0, text="."), stop(0), ended())
    assert message.blocks == [{"type": "text", "text": "In 1993.", "annotations": [NOTE]}]


def test_cited_content_of_a_whole_answer() -> None:
    cited = {"citationsContent": {"content": [{"text": "1993."}], "citations": [CITED]}}
    message = CODEC.answer(whole({"text": "See: "}, cited), "bedrock")
    assert message.text == "See: 1993."
    assert message.blocks[1]["annotations"] == [NOTE]


def test_tools_that_bedrock_ran_itself_are_blocks_of_their_own() -> None:
    ran = stream(
        start(0, toolUse={"name": "nova_code_interpreter", "toolUseId": "a", "type": "server_tool_use"}),
        delta(0, toolUse={"input": '{"snippet": '}),
        delta(0, toolUse={"input": '"1+1"}'}),
        stop(0),
        start(1, toolResult={"toolUseId": "a", "status": "success", "type": "nova_code_interpreter_result"}),
        delta(1, toolResult=[{"json": {"stdOut": "2"}}]),
        stop(1),
        ended(),
    )
    assert ran.blocks == [
        {
            "type": "server_tool_call",
            "name": "nova_code_interpreter",
            "args": {"snippet": "1+1"},
            "id": "a",
            "extras": {"type": "server_tool_use"},
        },
        {
            "type": "server_tool_result",
            "tool_call_id": "a",
            "output": [{"json": {"stdOut": "2"}}],
            "status": "success",
            "extras": {"type": "nova_code_interpreter_result"},
        },
    ]
    assert ran.tool_calls == []


def test_an_image_in_pieces_and_one_in_s3() -> None:
    halves = [base64.b64encode(part).decode() for part in (b"abcd", b"e")]
    streamed = stream(
        start(0, image={"format": "png"}), *(delta(0, image={"source": {"bytes": h}}) for h in halves), stop(0), ended()
    )
    assert streamed.blocks == [
        {"type": "image", "mime_type": "image/png", "base64": base64.b64encode(b"abcde").decode()}
    ]
    stored = {"image": {"format": "webp", "source": {"s3Location": {"uri": "s3://bucket/a.webp"}}}}
    assert CODEC.answer(whole(stored), "bedrock").blocks == [
        {"type": "image", "mime_type": "image/webp", "url": "s3://bucket/a.webp"}
    ]


def test_media_keep_their_kind_whatever_they_call_themselves() -> None:
    block = {"image": {"format": "png", "type": ["x"], "source": {"bytes": "aGk="}}}
    assert CODEC.answer(whole(block), "bedrock").blocks == [
        {"type": "image", "mime_type": "image/png", "base64": "aGk="}
    ]


def test_media_from_a_place_that_nobody_knows_go_back_as_they_came() -> None:
    block = {"video": {"format": "mp4", "source": {"s3Location": {"uri": "s3://bucket/a", "bucketOwner": "1" * 12}}}}
    message = CODEC.answer(whole(block), "bedrock")
    assert message.blocks == [{"type": "non_standard", "value": block}]
    body = CODEC.request(Call("m", [HumanMessage("Hi"), message, HumanMessage("Go on")])).body
    assert body["messages"][1]["content"] == [block]
    assert refusals(body) == []


def test_what_a_guardrail_did_and_other_metadata_is_kept() -> None:
    message = stream(
        delta(0, text="No."),
        event("messageStop", {"stopReason": "guardrail_intervened", "additionalModelResponseFields": {"x": 1}}),
        event(
            "metadata",
            {
                "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2, "cacheDetails": [{"ttl": "5m"}]},
                "trace": {"guardrail": {"actionReason": "blocked"}},
                "performanceConfig": {"latency": "optimized"},
            },
        ),
    )
    assert message.finish_reason == "content_filter"
    assert (
        message.response_metadata
        | {
            "additionalModelResponseFields": {"x": 1},
            "trace": {"guardrail": {"actionReason": "blocked"}},
            "performanceConfig": {"latency": "optimized"},
            "usage": {"cacheDetails": [{"ttl": "5m"}]},
        }
        == message.response_metadata
    )


def test_events_blocks_and_deltas_that_nobody_knows_are_kept() -> None:
    message = stream(event("aside", {"said": 1}), delta(0, hologram={"x": 2}), start(1, scent={"y": 3}), ended())
    assert message.response_metadata["events"] == [{"aside": {"said": 1}}]
    assert [block["value"] for block in message.blocks] == [{"hologram": {"x": 2}}, {"scent": {"y": 3}}]
    assert CODEC.answer(whole({"video": "?"}), "bedrock").blocks == [{"type": "non_standard", "value": {"video": "?"}}]


# errors


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("throttlingException", RateLimitError),
        ("serviceUnavailableException", OverloadedError),
        ("internalServerException", ServerError),
        ("modelStreamErrorException", ServerError),
    ],
)
def test_an_exception_in_the_stream_comes_after_what_was_received(kind: str, error: type[ChatError]) -> None:
    broken = frame(b'{"message": "No luck.", "originalMessage": "GPU"}', message_type="exception", exception_type=kind)
    decoder, seen = CODEC.decoder("bedrock"), []
    with pytest.raises(error, match=r"No luck\.: GPU") as caught:
        for chunk in decoder.feed(delta(0, text="Half an ") + broken):
            seen.append(chunk.text)
    assert seen == ["Half an "]
    assert caught.value.code == kind


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty body"),
        (delta(0, text="Half"), "was cut"),
        (ANSWER[:-200], "was cut"),
        (b"<html><title>Sign in</title></html>", "no AWS event stream"),
        (frame(b"not json", message_type="event", event_type="metadata"), "not JSON"),
        (event("contentBlockDelta", "text"), "no object"),
        (event("contentBlockDelta", {"contentBlockIndex": 0, "delta": "text"}), "without a delta"),
        (event("contentBlockDelta", {"contentBlockIndex": [0], "delta": {}}), "contentBlockIndex"),
    ],
)
def test_a_stream_that_is_none_ends_in_a_named_error(data: bytes, words: str) -> None:
    with pytest.raises(StreamError, match=words):
        stream(data)


@pytest.mark.parametrize(
    "answer", [b"[]", b"{}", b'{"output": []}', b'{"output": {"message": {"content": 3}}}', b"<html>", b""]
)
def test_an_answer_that_is_none_ends_in_a_named_error(answer: bytes) -> None:
    with pytest.raises(StreamError):
        CODEC.answer(answer, "bedrock")


def test_an_error_in_a_200_answer() -> None:
    with pytest.raises(ChatError, match="slow down"):
        CODEC.answer(b'{"__type": "com.amazon#ThrottlingException", "message": "slow down"}', "bedrock")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
PARTS = (
    *("text", "toolUse", "toolResult", "reasoningContent", "citation", "image", "input", "signature", "source"),
    *("bytes", "redactedContent", "citationsContent", "content", "citations", "name", "toolUseId", "type", "format"),
    *("location", "web", "url", "sourceContent", "title", "reasoningText", "s3Location", "uri", "status", "json"),
)
SHAPES = st.recursive(
    JSON | st.sampled_from(["server_tool_use", "png", "eA==", '{"a": 1}']),
    lambda inner: st.dictionaries(st.sampled_from(PARTS), inner, max_size=4) | st.lists(inner, max_size=3),
    max_leaves=12,
)
KINDS = st.sampled_from(
    ["messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata", "odd"]
)


@st.composite
def hostile_events(draw: st.DrawFn) -> bytes:
    kind = draw(KINDS)
    content: Any = {"contentBlockIndex": draw(st.integers(0, 2) | JSON), "delta": draw(SHAPES), "start": draw(SHAPES)}
    content |= {"stopReason": draw(JSON), "usage": draw(JSON | SHAPES)} if kind in ("messageStop", "metadata") else {}
    return event(kind, draw(st.just(content) | JSON))


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(hostile_events(), max_size=4))
def test_no_event_of_any_form_crashes(events: list[bytes]) -> None:
    try:
        message = stream(*events)
    except ChatError:
        return
    assert json.dumps(message.to_dict())
    CODEC.request(Call("m", [HumanMessage("a"), message]))


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(SHAPES, max_size=5), SHAPES)
def test_no_answer_of_any_form_crashes(content: list[Any], usage: Any) -> None:
    try:
        message = CODEC.answer(whole(*content, usage=usage), "bedrock")
    except ChatError:
        return
    assert json.dumps(message.to_dict())


EVENTS = [[headers[":event-type"], json.loads(payload)] for headers, payload in frames(ANSWER)]


@settings(max_examples=150, deadline=None)
@given(damaged(EVENTS))
def test_no_damage_to_a_real_answer_crashes(events: list[Any]) -> None:
    pairs = [pair if isinstance(pair, list) and len(pair) == 2 else ["odd", pair] for pair in events]
    survives(CODEC, b"".join(event(str(kind), content) for kind, content in pairs))


@given(st.binary(max_size=200))
def test_no_bytes_crash(data: bytes) -> None:
    with pytest.raises(ChatError):
        stream(data)
