"""What people write for messages: read where it can be, and named where it cannot."""

from __future__ import annotations

from typing import Any

import pytest

from nbchat.values.errors import ConfigurationError
from nbchat.values.messages import AIMessage
from nbchat.values.reading import read_messages


def assistant(**fields: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": "Hi", **fields}


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


@pytest.mark.parametrize(
    ("call", "read"),
    [
        (
            {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}},
            {"name": "f", "args": {"x": 1}, "id": "a", "type": "tool_call"},
        ),
        (
            {"id": "a", "type": "custom", "custom": {"name": "f", "input": "x"}},
            {"name": "f", "args": {"input": "x"}, "id": "a", "type": "tool_call", "extras": {"type": "custom"}},
        ),
        ({"name": "f", "args": {}, "id": "a"}, {"name": "f", "args": {}, "id": "a", "type": "tool_call"}),
    ],
)
def test_a_call_may_be_in_openais_form(call: Any, read: Any) -> None:
    (message,) = read_messages([assistant(tool_calls=[call])])
    assert isinstance(message, AIMessage)
    assert message.tool_calls == [read]


def test_a_refusal_in_openais_form_is_a_block() -> None:
    (message,) = read_messages([assistant(content=None, refusal="No.")])
    assert message.blocks == [{"type": "refusal", "text": "No."}]


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (assistant(tool_calls=[{"id": "a"}]), "a tool call is a dict of name, args and id"),
        (assistant(tool_calls=["f"]), "a tool call is a dict of name, args and id"),
        (assistant(tool_calls={"name": "f"}), "a tool call is a dict of name, args and id"),
        (assistant(tool_calls=[{"function": {"arguments": "{}"}}]), "a tool call is a dict of name, args and id"),
        (assistant(invalid_tool_calls=[5]), "a tool call is a dict of name, args and id"),
        (assistant(usage_metadata=5), "usage_metadata of a message is a dict, not int"),
        (assistant(response_metadata="x"), "response_metadata of a message is a dict, not str"),
        (assistant(additional_kwargs=[1]), "additional_kwargs of a message is a dict, not list"),
        (assistant(timing=5), "timing of a message is a dict, not int"),
        (user({"type": "text"}), "a text block has its text in 'text'"),
        (user({"type": "text", "text": None}), "a text block has its text in 'text'"),
        (user({"type": ["x"]}), "the type of a content block is text, not list"),
        (user({"type": None}), "the type of a content block is text, not NoneType"),
    ],
)
def test_what_cannot_be_read_is_named(message: Any, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        read_messages([message])


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image_url", "image_url": {}},
        {"type": "image_url", "image_url": None},
        {"type": "file", "file": {"file_data": 5}},
        {"type": "tool_result", "tool_use_id": "x", "content": "y"},
    ],
)
def test_a_block_of_no_known_form_is_the_providers_own(block: dict[str, Any]) -> None:
    assert read_messages([user(block)])[0].blocks == [block]
