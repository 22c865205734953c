"""What an answer of chat completions holds: calls, reasoning, sound, pictures, citations, logprobs and counts."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.wire.openai_chat_events import CODEC, STOP, answer, call, choice, said, stream

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
