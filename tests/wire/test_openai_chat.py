"""OpenAI chat completions: streams and whole answers read, one test a quirk."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbchat.values.errors import BadRequestError, ContentFilterError, OverloadedError, StreamError
from tests.wire.damage import damaged, survives
from tests.wire.openai_chat_events import CODEC, STOP, answer, broken, choice, gather, said, sse, stream

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
