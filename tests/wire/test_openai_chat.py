"""OpenAI chat completions: streams and whole answers read, one test a quirk."""

from __future__ import annotations

import base64
import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbchat.values.errors import BadRequestError, ContentFilterError, OverloadedError, ProviderError, StreamError
from nbchat.values.gathering import Gathering
from nbchat.values.messages import AIMessage
from nbchat.wire.openai_chat import OpenAIChat
from tests.wire.damage import damaged, survives

CODEC = OpenAIChat()


def choice(delta: Any = None, **fields: Any) -> dict[str, Any]:
    return {
        "id": "c1",
        "object": "chat.completion.chunk",
        "created": 9,
        "model": "m",
        "choices": [{"index": 0, "delta": delta, **fields}],
    }


def said(text: str) -> dict[str, Any]:
    return choice({"content": text})


def call(**fields: Any) -> dict[str, Any]:
    return choice({"tool_calls": [fields]})


STOP = choice({}, finish_reason="stop")


def sse(*events: dict[str, Any], done: bool = True) -> bytes:
    body = "".join(f"data: {json.dumps(event, ensure_ascii=False)}\n\n" for event in events)
    return (body + ("data: [DONE]\n\n" if done else "")).encode()


def gather(*pieces: bytes) -> AIMessage:
    decoder, whole = CODEC.decoder("test"), Gathering()
    for data in pieces:
        for chunk in decoder.feed(data):
            whole.add(chunk)
    for chunk in decoder.close():
        whole.add(chunk)
    return whole.message()


def stream(*events: dict[str, Any], done: bool = True) -> AIMessage:
    return gather(sse(*events, done=done))


def broken(body: bytes) -> tuple[AIMessage, Exception]:
    """(what came before the error, the error)"""
    decoder, whole = CODEC.decoder("test"), Gathering()
    with pytest.raises((StreamError, ProviderError)) as caught:
        for chunk in decoder.feed(body):
            whole.add(chunk)
        for chunk in decoder.close():
            whole.add(chunk)
    return whole.message(), caught.value


def answer(message: dict[str, Any], **fields: Any) -> AIMessage:
    body = {"id": "c1", "object": "chat.completion", "created": 9, "model": "m"}
    return CODEC.answer(
        json.dumps({**body, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}], **fields}).encode(),
        "test",
    )


EVENTS: list[dict[str, Any]] = [
    {"id": "", "object": "", "model": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]},
    choice({"role": "assistant", "content": "", "refusal": None}),
    choice(
        {
            "content": None,
            "reasoning": "Hm, 漢\u2028字.",
            "reasoning_details": [{"type": "reasoning.text", "text": "Hm, 漢\u2028字.", "index": 0}],
        }
    ),
    choice(
        {"content": "The 🙂 answer"},
        logprobs={"content": [{"token": "The", "logprob": -0.5, "bytes": [84], "top_logprobs": []}]},
    ),
    choice({"content": " is 4."}),
    choice({"tool_calls": [{"index": 0, "id": "a", "type": "function", "function": {"name": "add", "arguments": ""}}]}),
    choice(
        {
            "tool_calls": [
                {"index": 0, "function": {"arguments": '{"x": 1, "y'}},
                {"index": 1, "id": "b", "function": {"name": "now", "arguments": ""}},
            ]
        }
    ),
    choice({"tool_calls": [{"index": 0, "function": {"arguments": '": "é"}'}}]}),
    choice(
        {
            "audio": {"id": "audio_1", "data": "AAAA", "transcript": "four"},
            "images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO"}}],
        }
    ),
    choice(
        {
            "annotations": [
                {
                    "type": "url_citation",
                    "url_citation": {"url": "https://a.example", "title": "A", "start_index": 0, "end_index": 3},
                }
            ]
        }
    ),
    choice({}, finish_reason="tool_calls"),
    {
        "id": "c1",
        "model": "m",
        "choices": [],
        "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12},
    },
]
BODY = sse(*EVENTS)


# cuts and damage


@given(st.lists(st.integers(0, len(BODY)), max_size=12))
def test_cuts_change_nothing(places: list[int]) -> None:
    ends = [0, *sorted(places), len(BODY)]
    assert gather(*(BODY[a:b] for a, b in pairwise(ends))) == gather(BODY)


def test_byte_by_byte_changes_nothing() -> None:
    assert gather(*(BODY[i : i + 1] for i in range(len(BODY)))) == gather(BODY)


@given(damaged(EVENTS))
def test_a_damaged_stream_is_survived(events: list[Any]) -> None:
    survives(CODEC, sse(*events))


@given(damaged([json.loads(json.dumps(EVENTS[k]).replace('"delta"', '"message"')) for k in (2, 3, 6, 8, 9, 10)]))
def test_a_damaged_answer_is_survived(events: list[Any]) -> None:
    for event in events:
        survives(CODEC, json.dumps(event).encode())


@given(st.binary(max_size=200))
def test_any_bytes_are_survived(data: bytes) -> None:
    survives(CODEC, data)
    survives(CODEC, b"data: " + data + b"\n\n")


# text and metadata


def test_the_pieces_make_the_whole() -> None:
    message = gather(BODY)
    assert message.text == "The 🙂 answer is 4."
    assert message.reasoning == "Hm, 漢\u2028字."
    assert [(c["name"], c["args"], c["id"]) for c in message.tool_calls] == [
        ("add", {"x": 1, "y": "é"}, "a"),
        ("now", {}, "b"),
    ]
    assert message.usage_metadata == {"input_tokens": 5, "output_tokens": 7, "total_tokens": 12}
    assert message.id == "c1"
    assert message.response_metadata == {
        "model_provider": "test",
        "wire": "openai_chat",
        "model_name": "m",
        "created": 9,
        "finish_reason": "tool_calls",
        "prompt_filter_results": [{"prompt_index": 0}],
        "logprobs": {"content": [{"token": "The", "logprob": -0.5, "bytes": [84], "top_logprobs": []}]},
    }


def test_content_may_be_null_missing_a_string_or_a_list() -> None:
    assert answer({"content": None}).text == ""
    assert answer({"role": "assistant"}).text == ""
    assert answer({"content": ["a", {"type": "text", "text": "b"}]}).text == "ab"


def test_content_that_is_other_json_is_the_text_of_it() -> None:
    assert answer({"content": {"name": "Zoë", "n": 1}}).text == '{"name":"Zoë","n":1}'
    assert answer({"content": [1, 2]}).text == "[1,2]"
    assert answer({"content": 8}).text == "8"


def test_white_space_may_precede_a_json_body() -> None:
    body = b"\n         \n" + json.dumps({"choices": [{"message": {"content": "Hi"}}]}).encode()
    assert CODEC.answer(body, "test").text == "Hi"


def test_padding_is_dropped_and_what_is_not_known_is_kept() -> None:
    event = said("a") | {"obfuscation": "xyz", "p": "ab", "service_tier": "default", "x_groq": {"id": "r"}}
    event["choices"][0]["native_finish_reason"] = "end"
    event["choices"][0]["delta"]["colour"] = "blue"
    message = stream(event, said("b") | {"x_groq": {"seed": 1}}, STOP)
    assert message.response_metadata["service_tier"] == "default"
    assert message.response_metadata["x_groq"] == {"id": "r", "seed": 1}
    assert message.response_metadata["native_finish_reason"] == "end"
    assert message.additional_kwargs == {"colour": "blue"}
    assert not message.response_metadata.keys() & {"obfuscation", "p"}


def test_metadata_of_ours_is_not_taken_from_the_server() -> None:
    message = stream(said("a") | {"wire": "anthropic", "model_provider": "evil", "finish_reason": "x"}, STOP)
    assert message.response_metadata["wire"] == "openai_chat"
    assert message.response_metadata["model_provider"] == "test"
    assert message.finish_reason == "stop"


def test_further_choices_are_kept_apart() -> None:
    second = choice({"content": "Other"})
    second["choices"][0] |= {"index": 1, "finish_reason": "length"}
    message = stream(said("One"), second, STOP)
    assert message.text == "One"
    (other,) = message.response_metadata["choices"]
    assert other["index"] == 1
    assert other["content"] == [{"type": "text", "text": "Other"}]
    assert other["response_metadata"] == {"finish_reason": "length"}


def test_a_message_beside_an_empty_delta_is_the_whole_answer() -> None:
    body = {
        "object": "chat.completion",
        "choices": [{"delta": {"role": "assistant", "content": ""}, "message": {"content": "Hi"}}],
    }
    assert CODEC.answer(json.dumps(body).encode(), "perplexity").text == "Hi"


def test_a_message_beside_deltas_repeats_them() -> None:
    events = [choice({"content": t}, message={"content": sofar}) for t, sofar in (("a", "a"), ("b", "ab"))]
    assert stream(*events, choice({}, message={"content": "ab"}, finish_reason="stop")).text == "ab"


def test_chunks_that_call_themselves_whole_are_chunks_in_a_stream() -> None:
    events = [choice({"content": t}, message={"content": sofar}) for t, sofar in (("a", "a"), ("b", "ab"))]
    assert stream(*(e | {"object": "chat.completion"} for e in events), STOP).text == "ab"


def test_an_empty_finish_reason_is_none() -> None:
    assert stream(choice({"content": "a"}, finish_reason=""), done=True).finish_reason is None


# the end of a stream


def test_a_stream_without_done_ends_with_its_finish_reason() -> None:
    assert stream(said("a"), STOP, done=False).text == "a"


def test_nothing_is_read_behind_done() -> None:
    decoder = CODEC.decoder("test")
    assert [chunk.text for chunk in decoder.feed(sse(said("a"), STOP) + b"data: junk\n\n")] == ["a"]
    assert decoder.over


@pytest.mark.parametrize("cut", [b"\xc3", b"\xed\xa0\x80", b"\\ud83d"])
def test_half_a_character_does_not_cost_the_answer(cut: bytes) -> None:
    whole = gather(sse(said("aXb"), STOP).replace(b"X", cut))
    assert "\ufffd" in whole.text
    assert whole.text.replace("\ufffd", "") == "ab"


def test_a_stream_without_finish_reason_ends_with_done() -> None:
    assert stream(said("a")).text == "a"


def test_a_stream_cut_short_is_an_error_that_keeps_what_came() -> None:
    message, error = broken(sse(said("Hel"), done=False))
    assert isinstance(error, StreamError)
    assert "cut" in str(error)
    assert message.text == "Hel"
    assert message.response_metadata["model_name"] == "m"


def test_a_stream_cut_within_an_event_is_cut_as_well() -> None:
    message, error = broken(sse(said("Hel"), said("lo"), done=False)[:-20])
    assert "cut" in str(error)
    assert message.text == "Hel"


def test_text_held_back_as_half_a_tag_is_kept_when_the_stream_is_cut() -> None:
    assert broken(sse(said("<thi"), done=False))[0].text == "<thi"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "empty body"),
        (b"<html><title>Sign in</title></html>", "HTML page"),
        (b"data: <html>\n\n", "HTML page"),
        (b"upstream connect error", "not JSON"),
        (b'data: "text"\n\n', "no chat completion"),
        (b"data: [DONE]\n\n", "no choices"),
        (b'data: {"choices": []}\n\ndata: [DONE]\n\n', "no choices"),
    ],
)
def test_what_is_no_stream_is_named(body: bytes, words: str) -> None:
    error = broken(body)[1]
    assert isinstance(error, StreamError)
    assert words in str(error)


def test_a_whole_answer_in_place_of_a_stream_is_read() -> None:
    body = json.dumps(
        {"object": "chat.completion", "choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]}, indent=1
    )
    assert gather(body.encode()).text == "Hi"


def test_an_error_in_place_of_a_stream_is_read() -> None:
    assert isinstance(broken(b'{"error": {"message": "overloaded", "code": 503}}')[1], OverloadedError)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'"x"', b"<html>", b'{"choices": []}', b'{"choices": null}', b"{}", b'{"choices"']
)
def test_what_is_no_answer_is_named(body: bytes) -> None:
    with pytest.raises(StreamError):
        CODEC.answer(body, "test")


# errors inside a 200


def test_an_error_event_keeps_what_came_before() -> None:
    error = {"error": {"message": "model did not call a tool", "code": "tool_use_failed", "status_code": 400}}
    message, raised = broken(sse(said("maybe"), done=False) + b"event: error\n" + sse(error, done=False))
    assert isinstance(raised, BadRequestError)
    assert "model did not call a tool" in str(raised)
    assert message.text == "maybe"


def test_an_error_may_follow_a_finish_reason_and_carry_usage() -> None:
    error = choice({"content": ""}) | {
        "error": {"code": 502, "message": "Upstream failed"},
        "usage": {"prompt_tokens": 3, "completion_tokens": 1},
    }
    message, raised = broken(sse(said("a"), choice({}, finish_reason="length"), error))
    assert "Upstream failed" in str(raised)
    assert message.usage_metadata == {"input_tokens": 3, "output_tokens": 1, "total_tokens": 4}


def test_an_error_of_one_choice_is_an_error() -> None:
    failed = choice({}, finish_reason="error", error={"code": 403, "message": "Input was flagged"})
    assert isinstance(broken(sse(said("a"), failed))[1], ContentFilterError)
    with pytest.raises(ContentFilterError):
        CODEC.answer(json.dumps(failed).encode(), "test")


def test_an_error_event_may_be_plain_text() -> None:
    assert "Boom" in str(broken(b"event: error\ndata: Boom\n\n")[1])


def test_events_that_only_keep_the_line_alive_mean_nothing() -> None:
    assert gather(b": ping\n\ndata: {}\n\nevent: ping\ndata: {}\n\n" + sse(said("a"), STOP)).text == "a"


# tool calls


def test_later_pieces_of_a_call_carry_only_the_index() -> None:
    message = stream(
        call(index=0, id="a", function={"name": "f", "arguments": '{"x"'}),
        call(index=0, function={"arguments": ": 1}"}),
        STOP,
    )
    assert message.tool_calls == [{"name": "f", "args": {"x": 1}, "id": "a", "type": "tool_call"}]


def test_every_call_may_have_index_0_and_its_own_id() -> None:
    whole = [call(index=0, id=id, function={"name": "f", "arguments": f'{{"x": "{id}"}}'}) for id in "ab"]
    assert [c["args"] for c in stream(*whole, STOP).tool_calls] == [{"x": "a"}, {"x": "b"}]


@pytest.mark.parametrize("id", [None, "", "null"])
def test_calls_without_id_are_told_apart_by_their_names(id: str | None) -> None:
    calls = [call(index=0, id=id, function={"name": n, "arguments": "{}"}) for n in "fg"]
    assert [(c["name"], c["id"]) for c in stream(*calls, STOP).tool_calls] == [("f", None), ("g", None)]


def test_an_id_that_changes_with_every_piece_is_one_call() -> None:
    pieces = [
        call(index=0, id="a", function={"name": "f", "arguments": '{"x"'}),
        call(index=0, id="b", function={"arguments": ": 1}"}),
    ]
    assert [c["args"] for c in stream(*pieces, STOP).tool_calls] == [{"x": 1}]


def test_a_name_repeated_beside_the_id_is_one_call() -> None:
    pieces = [call(index=0, id="a", function={"name": "f", "arguments": a}) for a in ('{"x"', ": 1}")]
    assert [c["args"] for c in stream(*pieces, STOP).tool_calls] == [{"x": 1}]


def test_calls_may_be_mixed() -> None:
    pieces = [
        call(index=0, id="a", function={"name": "f", "arguments": '{"x"'}),
        call(index=1, id="b", function={"name": "g", "arguments": '{"y"'}),
        call(index=0, function={"arguments": ": 1}"}),
        call(index=1, function={"arguments": ": 2}"}),
    ]
    assert [(c["name"], c["args"]) for c in stream(*pieces, STOP).tool_calls] == [("f", {"x": 1}), ("g", {"y": 2})]


def test_a_call_without_arguments_has_none() -> None:
    assert stream(call(index=0, id="a", function={"name": "f", "arguments": ""}), STOP).tool_calls[0]["args"] == {}


def test_arguments_may_be_an_object() -> None:
    assert answer({"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": {"x": 1}}}]}).tool_calls[0][
        "args"
    ] == {"x": 1}


def test_arguments_that_are_no_json_are_an_invalid_call() -> None:
    message = answer({"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": '{"x": '}}]})
    assert message.tool_calls == []
    assert message.invalid_tool_calls[0]["args"] == '{"x": '
    assert repr(message) == "AIMessage(invalid_tool_calls=[f])"


def test_fields_of_a_call_that_are_not_known_are_kept() -> None:
    signature = {"google": {"thought_signature": "sig"}}
    message = answer(
        {"tool_calls": [{"id": "a", "extra_content": signature, "function": {"name": "f", "arguments": "{}"}}]}
    )
    assert message.blocks[0]["extras"] == {"extra_content": signature}


def test_the_legacy_function_call_is_a_tool_call() -> None:
    assert answer({"content": None, "function_call": {"name": "f", "arguments": '{"x": 1}'}}).tool_calls[0]["args"] == {
        "x": 1
    }
    assert answer({"content": "Hi", "function_call": {"name": "", "arguments": ""}}).tool_calls == []


def test_tool_calls_without_end_are_told_apart_in_linear_time() -> None:
    events = [call(index=n, id=str(n), function={"name": "f", "arguments": "{}"}) for n in range(5_000)]
    assert len(stream(*events, STOP).tool_calls) == 5_000


def test_a_list_of_one_call_may_be_no_list() -> None:
    pieces = [
        choice({"tool_calls": {"index": 0, "id": "", "function": {"name": n, "arguments": a}}})
        for n, a in (("f", '{"x"'), (None, ": 1}"))
    ]
    assert [(c["name"], c["args"]) for c in stream(*pieces, STOP).tool_calls] == [("f", {"x": 1})]


def test_tools_that_groq_ran_are_server_tools() -> None:
    tool = {"index": 0, "type": "search", "arguments": '{"query": "x"}'}
    done = tool | {"output": "found", "search_results": {"results": [{"url": "https://a.example"}]}}
    message = stream(choice({"executed_tools": [tool]}), choice({"executed_tools": [done]}), said("As found"), STOP)
    assert message.blocks[:2] == [
        {"type": "server_tool_call", "name": "search", "args": {"query": "x"}, "id": "executed_0"},
        {
            "type": "server_tool_result",
            "tool_call_id": "executed_0",
            "output": "found",
            "status": "success",
            "extras": {"search_results": done["search_results"]},
        },
    ]
    assert message.tool_calls == []


# reasoning


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning", "reasoning_text"])
def test_reasoning_has_many_names(field: str) -> None:
    assert answer({"content": "4", field: "Hm."}).reasoning == "Hm."
    assert stream(choice({field: "H"}), choice({field: "m."}), STOP).reasoning == "Hm."


def test_reasoning_told_twice_is_read_once() -> None:
    assert answer({"content": "4", "reasoning": "Hm.", "reasoning_content": "Hm."}).reasoning == "Hm."


def test_reasoning_details_alone_are_reasoning() -> None:
    pieces = [
        choice({"content": "", "reasoning_details": [{"type": "reasoning.text", "index": 0, "text": t}]})
        for t in ("15", " * 27")
    ]
    assert stream(*pieces, STOP).reasoning == "15 * 27"


def test_pieces_of_reasoning_details_grow_into_whole_ones() -> None:
    details = [
        {"type": "reasoning.text", "index": 0, "text": "Let me", "format": "anthropic-claude-v1"},
        {"type": "reasoning.text", "index": 0, "text": " think", "format": "anthropic-claude-v1"},
        {"type": "reasoning.text", "index": 0, "signature": "sig"},
        {"type": "reasoning.encrypted", "index": 1, "data": "a"},
        {"type": "reasoning.encrypted", "index": 1, "data": "b"},
    ]
    message = stream(
        *(choice({"reasoning": d.get("text"), "reasoning_details": [d]}) for d in details), said("4"), STOP
    )
    assert message.blocks[0]["extras"]["reasoning_details"] == [
        {
            "type": "reasoning.text",
            "index": 0,
            "text": "Let me think",
            "format": "anthropic-claude-v1",
            "signature": "sig",
        },
        *details[3:],
    ]
    assert message.reasoning == "Let me think"


def test_an_encrypted_thought_comes_before_the_text_it_led_to() -> None:
    details = [{"type": "reasoning.encrypted", "data": "gAAAA", "index": 0}]
    message = answer({"content": "4", "reasoning_details": details})
    assert [b["type"] for b in message.blocks] == ["reasoning", "text"]
    assert message.blocks[0]["extras"] == {"reasoning_details": details}


def test_think_tags_are_reasoning() -> None:
    message = stream(said("<th"), said("ink>Hm"), said(".</think>\n\n"), said("4"), STOP)
    assert (message.reasoning, message.text) == ("Hm.", "4")


def test_parts_may_hold_thinking() -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "8 * 2"}], "closed": True}
    message = answer({"content": [thinking, {"type": "text", "text": "16"}]})
    assert (message.reasoning, message.text) == ("8 * 2", "16")
    assert message.blocks[0]["extras"] == {"closed": True}


def test_parts_may_hold_a_signed_summary() -> None:
    part = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm.", "signature": "sig"}]}
    message = answer({"content": [part, {"type": "text", "text": "4"}]})
    assert message.reasoning == "Hm."
    assert message.blocks[0]["extras"] == {"signature": "sig"}


def test_parts_of_unknown_kinds_are_kept() -> None:
    part = {"type": "reference", "reference_ids": [1]}
    assert answer({"content": [{"type": "text", "text": "a"}, part]}).blocks[1] == {
        "type": "non_standard",
        "value": part,
    }


# other things an answer holds


def test_a_refusal_is_a_block_of_its_own() -> None:
    message = stream(choice({"refusal": "I can"}), choice({"refusal": "not."}), STOP)
    assert message.blocks == [{"type": "refusal", "text": "I cannot."}]
    assert message.text == ""


def test_audio_in_pieces_padded_one_by_one_is_one_sound() -> None:
    sound = b"RIFF" + bytes(range(200))
    pieces = [base64.b64encode(sound[i : i + 7]).decode() for i in range(0, len(sound), 7)]
    events = [choice({"audio": {"id": "audio_1", "data": p, "transcript": "a"}}) for p in pieces]
    block = stream(*events, choice({"audio": {"expires_at": 99}}), STOP).blocks[0]
    assert base64.b64decode(block["base64"], validate=True) == sound
    assert block["mime_type"] == "audio/wav"
    assert block["file_id"] == "audio_1"
    assert block["transcript"] == "a" * len(pieces)
    assert block["expires_at"] == 99


def test_audio_of_empty_fields_is_none() -> None:
    assert answer({"content": "Hi", "audio": {"data": "", "expires_at": 0, "id": "", "transcript": ""}}).blocks == [
        {"type": "text", "text": "Hi"}
    ]


def test_audio_keeps_its_kind_whatever_it_calls_itself() -> None:
    assert answer({"audio": {"id": "audio_1", "type": ["x"], "index": 7}}).blocks == [
        {"type": "audio", "file_id": "audio_1"}
    ]


def test_an_image_is_what_its_address_says_whatever_stands_beside_it() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO", "base64": 7, "detail": "low"}}
    assert answer({"content": "", "images": [image]}).blocks == [
        {"type": "image", "base64": "iVBO", "mime_type": "image/png", "detail": "low"}
    ]


def test_images_out_keep_their_order_though_all_have_index_0() -> None:
    images = [
        {"type": "image_url", "index": 0, "image_url": {"url": f"data:image/png;base64,{data}"}}
        for data in ("AAAA", "BBBB")
    ]
    blocks = [b for b in stream(*(choice({"images": [i]}) for i in images), STOP).blocks if b["type"] == "image"]
    assert blocks == [{"type": "image", "base64": data, "mime_type": "image/png"} for data in ("AAAA", "BBBB")]


def test_annotations_are_citations_of_the_text() -> None:
    inside = {"url": "https://a.example", "title": "A", "start_index": 1, "end_index": 4, "content": "page"}
    message = answer(
        {
            "content": "As said",
            "annotations": [{"type": "url_citation", "url_citation": inside}, {"type": "odd", "x": 1}],
        }
    )
    assert message.blocks[0]["annotations"] == [
        {
            "type": "citation",
            "url": "https://a.example",
            "title": "A",
            "start_index": 1,
            "end_index": 4,
            "extras": {"content": "page"},
        },
        {"type": "odd", "x": 1},
    ]


def test_search_results_beside_the_answer_are_citations_once() -> None:
    results = [{"title": "A", "url": "https://a.example", "date": "2026-01-01"}]
    beside = {"citations": ["https://a.example"], "search_results": results}
    message = stream(said("As") | beside, said(" said [1]") | beside, STOP | beside)
    assert message.blocks[0]["annotations"] == [
        {"type": "citation", "url": "https://a.example", "title": "A", "extras": {"date": "2026-01-01"}}
    ]
    assert message.response_metadata["search_results"] == results
    only = answer({"content": "As said [1]"}, citations=["https://a.example"])
    assert only.blocks[0]["annotations"] == [{"type": "citation", "url": "https://a.example"}]


# logprobs


def test_logprobs_add_up() -> None:
    entries = [
        {"token": t, "logprob": -0.1, "bytes": None, "top_logprobs": [{"token": t, "logprob": -0.1}]} for t in "ab"
    ]
    events = [choice({"content": e["token"]}, logprobs={"content": [e], "refusal": None}) for e in entries]
    assert stream(*events, STOP).response_metadata["logprobs"] == {"content": entries}


def test_logprobs_as_lists_of_tokens_and_numbers_are_read() -> None:
    logprobs = {"tokens": ["a", "b"], "token_logprobs": [None, -0.5], "top_logprobs": [None, {"b": -0.5}]}
    body = {"choices": [{"message": {"content": "ab"}, "logprobs": logprobs}]}
    read = CODEC.answer(json.dumps(body).encode(), "together").logprobs
    assert read is not None
    assert [(t.token, t.alternatives[:1]) for t in read][1][0] == "b"
    assert read[1].logprob == -0.5


def test_a_logprob_that_is_a_number_is_of_the_text_beside_it() -> None:
    read = stream(choice({"content": "a"}, logprobs=-0.25), STOP).logprobs
    assert read is not None
    assert (read[0].token, read[0].logprob) == ("a", -0.25)


# usage


def usage(**fields: Any) -> dict[str, Any]:
    found = answer({"content": "a"}, usage={"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14, **fields})
    assert found.usage_metadata is not None
    return dict(found.usage_metadata)


def test_usage_repeated_on_many_chunks_is_a_total() -> None:
    totals = [{"usage": {"prompt_tokens": 5, "completion_tokens": n, "total_tokens": 5 + n}} for n in (1, 2, 3)]
    message = stream(*(said("a") | t for t in totals), STOP | {"usage": None})
    assert message.usage_metadata == {"input_tokens": 5, "output_tokens": 3, "total_tokens": 8}


@pytest.mark.parametrize(
    "fields",
    [
        {"prompt_tokens_details": {"cached_tokens": 6}},
        {"prompt_cache_hit_tokens": 6, "prompt_cache_miss_tokens": 4},
        {"cached_tokens": 6},
        {"num_cached_tokens": 6},
        {"cache_read_input_tokens": 6},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_cached_tokens_have_many_names(fields: dict[str, Any]) -> None:
    assert usage(**fields)["input_token_details"] == {"cache_read": 6}


def test_reasoning_counted_apart_is_added_to_the_output() -> None:
    counted = usage(total_tokens=114, completion_tokens_details={"reasoning_tokens": 100})
    assert (counted["output_tokens"], counted["total_tokens"]) == (104, 114)
    assert usage(completion_tokens_details={"reasoning_tokens": 3})["output_tokens"] == 4


def test_usage_under_x_groq_is_read() -> None:
    message = stream(said("a"), STOP | {"x_groq": {"id": "r", "usage": {"prompt_tokens": 1, "completion_tokens": 2}}})
    assert message.usage_metadata == {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}


def test_cost_and_other_counts_are_kept() -> None:
    rest = answer(
        {"content": "a"},
        usage={"prompt_tokens": 1, "cost": 0.5, "prompt_tokens_details": {"cached_tokens": 0, "video_tokens": 2}},
    )
    assert rest.response_metadata["usage"] == {"cost": 0.5, "prompt_tokens_details": {"video_tokens": 2}}


@pytest.mark.parametrize(
    "usage", ["n/a", 7, [], {"prompt_tokens": "many"}, {"prompt_tokens": None, "completion_tokens": 1.5}]
)
def test_usage_that_is_none_does_no_harm(usage: Any) -> None:
    assert answer({"content": "a"}, usage=usage).text == "a"
