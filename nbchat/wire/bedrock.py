"""AWS Bedrock Converse: the request, the whole answer. No network, no clock."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar
from urllib.parse import quote

from pydantic_core import to_json

from nbchat.values.blocks import Block, is_media
from nbchat.values.errors import ConfigurationError, StreamError, UnsupportedError
from nbchat.values.messages import AIMessage, Gathering, Message, SystemMessage, ToolMessage
from nbchat.wire.anthropic_models import generation
from nbchat.wire.anthropic_schema import adapted
from nbchat.wire.bedrock_decoder import WIRE, BedrockDecoder
from nbchat.wire.bedrock_media import media_block
from nbchat.wire.bedrock_options import model_fields
from nbchat.wire.codec import Call, OutputSchema, Request, ToolSpec, read_json
from nbchat.wire.errors import read_error
from nbchat.wire.untrusted import objects_in

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
        """`POST /model/{modelId}/converse`, or `/converse-stream`."""
        messages = _messages(call)
        if not messages:
            raise ConfigurationError("there is nothing to send: the messages have no content")
        body: dict[str, Any] = {"messages": messages}
        if system := [part for m in call.messages if isinstance(m, SystemMessage) for part in _parts(m, call.model)]:
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
        """Raises ConfigurationError where botocore, which reads the frames, is not installed."""
        return BedrockDecoder.of_stream(provider)

    def answer(self, body: bytes, provider: str) -> AIMessage:
        data = read_json(body, provider)
        if not isinstance(data, dict):
            raise StreamError(f"{provider} answered with JSON that is no Converse answer: {str(data)[:120]!r}")
        if "output" not in data and (data.keys() & {"message", "Message", "__type", "Output"}):
            raise read_error(provider, None, {}, data.get("Output", data))
        reader, whole = BedrockDecoder(provider), Gathering()
        for chunk in reader.whole(data):
            whole.add(chunk)
        whole.add(reader.last())
        return whole.message()

    def retry_without(self, request: Request, problem: str) -> Request | None:
        """Some models do not know that thoughts may be asked for as a summary."""
        own = request.body.get("additionalModelRequestFields") or {}
        thinking = own.get("thinking") or {}
        if "display" not in thinking or "display" not in problem:
            return None
        thinking = {key: value for key, value in thinking.items() if key != "display"}
        body = {**request.body, "additionalModelRequestFields": {**own, "thinking": thinking}}
        return replace(request, body=body)


def _messages(call: Call) -> list[dict[str, Any]]:
    """The turns, alternating: what one side says in a row is one message; tool results are the user's."""
    out: list[dict[str, Any]] = []
    for message in call.messages:
        if isinstance(message, SystemMessage):
            continue
        role = "assistant" if isinstance(message, AIMessage) else "user"
        if not (parts := list(_parts(message, call.model))):
            continue
        if out and out[-1]["role"] == role:
            out[-1]["content"].extend(parts)
        else:
            out.append({"role": role, "content": parts})
    _name_documents(out)
    return out


def _parts(message: Message, model: str) -> Iterator[dict[str, Any]]:
    if isinstance(message, ToolMessage):
        yield _tool_result(message)
        return
    native = not isinstance(message, AIMessage) or message.response_metadata.get("wire") == WIRE
    for place, block in enumerate(message.content_blocks):
        if part := _part(block, native, model, place):
            yield part
            if isinstance(mark := block.get("cache_control"), Mapping):  # Anthropic's mark is a block of its own here
                ttl = {"ttl": mark["ttl"]} if mark.get("ttl") else {}
                yield {"cachePoint": {"type": "default", **ttl}}


def _part(block: Block, native: bool, model: str, place: int) -> dict[str, Any] | None:
    match block:
        case {"type": "text", "text": str(text)}:
            return _text(block, native) if text else None
        case {"type": "refusal", "text": str(text)}:
            return {"text": text} if text else None
        case {"type": "tool_call", "name": name, "args": args}:
            use = {"toolUseId": _call_id(block.get("id"), place), "name": name, "input": args}
            return {"toolUse": use | (_extras(block) if native else {})}
        case {"type": "invalid_tool_call", "name": name, "args": args}:
            wrong = {"invalid_arguments": args}  # `input` must be an object: the model sees what it wrote
            return {"toolUse": {"toolUseId": _call_id(block.get("id"), place), "name": name, "input": wrong}}
        case {"type": "reasoning"}:
            return _reasoning(block, model) if native else None
        case {"type": "server_tool_call", "name": name, "args": args, "id": id}:
            return {"toolUse": {"toolUseId": id, "name": name, "input": args, **_extras(block)}} if native else None
        case {"type": "server_tool_result", "tool_call_id": id, "output": output}:
            result = {"toolUseId": id, "content": output, "status": block.get("status") or "success"}
            return {"toolResult": result | _extras(block)} if native else None
        case {"type": "non_standard", "value": value}:
            return value if native and isinstance(value, dict) else None
    if is_media(block):
        return media_block(block)
    raise UnsupportedError(f"BedrockConverse has no content block of type {block.get('type')!r}")


def _extras(block: Block) -> dict[str, Any]:
    return dict(block.get("extras") or {})


def _text(block: Block, native: bool) -> dict[str, Any]:
    notes = block.get("annotations") or [] if native else []
    cited = [note["extras"] for note in notes if isinstance(note, Mapping) and note.get("extras")]
    if not cited:
        return {"text": block["text"]}
    return {"citationsContent": {"content": [{"text": block["text"]}], "citations": cited}}


def _reasoning(block: Block, model: str) -> dict[str, Any] | None:
    extras = _extras(block)
    if "redacted" in extras:
        return {"reasoningContent": {"redactedContent": extras["redacted"]}}
    if "signature" not in extras and "claude" in model:
        return None  # Claude refuses reasoning that it has not signed: an answer that was stopped
    return {"reasoningContent": {"reasoningText": {"text": block.get("reasoning") or "", **extras}}}


def _tool_result(message: ToolMessage) -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    for block in message.content_blocks:
        match block:
            case {"type": "text", "text": str(text)}:
                content += [{"text": text}] if text else []
            case {"type": "non_standard", "value": value}:
                content.append(value)
            case _ if is_media(block):
                content.append(media_block(block))
            case _:
                content.append({"json": {key: value for key, value in block.items() if key != "index"}})
    result = {"toolUseId": _call_id(message.tool_call_id, 0), "content": content or [{"text": "(no output)"}]}
    if message.status == "error":
        result["status"] = "error"
    return {"toolResult": result}


def _call_id(id: str | None, place: int) -> str:
    """Bedrock takes 64 letters, digits and `_.:-`; ids of other providers are made to fit, the same way each time."""
    return re.sub(r"[^a-zA-Z0-9_.:-]", "_", id)[-64:] if id else f"call_{place}"


def _name_documents(messages: list[dict[str, Any]]) -> None:
    """Bedrock refuses a request in which two documents have one name."""
    seen: dict[str, int] = {}
    for document in _inside(messages, "document"):
        name = str(document.get("name"))
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > 1:
            document["name"] = f"{name} ({seen[name]})"


def _inside(messages: list[dict[str, Any]], kind: str) -> Iterator[dict[str, Any]]:
    """What the content blocks of one kind hold."""
    return (inside for message in messages for part in message["content"] for inside in objects_in([part.get(kind)]))


def _tool_config(call: Call, messages: list[dict[str, Any]]) -> dict[str, Any] | None:
    used = dict.fromkeys(str(use.get("name")) for use in _inside(messages, "toolUse"))
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
    schema = _adapted(tool.parameters) if tool.strict else tool.parameters
    spec: dict[str, Any] = {"name": tool.name, "inputSchema": {"json": schema}}
    if tool.description:
        spec["description"] = tool.description
    if tool.strict is not None:
        spec["strict"] = tool.strict
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
