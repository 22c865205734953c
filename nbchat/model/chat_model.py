"""A model to ask. Immutable: `bind`, `bind_tools`, `with_config` and the rest return new ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from nbchat.flow.answer import Cache, answer
from nbchat.flow.attempt import Target
from nbchat.flow.effects import Flow
from nbchat.flow.forced_tool import by_schema
from nbchat.flow.listing import models_of
from nbchat.flow.prefill import continued
from nbchat.io.drivers import arun, run
from nbchat.model.callbacks import handlers_of, observed
from nbchat.model.config import RunnableConfig, merge_configs
from nbchat.model.globals import cache_in_use
from nbchat.model.showable import shown
from nbchat.model.structured import Method, StructuredModel, structured_model
from nbchat.model.tool_specs import bound_label, checked_choice
from nbchat.model.tools import bound_tools
from nbchat.model.verbs import Verbs
from nbchat.providers.table import find_provider
from nbchat.values.messages import AIMessage, Message
from nbchat.values.reading import check_results, read_messages
from nbchat.wire.codec import Call, OutputSchema, ToolSpec
from nbchat.wire.features import check


@dataclass(frozen=True, eq=False)
class ChatModel(Verbs[AIMessage]):
    """A chat model of one provider; made by `init_chat_model`.

    Attributes:
        model: the provider's name of the model.
        provider: "openai", "anthropic", "local", …
        target: wire format, route and retries.
        options: parameters of every call: `temperature`, `max_tokens`, `stop`, …
        tools, tool_choice, parallel_tool_calls: see `bind_tools`.
        output: the schema that answers must fit; see `with_structured_output`.
        cache: its own cache; True for the global one, False for none.
        rate_limiter: asked before each request.
        config: what is merged under each call's own config.
    """

    model: str
    provider: str
    target: Target
    options: Mapping[str, Any] = field(default_factory=dict)
    tools: tuple[ToolSpec | Mapping[str, Any], ...] = ()
    tool_choice: str | Mapping[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    output: OutputSchema | None = None
    cache: Cache | bool | None = None
    rate_limiter: Any = None
    config: RunnableConfig = field(default_factory=RunnableConfig)

    def flow(self, input: Any, config: RunnableConfig | None = None, *, stream: bool, **kwargs: Any) -> Flow[AIMessage]:
        merged = merge_configs(self.config, config) if config or self.config else RunnableConfig()
        handlers = handlers_of(merged)
        messages = read_messages(input)
        call = self.call(messages, stream=stream or any(getattr(h, "streams", False) for h in handlers), **kwargs)
        flow = self._answer(call)
        if not handlers:
            return flow
        return observed(flow, handlers, merged, self.described(call), messages)

    def asked(self, input: Any) -> tuple[Target, Call]:
        return self.target, self.call(read_messages(input))

    def _answer(self, call: Call) -> Flow[AIMessage]:
        cache = cache_in_use(self.cache)

        def ask(call: Call) -> Flow[AIMessage]:
            return answer(self.target, call, cache, self.rate_limiter)

        codec = self.target.codec
        flow = by_schema(ask, call) if getattr(codec, "forced_tools_by_schema", False) else ask(call)
        return continued(flow, call, codec) if call.options.get("prefill") else flow

    def call(self, messages: Sequence[Message], *, stream: bool = False, **kwargs: Any) -> Call:
        """The provider-neutral call that a conversation makes with this model's parameters.

        Raises:
            UnsupportedError: the provider's wire format cannot do what is asked.
            ConfigurationError: a tool's result answers no call.
        """
        fields = {name: kwargs.pop(name, getattr(self, name)) for name in _CALL_FIELDS}
        options = normal_options({**self.options, **kwargs} if kwargs else self.options)
        call = Call(messages=messages, stream=stream, options=options, **fields)
        check(self.target.codec, call, provider=self.provider, lacks=self.target.lacks)
        if not call.options.keys() & _REMEMBERED:
            check_results(messages)
        return call

    def bind(self, **kwargs: Any) -> ChatModel:
        """A model with further parameters for every call: `model.bind(logprobs=True, temperature=0)`."""
        fields = {name: kwargs.pop(name) for name in _CALL_FIELDS if name in kwargs}
        return replace(self, **fields, options={**self.options, **kwargs})

    def bind_tools(
        self,
        tools: Iterable[Any],
        *,
        tool_choice: Any = None,
        parallel_tool_calls: bool | None = None,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> ChatModel:
        """A model that may ask for these tools.

        Args:
            tools: functions, `@tool`s, pydantic classes, TypedDicts, JSON schemas with a title, or a provider's
                built-in tools as its own dicts.
            tool_choice: "auto"; "any" (or True): it has to use one; "none"; a tool's name: it has to use that one; or
                the provider's own dict.
            parallel_tool_calls: whether it may ask for several at once; the provider's own default for None.
            strict: whether the provider is to enforce the schemas; one that it cannot enforce is sent without.
            kwargs: parameters of every call, as in `bind`.

        Raises:
            ConfigurationError: no tool can be made of one of these, two have one name, or `tool_choice` names none.
        """
        specs = bound_tools(tools, strict)
        choice = checked_choice(tool_choice, specs)
        return self.bind(tools=specs, tool_choice=choice, parallel_tool_calls=parallel_tool_calls, **kwargs)

    def with_structured_output(
        self,
        schema: Any,
        *,
        method: Method | None = None,
        include_raw: bool = False,
        strict: bool | None = None,
    ) -> StructuredModel:
        """A model that answers with a value of a type.

        Args:
            schema: a pydantic class, a dataclass, a TypedDict, or a JSON schema with a `title`; `invoke` gives an
                instance of the class, or a dict. A JSON schema's answer is checked only for its required keys.
            method: "json_schema" (the provider enforces the schema), "function_calling" (the answer is the arguments
                of a forced tool call) or "json_mode" (any JSON, the schema told in words); by default the first of
                these that the provider, the model and the schema allow.
            include_raw: give `{"raw": AIMessage, "parsed": value or None, "parsing_error": error or None}`.
            strict: whether the provider is to enforce the schema; its codec's own default for None.

        `stream` yields the value as it grows: an instance with what has come, unchecked; a field that has not come is
        its default or None. The last one is whole, and what `invoke` gives.

        Raises:
            ConfigurationError: no JSON schema can be made of it.
            StructuredOutputError: when asked, and the answer does not fit; `partial` is the raw message.
        """
        return structured_model(self, schema, method, include_raw, strict)

    def with_config(self, config: RunnableConfig | None = None, **kwargs: Any) -> ChatModel:
        """A model whose calls all have this config under their own."""
        return replace(self, config=merge_configs(self.config, config, kwargs))

    def described(self, call: Call) -> dict[str, Any]:
        """What callbacks are told of this model and of a call's parameters; never with its key."""
        return {"name": call.model, "provider": self.provider, "kwargs": dict(call.options)}

    def list_models(self) -> list[str]:
        """The names of the models that the provider offers, asked of its server.

        Raises:
            UnsupportedError: the provider has no such list.
        """
        return run(models_of(self.target, find_provider(self.provider)))

    async def alist_models(self) -> list[str]:
        """`list_models`, awaited."""
        return await arun(models_of(self.target, find_provider(self.provider)))

    @property
    def model_name(self) -> str:
        """The same as `model`."""
        return self.model

    def __repr__(self) -> str:
        parts = [
            repr(f"{self.provider}:{self.model}"),
            *(f"{name}={value}" for name, value in shown(self.options).items()),
        ]
        if self.tools:
            parts.append(f"tools={[bound_label(tool) for tool in self.tools]}")
        return f"ChatModel({', '.join(parts)})"


_REMEMBERED = {"previous_response_id", "conversation"}  # the provider has the calls (OpenAI Responses)
_CALL_FIELDS = ("model", "tools", "tool_choice", "parallel_tool_calls", "output")


def normal_options(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Options in neutral form: `stop` as a list, and nothing that is None."""
    if isinstance(options.get("stop"), str) or any(value is None for value in options.values()):
        options = {key: value for key, value in options.items() if value is not None}
        if isinstance(stop := options.get("stop"), str):
            options["stop"] = [stop]
    return options
