"""AWS Bedrock Converse: requests, checked against AWS's own service model."""

from __future__ import annotations

import base64
import json
import sys
from typing import Any

import pytest

from nbchat.values.errors import (
    ConfigurationError,
    UnsupportedError,
)
from nbchat.values.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from nbchat.wire.codec import Call, OutputSchema, Request, ToolSpec
from tests.wire.aws_frames import delta, ended, refusals, start, whole
from tests.wire.bedrock_answers import CITED, CODEC, NOTE, stream

WEATHER = ToolSpec("weather", "The weather in a city.", {"type": "object", "properties": {"city": {"type": "string"}}})
PIXEL = base64.b64encode(b"not really a picture").decode()


def request(*messages: Any, model: str = "amazon.nova-2-lite-v1:0", **fields: Any) -> Request:
    """The request of a conversation; AWS's service model finds nothing wrong with it."""
    made = CODEC.request(Call(model, messages, **fields))
    body = json.loads(json.dumps(made.body))
    assert refusals(body) == []
    return made


def body(*messages: Any, **fields: Any) -> dict[str, Any]:
    return request(*messages, **fields).body


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
