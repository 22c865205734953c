"""OpenAI Responses: streams and whole answers read, one test a quirk."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbchat.values.errors import BadRequestError, ContextLengthError, RateLimitError, ServerError, StreamError
from nbchat.values.messages import AIMessage
from nbchat.wire.openai_responses import OpenAIResponses
from tests.wire.damage import damaged, survives
from tests.wire.summed import summed

CODEC = OpenAIResponses()


def event(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}", **fields}


def added(place: int, **item: Any) -> dict[str, Any]:
    return event("output_item.added", output_index=place, item=item)


def done(place: int, item: dict[str, Any]) -> dict[str, Any]:
    return event("output_item.done", output_index=place, item=item)


def text(place: int, delta: str, **more: Any) -> dict[str, Any]:
    return event("output_text.delta", output_index=place, item_id="msg_1", content_index=0, delta=delta, **more)


def sse(events: list[Any]) -> bytes:
    return b"".join(b"data: %s\n\n" % json.dumps(e, ensure_ascii=False).encode() for e in events)


REASONING = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [{"type": "summary_text", "text": "Look first."}, {"type": "summary_text", "text": "Then say."}],
    "encrypted_content": "ZW5jcnlwdGVk",
}
SEARCH = {
    "type": "web_search_call",
    "id": "ws_1",
    "status": "completed",
    "action": {"type": "search", "query": "rain", "sources": []},
}
CODE = {
    "type": "code_interpreter_call",
    "id": "ci_1",
    "status": "completed",
    "code": "print(1)",
    "container_id": "cntr_1",
    "outputs": [{"type": "logs", "logs": "1\n"}],
}
CITED = {"type": "url_citation", "url": "https://a.example/", "title": "A", "start_index": 0, "end_index": 6}
MESSAGE = {
    "type": "message",
    "id": "msg_1",
    "status": "completed",
    "role": "assistant",
    "phase": "final_answer",
    "content": [{"type": "output_text", "text": "Zürich\u2028 🌧️.", "annotations": [CITED], "logprobs": []}],
}
CALL = {
    "type": "function_call",
    "id": "fc_1",
    "call_id": "call_1",
    "name": "weather",
    "arguments": '{"city": "Zürich"}',
    "status": "completed",
}
RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "status": "completed",
    "error": None,
    "incomplete_details": None,
    "instructions": "Be brief.",
    "model": "gpt-test",
    "output": [REASONING, SEARCH, CODE, MESSAGE, CALL],
    "store": False,
    "tools": [],
    "usage": {
        "input_tokens": 40,
        "input_tokens_details": {"cached_tokens": 30},
        "output_tokens": 20,
        "output_tokens_details": {"reasoning_tokens": 12},
        "total_tokens": 60,
        "cost": 0.5,
    },
}
EVENTS = [
    event("created", response={**RESPONSE, "status": "in_progress", "output": [], "usage": None}),
    added(0, type="reasoning", id="rs_1", summary=[], encrypted_content="dW5maW5pc2hlZA"),
    event("reasoning_summary_part.added", output_index=0, summary_index=0, part={"type": "summary_text", "text": ""}),
    event("reasoning_summary_text.delta", item_id="rs_1", output_index=0, summary_index=0, delta="Look "),
    event("reasoning_summary_text.delta", item_id="rs_1", output_index=0, summary_index=0, delta="first."),
    event("reasoning_summary_text.delta", item_id="rs_1", output_index=0, summary_index=1, delta="Then say."),
    event("reasoning_summary_text.done", item_id="rs_1", output_index=0, summary_index=1, text="Then say."),
    done(0, REASONING),
    added(1, type="web_search_call", id="ws_1", status="in_progress"),
    event("web_search_call.searching", output_index=1, item_id="ws_1"),
    done(1, SEARCH),
    added(2, type="code_interpreter_call", id="ci_1", status="in_progress", code="", container_id="cntr_1"),
    event("code_interpreter_call_code.delta", output_index=2, item_id="ci_1", delta="print(1)"),
    done(2, CODE),
    added(3, type="message", id="msg_1", role="assistant", content=[], status="in_progress", phase="final_answer"),
    event("content_part.added", output_index=3, content_index=0, part={"type": "output_text", "text": ""}),
    text(3, "Zürich\u2028 ", obfuscation="xk2"),
    event("output_text.annotation.added", output_index=3, content_index=0, annotation_index=0, annotation=CITED),
    text(3, "🌧️."),
    event("output_text.done", output_index=3, item_id="msg_1", content_index=0, text="Zürich\u2028 🌧️."),
    done(3, MESSAGE),
    added(4, **{**CALL, "arguments": "", "status": "in_progress"}),
    event("function_call_arguments.delta", output_index=4, item_id="fc_1", delta='{"city": "Zür'),
    event("function_call_arguments.delta", output_index=4, item_id="fc_1", delta='ich"}'),
    event("function_call_arguments.done", output_index=4, item_id="fc_1", arguments='{"city": "Zürich"}'),
    done(4, CALL),
    event("completed", response=RESPONSE),
]  # fmt: skip


def read(*pieces: bytes) -> AIMessage:
    return summed(CODEC.decoder("openai"), *pieces)


def answered(*output: dict[str, Any], **fields: Any) -> AIMessage:
    return CODEC.answer(json.dumps({**RESPONSE, "output": list(output), **fields}).encode(), "openai")


def streamed(*events: dict[str, Any]) -> AIMessage:
    return read(sse([*events, event("completed", response={**RESPONSE, "output": []})]))


def test_a_stream_and_the_whole_answer_give_equal_messages() -> None:
    whole = answered(*RESPONSE["output"])

    assert read(sse(EVENTS)) == whole
    assert whole.text == "Zürich\u2028 🌧️."
    assert whole.tool_calls[0]["args"] == {"city": "Zürich"}
    assert whole.tool_calls[0]["id"] == "call_1"
    assert [b["type"] for b in whole.blocks] == [
        "reasoning", "reasoning", "server_tool_call", "server_tool_call", "server_tool_result", "text", "tool_call",
    ]  # fmt: skip
    assert whole.id == "resp_1"
    assert whole.finish_reason == "tool_calls"
    assert whole.response_metadata["model_name"] == "gpt-test"
    assert whole.response_metadata["store"] is False


def test_bytes_may_be_cut_anywhere() -> None:
    data = sse(EVENTS)

    assert read(*(bytes([b]) for b in data)) == read(data)


@settings(deadline=None)
@given(st.lists(st.integers(0, len(sse(EVENTS))), max_size=30))
def test_arbitrary_cuts_give_the_same_message(places: list[int]) -> None:
    data = sse(EVENTS)

    assert read(*(data[a:b] for a, b in pairwise([0, *sorted(places), None]))) == read(data)


@settings(deadline=None)
@given(damaged(EVENTS))
def test_whatever_a_hostile_server_sends_only_our_errors_come_out(events: list[Any]) -> None:
    survives(CODEC, sse(events))


@settings(deadline=None)
@given(damaged([RESPONSE]))
def test_whatever_a_whole_answer_holds_only_our_errors_come_out(events: list[Any]) -> None:
    survives(CODEC, json.dumps(events[0] if events else {}).encode())


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_random_bytes_give_only_our_errors(data: bytes) -> None:
    survives(CODEC, data)


def test_each_part_of_a_summary_is_a_block_and_only_the_finished_item_gives_its_encrypted_content() -> None:
    first, second, *_ = read(sse(EVENTS)).blocks

    assert first == {
        "type": "reasoning",
        "reasoning": "Look first.",
        "extras": {"id": "rs_1", "encrypted_content": "ZW5jcnlwdGVk"},
    }
    assert second == {"type": "reasoning", "reasoning": "Then say.", "extras": {"id": "rs_1"}}


def test_usage_comes_once_and_what_the_provider_adds_to_it_is_kept() -> None:
    message = read(sse(EVENTS))

    assert message.usage_metadata == {
        "input_tokens": 40,
        "output_tokens": 20,
        "total_tokens": 60,
        "input_token_details": {"cache_read": 30},
        "output_token_details": {"reasoning": 12},
    }
    assert message.response_metadata["usage"] == {"cost": 0.5}


def test_a_tool_that_the_provider_runs_shows_when_it_begins_and_keeps_its_item() -> None:
    chunks = list(CODEC.decoder("openai").feed(sse([added(0, type="web_search_call", id="ws_1"), done(0, SEARCH)])))

    assert chunks[0].content_blocks == [{"type": "server_tool_call", "name": "web_search", "args": {}, "id": "ws_1"}]
    assert chunks[1].content_blocks[0]["args"]["query"] == "rain"
    assert chunks[1].content_blocks[0]["extras"]["item"] == SEARCH


def test_a_remote_mcp_tool_shows_its_arguments_and_its_failure() -> None:
    item = {
        "type": "mcp_call",
        "id": "mcp_1",
        "name": "ask",
        "arguments": '{"q": 1}',
        "server_label": "wiki",
        "error": "gone",
    }
    call, result = answered(item).blocks

    assert (call["name"], call["args"]) == ("ask", {"q": 1})
    assert (result["tool_call_id"], result["output"], result["status"]) == ("mcp_1", "gone", "error")


def test_a_generated_image_is_an_image_block_and_its_bytes_are_kept_once() -> None:
    item = {
        "type": "image_generation_call",
        "id": "ig_1",
        "status": "completed",
        "output_format": "webp",
        "revised_prompt": "a cat",
        "result": "aW1n",
    }
    call, image = answered(item).blocks

    assert (image["type"], image["base64"], image["mime_type"]) == ("image", "aW1n", "image/webp")
    assert call["args"]["revised_prompt"] == "a cat"
    assert "result" not in call["extras"]["item"]


def test_items_nobody_knows_are_kept() -> None:
    unknown = {"type": "hologram", "id": "h_1", "depth": 3}
    result = {"type": "shell_call_output", "id": "sho_1", "call_id": "c_1", "output": [{"stdout": "x"}]}

    assert answered(unknown, result).blocks == [
        {"type": "non_standard", "value": unknown},
        {
            "type": "server_tool_result",
            "tool_call_id": "c_1",
            "output": [{"stdout": "x"}],
            "status": "success",
            "extras": {"item": result},
        },
    ]


def test_a_custom_tools_free_text_is_its_one_argument() -> None:
    item = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c_1", "name": "sql", "input": "select 1"}
    message = streamed(
        added(0, **{**item, "input": ""}),
        event("custom_tool_call_input.delta", output_index=0, delta="select 1"),
        done(0, item),
    )

    assert message.tool_calls[0]["args"] == {"input": "select 1"}
    assert message.blocks == answered(item).blocks


def test_a_custom_tool_that_nobody_declared_was_run_by_the_provider() -> None:
    item = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "xs_call_1", "name": "x_search", "input": '{"q": 1}'}
    tools = [{"type": "x_search"}]
    whole = answered(item, tools=tools)
    begun = event("created", response={**RESPONSE, "tools": tools, "output": [], "status": "in_progress"})
    message = streamed(begun, added(0, **{**item, "input": ""}), done(0, item))

    assert whole.tool_calls == []
    assert (
        whole.blocks
        == message.blocks
        == [
            {
                "type": "server_tool_call",
                "name": "x_search",
                "args": {"q": 1},
                "id": "xs_call_1",
                "extras": {"item": item},
            }
        ]
    )
    assert answered(item, tools=[*tools, {"type": "custom", "name": "x_search"}]).tool_calls != []


def test_a_refusal_is_its_own_block() -> None:
    item = {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "content": [{"type": "refusal", "refusal": "I can't."}],
    }
    deltas = [event("refusal.delta", output_index=0, content_index=0, delta=d) for d in ("I ", "can't.")]
    message = streamed(added(0, **{**item, "content": []}), *deltas, done(0, item))

    assert message.text == ""
    assert (
        message.blocks == answered(item).blocks == [{"type": "refusal", "text": "I can't.", "extras": {"id": "msg_1"}}]
    )


def test_open_models_reason_in_content_parts() -> None:
    item = {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm."}]}
    message = streamed(
        added(0, type="reasoning", id="rs_1", summary=[]),
        event("reasoning_part.added", output_index=0, content_index=0, part={"type": "reasoning_text", "text": ""}),
        event("reasoning_text.delta", output_index=0, content_index=0, delta="Hm."),
        done(0, item),
    )

    assert message.reasoning == "Hm."
    assert message.blocks == answered(item).blocks


def test_a_content_index_that_counts_only_some_parts_does_not_double_the_text() -> None:
    message = streamed(
        added(0, type="message", id="msg_1", role="assistant", content=[]),
        event("content_part.added", output_index=0, content_index=1, part={"type": "output_text", "text": ""}),
        event("output_text.delta", output_index=0, content_index=1, delta="Hi"),
        done(0, {"type": "message", "id": "msg_1", "content": [{"type": "output_text", "text": "Hi"}]}),
    )

    assert message.text == "Hi"


def test_servers_without_output_indices_are_followed_by_item_ids() -> None:
    """llama.cpp."""
    whole = {**MESSAGE, "content": [{"type": "output_text", "text": "Hello"}]}
    message = read(sse([
        event("output_item.added", item={"type": "message", "id": "msg_1", "content": []}),
        event("output_text.delta", item_id="msg_1", delta="Hel"),
        event("output_text.delta", item_id="msg_1", delta="lo"),
        event("output_item.added", item={**CALL, "id": None, "arguments": ""}),
        event("function_call_arguments.delta", item_id="fc_1", delta="{}"),
        event("completed", response={**RESPONSE, "output": [whole]}),
    ]))  # fmt: skip

    assert message.text == "Hello"


def test_a_message_may_have_its_text_as_no_list() -> None:
    assert answered({**MESSAGE, "content": "Hi"}).text == "Hi"


def test_what_no_delta_brought_is_taken_from_the_finished_response() -> None:
    message = read(sse([EVENTS[0], EVENTS[-1]]))

    assert message == answered(*RESPONSE["output"])


def test_arguments_that_the_finished_item_writes_differently_are_not_doubled() -> None:
    message = streamed(
        added(0, **{**CALL, "arguments": ""}),
        event("function_call_arguments.delta", output_index=0, delta='{"city":"Bern"}'),
        done(0, {**CALL, "arguments": '{"city": "Bern"}'}),
    )

    assert message.tool_calls[0]["args"] == {"city": "Bern"}


def test_arguments_that_are_no_json_are_an_invalid_call() -> None:
    message = answered({**CALL, "arguments": '{"city": '})

    assert message.tool_calls == []
    assert message.invalid_tool_calls[0]["args"] == '{"city": '


def test_logprobs_come_with_the_deltas_in_chat_form_and_once() -> None:
    entries = [{"token": t, "logprob": -0.5, "bytes": [1], "top_logprobs": []} for t in ("Hel", "lo")]
    item = {
        "type": "message",
        "id": "msg_1",
        "content": [{"type": "output_text", "text": "Hello", "logprobs": entries}],
    }
    message = streamed(
        added(0, type="message", id="msg_1"),
        text(0, "Hel", logprobs=entries[:1]),
        text(0, "lo", logprobs=entries[1:]),
        done(0, item),
    )

    assert message.logprobs is not None
    assert [t.token for t in message.logprobs] == ["Hel", "lo"]
    assert message.logprobs == answered(item).logprobs


def test_a_file_citation_has_the_files_name_as_title() -> None:
    note = {"type": "file_citation", "file_id": "file_1", "filename": "a.txt", "index": 5}
    message = answered({**MESSAGE, "content": [{"type": "output_text", "text": "So.", "annotations": [note]}]})

    assert message.blocks[0]["annotations"] == [{"type": "citation", "title": "a.txt", "extras": note}]


@pytest.mark.parametrize(("reason", "neutral"), [("max_output_tokens", "length"), ("content_filter", "content_filter")])
def test_an_incomplete_answer_says_why(reason: str, neutral: str) -> None:
    response = {**RESPONSE, "status": "incomplete", "incomplete_details": {"reason": reason}, "output": [MESSAGE]}
    message = read(sse([event("incomplete", response=response)]))

    assert message.response_metadata["finish_reason"] == reason
    assert message.finish_reason == neutral


def test_a_failed_response_is_an_error_and_keeps_what_came() -> None:
    failed = {
        **RESPONSE,
        "status": "failed",
        "output": [],
        "error": {"code": "server_error", "message": "The model broke."},
    }
    with pytest.raises(ServerError, match="The model broke") as caught:
        read(sse([added(0, type="message", id="msg_1"), text(0, "Half "), event("failed", response=failed)]))

    assert caught.value.partial.text == "Half "


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"type": "error", "code": "rate_limit_exceeded", "message": "Slow down.", "param": None}, RateLimitError),
        ({"type": "error", "error": {"type": "invalid_request_error", "message": "No."}}, BadRequestError),
        ({"error": {"code": "context_length_exceeded", "message": "Too long."}}, ContextLengthError),
    ],
)
def test_error_events_within_a_stream_are_named(body: dict[str, Any], kind: type[Exception]) -> None:
    with pytest.raises(kind):
        read(sse([EVENTS[0], body]))


def test_an_error_in_a_whole_answer_is_named() -> None:
    with pytest.raises(RateLimitError):
        CODEC.answer(b'{"error": {"code": "rate_limit_exceeded", "message": "Slow down."}}', "openai")
    with pytest.raises(ServerError):
        answered(status="failed", error={"code": "server_error", "message": "Broken."})


def test_a_stream_without_its_end_is_cut() -> None:
    with pytest.raises(StreamError, match="cut") as caught:
        read(sse([added(0, type="message", id="msg_1"), text(0, "Half")]))

    assert caught.value.partial.text == "Half"


@pytest.mark.parametrize("body", [b"", b"<html><body>Hi", b"[1]", b"{}", b'"text"', b'{"choices": []}'])
def test_an_answer_that_is_no_response_is_named(body: bytes) -> None:
    with pytest.raises(StreamError, match="openai"):
        CODEC.answer(body, "openai")


def test_events_of_no_meaning_pass_and_strange_ones_are_kept() -> None:
    message = streamed({"type": "keepalive"}, {"type": "weather.report", "sky": "blue"}, event("sparkle", level=3))

    assert message.blocks == [{"type": "non_standard", "value": {"type": "weather.report", "sky": "blue"}}]


def test_a_stream_that_names_its_events_only_in_the_event_line_is_read() -> None:
    response = {**RESPONSE, "output": [MESSAGE]}
    message = read(b"event: response.completed\r\ndata: %s\r\n\r\n" % json.dumps({"response": response}).encode())

    assert message.text == "Zürich\u2028 🌧️."
