"""OpenAI chat completions, and every server that speaks it: the request, the stream, the whole answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from nbchat.values.errors import StreamError, UnsupportedError
from nbchat.values.messages import AIMessage
from nbchat.wire.codec import Call, OutputSchema, Request, ToolSpec
from nbchat.wire.decoding import read_json
from nbchat.wire.errors import read_error
from nbchat.wire.openai_chat_events import WIRE, OpenAIChatDecoder, is_error
from nbchat.wire.openai_chat_prefill import Prefill
from nbchat.wire.openai_chat_request import Dialect, wire_messages
from nbchat.wire.strict_schema import strict_where_possible

__all__ = ["WIRE", "OpenAIChat", "OpenAIChatDecoder"]


@dataclass(frozen=True)
class OpenAIChat:
    """The codec. Its fields are what vendors do differently.

    Attributes:
        max_tokens: the body's name for the limit on output tokens.
        seed: the body's name for the seed.
        stream_usage: whether `stream_options.include_usage` is understood.
        any_tool: the vendor's word for `tool_choice="any"`.
        effort: the body's name for the reasoning effort; a dot makes an object: "reasoning.effort". Where it is
            "thinking.type", reasoning is only "enabled" or "disabled".
        budget: the body's name for a number of reasoning tokens ("reasoning.max_tokens"), or None.
        reasoning_back: how an assistant's reasoning goes back to the vendor, if at all: "reasoning_content" or
            "reasoning" as text in that field, "reasoning_details" as the list it came in, "thinking" as a part of the
            content.
        json_schema: whether `response_format: json_schema` is understood.
        strict_output: whether an answer's schema is sent in strict form unless the call says otherwise.
        forced_tools_by_schema: the server ignores tools: a forced tool call is had by constraining the answer.
        document: the part that carries a file given by URL: "document_url", "file" (URL in `file_data`), or None.
        short_ids: tool calls' ids must be nine letters or digits.
        prefill: how an answer that has begun is marked to be continued, or None where it cannot be.
        extra: fields for every body.
    """

    max_tokens: str = "max_tokens"
    seed: str = "seed"
    stream_usage: bool = True
    any_tool: str = "required"
    effort: str = "reasoning_effort"
    budget: str | None = None
    reasoning_back: str | None = None
    json_schema: bool = True
    strict_output: bool = False
    forced_tools_by_schema: bool = False
    document: str | None = None
    short_ids: bool = False
    prefill: Prefill | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    name: str = "OpenAIChat"

    features: ClassVar[frozenset[str]] = frozenset(
        {"stream", "tools", "forced_tool", "parallel_tools", "strict_tools", "json_schema", "json_mode"}
        | {"image_in", "audio_in", "video_in", "file_in", "image_out", "audio_out", "reasoning", "logprobs", "seed"}
        | {"stop", "citations", "builtin_tools", "prompt_cache", "system"}
    )

    def request(self, call: Call) -> Request:
        """`POST /chat/completions`.

        Raises:
            UnsupportedError: the conversation or the options hold what this vendor cannot take.
        """
        dialect = Dialect(self.reasoning_back, self.document, self.short_ids)
        body: dict[str, Any] = {"model": call.model, "messages": wire_messages(call.messages, dialect)}
        body.update(self.extra)
        body.update(self._options(call.options))
        if call.tools:
            body["tools"] = [_tool(tool) for tool in call.tools]
        if call.tool_choice is not None:
            body["tool_choice"] = self._tool_choice(call.tool_choice)
        if call.parallel_tool_calls is not None:
            body["parallel_tool_calls"] = call.parallel_tool_calls
        if call.output is not None:
            body["response_format"] = self._response_format(call.output)
        if call.stream:
            body["stream"] = True
            if self.stream_usage:
                body.setdefault("stream_options", {"include_usage": True})
        request = Request("/chat/completions", body)
        return self.prefill.marked(request) if self.prefill and call.options.get("prefill") else request

    def decoder(self, provider: str) -> OpenAIChatDecoder:
        return OpenAIChatDecoder(provider)

    def answer(self, body: bytes, provider: str) -> AIMessage:
        data = read_json(body, provider)
        if isinstance(data, list) and len(data) == 1:
            data = data[0]
        if not isinstance(data, dict):
            raise StreamError(f"{provider} answered with JSON that is no chat completion: {str(data)[:120]!r}")
        if is_error(data):
            raise read_error(provider, None, {}, data)
        reader = OpenAIChatDecoder(provider, whole=True)
        return reader.message(reader.on_event(b"", dict(data)))

    def retry_without(self, request: Request, problem: str) -> Request | None:
        """Some servers refuse `stream_options`, or know only the older or the newer name of `max_tokens`."""
        body = dict(request.body)
        if "stream_options" in body and ("stream_options" in problem or "include_usage" in problem):
            del body["stream_options"]
        elif "max_tokens" in body and "max_completion_tokens" in problem:
            body["max_completion_tokens"] = body.pop("max_tokens")
        elif "max_completion_tokens" in body and "max_completion_tokens" in problem and _UNKNOWN.search(problem):
            body["max_tokens"] = body.pop("max_completion_tokens")
        else:
            return None
        return replace(request, body=body)

    def _options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        body: dict[str, Any] = {}
        names = {"max_tokens": self.max_tokens, "seed": self.seed}
        for key, value in options.items():
            if value is None or key == "prefill":
                continue
            if key == "reasoning":
                self._reason(body, value)
            else:
                body[names.get(key, key)] = value
        if body.get("top_logprobs") and "logprobs" not in body:
            body["logprobs"] = True
        return body

    def _reason(self, body: dict[str, Any], value: Any) -> None:
        if isinstance(value, Mapping):
            body["reasoning"] = value  # a vendor's own object
        elif isinstance(value, bool | str):
            word = {True: "medium", False: "none"}.get(value, value) if isinstance(value, bool) else value
            if self.effort == "thinking.type":
                word = "disabled" if word == "none" else "enabled"
            _put(body, self.effort, word)
        elif self.budget:
            _put(body, self.budget, value)
        else:
            raise UnsupportedError(
                f"{self.name} has no reasoning_budget in tokens; give an effort: reasoning='low', 'medium' or 'high'"
            )

    def _tool_choice(self, choice: str | Mapping[str, Any]) -> Any:
        if not isinstance(choice, str) or choice in ("auto", "none", "required"):
            return choice
        if choice == "any":
            return self.any_tool
        return {"type": "function", "function": {"name": choice}}

    def _response_format(self, output: OutputSchema) -> dict[str, Any]:
        if output.method == "json_mode":
            return {"type": "json_object"}
        if not self.json_schema:
            raise UnsupportedError(
                f"{self.name} has no json_schema at this provider; use method='function_calling' or 'json_mode'"
            )
        wanted = self.strict_output if output.strict is None else output.strict
        schema, strict = strict_where_possible(output.schema, wanted)
        form: dict[str, Any] = {"name": output.name, "schema": schema}
        if output.description:
            form["description"] = output.description
        if strict or output.strict is not None:
            form["strict"] = strict
        return {"type": "json_schema", "json_schema": form}


_UNKNOWN = re.compile(r"unknown|unsupported|unrecogni[sz]ed|unexpected|not (permitted|allowed|supported)|extra", re.I)


def _put(body: dict[str, Any], path: str, value: Any) -> None:
    *outer, last = path.split(".")
    for key in outer:
        body = body.setdefault(key, {})
    body[last] = value


def _tool(tool: ToolSpec | Mapping[str, Any]) -> Mapping[str, Any]:
    if not isinstance(tool, ToolSpec):
        return tool
    parameters, strict = strict_where_possible(tool.parameters, bool(tool.strict))
    function: dict[str, Any] = {"name": tool.name, "description": tool.description, "parameters": parameters}
    if tool.strict is not None:
        function["strict"] = strict
    return {"type": "function", "function": function}
