"""OpenAI chat completions: requests, checked against the openai SDK's own types."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nbchat.values.errors import UnsupportedError
from nbchat.values.messages import AIMessage, HumanMessage, Message, SystemMessage, ToolMessage
from nbchat.wire.codec import Call, OutputSchema, Request, ToolSpec
from nbchat.wire.openai_chat import OpenAIChat
from tests.wire.openai_chat_oracle import accepts

CODEC = OpenAIChat()
PNG = {"type": "image", "base64": "iVBORw0KGgo=", "mime_type": "image/png"}
PDF = {"type": "file", "base64": "JVBERi0=", "mime_type": "application/pdf", "name": "a.pdf"}
ADD = ToolSpec(
    "add",
    "Add two numbers.",
    {
        "type": "object",
        "properties": {"x": {"type": "integer"}, "y": {"type": "integer", "default": 1}},
        "required": ["x"],
    },
)
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
NATIVE = {"wire": "openai_chat", "model_provider": "test"}


def body(*messages: Message, codec: OpenAIChat = CODEC, **fields: Any) -> dict[str, Any]:
    return codec.request(Call("m", messages or [HumanMessage("Hi")], **fields)).body


def sent(*messages: Message, codec: OpenAIChat = CODEC) -> list[dict[str, Any]]:
    return body(*messages, codec=codec)["messages"]


def calling(*ids: str | None, **fields: Any) -> AIMessage:
    return AIMessage("", tool_calls=[{"name": "add", "args": {"x": 1}, "id": id} for id in ids], **fields)


CONVERSATION = [
    SystemMessage("Be brief."),
    HumanMessage(["What is this?", PNG, PDF, {"type": "audio", "base64": "AAAA", "mime_type": "audio/wav"}]),
    AIMessage("A picture."),
    HumanMessage("Add 1 and 2, and 3 and 4.", name="ann"),
    calling("call_1", "call_2"),
    ToolMessage("3", "call_1", name="add"),
    ToolMessage(["7", PNG], "call_2"),
]


def test_the_neutral_conversation_is_what_the_sdk_sends() -> None:
    request = CODEC.request(
        Call(
            "gpt-test",
            CONVERSATION,
            tools=(ADD, ToolSpec("now", strict=True)),
            tool_choice="any",
            parallel_tool_calls=False,
            output=OutputSchema("number", SCHEMA),
            stream=True,
            options={
                "temperature": 0.5,
                "max_tokens": 9,
                "stop": ["."],
                "seed": 1,
                "top_logprobs": 2,
                "presence_penalty": 0.1,
                "frequency_penalty": 0.1,
                "reasoning": "low",
            },
        )
    )
    assert request.path == "/chat/completions"
    assert accepts(request.body)
    assert request.body["tool_choice"] == "required"
    assert request.body["stream_options"] == {"include_usage": True}
    assert request.body["logprobs"] is True
    assert request.body["reasoning_effort"] == "low"


# messages


def test_blocks_are_parts() -> None:
    (message,) = sent(CONVERSATION[1])
    assert message["content"] == [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
    ]


def test_the_providers_own_parts_pass_through() -> None:
    part = {"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}}
    assert sent(HumanMessage([part]))[0]["content"] == [part]
    own = {"type": "prompt_thing", "x": 1}
    assert sent(HumanMessage(["a", own]))[0]["content"][1] == own


def test_openais_own_form_of_an_image_keeps_its_detail() -> None:
    part = {"type": "image_url", "image_url": {"url": "https://a.example/a.png", "detail": "low"}}
    assert sent(HumanMessage([part]))[0]["content"] == [part]


@pytest.mark.parametrize("kind", ["audio", "file"])
def test_what_must_be_bytes_is_not_taken_by_url(kind: str) -> None:
    with pytest.raises(UnsupportedError, match=f"OpenAIChat takes {kind} as bytes"):
        sent(HumanMessage([{"type": kind, "url": "https://a.example/x"}]))


def test_a_document_goes_by_url_where_the_vendor_takes_it() -> None:
    block = {"type": "file", "url": "https://a.example/a.pdf"}
    mistral, openrouter = (
        sent(HumanMessage([block]), codec=OpenAIChat(document=d))[0]["content"][0] for d in ("document_url", "file")
    )
    assert mistral == {"type": "document_url", "document_url": "https://a.example/a.pdf"}
    assert openrouter["file"]["file_data"] == "https://a.example/a.pdf"


def test_pictures_of_tool_results_follow_all_results_as_the_users() -> None:
    messages = sent(calling("a", "b"), ToolMessage([PNG], "a"), ToolMessage("7", "b"), HumanMessage("So?"))
    assert [m["role"] for m in messages] == ["assistant", "tool", "tool", "user", "user"]
    assert messages[1]["content"] == "(1 attachments follow)"
    assert messages[3]["content"][0]["type"] == "image_url"


def test_calls_without_ids_are_paired_with_their_results_in_order() -> None:
    messages = sent(calling(None, None), ToolMessage("1"), ToolMessage("2"), calling(None), ToolMessage("3"))
    ids = [call["id"] for m in messages for call in m.get("tool_calls", ())]
    assert len(set(ids)) == 3
    assert [m["tool_call_id"] for m in messages if m["role"] == "tool"] == ids


def test_ids_that_are_too_long_are_shortened_alike_on_both_sides() -> None:
    for codec, id, length in (
        (CODEC, "x" * 50, 9),
        (OpenAIChat(short_ids=True), "toolu_01A", 9),
        (CODEC, "call_abc", 8),
    ):
        call, result = sent(calling(id), ToolMessage("1", id), codec=codec)
        assert call["tool_calls"][0]["id"] == result["tool_call_id"]
        assert len(result["tool_call_id"]) == length


def test_arguments_that_were_no_json_go_back_as_json() -> None:
    broken = AIMessage("", invalid_tool_calls=[{"name": "f", "args": '{"x": ', "id": "a", "error": "…"}])
    assert sent(broken)[0]["tool_calls"][0]["function"]["arguments"] == '{"not_json":"{\\"x\\": "}'


def test_an_answer_with_nothing_in_it_is_an_empty_text() -> None:
    assert sent(AIMessage(""))[0] == {"role": "assistant", "content": ""}
    assert sent(calling("a"))[0]["content"] is None


def test_another_providers_answer_is_sent_as_text_alone() -> None:
    message = AIMessage(
        [
            {"type": "reasoning", "reasoning": "Hm.", "extras": {"signature": "s"}},
            "Hi",
            {"type": "non_standard", "value": {"type": "odd"}},
        ],
        additional_kwargs={"refusal": None},
        response_metadata={"wire": "anthropic"},
    )
    assert sent(message, codec=OpenAIChat(reasoning_back="reasoning")) == [{"role": "assistant", "content": "Hi"}]


def test_a_part_that_only_calls_itself_text_goes_back_as_it_came() -> None:
    odd = {"type": "text", "text": {"value": "Hi"}}
    message = AIMessage([{"type": "non_standard", "value": odd}], response_metadata=NATIVE)
    assert sent(message)[0]["content"] == [odd]


def test_what_this_format_answered_goes_back_to_it() -> None:
    blocks = [{"type": "audio", "file_id": "audio_1", "base64": "AAAA"}, {"type": "refusal", "text": "No."}, "Hi"]
    message = AIMessage(blocks, additional_kwargs={"channel": "final", "colour": "blue"}, response_metadata=NATIVE)
    assert sent(message)[0] == {
        "role": "assistant",
        "content": "Hi",
        "audio": {"id": "audio_1"},
        "refusal": "No.",
        "colour": "blue",
    }


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_reasoning_goes_back_in_the_vendors_field(name: str) -> None:
    message = AIMessage([{"type": "reasoning", "reasoning": "Hm."}, "4"], response_metadata=NATIVE)
    assert sent(message, codec=OpenAIChat(reasoning_back=name))[0] == {"role": "assistant", "content": "4", name: "Hm."}
    assert sent(message)[0] == {"role": "assistant", "content": "4"}


def test_calls_of_an_answer_without_reasoning_carry_the_empty_field_that_deepseek_wants() -> None:
    assert sent(calling("a"), codec=OpenAIChat(reasoning_back="reasoning_content"))[0]["reasoning_content"] == ""


def test_reasoning_details_go_back_as_they_came() -> None:
    details = [{"type": "reasoning.text", "text": "Hm.", "signature": "sig", "index": 0}]
    block = {"type": "reasoning", "reasoning": "Hm.", "extras": {"reasoning_details": details}}
    message = AIMessage([block, "4"], response_metadata=NATIVE)
    assert sent(message, codec=OpenAIChat(reasoning_back="reasoning_details"))[0]["reasoning_details"] == details


def test_files_that_the_vendor_has_read_go_back_with_the_answer() -> None:
    read = {"type": "file", "file": {"hash": "h", "name": "a.pdf"}}
    block = {"type": "text", "text": "Hi", "annotations": [{"type": "citation", "url": "https://a.example"}, read]}
    assert sent(AIMessage([block], response_metadata=NATIVE))[0]["annotations"] == [read]


def test_thinking_goes_back_as_a_part() -> None:
    block = {"type": "reasoning", "reasoning": "8 * 2", "extras": {"closed": True}}
    message = AIMessage([block, "16"], response_metadata=NATIVE)
    assert sent(message, codec=OpenAIChat(reasoning_back="thinking"))[0]["content"] == [
        {"type": "thinking", "thinking": [{"type": "text", "text": "8 * 2"}], "closed": True},
        {"type": "text", "text": "16"},
    ]


def test_fields_of_a_call_go_back_with_it() -> None:
    call = {"name": "f", "args": {}, "id": "a", "extras": {"extra_content": {"google": {"thought_signature": "s"}}}}
    assert sent(AIMessage("", tool_calls=[call]))[0]["tool_calls"][0]["extra_content"] == {
        "google": {"thought_signature": "s"}
    }


# options


def test_options_have_the_vendors_names() -> None:
    codec = OpenAIChat(
        max_tokens="max_completion_tokens",
        seed="random_seed",
        any_tool="any",
        effort="reasoning.effort",
        extra={"x": 1},
    )
    sent_body = body(
        codec=codec,
        options={"max_tokens": 5, "seed": 1, "reasoning": "high", "top_p": None, "odd": 2},
        tool_choice="any",
    )
    assert {k: v for k, v in sent_body.items() if k not in ("model", "messages")} == {
        "x": 1,
        "max_completion_tokens": 5,
        "random_seed": 1,
        "reasoning": {"effort": "high"},
        "odd": 2,
        "tool_choice": "any",
    }


def test_a_tool_is_forced_by_its_name() -> None:
    assert body(tool_choice="add", tools=(ADD,))["tool_choice"] == {"type": "function", "function": {"name": "add"}}


def test_reasoning_is_switched_off() -> None:
    assert body(options={"reasoning": False})["reasoning_effort"] == "none"
    assert body(options={"reasoning": False}, codec=OpenAIChat(effort="thinking.type"))["thinking"] == {
        "type": "disabled"
    }
    assert body(options={"reasoning": "low"}, codec=OpenAIChat(effort="thinking.type"))["thinking"] == {
        "type": "enabled"
    }


def test_a_reasoning_budget_is_sent_where_the_vendor_has_one() -> None:
    assert body(options={"reasoning": 2000}, codec=OpenAIChat(budget="reasoning.max_tokens"))["reasoning"] == {
        "max_tokens": 2000
    }
    with pytest.raises(UnsupportedError, match="OpenAIChat has no reasoning_budget"):
        body(options={"reasoning": 2000})


def test_a_built_in_tool_passes_through() -> None:
    assert body(tools=({"type": "web_search"},))["tools"] == [{"type": "web_search"}]


# schemas


def test_a_strict_tool_has_its_schema_adapted() -> None:
    (tool,) = body(tools=(replace(ADD, strict=True),))["tools"]
    assert tool["function"]["strict"] is True
    assert tool["function"]["parameters"] == {
        "type": "object",
        "properties": {"x": {"type": "integer"}, "y": {"type": ["integer", "null"]}},
        "required": ["x", "y"],
        "additionalProperties": False,
    }


def test_a_tool_that_cannot_be_strict_is_sent_as_it_is() -> None:
    free = {"type": "object", "properties": {"any": {"type": "object", "additionalProperties": True}}}
    (tool,) = body(tools=(ToolSpec("f", parameters=free, strict=True),))["tools"]
    assert tool["function"]["strict"] is False
    assert tool["function"]["parameters"] == free


def test_an_answers_schema_is_strict_where_the_vendor_enforces_it() -> None:
    plain = body(output=OutputSchema("n", SCHEMA))["response_format"]["json_schema"]
    assert plain == {"name": "n", "schema": SCHEMA}
    strict = body(output=OutputSchema("n", SCHEMA), codec=OpenAIChat(strict_output=True))["response_format"][
        "json_schema"
    ]
    assert strict == {"name": "n", "schema": {**SCHEMA, "additionalProperties": False}, "strict": True}
    told = body(output=OutputSchema("n", SCHEMA, strict=False), codec=OpenAIChat(strict_output=True))[
        "response_format"
    ]["json_schema"]
    assert told == {"name": "n", "schema": SCHEMA, "strict": False}


def test_json_mode_is_an_object_without_schema() -> None:
    assert body(output=OutputSchema("n", SCHEMA, "json_mode"))["response_format"] == {"type": "json_object"}


def test_a_vendor_without_json_schema_says_so_before_anything_is_sent() -> None:
    with pytest.raises(UnsupportedError, match="OpenAIChat has no json_schema"):
        body(output=OutputSchema("n", SCHEMA), codec=OpenAIChat(json_schema=False))


# a second try


def test_a_refused_field_is_left_out_or_renamed() -> None:
    request = Request("/x", {"stream_options": {}, "max_tokens": 5})
    without = CODEC.retry_without(request, "Unknown field: stream_options")
    assert without is not None
    assert without.body == {"max_tokens": 5}
    renamed = CODEC.retry_without(without, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
    assert renamed is not None
    assert renamed.body == {"max_completion_tokens": 5}
    back = CODEC.retry_without(renamed, "max_completion_tokens: Extra inputs are not permitted")
    assert back is not None
    assert back.body == {"max_tokens": 5}
    assert CODEC.retry_without(request, "temperature is too high") is None


def test_a_limit_that_is_too_large_is_not_sent_again_by_another_name() -> None:
    assert (
        CODEC.retry_without(Request("/x", {"max_completion_tokens": 9}), "max_completion_tokens is too large: 9")
        is None
    )


def test_another_providers_call_keeps_its_id_and_leaves_that_providers_own_fields_behind() -> None:
    own = {"id": "fc_1", "signature": "s", "caller": {"type": "direct"}, "functionCall": {"id": "x"}}
    call = {"name": "f", "args": {}, "id": "call_1", "extras": own}
    plain = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    for wire in ("openai_responses", "gemini", "anthropic"):
        assert sent(AIMessage("", tool_calls=[call], response_metadata={"wire": wire}))[0]["tool_calls"] == [plain]
    native = AIMessage("", tool_calls=[{**call, "extras": {"extra_content": 1}}], response_metadata=NATIVE)
    assert sent(native)[0]["tool_calls"] == [plain | {"extra_content": 1}]
