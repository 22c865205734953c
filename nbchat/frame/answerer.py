"""One model of a batch: how a row is asked, and what its answer is read as."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic_core import to_json

from nbchat.flow import effects as do
from nbchat.flow.converse import converse
from nbchat.flow.effects import Flow
from nbchat.flow.structured import Form, read_value
from nbchat.frame.labels import told_apart
from nbchat.local.serve import SLOTS
from nbchat.model.combinators import Around
from nbchat.model.configurable import ConfigurableModel
from nbchat.model.init import init_chat_model
from nbchat.model.prices import cost_usd
from nbchat.model.showable import shown
from nbchat.model.structured import StructuredModel
from nbchat.model.tools import Tool, as_tool
from nbchat.model.verbs import DEFAULT_CONCURRENCY, Verbs
from nbchat.values.errors import ChatError, ConfigurationError, ContentFilterError
from nbchat.values.messages import AIMessage, HumanMessage, Message
from nbchat.values.usage import Usage

_OF_MAKING = frozenset(  # what a model has once and for all; as a parameter, it would go to the provider
    {
        *("model_provider", "api_key", "base_url", "timeout", "max_retries", "proxy", "http_client"),
        *("http_async_client", "cache", "rate_limiter", "config", "configurable_fields", "config_prefix"),
    }
)
BeforeRound = Callable[[Sequence[Message], Usage], Any]


@dataclass(frozen=True, eq=False)
class Answerer:
    """A model with what a batch adds to it.

    Attributes:
        label: how its rows or columns are called where several models answer.
        model: who is asked; answers with messages.
        form: what the answers are read as; None for text.
        tools: functions that are run when the model asks for them, by name.
        max_rounds: how many times that may be, for one question.
        extra_chars: about how many characters of tools and schema go along with each question.
    """

    label: str
    model: Verbs[Any]
    form: Form | None = None
    tools: Mapping[str, Tool] = field(default_factory=dict)
    max_rounds: int = 10
    extra_chars: int = 0

    def key(self, messages: Sequence[Message], sample: int = 0) -> str:
        """A name for this question, equal for equal requests; of further samples with their number."""
        key = self.model.request_key(messages)
        return f"{key}#{sample}" if sample else key

    def flow(
        self, messages: Sequence[Message], rounds: list[Message], before_round: BeforeRound | None = None
    ) -> Flow[AIMessage]:
        """The answer; with tools the last one, its usage that of all rounds.

        Args:
            rounds: the answers and results of a question with tools so far. Where it fails midway, they are there, and
                it can go on from them; the error's `partial` is the last answer then, with the usage of all.
            before_round: called before each further round, with all messages and what was spent so far; it may raise.
        """
        if self.form is not None:
            return self._raw(messages)
        if self.tools:
            return self._rounds(messages, rounds, before_round)
        return self.model.flow(messages, stream=False)

    def _raw(self, messages: Sequence[Message]) -> Flow[AIMessage]:
        return (yield from self.model.flow(messages, stream=False))["raw"]

    def _rounds(
        self, messages: Sequence[Message], rounds: list[Message], before_round: BeforeRound | None
    ) -> Flow[AIMessage]:
        asked, whole = len(messages), [*messages, *rounds]

        def ask(so_far: Sequence[Message]) -> Flow[AIMessage]:
            if before_round is not None and len(so_far) > asked:
                yield do.ask(before_round, so_far, _spent(so_far[asked:]))
            return (yield from self.model.flow(so_far, stream=False))

        try:
            answer = yield from converse(ask, whole, self.tools, max_rounds=self.max_rounds - len(_answers(rounds)))
        except ChatError as error:
            rounds[:] = whole[asked:]
            if answers := _answers(rounds):
                error.partial = _with_usage(answers[-1], _spent(rounds))
            raise
        return _with_usage(answer, _spent(whole[asked:]))

    def value(self, message: AIMessage) -> Any:
        """The answer as a value of the schema; None where there is no schema.

        Raises:
            StructuredOutputError: it does not fit.
            ContentFilterError: it is a refusal.
        """
        if self.form is not None:
            return read_value(message, self.form)
        if refusal := "".join(block["text"] for block in message.blocks if block["type"] == "refusal"):
            raise ContentFilterError(f"{self.label} refused: {refusal}")
        return None

    def cost_usd(self, message: AIMessage, batch: bool = False) -> float | None:
        """What an answer cost, in US dollars, by the name that the provider gave its model, or else by ours.

        Args:
            batch: whether it was asked through the provider's Batch API.
        """
        cost = cost_usd(message, provider=self.provider, batch=batch)
        return cost_usd(message, self.model_name, self.provider, batch=batch) if cost is None else cost

    @property
    def provider(self) -> str | None:
        """Our name of the provider, where the model has one."""
        return getattr(_innermost(self.model), "provider", None)

    @property
    def width(self) -> int:
        """How many requests at once it is good for: more would only wait in the embedded engine's queue."""
        return SLOTS if self.provider == "local" else DEFAULT_CONCURRENCY

    @property
    def model_name(self) -> str | None:
        """The provider's name of the model, where it is known before it is asked."""
        return getattr(_innermost(self.model), "model", None)

    @property
    def max_tokens(self) -> int | None:
        """The longest answer in tokens, where the model's options limit it."""
        options = getattr(_innermost(self.model), "options", {})
        limits = (options.get(name) for name in ("max_tokens", "max_completion_tokens", "max_output_tokens"))
        return next((limit for limit in limits if isinstance(limit, int)), None)


def answerers(
    models: Any,
    *,
    schema: Any = None,
    tools: Sequence[Any] | None = None,
    max_rounds: int = 10,
    options: Mapping[str, Any] = {},
) -> list[Answerer]:
    """The models of a batch, each with a label of its own.

    Args:
        models: a name or a model; or several, in a list or as `{label: model}`.
        schema, tools: as in `with_structured_output` and `bind_tools`.
        max_rounds: how many times tools may be run for one question.
        options: parameters of every call.

    Raises:
        ConfigurationError: no such model, or it cannot do what is asked.
    """
    if not isinstance(models, list | tuple | Mapping):
        models = [models]
    if not models:
        raise ConfigurationError("there is no model to ask: give one, as in model='openai:gpt-5-nano'")
    labelled = models.items() if isinstance(models, Mapping) else [(None, model) for model in models]
    ready = [(label, _model(given, options)) for label, given in labelled]
    names = told_apart([label for label, _ in ready], [_traits(model) for _, model in ready])
    made = [
        replace(_answerer(name, model, schema, tools), max_rounds=max_rounds)
        for name, (_, model) in zip(names, ready, strict=True)
    ]
    if any((each.form and each.form.schema) != (made[0].form and made[0].form.schema) for each in made):
        raise ConfigurationError("the models answer in different forms, which are no columns together: give schema=")
    return made


def _model(given: Any, options: Mapping[str, Any]) -> Verbs[Any]:
    if isinstance(given, str):
        return init_chat_model(given, **options)
    if not isinstance(given, Verbs):
        raise ConfigurationError(f"model= takes a model, or a name like 'openai:gpt-5-nano', not {given!r:.80}")
    if late := [name for name in options if name in _OF_MAKING]:
        raise ConfigurationError(f"{late[0]}= is said where a model is made: init_chat_model(…, {late[0]}=…)")
    return given.bind(**options) if options else given  # type: ignore[attr-defined]


def _answerer(label: str, model: Any, schema: Any, tools: Sequence[Any] | None) -> Answerer:
    runnable: dict[str, Tool] = {}
    if tools:
        known = [as_tool(each) for each in (tools if isinstance(tools, Iterable) else [tools])]
        runnable = {each.name: each for each in known if isinstance(each, Tool)}
        model = model.bind_tools(known)
    if schema is not None:
        model = model.with_structured_output(schema)
    form, model = _with_raw(model)
    if form is not None and runnable:
        raise ConfigurationError("schema= and tools= do not go together: let the tools answer first, then ask again")
    call = model.asked([HumanMessage("?")])[1]
    extra = len(to_json([call.tools, call.output], fallback=str)) if call.tools or call.output else 0
    answerer = Answerer(label, model, form, runnable, extra_chars=extra)
    answerer.key([HumanMessage("?")])  # what no row can be asked is told before anything is sent
    return answerer


def _answers(messages: Sequence[Message]) -> list[AIMessage]:
    return [message for message in messages if isinstance(message, AIMessage)]


def _spent(messages: Sequence[Message]) -> Usage:
    """The usage of all answers among these."""
    return sum((each.usage_metadata or Usage() for each in _answers(messages)), Usage())


def _with_usage(answer: AIMessage, usage: Usage) -> AIMessage:
    answer = copy(answer)
    answer.usage_metadata = usage or None
    return answer


def _with_raw(model: Any) -> tuple[Form | None, Any]:
    """What answers are read as, and a model that gives them unread: their usage is wanted too."""
    if isinstance(model, ConfigurableModel):
        model = model.chosen(model.config)
    if isinstance(model, StructuredModel):
        return model.form, replace(model, include_raw=True)
    if isinstance(model, Around):
        form, inner = _with_raw(model.model)
        return form, replace(model, model=inner)
    return None, model


def _innermost(model: Any) -> Any:
    while isinstance(model, Around):
        model = model.model
    return model


def _traits(model: Any) -> dict[str, str]:
    """What tells models apart, the plainest first."""
    inner = _innermost(model)
    options = shown(getattr(inner, "options", {}))
    return {
        "model": str(getattr(inner, "model", None) or "model"),
        "provider": f"({getattr(inner, 'provider', '')})",
        **{name: f"{name}={value:.24}" for name, value in options.items()},
    }
