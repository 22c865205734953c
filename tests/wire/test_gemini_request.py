"""Gemini: what is sent, checked by the google-genai SDK's own types."""

from __future__ import annotations

from typing import Any

import pytest

from nbchat.values.errors import UnsupportedError
from nbchat.values.messages import AIMessage, HumanMessage, Message, SystemMessage, ToolMessage
from nbchat.wire.codec import Call, OutputSchema, ToolSpec
from nbchat.wire.gemini import GeminiGenerate
from nbchat.wire.gemini_contents import UNSIGNED
from nbchat.wire.gemini_schema import gemini_schema
from tests.wire.google_oracle import accepts
from tests.wire.test_gemini import answered

CODEC = GeminiGenerate()
WEATHER = ToolSpec("weather", "Weather of a city.", {"type": "object", "properties": {"city": {"type": "string"}}})
PICTURE = {"type": "image", "base64": "aW1n", "mime_type": "image/png"}


def body(*messages: Message, model: str = "gemini-2.5-flash", **call: Any) -> dict[str, Any]:
    made = CODEC.request(Call(model, messages or (HumanMessage("Hi"),), **call)).body
    assert accepts(made)
    return made


def turns(*messages: Message, model: str = "gemini-2.5-flash") -> list[dict[str, Any]]:
    return body(*messages, model=model)["contents"]


@pytest.mark.parametrize(
    ("model", "stream", "path"),
    [
        ("gemini-2.5-flash", False, "/models/gemini-2.5-flash:generateContent"),
        ("gemini-2.5-flash", True, "/models/gemini-2.5-flash:streamGenerateContent?alt=sse"),
        ("models/gemini-2.5-flash", False, "/models/gemini-2.5-flash:generateContent"),
        ("tunedModels/mine-1", False, "/tunedModels/mine-1:generateContent"),
        ("publishers/google/models/gemini-2.5-pro", False, "/models/gemini-2.5-pro:generateContent"),
        ("odd name?", False, "/models/odd%20name%3F:generateContent"),
    ],
)
def test_paths(model: str, stream: bool, path: str) -> None:
    assert CODEC.request(Call(model, [HumanMessage("Hi")], stream=stream)).path == path


def test_system_messages_stand_apart_and_neighbours_of_one_role_are_one_turn() -> None:
    made = body(SystemMessage("A"), HumanMessage("B"), HumanMessage("C"), SystemMessage("D"), AIMessage("E"))

    assert made["systemInstruction"] == {"parts": [{"text": "A"}, {"text": "D"}]}
    assert made["contents"] == [
        {"role": "user", "parts": [{"text": "B"}, {"text": "C"}]},
        {"role": "model", "parts": [{"text": "E"}]},
    ]


def test_an_empty_answer_leaves_no_turn() -> None:
    assert turns(HumanMessage("A"), AIMessage(""), HumanMessage("B")) == [
        {"role": "user", "parts": [{"text": "A"}, {"text": "B"}]}
    ]


@pytest.mark.parametrize(
    ("block", "part"),
    [
        (PICTURE, {"inlineData": {"mimeType": "image/png", "data": "aW1n"}}),
        ({"type": "file", "base64": "cGRm"}, {"inlineData": {"mimeType": "application/pdf", "data": "cGRm"}}),
        (
            {"type": "video", "url": "https://a/b.mp4"},
            {"fileData": {"fileUri": "https://a/b.mp4", "mimeType": "video/mp4"}},
        ),
        ({"type": "video", "url": "https://youtu.be/x"}, {"fileData": {"fileUri": "https://youtu.be/x"}}),
        (
            {"type": "file", "file_id": "files/1", "mime_type": "a/b"},
            {"fileData": {"fileUri": "files/1", "mimeType": "a/b"}},
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "eA==", "format": "wav"}},
            {"inlineData": {"mimeType": "audio/wav", "data": "eA=="}},
        ),
        (
            {"type": "video", "base64": "eA==", "extras": {"videoMetadata": {"fps": 1}}},
            {"inlineData": {"mimeType": "video/mp4", "data": "eA=="}, "videoMetadata": {"fps": 1}},
        ),
        ({"inlineData": {"mimeType": "a/b", "data": "eA=="}}, {"inlineData": {"mimeType": "a/b", "data": "eA=="}}),
    ],
)
def test_content_parts(block: dict[str, Any], part: dict[str, Any]) -> None:
    assert turns(HumanMessage([block])) == [{"role": "user", "parts": [part]}]


def test_its_own_answer_goes_back_part_by_part_with_its_signatures() -> None:
    parts = [
        {"text": "Hm.", "thought": True},
        {"text": "Look: "},
        {"executableCode": {"language": "PYTHON", "code": "print(1)"}, "thoughtSignature": "c2lnMQ=="},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1\n"}},
        {"inlineData": {"mimeType": "image/png", "data": "aW1n"}, "thoughtSignature": "c2lnMg=="},
        {"functionCall": {"name": "weather", "args": {"city": "Bern"}, "id": "f1"}, "thoughtSignature": "c2lnMw=="},
        {"functionCall": {"name": "weather", "args": {"city": "Thun"}, "id": "f2"}},
        {"text": "", "thoughtSignature": "c2lnNA=="},
    ]

    assert turns(answered(*parts))[0]["parts"] == parts


def test_results_of_one_round_are_one_turn_by_name_and_by_id_where_there_was_one() -> None:
    with_id = {"functionCall": {"name": "weather", "args": {}, "id": "f1"}}
    message = answered(with_id, {"functionCall": {"name": "now", "args": {}}})
    first, second = (call["id"] or "" for call in message.tool_calls)
    made = turns(message, ToolMessage("rain", first), ToolMessage('{"time": 5}', second))[1]

    assert made == {
        "role": "user",
        "parts": [
            {"functionResponse": {"name": "weather", "id": "f1", "response": {"output": "rain"}}},
            {"functionResponse": {"name": "now", "response": {"time": 5}}},
        ],
    }
    assert "id" not in turns(message)[0]["parts"][1]["functionCall"]


@pytest.mark.parametrize(
    ("text", "response"),
    [
        ("12", {"output": "12"}),
        ("[1]", {"output": [1]}),
        ('{"a": NaN}', {"output": '{"a": NaN}'}),
        ("{", {"output": "{"}),
    ],
)
def test_a_tools_result_is_an_object_whatever_the_tool_gave(text: str, response: dict[str, Any]) -> None:
    assert turns(ToolMessage(text, "x", name="f"))[0]["parts"][0]["functionResponse"]["response"] == response


def test_a_failed_tool_is_an_error_and_a_picture_from_a_tool_stands_beside_it() -> None:
    (turn,) = turns(ToolMessage("gone", "x", name="f", status="error"), ToolMessage([PICTURE], "y", name="g"))

    assert turn["parts"][0] == {"functionResponse": {"name": "f", "response": {"error": "gone"}}}
    assert turn["parts"][2] == {"inlineData": {"mimeType": "image/png", "data": "aW1n"}}


FOREIGN = AIMessage(
    [
        {"type": "reasoning", "reasoning": "Hm.", "extras": {"encrypted_content": "eA=="}},
        {"type": "text", "text": "Look."},
        {"type": "tool_call", "name": "weather", "args": {}, "id": "t1"},
        {"type": "tool_call", "name": "now", "args": {}, "id": "t2"},
    ],
    response_metadata={"wire": "openai_responses"},
)


def test_another_providers_answer_goes_as_text_and_calls() -> None:
    assert turns(FOREIGN)[0]["parts"] == [
        {"text": "Look."},
        {"functionCall": {"name": "weather", "args": {}}},
        {"functionCall": {"name": "now", "args": {}}},
    ]


@pytest.mark.parametrize("model", ["gemini-3-pro-preview", "gemini-3.5-flash", "gemini-flash-latest"])
def test_gemini_3_wants_a_word_in_place_of_the_signature_of_another_models_call(model: str) -> None:
    made = CODEC.request(Call(model, [FOREIGN])).body["contents"][0]["parts"]

    assert [part.get("thoughtSignature") for part in made] == [None, UNSIGNED, None]


def test_functions_are_one_tool_and_built_in_tools_stand_beside_it() -> None:
    chat = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    tools = body(tools=(WEATHER, chat, {"googleSearch": {}}))["tools"]

    assert [f["name"] for f in tools[0]["functionDeclarations"]] == ["weather", "f"]
    assert tools[0]["functionDeclarations"][0]["parametersJsonSchema"] == WEATHER.parameters
    assert tools[1] == {"googleSearch": {}}


@pytest.mark.parametrize(
    ("choice", "form"),
    [
        ("auto", {"mode": "AUTO"}),
        ("any", {"mode": "ANY"}),
        ("none", {"mode": "NONE"}),
        ("weather", {"mode": "ANY", "allowedFunctionNames": ["weather"]}),
    ],
)
def test_tool_choice(choice: str, form: Any) -> None:
    assert body(tools=(WEATHER,), tool_choice=choice)["toolConfig"] == {"functionCallingConfig": form}


def test_strict_tools_are_validated_calls() -> None:
    made = body(tools=(ToolSpec("f", "F.", WEATHER.parameters, strict=True),))

    assert made["toolConfig"] == {"functionCallingConfig": {"mode": "VALIDATED"}}


def test_one_tool_at_a_time_cannot_be_asked_for() -> None:
    with pytest.raises(UnsupportedError, match="GeminiGenerate has no switch"):
        body(tools=(WEATHER,), parallel_tool_calls=False)


def test_options_are_nested_and_named_as_gemini_has_them() -> None:
    made = body(
        options={
            "temperature": 0.5, "top_p": 0.9, "top_k": 3, "max_tokens": 9, "stop": ["x"], "seed": 1, "logprobs": True,
            "top_logprobs": 2, "presence_penalty": 0.1, "frequency_penalty": 0.2, "response_modalities": ["TEXT"],
            "safety_settings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
            "generation_config": {"candidateCount": 2},
        }
    )  # fmt: skip

    assert made["generationConfig"] == {
        "temperature": 0.5, "topP": 0.9, "topK": 3, "maxOutputTokens": 9, "stopSequences": ["x"], "seed": 1,
        "responseLogprobs": True, "logprobs": 2, "presencePenalty": 0.1, "frequencyPenalty": 0.2,
        "responseModalities": ["TEXT"], "candidateCount": 2,
    }  # fmt: skip
    assert made["safetySettings"][0]["threshold"] == "BLOCK_NONE"


@pytest.mark.parametrize(
    ("model", "reasoning", "form"),
    [
        ("gemini-2.5-flash", "low", {"thinkingBudget": 1024, "includeThoughts": True}),
        ("gemini-2.5-flash", 500, {"thinkingBudget": 500, "includeThoughts": True}),
        ("gemini-2.5-flash", False, {"thinkingBudget": 0}),
        ("gemini-3-pro-preview", "high", {"thinkingLevel": "high", "includeThoughts": True}),
        ("gemini-3.5-flash", False, {"thinkingLevel": "minimal"}),
        ("gemini-3.5-flash", True, {"includeThoughts": True}),
        ("gemini-3.5-flash", {"thinkingLevel": "LOW"}, {"thinkingLevel": "LOW"}),
    ],
)
def test_reasoning(model: str, reasoning: Any, form: Any) -> None:
    assert body(model=model, options={"reasoning": reasoning})["generationConfig"]["thinkingConfig"] == form


def test_structured_output() -> None:
    output = OutputSchema("City", {"type": "object", "title": "City", "properties": {"name": {"type": "string"}}})

    assert body(output=output)["generationConfig"] == {
        "responseMimeType": "application/json",
        "responseJsonSchema": {"type": "object", "properties": {"name": {"type": "string"}}},
    }
    assert body(output=OutputSchema("X", {}, "json_mode"))["generationConfig"] == {
        "responseMimeType": "application/json"
    }


def test_a_schema_keeps_what_gemini_knows_and_says_the_rest_otherwise() -> None:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Trip",
        "type": "object",
        "additionalProperties": False,
        "required": ["kind"],
        "properties": {
            "title": {"type": "string", "title": "Title", "default": "x", "examples": ["y"]},
            "kind": {"const": "trip"},
            "mail": {"type": "string", "format": "email", "description": "Whose."},
            "day": {"type": "string", "format": "date"},
            "days": {"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 9},
            "stop": {"oneOf": [{"$ref": "#/$defs/Stop"}, {"type": "null"}], "discriminator": {}},
            "next": {"allOf": [{"$ref": "#/$defs/Stop"}], "description": "The next."},
        },
        "$defs": {
            "Stop": {
                "type": "object",
                "title": "Stop",
                "properties": {"at": {"type": "array", "items": {"const": 1}}},
            }
        },
    }

    assert gemini_schema(schema) == {
        "type": "object",
        "additionalProperties": False,
        "required": ["kind"],
        "properties": {
            "title": {"type": "string"},
            "kind": {"type": "string", "enum": ["trip"]},
            "mail": {"type": "string", "description": "Whose. (format: email)"},
            "day": {"type": "string", "format": "date"},
            "days": {"type": "integer", "minimum": 1, "maximum": 8},
            "stop": {"anyOf": [{"$ref": "#/$defs/Stop"}, {"type": "null"}]},
            "next": {"$ref": "#/$defs/Stop", "description": "The next."},
        },
        "$defs": {
            "Stop": {
                "type": "object",
                "properties": {"at": {"type": "array", "items": {"type": "integer", "enum": [1]}}},
            }
        },
    }


def test_a_model_that_does_not_think_is_asked_again_without_its_thoughts() -> None:
    request = CODEC.request(Call("gemini-2.5-flash", [HumanMessage("Hi")], options={"reasoning": "low"}))
    again = CODEC.retry_without(request, "include_thoughts is only enabled when thinking is enabled")

    assert again is not None
    assert again.body["generationConfig"]["thinkingConfig"] == {"thinkingBudget": 1024}
    assert CODEC.retry_without(again, "include_thoughts") is None


@pytest.mark.parametrize("wire", ["gemini", "openai_chat"])
def test_arguments_that_were_no_json_go_back_inside_an_object(wire: str) -> None:
    broken = {"name": "f", "args": '{"x', "id": "c1", "error": "…"}
    asked = AIMessage("", invalid_tool_calls=[broken], response_metadata={"wire": wire})
    call, result = (turn["parts"][0] for turn in turns(HumanMessage("Hi"), asked, ToolMessage("No.", "c1"))[1:])
    assert call["functionCall"] == {"name": "f", "args": {"not_json": '{"x'}}
    assert result["functionResponse"]["name"] == "f"
