"""Anthropic Messages: requests, held against the SDK's own types and a server as strict as the real one."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from nbchat.values.errors import ConfigurationError, UnsupportedError
from nbchat.values.gathering import Gathering
from nbchat.values.messages import AIMessage, HumanMessage, Message, SystemMessage, ToolMessage
from nbchat.wire.anthropic import AnthropicMessages
from nbchat.wire.anthropic_models import generation
from nbchat.wire.anthropic_schema import adapted
from nbchat.wire.codec import Call, OutputSchema, ToolSpec
from tests.recorded.harness import answer, body_of, decode, documents, exchanges, load, streamed
from tests.servers import AnthropicServer
from tests.wire.anthropic_oracle import accepts
from tests.wire.test_anthropic import EVENTS, WHOLE, read, sse

CODEC = AnthropicMessages()
WEATHER = ToolSpec(
    "weather",
    "The weather in a city.",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
PIXEL = base64.b64encode(b"\x89PNG").decode()


def body(*messages: Message, model: str = "claude-sonnet-4-5", **rest: Any) -> dict[str, Any]:
    options = rest.pop("options", {})
    made = CODEC.request(Call(model, messages or (HumanMessage("Hi"),), options=options, **rest)).body
    assert accepts(json.loads(json.dumps(made)))
    return made


def said(*blocks: Any) -> Any:
    return body(HumanMessage(list(blocks)))["messages"][0]["content"]


def test_the_smallest_request() -> None:
    request = CODEC.request(Call("claude-sonnet-4-5", [HumanMessage("Hi")]))
    assert (request.method, request.path) == ("POST", "/messages")
    assert request.headers == {"anthropic-version": "2023-06-01"}
    assert request.body == {
        "model": "claude-sonnet-4-5",
        "max_tokens": 16_384,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
    }


def test_system_messages_go_to_the_top_and_neighbours_of_one_role_share_a_turn() -> None:
    made = body(
        SystemMessage("Be brief."),
        HumanMessage("One"),
        HumanMessage("Two"),
        AIMessage("Three"),
        AIMessage("Four"),
        SystemMessage([{"type": "text", "text": "Rhyme.", "cache_control": {"type": "ephemeral"}}]),
        HumanMessage("Five"),
    )
    assert made["system"] == [
        {"type": "text", "text": "Be brief."},
        {"type": "text", "text": "Rhyme.", "cache_control": {"type": "ephemeral"}},
    ]
    assert [(t["role"], [b["text"] for b in t["content"]]) for t in made["messages"]] == [
        ("user", ["One", "Two"]),
        ("assistant", ["Three", "Four"]),
        ("user", ["Five"]),
    ]


def test_empty_text_which_is_refused_stays_out() -> None:
    made = body(HumanMessage(["", "Hi", " \n"]), AIMessage(""), HumanMessage("There"))
    assert made["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "Hi"}, {"type": "text", "text": "There"}]}
    ]


def test_a_prefill_loses_the_whitespace_at_its_end() -> None:
    assert body(HumanMessage("Hi"), AIMessage("I say: "))["messages"][-1]["content"][-1]["text"] == "I say:"


def test_neutral_options_have_anthropics_names() -> None:
    made = body(options={"temperature": 0.5, "top_p": 0.9, "top_k": 5, "stop": ["END"], "max_tokens": 7, "seed": None})
    assert {k: made[k] for k in ("temperature", "top_p", "top_k", "stop_sequences", "max_tokens")} == {
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 5,
        "stop_sequences": ["END"],
        "max_tokens": 7,
    }
    assert "seed" not in made


def test_other_options_go_into_the_body_and_betas_into_a_header() -> None:
    options = {"metadata": {"user_id": "u"}, "output_config": {"effort": "low"}, "betas": ["a-1", "b-2"]}
    request = CODEC.request(Call("claude-opus-4-8", [HumanMessage("Hi")], output=_city(), options=options))
    assert request.headers["anthropic-beta"] == "a-1,b-2"
    assert request.body["metadata"] == {"user_id": "u"}
    assert set(request.body["output_config"]) == {"effort", "format"}
    assert "betas" not in request.body


@pytest.mark.parametrize("option", ["seed", "logprobs", "top_logprobs", "presence_penalty", "frequency_penalty"])
def test_what_the_format_lacks_is_named(option: str) -> None:
    with pytest.raises(UnsupportedError, match=f"AnthropicMessages has no {option}"):
        body(options={option: 1})


@pytest.mark.parametrize(
    ("model", "found"),
    [
        ("claude-3-5-haiku-20241022", "3"),
        ("claude-sonnet-4-20250514", "4.0"),
        ("claude-opus-4-0", "4.0"),
        ("claude-opus-4-1-20250805", "4.5"),
        ("claude-haiku-4-5", "4.5"),
        ("claude-opus-4-5@20251101", "4.5"),
        ("claude-sonnet-4-6", "adaptive"),
        ("claude-opus-4-10", "adaptive"),
        ("claude-sonnet-5-20260601", "adaptive"),
        ("claude-mythos-preview", "adaptive"),
        ("SmolLM2", "other"),
    ],
)
def test_a_models_name_tells_its_generation(model: str, found: str) -> None:
    assert generation(model) == found


@pytest.mark.parametrize(
    ("model", "reasoning", "thinking", "effort"),
    [
        ("claude-opus-4-8", "high", {"type": "adaptive", "display": "summarized"}, "high"),
        ("claude-opus-4-8", True, {"type": "adaptive", "display": "summarized"}, None),
        ("claude-opus-4-8", 5000, {"type": "enabled", "budget_tokens": 5000}, None),
        ("claude-opus-4-8", False, {"type": "disabled"}, None),
        ("claude-haiku-4-5", "high", {"type": "enabled", "budget_tokens": 16_384}, None),
        ("claude-haiku-4-5", True, {"type": "enabled", "budget_tokens": 8192}, None),
        ("claude-haiku-4-5", False, None, None),
    ],
)
def test_reasoning_is_a_budget_or_an_effort(model: str, reasoning: Any, thinking: Any, effort: str | None) -> None:
    made = body(model=model, options={"reasoning": reasoning})
    assert made.get("thinking") == thinking
    assert made.get("output_config", {}).get("effort") == effort
    assert made["max_tokens"] - (thinking or {}).get("budget_tokens", 0) == 16_384


def test_a_budget_leaves_room_for_the_answer() -> None:
    assert body(options={"reasoning": "high", "max_tokens": 4000})["thinking"]["budget_tokens"] == 2000
    assert body(options={"thinking": {"type": "enabled", "budget_tokens": 20_000}})["max_tokens"] == 36_384
    with pytest.raises(ConfigurationError, match="raise max_tokens"):
        body(options={"reasoning": 2000, "max_tokens": 1000})
    with pytest.raises(ConfigurationError, match="raise max_tokens"):
        body(options={"reasoning": "low", "max_tokens": 500})


def test_a_model_that_refuses_adaptive_thinking_gets_a_budget_and_no_endless_retry() -> None:
    first = CODEC.request(Call("claude-of-tomorrow", [HumanMessage("Hi")], options={"reasoning": "low"}))
    second = CODEC.retry_without(first, "adaptive thinking is not supported on this model")
    assert second is not None
    assert second.body["thinking"] == {"type": "enabled", "budget_tokens": 2048}
    assert "output_config" not in second.body
    third = CODEC.retry_without(second, '"thinking.type.enabled" is not supported. Use "thinking.type.adaptive"')
    assert third is not None
    assert third.body["thinking"] == {"type": "adaptive"}
    assert CODEC.retry_without(third, "adaptive thinking is not supported on this model") is None


def test_a_model_that_knows_no_effort_is_asked_without() -> None:
    request = CODEC.request(Call("claude-of-tomorrow", [HumanMessage("Hi")], options={"reasoning": "low"}))
    again = CODEC.retry_without(request, "This model does not support the effort parameter.")
    assert again is not None
    assert "output_config" not in again.body
    assert CODEC.retry_without(again, "This model does not support the effort parameter.") is None


def test_media_are_taken_in_every_form() -> None:
    image, document = (
        {"type": "base64", "media_type": "image/png", "data": PIXEL},
        {"type": "url", "url": "https://a.example/x.pdf"},
    )
    assert said({"type": "image", "base64": PIXEL, "mime_type": "image/png"})[0]["source"] == image
    assert said({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}", "detail": "low"}}) == [
        {"type": "image", "source": image}
    ]
    assert said({"type": "image", "source": image})[0]["source"] == image
    assert said({"type": "image", "file_id": "file_1"})[0]["source"] == {"type": "file", "file_id": "file_1"}
    assert said({"type": "image", "source": {"type": "file", "file_id": "f"}})[0]["source"]["file_id"] == "f"
    assert said({"type": "file", "url": document["url"]})[0] == {"type": "document", "source": document}
    pdf = said(
        {
            "type": "file",
            "base64": PIXEL,
            "mime_type": "application/pdf",
            "name": "a.pdf",
            "citations": {"enabled": True},
        }
    )
    assert pdf == [
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": PIXEL},
            "title": "a.pdf",
            "citations": {"enabled": True},
        }
    ]
    text = said({"type": "file", "base64": base64.b64encode("Grüße".encode()).decode(), "mime_type": "text/csv"})
    assert text[0]["source"] == {"type": "text", "media_type": "text/plain", "data": "Grüße"}


def test_anthropics_own_blocks_pass_through() -> None:
    own = {"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "x"}]}
    assert said(own) == [own]
    assert said({"type": "non_standard", "value": own}) == [own]


@pytest.mark.parametrize(
    "block",
    [
        {"type": "audio", "base64": PIXEL, "mime_type": "audio/wav"},
        {"type": "video", "url": "https://a.example/x.mp4"},
        {"type": "file", "base64": PIXEL, "mime_type": "application/zip"},
    ],
)
def test_media_that_it_cannot_read_are_named(block: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedError, match="AnthropicMessages takes"):
        said(block)


def test_tools_and_the_choice_of_them() -> None:
    web = {"type": "web_search_20250305", "name": "web_search", "cache_control": {"type": "ephemeral"}}
    made = body(tools=(WEATHER, web), tool_choice="weather", parallel_tool_calls=False)
    assert made["tools"] == [
        {"name": "weather", "description": "The weather in a city.", "input_schema": WEATHER.parameters},
        web,
    ]
    assert made["tool_choice"] == {"type": "tool", "name": "weather", "disable_parallel_tool_use": True}
    assert body(tools=(WEATHER,), tool_choice="any")["tool_choice"] == {"type": "any"}
    assert body(tools=(WEATHER,), tool_choice="none", parallel_tool_calls=False)["tool_choice"] == {"type": "none"}
    assert body(tools=(WEATHER,), parallel_tool_calls=True)["tool_choice"] == {
        "type": "auto",
        "disable_parallel_tool_use": False,
    }
    assert "tool_choice" not in body(tools=(WEATHER,))
    assert "tool_choice" not in body(parallel_tool_calls=False)


def test_a_strict_tool_has_a_closed_schema() -> None:
    made = body(tools=(ToolSpec("f", parameters=WEATHER.parameters, strict=True),))["tools"][0]
    assert made["strict"] is True
    assert made["input_schema"]["additionalProperties"] is False


def test_a_strict_tool_whose_schema_cannot_be_enforced_is_sent_as_it_is() -> None:
    free = {"type": "object", "properties": {"counts": {"type": "object", "additionalProperties": {"type": "integer"}}}}
    made = body(tools=(ToolSpec("f", parameters=free, strict=True),))["tools"][0]
    assert made == {"name": "f", "input_schema": free, "strict": False}


def test_results_of_tools_share_the_turn_after_their_calls() -> None:
    calls = [{"name": "weather", "args": {"city": c}, "id": f"toolu_{c}"} for c in "ab"]
    made = body(
        HumanMessage("Hi"),
        AIMessage(tool_calls=calls),
        ToolMessage("sunny", "toolu_a"),
        ToolMessage([{"type": "text", "text": "x"}, {"type": "image", "base64": PIXEL}], "toolu_b", status="error"),
        HumanMessage("And?"),
        tools=(WEATHER,),
    )
    assert made["messages"][1]["content"][1] == {
        "type": "tool_use",
        "id": "toolu_b",
        "name": "weather",
        "input": {"city": "b"},
    }
    first, second, third = made["messages"][2]["content"]
    assert first == {"type": "tool_result", "tool_use_id": "toolu_a", "content": "sunny"}
    assert second["is_error"] is True
    assert [part["type"] for part in second["content"]] == ["text", "image"]
    assert third == {"type": "text", "text": "And?"}


def test_ids_of_other_providers_are_spelt_as_anthropic_takes_them_in_call_and_result() -> None:
    call = {"name": "f", "args": {}, "id": "functions.f:0"}
    made = body(HumanMessage("Hi"), AIMessage(tool_calls=[call]), ToolMessage("x", "functions.f:0"))
    assert (
        made["messages"][1]["content"][0]["id"] == "functions_f_0" == made["messages"][2]["content"][0]["tool_use_id"]
    )


def test_arguments_that_are_not_json_go_back_as_an_object() -> None:
    message = AIMessage(invalid_tool_calls=[{"name": "f", "args": "{oops", "id": "a", "error": "no"}])
    assert body(HumanMessage("Hi"), message)["messages"][1]["content"][0]["input"] == {"not_json": "{oops"}


def test_an_answer_goes_back_as_it_came() -> None:
    made = CODEC.request(Call("m", [HumanMessage("Hi"), read(sse(EVENTS))])).body
    assert made["messages"][1]["content"] == WHOLE["content"]


def test_what_only_another_provider_understands_stays_out() -> None:
    foreign = AIMessage(
        [
            {"type": "reasoning", "reasoning": "hm", "extras": {"signature": "s"}},
            {"type": "text", "text": "Hi", "annotations": [{"type": "citation", "url": "u"}], "extras": {"x": 1}},
            {"type": "server_tool_call", "name": "n", "args": {}, "id": "i"},
            {"type": "non_standard", "value": {"type": "odd"}},
        ],
        response_metadata={"wire": "gemini"},
    )
    assert body(HumanMessage("Hi"), foreign)["messages"][1]["content"] == [{"type": "text", "text": "Hi"}]


def test_a_thought_that_was_cut_off_has_no_signature_and_stays_out() -> None:
    cut = AIMessage(
        [{"type": "reasoning", "reasoning": "hm"}, {"type": "text", "text": "Hi"}],
        response_metadata={"wire": "anthropic"},
    )
    assert body(HumanMessage("Hi"), cut)["messages"][1]["content"] == [{"type": "text", "text": "Hi"}]


def _city(**more: Any) -> OutputSchema:
    return OutputSchema("city", {"type": "object", "properties": {"name": {"type": "string"}, **more}})


def test_a_schema_for_the_answer_is_closed_and_its_limits_are_told() -> None:
    output = _city(
        size={"type": "integer", "minimum": 1, "description": "Inhabitants."},
        tags={"type": "array", "items": {"type": ["string", "null"]}, "maxItems": 3, "minItems": 1},
        kind={"oneOf": [{"const": "a"}, {"$ref": "#/$defs/K"}], "default": "a"},
        when={"type": "string", "format": "date"},
    )
    made = body(output=output)["output_config"]["format"]
    assert made["type"] == "json_schema"
    assert made["schema"]["additionalProperties"] is False
    assert made["schema"]["properties"] == {
        "name": {"type": "string"},
        "size": {"type": "integer", "description": "Inhabitants. {minimum: 1}"},
        "tags": {
            "type": "array",
            "items": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "minItems": 1,
            "description": "{maxItems: 3}",
        },
        "kind": {"anyOf": [{"const": "a"}, {"$ref": "#/$defs/K"}], "description": '{default: "a"}'},
        "when": {"type": "string", "format": "date"},
    }


def test_definitions_are_closed_as_well() -> None:
    inner = {"type": "object", "properties": {"n": {"type": "number", "maximum": 2}}}
    made = adapted({"$ref": "#/$defs/A", "$defs": {"A": inner}})
    assert made["$defs"]["A"] == {
        "type": "object",
        "properties": {"n": {"type": "number", "description": "{maximum: 2}"}},
        "additionalProperties": False,
    }


def test_a_schema_within_itself_is_named() -> None:
    node = {"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]}}}
    with pytest.raises(UnsupportedError, match="Node is within itself"):
        adapted({"$ref": "#/$defs/Node", "$defs": {"Node": node}})
    twice = {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}, "b": {"$ref": "#/$defs/A"}}}
    assert adapted({**twice, "$defs": {"A": {"type": "string"}}})["$defs"] == {"A": {"type": "string"}}


@pytest.mark.parametrize("field", [{}, {"type": "object", "additionalProperties": {"type": "integer"}}])
def test_a_schema_that_cannot_be_enforced_is_named(field: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedError, match="method='function_calling'"):
        body(output=_city(any=field))


def test_models_and_methods_without_schemas_are_named() -> None:
    with pytest.raises(UnsupportedError, match="claude-sonnet-4-20250514 knows no JSON schemas"):
        body(model="claude-sonnet-4-20250514", output=_city())
    with pytest.raises(UnsupportedError, match="no JSON mode"):
        body(output=OutputSchema("x", {}, method="json_mode"))


@pytest.mark.parametrize("stream", [False, True])
def test_a_conversation_with_thoughts_and_tools_passes_a_strict_server(stream: bool) -> None:
    with AnthropicServer() as server:
        history: list[Message] = [SystemMessage("Be brief."), HumanMessage("What is the weather in Paris?")]
        for _ in range(2):
            call = Call("claude-haiku-4-5", history, (WEATHER,), stream=stream, options={"reasoning": "low"})
            history.append(_asked(server, call))
            history.extend(ToolMessage("sunny", c["id"] or "") for c in history[-1].tool_calls)  # type: ignore[attr-defined]
        assert history[-1].text == "Here is what I found: sunny"
        assert [type(m).__name__ for m in history[2:]] == ["AIMessage", "ToolMessage", "AIMessage"]


def _asked(server: AnthropicServer, call: Call) -> AIMessage:
    request = CODEC.request(call)
    headers = {**request.headers, "x-api-key": "k"}
    got = httpx.post(f"{server.url}/v1{request.path}", json=request.body, headers=headers, trust_env=False)
    assert got.status_code == 200, got.text
    if not call.stream:
        return CODEC.answer(got.content, "anthropic")
    decoder, whole = CODEC.decoder("anthropic"), Gathering()
    for chunk in (*decoder.feed(got.content), *decoder.close()):
        whole.add(chunk)
    return whole.message()


OWN = [path for path in exchanges() if path.parent.name == "anthropic"]
RECORDED = [path for path in OWN if load(path)["response"]["status"] == 200]


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_a_recorded_answer_goes_back_in_the_sdks_types(path: Path) -> None:
    exchange = load(path)
    message, _ = decode(CODEC, exchange, [body_of(exchange)]) if streamed(exchange) else answer(CODEC, exchange)
    results = [ToolMessage("done", call["id"] or "") for call in message.tool_calls]
    made = body(HumanMessage("Hi"), message, *results, HumanMessage("Go on"))
    if not streamed(exchange):
        assert _without(made["messages"][1]["content"]) == _without(documents(exchange)[0]["content"])


def _without(value: Any) -> Any:
    """The same without what answers have and requests must not."""
    if isinstance(value, dict):
        return {k: _without(v) for k, v in value.items() if k not in ("abort_reason", "file_id")}
    return [_without(v) for v in value] if isinstance(value, list) else value
