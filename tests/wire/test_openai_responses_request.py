"""OpenAI Responses: what is sent, checked by the openai SDK's own request types."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nbchat.values.errors import UnsupportedError
from nbchat.values.messages import AIMessage, HumanMessage, Message, SystemMessage, ToolMessage
from nbchat.wire.codec import Call, OutputSchema, Request, ToolSpec
from nbchat.wire.openai_responses import OpenAIResponses
from tests.wire.openai_oracle import accepts
from tests.wire.test_openai_responses import CALL, MESSAGE, REASONING, RESPONSE, answered

CODEC = OpenAIResponses()
WEATHER = ToolSpec("weather", "Weather of a city.", {"type": "object", "properties": {"city": {"type": "string"}}})
PICTURE = {"type": "image", "base64": "aW1n", "mime_type": "image/png"}


def body(*messages: Message, **call: Any) -> dict[str, Any]:
    request = CODEC.request(Call("gpt-test", messages or (HumanMessage("Hi"),), **call))
    assert request.path == "/responses"
    assert accepts(request.body)
    return request.body


def sent(*messages: Message) -> list[dict[str, Any]]:
    return body(*messages)["input"]


def test_leading_system_messages_are_instructions_and_later_ones_stay_in_their_place() -> None:
    made = body(SystemMessage("A"), SystemMessage("B"), HumanMessage("Hi"), SystemMessage("C"))

    assert made["instructions"] == "A\n\nB"
    assert made["input"] == [{"role": "user", "content": "Hi"}, {"role": "system", "content": "C"}]


@pytest.mark.parametrize(
    ("block", "part"),
    [
        (PICTURE, {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,aW1n"}),
        (
            {"type": "image_url", "image_url": {"url": "https://a/b.png", "detail": "low"}},
            {"type": "input_image", "detail": "low", "image_url": "https://a/b.png"},
        ),
        ({"type": "image", "file_id": "file_1"}, {"type": "input_image", "detail": "auto", "file_id": "file_1"}),
        (
            {"type": "file", "base64": "cGRm", "mime_type": "application/pdf", "name": "a.pdf"},
            {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,cGRm"},
        ),
        ({"type": "file", "url": "https://a/b.pdf"}, {"type": "input_file", "file_url": "https://a/b.pdf"}),
        ({"type": "file", "file_id": "file_1"}, {"type": "input_file", "file_id": "file_1"}),
        (
            {"type": "input_file", "file_id": "file_1", "detail": "low"},
            {"type": "input_file", "file_id": "file_1", "detail": "low"},
        ),
        ({"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}}, {"type": "input_text", "text": "Hi"}),
    ],
)
def test_content_parts(block: dict[str, Any], part: dict[str, Any]) -> None:
    assert sent(HumanMessage(["Look:", block]))[0]["content"] in (
        [{"type": "input_text", "text": "Look:"}, part],
        "Look:Hi",
    )


@pytest.mark.parametrize("kind", ["audio", "video"])
def test_media_that_it_cannot_take_is_refused_before_anything_is_sent(kind: str) -> None:
    with pytest.raises(UnsupportedError, match=f"OpenAIResponses has no {kind} input"):
        body(HumanMessage([{"type": kind, "base64": "eA==", "mime_type": "x/y"}]))


def test_an_item_in_the_providers_own_form_stands_beside_the_message() -> None:
    approval = {"type": "mcp_approval_response", "approval_request_id": "m_1", "approve": True}

    assert sent(HumanMessage(["Yes", approval])) == [{"role": "user", "content": "Yes"}, approval]
    assert sent(HumanMessage([approval])) == [approval]


def test_its_own_answer_goes_back_as_the_items_it_came_in() -> None:
    back = sent(HumanMessage("Hi"), answered(*RESPONSE["output"]), ToolMessage("rain", "call_1"))[1:]
    item, note = MESSAGE["content"][0], MESSAGE["content"][0]["annotations"]

    assert back[0] == REASONING
    assert back[1:3] == RESPONSE["output"][1:3]
    assert back[3] == {**MESSAGE, "content": [{"type": "output_text", "text": item["text"], "annotations": note}]}
    assert {**back[4], "arguments": json.loads(back[4]["arguments"])} == {
        "type": "function_call",
        "id": "fc_1",
        "call_id": "call_1",
        "name": "weather",
        "arguments": json.loads(CALL["arguments"]),
    }
    assert back[5] == {"type": "function_call_output", "call_id": "call_1", "output": "rain"}


def test_reasoning_that_the_provider_has_neither_stored_nor_encrypted_is_left_out() -> None:
    bare = {**REASONING, "encrypted_content": None}

    assert [item["type"] for item in sent(answered(bare, MESSAGE))] == ["message"]
    assert [item["type"] for item in sent(answered(bare, MESSAGE, store=True))] == ["reasoning", "message"]


def test_reasoning_of_an_open_model_goes_back_as_content() -> None:
    item = {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm."}]}

    assert sent(answered(item, MESSAGE))[0] == item


def test_a_generated_image_goes_back_whole() -> None:
    item = {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": "aW1n"}

    assert sent(answered(item)) == [item]


def test_a_refusal_goes_back_as_one() -> None:
    part = {"type": "refusal", "refusal": "No."}
    item = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]}

    assert sent(answered(item)) == [item]


def test_a_custom_tool_is_answered_in_its_own_form() -> None:
    item = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c_1", "name": "sql", "input": "select 1"}

    assert sent(answered(item), ToolMessage("1", "c_1")) == [
        item,
        {"type": "custom_tool_call_output", "call_id": "c_1", "output": "1"},
    ]


def test_another_providers_answer_goes_as_text_and_calls_without_its_secrets() -> None:
    blocks = [
        {"type": "reasoning", "reasoning": "Hm.", "extras": {"signature": "c2ln"}},
        {"type": "text", "text": "Look: ", "extras": {"signature": "c2ln"}},
        PICTURE,
        {
            "type": "tool_call",
            "name": "weather",
            "args": {"city": "Bern"},
            "id": "t_1",
            "extras": {"signature": "c2ln"},
        },
    ]
    message = AIMessage(blocks, response_metadata={"wire": "gemini"})

    assert sent(message, ToolMessage("rain", "t_1")) == [
        {"type": "message", "role": "assistant", "content": "Look: "},
        {"type": "function_call", "call_id": "t_1", "name": "weather", "arguments": '{"city":"Bern"}'},
        {
            "role": "user",
            "content": [{"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,aW1n"}],
        },
        {"type": "function_call_output", "call_id": "t_1", "output": "rain"},
    ]


def test_a_tools_result_may_hold_pictures() -> None:
    output = sent(ToolMessage([{"type": "text", "text": "Plot:"}, PICTURE], "c_1"))[0]["output"]

    assert [part["type"] for part in output] == ["input_text", "input_image"]


def test_tools_are_flat_and_say_whether_they_are_strict() -> None:
    chat = {"type": "function", "function": {"name": "f", "description": "F.", "parameters": {"type": "object"}}}
    tools = body(tools=(WEATHER, ToolSpec("s", "S.", WEATHER.parameters, strict=True), chat, {"type": "web_search"}))[
        "tools"
    ]

    assert tools[0] == {
        "type": "function",
        "name": "weather",
        "description": "Weather of a city.",
        "parameters": WEATHER.parameters,
        "strict": False,
    }
    assert tools[1]["strict"] is True
    assert tools[1]["parameters"]["required"] == ["city"]
    assert tools[2]["name"] == "f"
    assert tools[3] == {"type": "web_search"}


@pytest.mark.parametrize(
    ("choice", "form"),
    [
        ("auto", "auto"),
        ("any", "required"),
        ("none", "none"),
        ("weather", {"type": "function", "name": "weather"}),
        ("web_search_preview", {"type": "web_search_preview"}),
        ({"type": "function", "function": {"name": "weather"}}, {"type": "function", "name": "weather"}),
    ],
)
def test_tool_choice(choice: Any, form: Any) -> None:
    assert body(tools=(WEATHER, {"type": "web_search_preview"}), tool_choice=choice)["tool_choice"] == form


def test_options_have_their_own_names() -> None:
    made = body(
        options={
            "max_tokens": 9,
            "temperature": 0.5,
            "reasoning": "low",
            "top_logprobs": 2,
            "logprobs": True,
            "store": False,
        }
    )

    assert made["max_output_tokens"] == 9
    assert made["temperature"] == 0.5
    assert made["reasoning"] == {"effort": "low"}
    assert made["top_logprobs"] == 2
    assert made["include"] == ["message.output_text.logprobs", "reasoning.encrypted_content"]


@pytest.mark.parametrize(
    ("given", "form"),
    [
        ("high", {"effort": "high"}),
        (False, {"effort": "none"}),
        ({"effort": "low", "summary": "auto"}, {"effort": "low", "summary": "auto"}),
    ],
)
def test_reasoning(given: Any, form: Any) -> None:
    assert body(options={"reasoning": given})["reasoning"] == form


@pytest.mark.parametrize(
    "options", [{"stop": ["x"]}, {"seed": 1}, {"top_k": 3}, {"presence_penalty": 1}, {"reasoning": 500}]
)
def test_options_that_it_has_not_are_refused_before_anything_is_sent(options: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedError, match="OpenAIResponses has no"):
        body(options=options)


def test_whatever_else_is_given_passes_through() -> None:
    made = body(
        options={
            "previous_response_id": "resp_0",
            "include": ["file_search_call.results"],
            "text": {"verbosity": "low"},
        }
    )

    assert made["previous_response_id"] == "resp_0"
    assert made["include"] == ["file_search_call.results"]
    assert made["text"] == {"verbosity": "low"}


def test_structured_output_is_a_text_format_beside_other_text_options() -> None:
    output = OutputSchema("City", {"type": "object", "properties": {"name": {"type": "string"}}}, description="A city.")
    made = body(output=output, options={"text": {"verbosity": "low"}})["text"]

    assert made["verbosity"] == "low"
    assert made["format"] == {
        "type": "json_schema",
        "name": "City",
        "description": "A city.",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"name": {"type": ["string", "null"]}},
            "required": ["name"],
            "additionalProperties": False,
        },
    }


def test_a_schema_that_cannot_be_strict_is_sent_as_it_is() -> None:
    free = {"type": "object", "additionalProperties": {"type": "string"}}
    made = body(output=OutputSchema("Words", free))["text"]["format"]

    assert (made["schema"], made["strict"]) == (free, False)


def test_a_server_may_take_the_form_of_an_answer_as_chat_completions_do() -> None:
    """llama.cpp."""
    codec = OpenAIResponses(response_format=True)
    forms = [OutputSchema("City", {"type": "object", "properties": {}}), OutputSchema("X", {}, "json_mode")]
    made = [codec.request(Call("m", [HumanMessage("Hi")], output=form)).body["response_format"] for form in forms]

    assert made[0]["type"] == "json_schema"
    assert made[0]["json_schema"]["name"] == "City"
    assert made[1] == {"type": "json_object"}


def test_json_mode_and_streams() -> None:
    made = body(output=OutputSchema("X", {}, "json_mode"), stream=True, parallel_tool_calls=False)

    assert made["text"]["format"] == {"type": "json_object"}
    assert made["stream"] is True
    assert made["parallel_tool_calls"] is False


def test_a_model_that_does_not_reason_is_asked_again_without_its_encrypted_reasoning() -> None:
    request = Request(
        "/responses", {"include": ["file_search_call.results", "reasoning.encrypted_content"], "model": "m"}
    )
    again = CODEC.retry_without(request, "Encrypted content is not supported with this model.")

    assert again is not None
    assert again.body == {"include": ["file_search_call.results"], "model": "m"}
    assert CODEC.retry_without(again, "Encrypted content is not supported with this model.") is None


def test_who_created_an_item_is_not_sent_back() -> None:
    shell = {
        "type": "shell_call",
        "id": "sh_1",
        "call_id": "c_1",
        "status": "completed",
        "action": {"commands": ["ls"], "max_output_length": None, "timeout_ms": None},
    }
    output = {"type": "shell_call_output", "id": "so_1", "call_id": "c_1", "output": []}
    message = answered(shell | {"created_by": "me"}, output | {"created_by": "me"})
    assert sent(HumanMessage("Hi"), message, HumanMessage("Go on"))[1:-1] == [shell, output]
