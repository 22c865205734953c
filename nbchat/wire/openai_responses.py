"""OpenAI Responses, and every server that speaks it: the request, and who reads the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Any, ClassVar

from nbchat.values.errors import StreamError, UnsupportedError
from nbchat.values.messages import AIMessage, SystemMessage
from nbchat.wire.codec import Call, OutputSchema, Request, ToolSpec
from nbchat.wire.decoding import read_json
from nbchat.wire.errors import read_error
from nbchat.wire.responses_decoder import ResponsesDecoder
from nbchat.wire.responses_input import input_items, is_text
from nbchat.wire.strict_schema import strict_where_possible
from nbchat.wire.untrusted import object_of

ENCRYPTED_REASONING = "reasoning.encrypted_content"
TEXT_LOGPROBS = "message.output_text.logprobs"


@dataclass(frozen=True)
class OpenAIResponses:
    """The codec of `POST /responses`.

    Attributes:
        response_format: the form of an answer is given as in chat completions, in `response_format` (llama.cpp).
        forced_tools_by_schema: the server ignores tools: a forced tool call is had by constraining the answer.
        extra: fields for every body.
    """

    response_format: bool = False
    forced_tools_by_schema: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)
    name: str = "OpenAIResponses"
    features: ClassVar[frozenset[str]] = frozenset({
        "stream", "system", "tools", "forced_tool", "parallel_tools", "strict_tools", "json_schema", "json_mode",
        "image_in", "file_in", "image_out", "reasoning", "logprobs", "citations", "builtin_tools", "prompt_cache",
    })  # fmt: skip

    def request(self, call: Call) -> Request:
        """`POST /responses`. Leading system messages become `instructions`, everything else `input` items."""
        leading = list(takewhile(lambda m: isinstance(m, SystemMessage) and is_text(m), call.messages))
        body: dict[str, Any] = {"model": call.model, **self.extra}
        if leading:
            body["instructions"] = "\n\n".join(message.text for message in leading)
        body["input"] = input_items(call.messages[len(leading) :])
        body.update(_options(call.options))
        if call.tools:
            body["tools"] = [_tool(tool) for tool in call.tools]
        if call.tool_choice is not None:
            body["tool_choice"] = _tool_choice(call.tool_choice, call.tools)
        if call.parallel_tool_calls is not None:
            body["parallel_tool_calls"] = call.parallel_tool_calls
        if call.output is not None and self.response_format:
            body["response_format"] = _chat_format(call.output)
        elif call.output is not None:
            body["text"] = {**object_of(body.get("text")), "format": _format(call.output)}
        if call.stream:
            body["stream"] = True
        return Request("/responses", body)

    def decoder(self, provider: str) -> ResponsesDecoder:
        return ResponsesDecoder(provider)

    def answer(self, body: bytes, provider: str) -> AIMessage:
        data = read_json(body, provider)
        if not isinstance(data, dict):
            raise StreamError(f"{provider} answered with JSON that is no response: {str(data)[:120]!r}")
        if "output" not in data:
            if data.get("error"):
                raise read_error(provider, None, {}, data)
            raise StreamError(f"{provider}'s answer has no output: {str(data)[:200]}; is the base URL right?")
        reader = ResponsesDecoder(provider)
        return reader.message(reader.whole(data))

    def retry_without(self, request: Request, problem: str) -> Request | None:
        """Models that do not reason refuse to include their encrypted reasoning."""
        include = request.body.get("include") or []
        if "encrypted" in problem.lower() and ENCRYPTED_REASONING in include:
            rest = [name for name in include if name != ENCRYPTED_REASONING]
            body = {key: value for key, value in request.body.items() if key != "include"}
            return replace(request, body=body | ({"include": rest} if rest else {}))
        return None


def _options(options: Mapping[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {}
    include = list(options.get("include") or ())
    for key, value in options.items():
        if value is None or key == "include":
            continue
        match key:
            case "max_tokens":
                body["max_output_tokens"] = value
            case "reasoning":
                body["reasoning"] = _reasoning(value)
            case "logprobs":
                include += [TEXT_LOGPROBS] if value else []
            case "stop" | "seed" | "top_k" | "presence_penalty" | "frequency_penalty":
                raise UnsupportedError(f"OpenAIResponses has no {key}; leave it out, or use OpenAI's chat completions")
            case _:
                body[key] = value
    if options.get("top_logprobs"):
        include.append(TEXT_LOGPROBS)
    if options.get("store") is False:
        include.append(ENCRYPTED_REASONING)  # what the provider does not keep must travel with the conversation
    if include:
        body["include"] = list(dict.fromkeys(include))
    return body


def _reasoning(value: Any) -> Any:
    if isinstance(value, bool):
        return {"effort": "medium" if value else "none"}
    if isinstance(value, int):
        raise UnsupportedError(
            "OpenAIResponses has no reasoning budget in tokens; give an effort: reasoning='low', 'medium' or 'high'"
        )
    return {"effort": value} if isinstance(value, str) else value


def _tool(tool: ToolSpec | Mapping[str, Any]) -> Mapping[str, Any]:
    match tool:
        case ToolSpec():
            parameters, strict = strict_where_possible(tool.parameters, bool(tool.strict))
            declared = {"name": tool.name, "description": tool.description, "parameters": parameters}
            return {"type": "function", **declared, "strict": strict}  # left out, it is taken to be true
        case {"type": "function", "function": dict(inside)}:  # OpenAI's chat form
            return {"type": "function", "strict": False, **inside}
    return tool


def _tool_choice(choice: str | Mapping[str, Any], tools: Sequence[ToolSpec | Mapping[str, Any]]) -> Any:
    match choice:
        case "any":
            return "required"
        case "auto" | "none" | "required":
            return choice
        case str():
            own = any(isinstance(tool, Mapping) and tool.get("type") == choice for tool in tools)
            return {"type": choice} if own else {"type": "function", "name": choice}
        case {"type": "function", "function": {"name": name}}:
            return {"type": "function", "name": name}
    return choice


def _format(output: OutputSchema) -> dict[str, Any]:
    if output.method == "json_mode":
        return {"type": "json_object"}
    schema, strict = strict_where_possible(output.schema, output.strict is not False)
    form: dict[str, Any] = {"type": "json_schema", "name": output.name, "schema": schema, "strict": strict}
    if output.description:
        form["description"] = output.description
    return form


def _chat_format(output: OutputSchema) -> dict[str, Any]:
    form = _format(output)
    kind = form.pop("type")
    return {"type": kind, kind: form} if form else {"type": kind}
