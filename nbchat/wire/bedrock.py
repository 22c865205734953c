"""AWS Bedrock Converse: the request, the whole answer. No network, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar
from urllib.parse import quote

from pydantic_core import to_json

from nbchat.values.errors import ConfigurationError, StreamError, UnsupportedError
from nbchat.values.messages import AIMessage, SystemMessage
from nbchat.wire.anthropic_models import generation
from nbchat.wire.anthropic_schema import adapted, parameters
from nbchat.wire.bedrock_decoder import BedrockDecoder
from nbchat.wire.bedrock_messages import inside, parts, turns
from nbchat.wire.bedrock_options import model_fields
from nbchat.wire.codec import Call, OutputSchema, Request, ToolSpec
from nbchat.wire.decoding import read_json
from nbchat.wire.errors import read_error
from nbchat.wire.event_stream import header_parser

_INFERENCE = {"temperature": "temperature", "top_p": "topP", "max_tokens": "maxTokens", "stop": "stopSequences"}
_ABSENT = {
    "logprobs": "logprobs",
    "top_logprobs": "logprobs",
    "seed": "seed",
    "presence_penalty": "presence penalty",
    "frequency_penalty": "frequency penalty",
}
_NO_SCHEMAS = ("nova", "titan", "llama", "cohere", "ai21", "jamba", "deepseek.r1")


@dataclass(frozen=True)
class BedrockConverse:
    """The codec. Bedrock has no vendors but itself, so it has no quirks to set."""

    name: str = "BedrockConverse"
    features: ClassVar[frozenset[str]] = frozenset(
        {
            *("stream", "system", "stop", "tools", "forced_tool", "parallel_tools", "strict_tools", "builtin_tools"),
            *("json_schema", "image_in", "audio_in", "video_in", "file_in", "image_out"),
            *("reasoning", "reasoning_budget", "citations", "prompt_cache"),
        }
    )

    def request(self, call: Call) -> Request:
        """`POST /model/{modelId}/converse`, or `/converse-stream`.

        Raises:
            UnsupportedError: Converse, or this family of models, has no such option, block or form.
            ConfigurationError: there is nothing to send, or botocore is needed for a stream and not installed.
        """
        if call.stream:
            header_parser()  # where botocore is missing, that is said before anything is sent
        messages = turns(call)
        if not messages:
            raise ConfigurationError("there is nothing to send: the messages have no content")
        body: dict[str, Any] = {"messages": messages}
        if system := [part for m in call.messages if isinstance(m, SystemMessage) for part in parts(m, call.model)]:
            body["system"] = system
        if tools := _tool_config(call, messages):
            body["toolConfig"] = tools
        if call.output is not None:
            body["outputConfig"] = {"textFormat": _text_format(call.output, call.model)}
        _merge(body, _options(call))
        kind = "converse-stream" if call.stream else "converse"
        accept = "application/vnd.amazon.eventstream" if call.stream else "application/json"
        return Request(f"/model/{quote(call.model, safe='')}/{kind}", body, {"accept": accept})

    def decoder(self, provider: str) -> BedrockDecoder:
        """A reader of an event stream."""
        return BedrockDecoder.of_stream(provider)

    def answer(self, body: bytes, provider: str) -> AIMessage:
        data = read_json(body, provider)
        if not isinstance(data, dict):
            raise StreamError(f"{provider} answered with JSON that is no Converse answer: {str(data)[:120]!r}")
        if "output" not in data and (data.keys() & {"message", "Message", "__type", "Output"}):
            raise read_error(provider, None, {}, data.get("Output", data))
        reader = BedrockDecoder(provider)
        return reader.message(reader.whole(data))

    def retry_without(self, request: Request, problem: str) -> Request | None:
        """Some models do not know that thoughts may be asked for as a summary."""
        own = request.body.get("additionalModelRequestFields") or {}
        thinking = own.get("thinking") or {}
        if "display" not in thinking or "display" not in problem:
            return None
        thinking = {key: value for key, value in thinking.items() if key != "display"}
        body = {**request.body, "additionalModelRequestFields": {**own, "thinking": thinking}}
        return replace(request, body=body)


def _tool_config(call: Call, messages: list[dict[str, Any]]) -> dict[str, Any] | None:
    used = dict.fromkeys(str(use.get("name")) for use in inside(messages, "toolUse"))
    if call.tool_choice == "none":
        if used:
            raise UnsupportedError("BedrockConverse has no tool_choice='none' in a conversation that has used tools")
        return None
    tools = [_tool(tool) for tool in call.tools]
    if not tools:  # a conversation with tool calls in it is refused unless tools are declared
        return {"tools": [_tool(ToolSpec(name)) for name in used]} if used else None
    config: dict[str, Any] = {"tools": tools}
    match call.tool_choice:
        case None:
            pass
        case "auto" | "any" as choice:
            config["toolChoice"] = {choice: {}}
        case "required":
            config["toolChoice"] = {"any": {}}
        case str(name) | {"function": {"name": name}}:
            config["toolChoice"] = {"tool": {"name": name}}
        case choice:
            config["toolChoice"] = choice
    return config


def _tool(tool: ToolSpec | Mapping[str, Any]) -> Mapping[str, Any]:
    if not isinstance(tool, ToolSpec):
        return tool
    schema, strict = parameters(tool)
    spec: dict[str, Any] = {"name": tool.name, "inputSchema": {"json": schema}}
    if tool.description:
        spec["description"] = tool.description
    if strict is not None:
        spec["strict"] = strict
    return {"toolSpec": spec}


def _text_format(output: OutputSchema, model: str) -> dict[str, Any]:
    if output.method != "json_schema":
        raise UnsupportedError("BedrockConverse has no JSON mode: give a schema, or use method='function_calling'")
    if generation(model) in ("3", "4.0") or any(family in model for family in _NO_SCHEMAS):
        raise UnsupportedError(f"{model} knows no JSON schemas on Bedrock: use method='function_calling'")
    form = {"name": output.name, "schema": to_json(_adapted(output.schema)).decode()}
    if output.description:
        form["description"] = output.description
    return {"type": "json_schema", "structure": {"jsonSchema": form}}


def _adapted(schema: Mapping[str, Any]) -> dict[str, Any]:
    """In the subset that is enforced: Bedrock's is Anthropic's."""
    try:
        return adapted(schema)
    except UnsupportedError as error:
        raise UnsupportedError(str(error).replace("AnthropicMessages", "BedrockConverse")) from None


def _options(call: Call) -> dict[str, Any]:
    """Options where Converse wants them; names that are not neutral go into the body as they are."""
    body: dict[str, Any] = {}
    for key, value in call.options.items():
        if value is None or key in ("top_k", "reasoning"):
            continue
        if key in _INFERENCE:
            body.setdefault("inferenceConfig", {})[_INFERENCE[key]] = value
        elif key not in _ABSENT:
            _merge(body, {key: value})
        elif value is not False:
            raise UnsupportedError(f"BedrockConverse has no {_ABSENT[key]}")
    _merge(body, model_fields(call))
    return body


def _merge(body: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        before = body.get(key)
        if isinstance(before, dict) and isinstance(value, Mapping):
            _merge(before, value)
        else:
            body[key] = dict(value) if isinstance(value, Mapping) else value
