"""OpenTelemetry: a span for every model call and tool run, by the GenAI semantic conventions (`nbchat[otel]`)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from nbchat.model.callbacks import BaseCallbackHandler
from nbchat.values.errors import ConfigurationError
from nbchat.values.messages import AIMessage, Message

_OPTIONS = ("temperature", "top_p", "top_k", "max_tokens", "seed", "presence_penalty", "frequency_penalty")


class OpenTelemetryHandler(BaseCallbackHandler):
    """Writes `gen_ai.*` spans; pass it as `config={"callbacks": [handler]}`.

    Args:
        tracer: an OpenTelemetry tracer; else the global provider's.
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
        self._tracer = tracer or trace.get_tracer("nbchat")
        self._content = content
        self._spans: dict[UUID, Any] = {}

    def on_chat_model_start(
        self, serialized: dict[str, Any], messages: list[list[Message]], *, run_id: Any = None, **_: Any
    ) -> None:
        """Begin the span of a model call."""
        model, options = serialized["name"], serialized.get("kwargs", {})
        attributes = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": serialized.get("provider", ""),
            "gen_ai.request.model": model,
            **{f"gen_ai.request.{name}": options[name] for name in _OPTIONS if name in options},
        }
        if self._content:
            attributes["gen_ai.input.messages"] = _json([message.to_dict() for message in messages[0]])
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
        }
        if self._content:
            attributes["gen_ai.output.messages"] = _json([response.to_dict()])
        self._end(run_id, attributes)

    def on_llm_error(self, error: BaseException, *, run_id: Any = None, **_: Any) -> None:
        """End it with the error."""
        self._end(run_id, {}, error)

    def on_tool_start(self, serialized: dict[str, Any], input_str: str, *, run_id: Any = None, **_: Any) -> None:
        """Begin the span of a tool."""
        name = serialized.get("name", "")
        attributes = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name}
        if self._content:
            attributes["gen_ai.tool.call.arguments"] = input_str
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


def _json(value: Any) -> str:
    from pydantic_core import to_json

    return to_json(value, fallback=str).decode()
