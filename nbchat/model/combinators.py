"""Models around models: one that asks again, and one that asks another."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Self, TypeVar

from nbchat.flow.attempt import Target
from nbchat.flow.effects import Flow
from nbchat.flow.retry import may_retry
from nbchat.flow.retry_and_fallback import Errors, again, first_that_answers
from nbchat.model.config import RunnableConfig
from nbchat.model.tools import tools_in
from nbchat.model.verbs import Verbs
from nbchat.values.errors import ChatError, ConfigurationError, StructuredOutputError
from nbchat.wire.codec import Call

Out = TypeVar("Out")


@dataclass(frozen=True, eq=False)
class Around(Verbs[Out]):
    """A model around another: what is bound to it is bound to the one inside."""

    model: Verbs[Any]

    def _changed(self, change: Callable[[Any], Any]) -> Self:
        return replace(self, model=change(self.model))

    @property
    def config(self) -> RunnableConfig | None:
        """The config of the model inside."""
        return getattr(self.model, "config", None)

    def asked(self, input: Any) -> tuple[Target, Call]:
        """Those of the model inside."""
        return self.model.asked(input)

    def bind(self, **kwargs: Any) -> Self:
        """See `ChatModel.bind`."""
        return self._changed(lambda model: model.bind(**kwargs))

    def bind_tools(self, tools: Iterable[Any], **kwargs: Any) -> Self:
        """See `ChatModel.bind_tools`."""
        given = tools_in(tools)
        return self._changed(lambda model: model.bind_tools(given, **kwargs))

    def with_config(self, config: RunnableConfig | None = None, **kwargs: Any) -> Self:
        """See `ChatModel.with_config`."""
        return self._changed(lambda model: model.with_config(config, **kwargs))

    def with_structured_output(self, schema: Any, **kwargs: Any) -> Self:
        """See `ChatModel.with_structured_output`; the retries or fallbacks then hold for the values too."""
        return self._changed(lambda model: model.with_structured_output(schema, **kwargs))


@dataclass(frozen=True, eq=False)
class Retrying(Around[Out]):
    """A model that is asked again when it fails; made by `with_retry`."""

    retry_if_exception_type: Errors | None = None
    stop_after_attempt: int = 3
    wait_exponential_jitter: bool = True

    def flow(self, input: Any, config: RunnableConfig | None = None, *, stream: bool, **kwargs: Any) -> Flow[Out]:
        return again(
            lambda: self.model.flow(input, config, stream=stream, **kwargs),
            self._may_retry,
            self.stop_after_attempt,
            self.wait_exponential_jitter,
            stream,
        )

    def _may_retry(self, error: Exception) -> bool:
        if self.retry_if_exception_type is not None:
            return isinstance(error, self.retry_if_exception_type)
        return isinstance(error, StructuredOutputError) or (isinstance(error, ChatError) and may_retry(error))

    def __repr__(self) -> str:
        return f"Retrying({self.model!r}, stop_after_attempt={self.stop_after_attempt})"


@dataclass(frozen=True, eq=False)
class WithFallbacks(Around[Out]):
    """A model with others in reserve; made by `with_fallbacks`."""

    fallbacks: tuple[Verbs[Any], ...] = ()
    exceptions_to_handle: Errors = (ChatError,)

    def flow(self, input: Any, config: RunnableConfig | None = None, *, stream: bool, **kwargs: Any) -> Flow[Out]:
        def start(model: Verbs[Any]) -> Callable[[], Flow[Out]]:
            return lambda: model.flow(input, config, stream=stream, **kwargs)

        named = [(_name(model), start(model)) for model in (self.model, *self.fallbacks)]
        return first_that_answers(named, self.exceptions_to_handle, stream)

    def _changed(self, change: Callable[[Any], Any]) -> Self:
        return replace(self, model=change(self.model), fallbacks=tuple(change(each) for each in self.fallbacks))

    def __repr__(self) -> str:
        return f"WithFallbacks({', '.join(map(repr, (self.model, *self.fallbacks)))})"


def _name(model: Any) -> str:
    while isinstance(model, Around):
        model = model.model
    return f"{model.provider}:{model.model}" if hasattr(model, "provider") else repr(model)


def retrying(model: Verbs[Out], types: Any, attempts: int, wait: bool) -> Retrying[Out]:
    """See `Verbs.with_retry`."""
    if attempts < 1:
        raise ConfigurationError(f"stop_after_attempt is a number of at least 1, not {attempts}")
    return Retrying(model, None if types is None else _error_types(types, "retry_if_exception_type"), attempts, wait)


def with_fallbacks(model: Verbs[Out], fallbacks: Iterable[Any], handled: Any) -> WithFallbacks[Out]:
    """See `Verbs.with_fallbacks`."""
    others = tuple(fallbacks)
    for other in others:
        if not isinstance(other, Verbs):
            raise ConfigurationError(f"with_fallbacks takes a list of models, not {type(other).__name__}")
    return WithFallbacks(model, others, _error_types(handled, "exceptions_to_handle"))


def _error_types(given: Any, what: str) -> Errors:
    types = given if isinstance(given, tuple) else tuple(given) if isinstance(given, list) else (given,)
    if not all(isinstance(each, type) and issubclass(each, BaseException) for each in types):
        raise ConfigurationError(f"{what} takes classes of exceptions, not {given!r}")
    return types
