"""One table: the features of each codec; read by the documentation and by the errors. No network, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from importlib import import_module
from typing import Any

from nbchat.values.blocks import is_media
from nbchat.values.errors import ConfigurationError, UnsupportedError
from nbchat.values.messages import SystemMessage
from nbchat.wire.codec import Call, Codec, ToolSpec

FEATURES = {  # what can be asked of a model, and how an error calls it
    "stream": "streaming",
    "system": "system messages",
    "tools": "tools",
    "forced_tool": "forced tools (tool_choice)",
    "parallel_tools": "parallel tool calls",
    "strict_tools": "strict tools",
    "builtin_tools": "built-in tools",
    "json_schema": "JSON schemas for its answer",
    "json_mode": "JSON mode",
    "image_in": "images in a prompt",
    "audio_in": "audio in a prompt",
    "video_in": "video in a prompt",
    "file_in": "files in a prompt",
    "image_out": "images in an answer",
    "audio_out": "audio in an answer",
    "reasoning": "reasoning",
    "reasoning_budget": "reasoning budget in tokens",
    "logprobs": "logprobs",
    "seed": "seed",
    "stop": "stop sequences",
    "citations": "citations",
    "prompt_cache": "marks for a prompt cache",
    "prefill": "prefill: it does not go on with an answer that has begun",
}

_HOMES = {
    "openai_chat": "nbchat.wire.openai_chat:OpenAIChat",
    "openai_responses": "nbchat.wire.openai_responses:OpenAIResponses",
    "anthropic": "nbchat.wire.anthropic:AnthropicMessages",
    "gemini": "nbchat.wire.gemini:GeminiGenerate",
    "bedrock": "nbchat.wire.bedrock:BedrockConverse",
    "ollama": "nbchat.wire.ollama:OllamaChat",
}

_OPTIONS = {"logprobs": "logprobs", "top_logprobs": "logprobs", "seed": "seed", "stop": "stop", "prefill": "prefill"}
_INSTEAD = {
    "json_mode": "use method='json_schema' or 'function_calling'",
    "json_schema": "use method='function_calling' or 'json_mode'",
}
_TOOL_CHOICES = frozenset({None, "auto", "none"})


@cache
def codec_class(wire: str) -> Any:
    """The codec of this name ("openai_chat", "anthropic", …). Raises ConfigurationError for an unknown one."""
    if wire not in _HOMES:
        raise ConfigurationError(f"there is no wire format {wire!r}; there are {', '.join(_HOMES)}")
    module, _, name = _HOMES[wire].partition(":")
    return getattr(import_module(module), name)


def features_of(codec: Codec) -> frozenset[str]:
    """What a codec with its vendor's quirks can do; everything, for a user's own that does not say."""
    found = frozenset(getattr(codec, "features", FEATURES))
    if getattr(codec, "budget", None):
        found |= {"reasoning_budget"}
    if getattr(codec, "prefill", None) is not None:
        found |= {"prefill"}
    return found if getattr(codec, "json_schema", True) else found - {"json_schema"}


def require(codec: Codec, feature: str, *, provider: str = "", lacks: Iterable[str] = ()) -> None:
    """Raise UnsupportedError, `AnthropicMessages has no logprobs; …`, where a codec or the provider lacks a feature."""
    advice = _INSTEAD.get(feature, "leave it out, or ask another provider")
    if feature not in features_of(codec):
        raise UnsupportedError(f"{codec.name} has no {FEATURES[feature]}; {advice}")
    if feature in lacks:
        raise UnsupportedError(f"{provider or 'this provider'} has no {FEATURES[feature]}; {advice}")


def check(codec: Codec, call: Call, *, provider: str = "", lacks: Iterable[str] = ()) -> None:
    """Raise UnsupportedError for the first thing in a call that cannot be had, before anything is sent."""
    for feature in asked(call):
        require(codec, feature, provider=provider, lacks=lacks)


def asked(call: Call) -> Iterator[str]:
    """The features that a call needs."""
    if call.stream:
        yield "stream"
    if call.tools:
        yield from _asked_of_tools(call)
    if call.output is not None:
        yield call.output.method
    for option, value in call.options.items():
        if option in _OPTIONS and value is not None and value is not False and value != []:
            yield _OPTIONS[option]
        elif option == "reasoning" and value is not None:
            yield "reasoning_budget" if type(value) is int else "reasoning"
    for message in call.messages:
        if isinstance(message, SystemMessage):
            yield "system"
        for block in message.blocks:
            if block["type"] != "text" and is_media(block) and message.role != "assistant":
                yield f"{block['type']}_in"


def _asked_of_tools(call: Call) -> Iterator[str]:
    for tool in call.tools:
        if not isinstance(tool, ToolSpec):
            yield "tools" if "function" in tool or "input_schema" in tool or "toolSpec" in tool else "builtin_tools"
        else:
            yield "strict_tools" if tool.strict else "tools"
    if not isinstance(call.tool_choice, str | None) or call.tool_choice not in _TOOL_CHOICES:
        yield "forced_tool"
    if call.parallel_tool_calls is False:
        yield "parallel_tools"
