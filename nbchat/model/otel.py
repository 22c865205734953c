"""OpenTelemetry: a span for every model call and tool run, by the GenAI semantic conventions (`nbchat[otel]`)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic_core import to_json

from nbchat.model.callbacks import BaseCallbackHandler
from nbchat.model.otel_content import answer, conversation, provider_name
from nbchat.values.errors import ConfigurationError
from nbchat.values.messages import AIMessage, Message

_OPTIONS = ("temperature", "top_p", "top_k", "max_tokens", "seed", "presence_penalty", "frequency_penalty")


class OpenTelemetryHandler(BaseCallbackHandler):
    """Writes `gen_ai.*` spans; pass it as `config={"callbacks": [handler]}`.

    Args:
        tracer: an OpenTelemetry tracer, or a provider of them; else the global provider's.
        content: whether prompts and answers are written too. Off, since they may be private.

    Raises:
        ConfigurationError: opentelemetry-api is not installed.
    """

    def __init__(self, tracer: Any = None, *, content: bool = False) -> None:
        try:
            from opentelemetry import trace
        except ImportError:
            raise ConfigurationError('this needs OpenTelemetry: pip install "nbchat[otel]"') from None
        self._trace = trace
        source = tracer or trace
        self._tracer = source.get_tracer("nbchat") if hasattr(source, "get_tracer") else source
        self._content = content
        self._spans: dict[UUID, Any] = {}

    def on_chat_model_start(
        self, serialized: dict[str, Any], messages: list[list[Message]], *, run_id: Any = None, **_: Any
    ) -> None:
        """Begin the span of a model call."""
        model, options = serialized["name"], serialized.get("kwargs", {})
        attributes = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": provider_name(serialized.get("provider", "")),
            "gen_ai.request.model": model,
            **{f"gen_ai.request.{name}": options[name] for name in _OPTIONS if name in options},
        }
        if stop := options.get("stop"):
            attributes["gen_ai.request.stop_sequences"] = list(stop)
        if self._content:
            attributes |= conversation(messages[0])
        self._begin(f"chat {model}", run_id, attributes, self._trace.SpanKind.CLIENT)

    def on_llm_end(self, response: AIMessage, *, run_id: Any = None, **_: Any) -> None:
        """End it with what the provider said."""
        said, usage = response.response_metadata, response.usage_metadata
        attributes = {
            "gen_ai.response.model": said.get("model_name"),
            "gen_ai.response.id": response.id,
            "gen_ai.response.finish_reasons": [response.finish_reason] if response.finish_reason else None,
            "gen_ai.usage.input_tokens": usage.input_tokens if usage else None,
            "gen_ai.usage.output_tokens": usage.output_tokens if usage else None,
            "gen_ai.usage.cache_read.input_tokens": usage.cache_read_tokens if usage else None,
            "gen_ai.usage.cache_creation.input_tokens": usage.cache_creation_tokens if usage else None,
        }
        if self._content:
            attributes["gen_ai.output.messages"] = answer(response)
        self._end(run_id, attributes)

    def on_llm_error(self, error: BaseException, *, run_id: Any = None, **_: Any) -> None:
        """End it with the error."""
        self._end(run_id, {}, error)

    def on_tool_start(
        self, serialized: dict[str, Any], input_str: str, *, run_id: Any = None, inputs: Any = None, **_: Any
    ) -> None:
        """Begin the span of a tool."""
        name = serialized.get("name", "")
        attributes = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": name,
            "gen_ai.tool.type": "function",
            "gen_ai.tool.description": serialized.get("description") or "",
            "gen_ai.tool.call.id": serialized.get("tool_call_id") or "",
        }
        if self._content:
            attributes["gen_ai.tool.call.arguments"] = to_json(inputs, fallback=str).decode()
        self._begin(f"execute_tool {name}", run_id, attributes, self._trace.SpanKind.INTERNAL)

    def on_tool_end(self, output: Any, *, run_id: Any = None, **_: Any) -> None:
        """End it."""
        self._end(run_id, {})

    def on_tool_error(self, error: BaseException, *, run_id: Any = None, **_: Any) -> None:
        """End it with the error."""
        self._end(run_id, {}, error)

    def _begin(self, name: str, run_id: UUID, attributes: dict[str, Any], kind: Any) -> None:
        self._spans[run_id] = self._tracer.start_span(name, kind=kind, attributes=attributes)

    def _end(self, run_id: UUID, attributes: dict[str, Any], error: BaseException | None = None) -> None:
        span = self._spans.pop(run_id, None)
        if span is None:
            return
        span.set_attributes({key: value for key, value in attributes.items() if value is not None})
        if error is not None:
            span.set_attribute("error.type", type(error).__name__)
            span.set_status(self._trace.Status(self._trace.StatusCode.ERROR, str(error)))
        span.end()
