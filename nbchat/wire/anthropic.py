"""Anthropic Messages: the codec. Its requests are written in anthropic_request, its events read in anthropic_events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from nbchat.values.errors import ConfigurationError, StreamError, UnsupportedError
from nbchat.values.merging import merged
from nbchat.values.messages import AIMessage
from nbchat.wire.anthropic_events import AnthropicDecoder
from nbchat.wire.anthropic_models import BUDGETS, generation
from nbchat.wire.anthropic_request import arranged, tool, tool_choice
from nbchat.wire.anthropic_schema import adapted
from nbchat.wire.codec import Call, OutputSchema, Request
from nbchat.wire.decoding import read_json
from nbchat.wire.errors import read_error

_LACKING = ("seed", "logprobs", "top_logprobs", "presence_penalty", "frequency_penalty")


@dataclass(frozen=True)
class AnthropicMessages:
    """The codec of `POST /messages`.

    Attributes:
        max_tokens: limit on output tokens where the caller gives none: the format demands one.
        version: the `anthropic-version` header.
    """

    max_tokens: int = 16_384
    version: str = "2023-06-01"
    name: str = "AnthropicMessages"
    features: ClassVar[frozenset[str]] = frozenset(
        {
            *("stream", "system", "stop", "tools", "forced_tool", "parallel_tools", "strict_tools", "builtin_tools"),
            *("json_schema", "image_in", "file_in", "reasoning", "reasoning_budget", "citations", "prompt_cache"),
        }
    )

    def request(self, call: Call) -> Request:
        """`POST /messages`. The option `betas` (a list) becomes the `anthropic-beta` header.

        Raises:
            UnsupportedError: for a seed, logprobs, a penalty, JSON mode, audio, video, or a schema to an older model.
            ConfigurationError: `reasoning` leaves no room within `max_tokens`, or there is nothing to answer.
        """
        options = {key: value for key, value in call.options.items() if value is not None}
        for key in _LACKING:
            if options.pop(key, None):
                raise UnsupportedError(f"{self.name} has no {key}: leave it out, or use another provider")
        headers = {"anthropic-version": self.version}
        if betas := options.pop("betas", None):
            headers["anthropic-beta"] = betas if isinstance(betas, str) else ",".join(betas)
        system, turns = arranged(call.messages)
        if not turns:
            raise ConfigurationError("there is nothing to send: the messages have no content beside the system's")
        body: dict[str, Any] = {"model": call.model, "max_tokens": self._limit(call.model), "messages": turns}
        if system:
            body["system"] = system
        if call.tools:
            body["tools"] = [tool(t) for t in call.tools]
            choice = tool_choice(call.tool_choice, call.parallel_tool_calls)
            if choice:
                body["tool_choice"] = choice
        if call.output is not None:
            body["output_config"] = {"format": self._format(call.output, call.model)}
        if call.stream:
            body["stream"] = True
        if stop := options.pop("stop", None):
            body["stop_sequences"] = [stop] if isinstance(stop, str) else list(stop)
        reasoning = options.pop("reasoning", None)
        if (limit := options.pop("max_tokens", None)) is not None:
            body["max_tokens"] = limit
        body = merged(body, _thinking(reasoning, call.model, body["max_tokens"], limit is not None))
        match options.get("thinking"):
            case {"budget_tokens": int(budget)} if limit is None:
                body["max_tokens"] += budget  # which holds the thoughts as well
        return Request("/messages", merged(body, options), headers)

    def decoder(self, provider: str) -> AnthropicDecoder:
        return AnthropicDecoder(provider)

    def answer(self, body: bytes, provider: str) -> AIMessage:
        data = read_json(body, provider)
        if not isinstance(data, dict):
            raise StreamError(f"{provider} answered with JSON that is no message: {str(data)[:120]!r}")
        if data.get("type") == "error" or data.get("error"):
            raise read_error(provider, None, {}, data)
        if not isinstance(data.get("content"), list):
            raise StreamError(f"{provider}'s answer has no content: {str(data)[:200]}; is the base URL right?")
        reader = AnthropicDecoder(provider)
        return reader.message(reader.on_event(b"", {**data, "type": "message"}))

    def retry_without(self, request: Request, problem: str) -> Request | None:
        """Older models refuse adaptive thinking or an effort, newer ones a budget: say it the other way.

        A budget made here is not turned back, so two refusals end it.
        """
        body = dict(request.body)
        thinking, config = body.get("thinking"), body.get("output_config")
        if isinstance(thinking, Mapping) and "adaptive" in problem:
            if thinking.get("type") == "adaptive" and "display" in thinking:
                config = dict(config or {})
                budget = BUDGETS.get(config.pop("effort", ""), BUDGETS["medium"])
                body["thinking"] = {"type": "enabled", "budget_tokens": budget}
                body["output_config"] = config
                body["max_tokens"] = max(body["max_tokens"], budget + 1024)
                return replace(request, body={key: value for key, value in body.items() if value != {}})
            if thinking.get("type") == "enabled":
                body["thinking"] = {"type": "adaptive"}
                return replace(request, body=body)
        if isinstance(thinking, Mapping) and "display" in thinking and "display" in problem:
            body["thinking"] = {key: value for key, value in thinking.items() if key != "display"}
            return replace(request, body=body)
        if isinstance(config, Mapping) and "effort" in config and "effort parameter" in problem:
            body["output_config"] = {key: value for key, value in config.items() if key != "effort"}
            return replace(request, body={key: value for key, value in body.items() if value != {}})
        return None

    def _limit(self, model: str) -> int:
        return min(self.max_tokens, 4096) if generation(model) == "3" else self.max_tokens

    def _format(self, output: OutputSchema, model: str) -> dict[str, Any]:
        if output.method == "json_mode":
            raise UnsupportedError(f"{self.name} has no JSON mode: give a schema, or use method='function_calling'")
        if generation(model) in ("3", "4.0"):
            raise UnsupportedError(f"{model} knows no JSON schemas: use method='function_calling', or a newer model")
        return {"type": "json_schema", "schema": adapted(output.schema)}


def _thinking(reasoning: Any, model: str, max_tokens: int, limit_given: bool) -> dict[str, Any]:
    """The neutral `reasoning` as body fields: a budget for older models, an effort for newer ones."""
    older = generation(model) != "adaptive"
    if reasoning is None or (reasoning is False and older):
        return {}
    if reasoning is False:
        return {"thinking": {"type": "disabled"}}
    if isinstance(reasoning, int) and reasoning is not True:
        budget = reasoning
    elif not older:
        # Newer models leave the text of their thoughts out unless it is asked for.
        thinking = {"thinking": {"type": "adaptive", "display": "summarized"}}
        return thinking if reasoning is True else {**thinking, "output_config": {"effort": reasoning}}
    elif (level := "medium" if reasoning is True else reasoning) in BUDGETS:
        budget = BUDGETS[level]
        if limit_given and max_tokens <= budget:
            budget = max(1024, max_tokens // 2)
    else:
        raise ConfigurationError(
            f"{model} knows reasoning='low', 'medium', 'high' or a number of tokens, not {reasoning!r}"
        )
    if limit_given and max_tokens <= budget:
        raise ConfigurationError(
            f"reasoning takes {budget} tokens, and max_tokens={max_tokens} holds them and the answer: raise max_tokens"
        )
    return {
        "thinking": {"type": "enabled", "budget_tokens": budget},
        "max_tokens": max_tokens if limit_given else max_tokens + budget,
    }
