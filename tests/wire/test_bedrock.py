"""Bedrock Converse: what is sent, checked against AWS's own service model, and what comes back, in any cuts."""

from __future__ import annotations

import base64
import json
import sys
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nbchat.values.chunks import AIMessageChunk
from nbchat.values.errors import (
    ChatError,
    ConfigurationError,
    OverloadedError,
    RateLimitError,
    ServerError,
    StreamError,
    UnsupportedError,
)
from nbchat.values.gathering import Gathering
from nbchat.values.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from nbchat.wire.bedrock import BedrockConverse
from nbchat.wire.codec import Call, OutputSchema, Request, ToolSpec
from tests.recorded.harness import frames
from tests.wire.aws_frames import delta, ended, event, frame, refusals, start, stop, whole
from tests.wire.damage import damaged, survives

CODEC = BedrockConverse()
WEATHER = ToolSpec("weather", "The weather in a city.", {"type": "object", "properties": {"city": {"type": "string"}}})
PIXEL = base64.b64encode(b"not really a picture").decode()

ANSWER = b"".join(
    [
        event("messageStart", {"role": "assistant", "p": "abc"}),
        delta(0, reasoningContent={"text": "Let me "}),
        delta(0, reasoningContent={"text": "look."}),
        delta(0, reasoningContent={"signature": "c2ln"}),
        stop(0),
        delta(1, text="I\u2019ll check "),
        delta(1, text="\u2028 the weather 🌦."),
        stop(1),
        start(2, toolUse={"name": "weather", "toolUseId": "tooluse_1", "type": "tool_use"}),
        delta(2, toolUse={"input": ""}),
        delta(2, toolUse={"input": '{"city": "Bos'}),
        delta(2, toolUse={"input": 'ton"}'}),
        stop(2),
        start(3, toolUse={"name": "weather", "toolUseId": "tooluse_2"}),
        delta(3, toolUse={"input": '{"city": "Tokyo"}'}),
        stop(3),
        ended("tool_use", cacheReadInputTokens=10, cacheWriteInputTokens=0),
    ]
)


def request(*messages: Any, model: str = "amazon.nova-2-lite-v1:0", **fields: Any) -> Request:
    """The request of a conversation; AWS's service model finds nothing wrong with it."""
    made = CODEC.request(Call(model, messages, **fields))
    body = json.loads(json.dumps(made.body))
    assert refusals(body) == []
    return made


def body(*messages: Any, **fields: Any) -> dict[str, Any]:
    return request(*messages, **fields).body


def stream(*pieces: bytes) -> AIMessage:
    """The message that a stream sums to."""
    decoder, gathering = CODEC.decoder("bedrock"), Gathering()
    for piece in pieces:
        for chunk in decoder.feed(piece):
            gathering.add(chunk)
    for chunk in decoder.close():
        gathering.add(chunk)
    return gathering.message()


def chunks(data: bytes) -> list[AIMessageChunk]:
    decoder = CODEC.decoder("bedrock")
    return [*decoder.feed(data), *decoder.close()]


# --- what comes back


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


CITED = {
    "title": "facts",
    "location": {"web": {"url": "https://example.org/a", "domain": "example.org"}},
    "sourceContent": [{"text": "Ruby was made "}, {"text": "in 1993."}],
}
NOTE = {
    "type": "citation",
    "title": "facts",
    "url": "https://example.org/a",
    "cited_text": "Ruby was made in 1993.",
    "extras": CITED,
}


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


# --- errors


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


# --- what is sent


def test_the_path_holds_the_model_in_quotes() -> None:
    made = request(HumanMessage("hi"), model="us.amazon.nova-micro-v1:0")
    assert made.path == "/model/us.amazon.nova-micro-v1%3A0/converse"
    arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc"
    assert CODEC.request(Call(arn, [HumanMessage("hi")], stream=True)).path.count("/") == 3
    assert made.headers == {"accept": "application/json"}


def test_system_messages_go_to_the_top() -> None:
    sent = body(SystemMessage("Be brief."), HumanMessage("Hi"), SystemMessage("Be kind."))
    assert sent["system"] == [{"text": "Be brief."}, {"text": "Be kind."}]
    assert sent["messages"] == [{"role": "user", "content": [{"text": "Hi"}]}]


def test_turns_of_one_side_are_joined_and_tool_results_grouped() -> None:
    asked = AIMessage(
        "Looking.",
        tool_calls=[{"name": "weather", "args": {"city": c}, "id": c} for c in ("Boston", "Tokyo")],
    )
    sent = body(
        HumanMessage("Weather in Boston"),
        HumanMessage("and Tokyo?"),
        asked,
        ToolMessage("rain", "Boston"),
        ToolMessage("no such city", "Tokyo", status="error"),
        HumanMessage("Well?"),
        tools=(WEATHER,),
    )
    assert [(m["role"], len(m["content"])) for m in sent["messages"]] == [("user", 2), ("assistant", 3), ("user", 3)]
    assert sent["messages"][2]["content"][:2] == [
        {"toolResult": {"toolUseId": "Boston", "content": [{"text": "rain"}]}},
        {"toolResult": {"toolUseId": "Tokyo", "content": [{"text": "no such city"}], "status": "error"}},
    ]


def test_ids_of_other_providers_are_made_to_fit_on_both_sides() -> None:
    id = "fc_68|call/ä" + "x" * 80
    sent = body(HumanMessage("?"), AIMessage(tool_calls=[{"name": "f", "args": {}, "id": id}]), ToolMessage("1", id))
    used = sent["messages"][1]["content"][0]["toolUse"]["toolUseId"]
    assert used == sent["messages"][2]["content"][0]["toolResult"]["toolUseId"]
    assert len(used) == 64


def test_options_go_where_converse_wants_them() -> None:
    options = {"temperature": 0.5, "top_p": 0.9, "max_tokens": 10, "stop": ["END"], "top_k": 5}
    options |= {"guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"}}
    options |= {"seed": None, "logprobs": False}
    sent = body(HumanMessage("hi"), options=options)
    assert sent["inferenceConfig"] == {"temperature": 0.5, "topP": 0.9, "maxTokens": 10, "stopSequences": ["END"]}
    assert sent["additionalModelRequestFields"] == {"inferenceConfig": {"topK": 5}}
    assert sent["guardrailConfig"]["guardrailIdentifier"] == "g"


def test_native_options_are_merged_into_ours() -> None:
    options = {"max_tokens": 10, "inferenceConfig": {"topP": 0.1}, "additionalModelRequestFields": {"a": 1}, "top_k": 3}
    sent = body(HumanMessage("hi"), model="anthropic.claude-x", options=options)
    assert sent["inferenceConfig"] == {"maxTokens": 10, "topP": 0.1}
    assert sent["additionalModelRequestFields"] == {"a": 1, "top_k": 3}


@pytest.mark.parametrize("option", [{"logprobs": True}, {"top_logprobs": 3}, {"seed": 1}, {"presence_penalty": 0.5}])
def test_what_converse_cannot_do_is_refused(option: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedError, match="BedrockConverse has no"):
        body(HumanMessage("hi"), options=option)


@pytest.mark.parametrize(
    ("model", "reasoning", "sent"),
    [
        (
            "us.anthropic.claude-sonnet-4-20250514-v1:0",
            "low",
            {
                "additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 2048}},
                "inferenceConfig": {"maxTokens": 6144},
            },
        ),
        (
            "us.anthropic.claude-sonnet-4-20250514-v1:0",
            1024,
            {
                "additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 1024}},
                "inferenceConfig": {"maxTokens": 5120},
            },
        ),
        (
            "us.anthropic.claude-sonnet-5",
            "high",
            {
                "additionalModelRequestFields": {"thinking": {"type": "adaptive", "display": "summarized"}},
                "outputConfig": {"effort": "high"},
            },
        ),
        (
            "us.amazon.nova-2-lite-v1:0",
            "medium",
            {"additionalModelRequestFields": {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "medium"}}},
        ),
        ("openai.gpt-oss-120b-1:0", "low", {"additionalModelRequestFields": {"reasoning_effort": "low"}}),
        ("us.anthropic.claude-sonnet-5", False, {"additionalModelRequestFields": {"thinking": {"type": "disabled"}}}),
    ],
)
def test_reasoning_in_each_familys_words(model: str, reasoning: Any, sent: dict[str, Any]) -> None:
    made = body(HumanMessage("hi"), model=model, options={"reasoning": reasoning})
    assert {key: value for key, value in made.items() if key != "messages"} == sent


def test_a_budget_in_tokens_needs_a_model_that_knows_one() -> None:
    with pytest.raises(UnsupportedError, match="no reasoning budget"):
        body(HumanMessage("hi"), options={"reasoning": 1000})


def test_a_model_that_cannot_summarise_its_thoughts_is_asked_without() -> None:
    made = request(HumanMessage("hi"), model="anthropic.claude-sonnet-4-6", options={"reasoning": "low"})
    simpler = CODEC.retry_without(made, "thinking.display: Extra inputs are not permitted")
    assert simpler is not None
    assert simpler.body["additionalModelRequestFields"] == {"thinking": {"type": "adaptive"}}
    assert CODEC.retry_without(simpler, "thinking.display: Extra inputs are not permitted") is None


def test_tools_choices_and_native_tools() -> None:
    native = {"systemTool": {"name": "nova_code_interpreter"}}
    sent = body(HumanMessage("hi"), tools=(WEATHER, native), tool_choice="any")
    spec = {
        "name": "weather",
        "description": "The weather in a city.",
        "inputSchema": {"json": WEATHER.parameters},
    }
    assert sent["toolConfig"] == {"tools": [{"toolSpec": spec}, native], "toolChoice": {"any": {}}}
    forced = body(HumanMessage("hi"), tools=(WEATHER,), tool_choice="weather")
    assert forced["toolConfig"]["toolChoice"] == {"tool": {"name": "weather"}}
    assert "toolConfig" not in body(HumanMessage("hi"), tools=(WEATHER,), tool_choice="none")


def test_a_strict_tools_schema_is_closed() -> None:
    strict = ToolSpec("weather", "", WEATHER.parameters, strict=True)
    spec = body(HumanMessage("hi"), tools=(strict,))["toolConfig"]["tools"][0]["toolSpec"]
    assert spec["strict"] is True
    assert spec["inputSchema"]["json"]["additionalProperties"] is False


def test_a_conversation_that_used_tools_declares_them_again() -> None:
    sent = body(HumanMessage("?"), AIMessage(tool_calls=[{"name": "f", "args": {}, "id": "a"}]), ToolMessage("1", "a"))
    assert [tool["toolSpec"]["name"] for tool in sent["toolConfig"]["tools"]] == ["f"]


def test_one_tool_at_a_time_is_claudes_own_option() -> None:
    sent = body(HumanMessage("hi"), model="anthropic.claude-x", tools=(WEATHER,), parallel_tool_calls=False)
    assert sent["additionalModelRequestFields"] == {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}
    with pytest.raises(UnsupportedError, match="no switch for parallel tool calls"):
        body(HumanMessage("hi"), tools=(WEATHER,), parallel_tool_calls=False)


def test_a_schema_for_the_answer_goes_as_text() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}, "required": ["n"]}
    output = OutputSchema("Count", schema, description="How many.")
    sent = body(HumanMessage("hi"), model="zai.glm-4.7-flash", output=output)
    form = sent["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
    assert form["name"] == "Count"
    assert json.loads(form["schema"])["additionalProperties"] is False


@pytest.mark.parametrize("model", ["amazon.nova-lite-v1:0", "us.anthropic.claude-3-7-sonnet-20250219-v1:0"])
def test_models_without_schemas_say_so(model: str) -> None:
    with pytest.raises(UnsupportedError, match="knows no JSON schemas"):
        body(HumanMessage("hi"), model=model, output=OutputSchema("X", {"type": "object", "properties": {}}))
    with pytest.raises(UnsupportedError, match="no JSON mode"):
        body(HumanMessage("hi"), output=OutputSchema("X", {}, method="json_mode"))


def test_media_as_bytes_or_from_s3() -> None:
    sent = body(
        HumanMessage(
            [
                {"type": "image", "base64": PIXEL, "mime_type": "image/jpg"},
                {"type": "image_url", "image_url": {"url": f"data:image/webp;base64,{PIXEL}"}},
                {"type": "video", "url": "s3://bucket/clip.mov"},
                {"type": "audio", "base64": PIXEL, "mime_type": "audio/mpeg"},
                {"type": "file", "base64": PIXEL, "mime_type": "application/pdf", "name": "my_report: v2.pdf"},
                {"type": "file", "base64": PIXEL, "mime_type": "text/plain", "citations": {"enabled": True}},
                {"type": "file", "base64": PIXEL, "mime_type": "text/plain"},
                "What is all this?",
            ]
        )
    )
    parts = sent["messages"][0]["content"]
    assert [next(iter(part.values()))["format"] for part in parts[:-1]] == [
        *("jpeg", "webp", "mov", "mp3", "pdf", "txt", "txt")
    ]
    assert parts[2]["video"]["source"] == {"s3Location": {"uri": "s3://bucket/clip.mov"}}
    assert [part["document"]["name"] for part in parts[4:7]] == ["my report v2", "Document", "Document (2)"]
    assert parts[5]["document"]["citations"] == {"enabled": True}


def test_a_users_own_document_is_not_renamed_in_their_message() -> None:
    own = {"document": {"name": "a", "format": "txt", "source": {"bytes": PIXEL}}}
    message = HumanMessage([own, own, "?"])
    names = [part["document"]["name"] for part in body(message)["messages"][0]["content"][:2]]
    assert names == ["a", "a (2)"]
    assert own["document"]["name"] == "a"


def test_media_by_web_address_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="as bytes or from s3://, not by url"):
        body(HumanMessage([{"type": "image", "url": "https://example.org/a.png"}]))


def test_tool_results_with_pictures_json_and_nothing() -> None:
    call = AIMessage(tool_calls=[{"name": "f", "args": {}, "id": "a"}])
    results = [{"type": "image", "base64": PIXEL, "mime_type": "image/png"}, {"json": {"n": 1}}, "text"]
    sent = body(HumanMessage("?"), call, ToolMessage(results, "a"))
    kinds = [next(iter(part)) for part in sent["messages"][2]["content"][0]["toolResult"]["content"]]
    assert kinds == ["image", "json", "text"]
    empty = body(HumanMessage("?"), call, ToolMessage("", "a"))
    assert empty["messages"][2]["content"][0]["toolResult"]["content"] == [{"text": "(no output)"}]


def test_cache_marks_become_cache_points() -> None:
    mark = {"type": "ephemeral", "ttl": "1h"}
    sent = body(
        SystemMessage([{"type": "text", "text": "Long.", "cache_control": mark}]),
        HumanMessage(["Also long.", {"cachePoint": {"type": "default"}}, "Short."]),
    )
    assert sent["system"] == [{"text": "Long."}, {"cachePoint": {"type": "default", "ttl": "1h"}}]
    assert sent["messages"][0]["content"][1] == {"cachePoint": {"type": "default"}}


def test_native_blocks_pass() -> None:
    guarded = {"guardContent": {"text": {"text": "Tokyo", "qualifiers": ["query"]}}}
    assert body(HumanMessage([guarded]))["messages"][0]["content"] == [guarded]


def test_an_answer_goes_back_as_it_came() -> None:
    content = [
        {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "c2ln"}}},
        {"reasoningContent": {"redactedContent": "c2VjcmV0"}},
        {"citationsContent": {"content": [{"text": "1993."}], "citations": [CITED]}},
        {"toolUse": {"toolUseId": "s", "name": "nova_code_interpreter", "input": {"a": 1}, "type": "server_tool_use"}},
        {"toolResult": {"toolUseId": "s", "content": [{"json": {"b": 2}}], "status": "success", "type": "r"}},
        {"toolUse": {"toolUseId": "t", "name": "f", "input": {"c": 3}}},
        {"image": {"format": "png", "source": {"bytes": PIXEL}}},
        {"searchResult": {"source": "a", "title": "b", "content": [{"text": "c"}]}},
    ]
    message = CODEC.answer(whole(*content), "bedrock")
    sent = body(HumanMessage("?"), message, ToolMessage("4", "t"), model="anthropic.claude-x")
    assert sent["messages"][1]["content"] == content


def test_what_is_another_providers_own_does_not_go_to_bedrock() -> None:
    foreign = AIMessage(
        [
            {"type": "reasoning", "reasoning": "Hm.", "extras": {"encrypted_content": "x"}},
            {"type": "non_standard", "value": {"type": "mcp_call"}},
            {"type": "server_tool_call", "name": "web_search", "args": {}, "id": "s"},
            {"type": "text", "text": "Yes.", "annotations": [NOTE]},
        ],
        response_metadata={"wire": "openai_responses"},
    )
    assert body(HumanMessage("?"), foreign)["messages"][1]["content"] == [{"text": "Yes."}]


def test_claude_gets_no_thoughts_that_it_has_not_signed() -> None:
    stopped = stream(delta(0, reasoningContent={"text": "Hm."}), delta(1, text="Yes"), ended())
    sent = body(HumanMessage("?"), stopped, HumanMessage("Go on."), model="anthropic.claude-x")
    assert sent["messages"][1]["content"] == [{"text": "Yes"}]


def test_arguments_that_were_no_json_go_back_inside_an_object() -> None:
    broken = stream(start(0, toolUse={"name": "f", "toolUseId": "a"}), delta(0, toolUse={"input": '{"x'}), ended())
    sent = body(HumanMessage("?"), broken, ToolMessage("what?", "a"))
    assert sent["messages"][1]["content"][0]["toolUse"]["input"] == {"not_json": '{"x'}


def test_a_stream_without_botocore_is_refused_before_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "botocore.eventstream", None)
    with pytest.raises(ConfigurationError, match=r'pip install "nbchat\[bedrock\]"'):
        CODEC.request(Call("m", [HumanMessage("?")], stream=True))
    assert CODEC.request(Call("m", [HumanMessage("?")]))


def test_messages_without_content_are_left_out() -> None:
    assert len(body(HumanMessage("?"), AIMessage(""), HumanMessage("Hello?"))["messages"]) == 1
    with pytest.raises(ConfigurationError, match="nothing to send"):
        body(HumanMessage(""))
