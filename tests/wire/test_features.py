"""The table of features, and the errors that read it before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest

from nbchat.values.errors import ConfigurationError, UnsupportedError
from nbchat.values.messages import AIMessage, HumanMessage, SystemMessage
from nbchat.wire.anthropic import AnthropicMessages
from nbchat.wire.codec import Call, OutputSchema, ToolSpec
from nbchat.wire.features import FEATURES, asked, check, codec_class, features_of, require
from nbchat.wire.ollama import OllamaChat
from nbchat.wire.openai_chat import OpenAIChat

WIRES = ("openai_chat", "openai_responses", "anthropic", "gemini", "bedrock", "ollama")
TOOL = ToolSpec("f")
PICTURE = {"type": "image", "base64": "eA==", "mime_type": "image/png"}


def call(*messages: Any, **fields: Any) -> Call:
    return Call("m", messages or (HumanMessage("Hi"),), **fields)


def test_every_codec_names_known_features() -> None:
    for wire in WIRES:
        features = codec_class(wire).features
        assert features <= FEATURES.keys(), wire
        assert {"stream", "system", "tools", "image_in"} <= features, wire


@pytest.mark.parametrize(
    ("asked_for", "features"),
    [
        (call(), []),
        (call(stream=True), ["stream"]),
        (call(SystemMessage("x"), HumanMessage([PICTURE])), ["system", "image_in"]),
        (call(HumanMessage([{"type": "file", "base64": "eA==", "mime_type": "application/pdf"}])), ["file_in"]),
        (call(HumanMessage("x"), AIMessage([PICTURE])), []),
        (call(tools=(TOOL,), tool_choice="auto"), ["tools"]),
        (call(tools=(TOOL,), tool_choice="any"), ["tools", "forced_tool"]),
        (call(tools=(TOOL,), tool_choice={"type": "x"}), ["tools", "forced_tool"]),
        (call(tools=(ToolSpec("f", strict=True),), parallel_tool_calls=False), ["strict_tools", "parallel_tools"]),
        (call(tools=({"type": "web_search"},)), ["builtin_tools"]),
        (call(tools=({"type": "function", "function": {"name": "f"}},)), ["tools"]),
        (call(output=OutputSchema("X", {})), ["json_schema"]),
        (call(output=OutputSchema("X", {}, method="json_mode")), ["json_mode"]),
        (call(options={"logprobs": True, "top_logprobs": 2}), ["logprobs", "logprobs"]),
        (call(options={"seed": 0, "stop": ["x"]}), ["seed", "stop"]),
        (call(options={"logprobs": False, "seed": None, "stop": [], "reasoning": None}), []),
        (call(options={"reasoning": "low"}), ["reasoning"]),
        (call(options={"reasoning": False}), ["reasoning"]),
        (call(options={"reasoning": 1000}), ["reasoning_budget"]),
    ],
)
def test_what_a_call_asks_for(asked_for: Call, features: list[str]) -> None:
    assert list(asked(asked_for)) == features


def test_the_error_names_codec_and_feature() -> None:
    with pytest.raises(UnsupportedError, match=r"^AnthropicMessages has no logprobs; leave it out"):
        check(AnthropicMessages(), call(options={"logprobs": True}))
    with pytest.raises(UnsupportedError, match=r"^OllamaChat has no forced tools"):
        check(OllamaChat(), call(tools=(TOOL,), tool_choice="any"))
    with pytest.raises(UnsupportedError, match=r"^AnthropicMessages has no JSON mode; use method='json_schema' or"):
        check(AnthropicMessages(), call(output=OutputSchema("X", {}, method="json_mode")))
    check(OpenAIChat(), call(options={"logprobs": True}))


def test_the_error_names_the_vendor_that_lacks_what_its_codec_has() -> None:
    with pytest.raises(UnsupportedError, match=r"^groq has no logprobs; leave it out"):
        check(OpenAIChat(), call(options={"logprobs": True}), provider="groq", lacks={"logprobs"})


def test_quirks_change_what_a_codec_can_do() -> None:
    assert "reasoning_budget" in features_of(OpenAIChat(budget="reasoning.max_tokens"))
    assert "json_schema" not in features_of(OpenAIChat(json_schema=False))


def test_a_codec_of_ones_own_need_not_say_what_it_can_do() -> None:
    class Own:
        name = "Own"

    for feature in FEATURES:
        require(Own(), feature)  # type: ignore[arg-type]


def test_an_unknown_wire_format_is_named() -> None:
    with pytest.raises(ConfigurationError, match="no wire format 'smoke'; there are openai_chat"):
        codec_class("smoke")
