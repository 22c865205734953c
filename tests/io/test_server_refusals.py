"""The pretend providers refuse what the real ones refuse, in their shape."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.servers import AnthropicServer, OpenAIServer

WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
ANTHROPIC_TOOLS: Any = [{"name": "get_weather", "input_schema": WEATHER}]
http = httpx.Client(verify=False)  # loading certificates, for each client anew, would take most of these tests' time
BEARER = {"authorization": "Bearer sk-test"}
VERSIONED = {"x-api-key": "sk-ant-test", "anthropic-version": "2023-06-01"}


def user(text: str = "hi") -> dict[str, Any]:
    return {"role": "user", "content": text}


OPENAI_CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
OPEN_SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
HALF_SCHEMA = {**OPEN_SCHEMA, "required": [], "additionalProperties": False}


@pytest.mark.parametrize(
    ("fields", "param", "says"),
    [
        ({"messages": None}, "messages", "Missing required parameter"),
        ({"messages": []}, "messages", "empty array"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role", "Supported values"),
        ({"messages": [{"role": "user", "content": None}]}, "messages.[0].content", "got null"),
        (
            {"messages": [user(), {"role": "tool", "tool_call_id": "call_1", "content": "x"}]},
            "messages.[1].role",
            "tool_calls",
        ),
        (
            {"messages": [user(), {"role": "assistant", "tool_calls": [OPENAI_CALL]}, user()]},
            "messages.[2].role",
            "call_1",
        ),
        ({"top_k": 3}, None, "Unrecognized request argument supplied: top_k"),
        ({"temperature": 3}, "temperature", "Expected a value <= 2"),
        ({"stream_options": {"include_usage": True}}, "stream_options", "only allowed when 'stream'"),
        ({"tool_choice": "auto"}, "tool_choice", "only allowed when 'tools'"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools[0].function.name", "pattern"),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "strict": True, "parameters": OPEN_SCHEMA}}]},
            "tools[0].function.parameters",
            "'additionalProperties' is required",
        ),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "A", "strict": True, "schema": HALF_SCHEMA},
                }
            },
            "response_format",
            "Missing 'a'",
        ),
    ],
)
def test_openai_refuses_in_its_own_shape(
    openai_server: OpenAIServer, fields: dict[str, Any], param: str | None, says: str
) -> None:
    body = {
        key: value for key, value in {"model": "gpt-test", "messages": [user()], **fields}.items() if value is not None
    }
    reply = http.post(f"{openai_server.base_url}/chat/completions", json=body, headers=BEARER)
    error = reply.json()["error"]
    assert (reply.status_code, error["type"], error["param"]) == (400, "invalid_request_error", param)
    assert says in error["message"]


ANTHROPIC_CALL = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
ANTHROPIC_RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "x"}
THINKING = {"type": "enabled", "budget_tokens": 1024}


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"messages": None}, "messages: Field required"),
        ({"max_tokens": None}, "max_tokens: Field required"),
        ({"messages": []}, "at least one message"),
        ({"messages": [{"role": "system", "content": "x"}]}, "top-level `system`"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, 'must use the "user" role'),
        ({"messages": [user("")]}, "non-empty content"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": ""}]}]}, "text content blocks"),
        ({"messages": [{"role": "user", "content": [ANTHROPIC_RESULT]}]}, "unexpected `tool_use_id`"),
        ({"messages": [user(), {"role": "assistant", "content": [ANTHROPIC_CALL]}, user()]}, "without `tool_result`"),
        ({"n": 2}, "n: Extra inputs are not permitted"),
        ({"temperature": 1.5}, "range: 0..1"),
        ({"tools": [{"name": "f"}]}, "input_schema: Field required"),
        ({"thinking": THINKING, "max_tokens": 1000}, "must be greater than"),
        ({"thinking": THINKING, "tools": ANTHROPIC_TOOLS, "tool_choice": {"type": "any"}}, "forces tool use"),
        (
            {
                "thinking": THINKING,
                "messages": [
                    user(),
                    {"role": "assistant", "content": [ANTHROPIC_CALL]},
                    {"role": "user", "content": [ANTHROPIC_RESULT]},
                ],
            },
            "must start with a thinking block",
        ),
        (
            {
                "messages": [
                    user(),
                    {"role": "assistant", "content": [{"type": "thinking", "thinking": "?", "signature": "?"}]},
                ]
            },
            "Invalid `signature`",
        ),
    ],
)
def test_anthropic_refuses_in_its_own_shape(
    anthropic_server: AnthropicServer, fields: dict[str, Any], says: str
) -> None:
    whole = {"model": "claude-test", "max_tokens": 2000, "messages": [user()], **fields}
    body = {key: value for key, value in whole.items() if value is not None}
    reply = http.post(f"{anthropic_server.url}/v1/messages", json=body, headers=VERSIONED)
    assert (reply.status_code, reply.json()["type"]) == (400, "error")
    assert reply.json()["error"]["type"] == "invalid_request_error"
    assert says in reply.json()["error"]["message"]


def test_no_key_and_a_wrong_key_are_401(openai_server: OpenAIServer, anthropic_server: AnthropicServer) -> None:
    chat, messages = f"{openai_server.base_url}/chat/completions", f"{anthropic_server.url}/v1/messages"
    assert http.post(chat, json={}).status_code == 401
    assert http.post(messages, json={}).status_code == 401
    wrong = http.post(chat, json={}, headers={"authorization": "Bearer invalid-key-12345"})
    assert wrong.json()["error"]["code"] == "invalid_api_key"
    assert http.post(messages, json={}, headers={**VERSIONED, "x-api-key": "invalid"}).status_code == 401
    assert http.post(messages, json={}, headers={"x-api-key": "sk-ant-test"}).status_code == 400
