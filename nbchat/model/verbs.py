"""The verbs of everything that can be asked: invoke, stream, batch and their async twins, over one flow."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from nbchat.flow.answer import cache_key
from nbchat.flow.attempt import Target
from nbchat.flow.effects import Flow
from nbchat.io import fanout
from nbchat.io.drivers import adrive, arun, drive, run
from nbchat.model.config import RunnableConfig, merge_configs
from nbchat.values.errors import ChatError, ConfigurationError
from nbchat.wire.codec import Call

if TYPE_CHECKING:
    from nbchat.model.combinators import Retrying, WithFallbacks

Out = TypeVar("Out")

DEFAULT_CONCURRENCY = 128
_PLUMBING = {"flow", "asked", "request_key", "call", "described", "target", "output", "form", "make", "steps"}


class Verbs(ABC, Generic[Out]):
    """What a subclass gets from giving one `flow`: each verb drives it, blocking or awaiting."""

    def __dir__(self) -> list[str]:
        """What a person calls: tab completion need not offer what is for the drivers and the other floors."""
        return [name for name in super().__dir__() if name not in _PLUMBING]

    @abstractmethod
    def flow(self, input: Any, config: RunnableConfig | None = None, *, stream: bool, **kwargs: Any) -> Flow[Out]:
        """A flow that yields what `stream` shows, and returns what `invoke` returns."""

    @abstractmethod
    def asked(self, input: Any) -> tuple[Target, Call]:
        """Who `invoke(input)` would ask first, and what.

        Raises:
            ConfigurationError: it could not be sent.
        """

    def request_key(self, input: Any) -> str:
        """A name for the whole request that `invoke(input)` would send, without the API key.

        Raises:
            ConfigurationError: it could not be sent.
        """
        return cache_key(*self.asked(input))

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Out:
        """Ask, and wait for the whole answer: `model.invoke("Why do parrots talk?").text`.

        Args:
            input: a string, a message, or a list of messages, dicts and `(role, text)` pairs.
            config: see `RunnableConfig`.
            kwargs: parameters of this call alone, as in `bind`.

        Raises:
            ChatError: see the tree in `nbchat.values.errors`.
        """
        return run(self.flow(input, config, stream=False, **kwargs))

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Out:
        """`invoke`, awaited."""
        return await arun(self.flow(input, config, stream=False, **kwargs))

    def stream(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Iterator[Any]:
        """Ask, and yield the answer in pieces that add up to what `invoke` returns.

            for chunk in model.stream("Why do parrots talk?"):
                print(chunk.text, end="", flush=True)

        Raises:
            ChatError: as `invoke`; where it broke off, `partial` is what had come.
        """
        return drive(self.flow(input, config, stream=True, **kwargs))

    def astream(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> AsyncIterator[Any]:
        """`stream`, awaited."""
        return adrive(self.flow(input, config, stream=True, **kwargs))

    def astream_events(
        self,
        input: Any,
        config: RunnableConfig | None = None,
        *,
        version: str = "v2",
        include_names: Sequence[str] | None = None,
        include_types: Sequence[str] | None = None,
        include_tags: Sequence[str] | None = None,
        exclude_names: Sequence[str] | None = None,
        exclude_types: Sequence[str] | None = None,
        exclude_tags: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[dict[str, Any]]:
        """Ask, and yield events: dicts of `event`, `name`, `run_id`, `parent_ids`, `tags`, `metadata`, `data`.

        `event` is on_chat_model_start (`data["input"]`, as given), on_chat_model_stream (`data["chunk"]`) or
        on_chat_model_end (`data["output"]`, the whole message). Of a model around others, it is theirs that come.

        Args:
            include_names, exclude_names: of runs: `run_name`, or the model's name.
            include_types, exclude_types: "chat_model" is the one there is.
            include_tags, exclude_tags: of the config's tags.
        """
        from nbchat.model.events import Filter, events_of

        wanted = Filter(include_names, include_types, include_tags, exclude_names, exclude_types, exclude_tags)
        return adrive(events_of(self, input, config, version, wanted, kwargs))

    def with_retry(
        self,
        *,
        retry_if_exception_type: Any = None,
        stop_after_attempt: int = 3,
        wait_exponential_jitter: bool = True,
    ) -> Retrying[Out]:
        """A model that is asked again when it fails. A stream is started anew only before its first piece.

        Args:
            retry_if_exception_type: classes of errors; by default those that may not come again: a busy or failing
                server, a failed connection, and an answer that does not fit its schema.
            stop_after_attempt: how often it is asked in all; `max_retries` repeats requests within each.
            wait_exponential_jitter: wait up to 0.5, 1, 2, … 8 s between, or as long as the provider asks.
        """
        from nbchat.model.combinators import retrying

        return retrying(self, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter)

    def with_fallbacks(
        self, fallbacks: Iterable[Verbs[Any]], *, exceptions_to_handle: Any = ChatError
    ) -> WithFallbacks[Out]:
        """A model with others in reserve, asked in order when it fails. None takes over a stream that has begun.

        Args:
            fallbacks: other models.
            exceptions_to_handle: classes of errors after which the next is asked.

        Raises:
            AllFailedError: when asked, and none answers; names the error of each.
        """
        from nbchat.model.combinators import with_fallbacks

        return with_fallbacks(self, fallbacks, exceptions_to_handle)

    def batch(
        self,
        inputs: Iterable[Any],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[Out]:
        """Ask many at once; return the answers in the order of the inputs.

        Equal inputs are each asked, as for samples; where there is a cache, they are asked once.

        Args:
            inputs: each as for `invoke`.
            config: one for all, or one for each; `max_concurrency` limits how many run at once (128 by default).
            return_exceptions: put an error in the place of its answer, instead of raising the first.
        """
        flows, width = self._flows(inputs, config, kwargs)
        return fanout.run_all(flows, width, return_exceptions)

    async def abatch(
        self,
        inputs: Iterable[Any],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[Out]:
        """`batch`, awaited on the caller's own loop."""
        flows, width = self._flows(inputs, config, kwargs)
        return await fanout.arun_all(flows, width, return_exceptions)

    def batch_as_completed(
        self,
        inputs: Iterable[Any],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> Iterator[tuple[int, Out]]:
        """Ask many at once, as `batch` does; yield `(index of the input, answer)` as each comes."""
        flows, width = self._flows(inputs, config, kwargs)
        return fanout.each_completed(flows, width, return_exceptions)

    def abatch_as_completed(
        self,
        inputs: Iterable[Any],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> AsyncIterator[tuple[int, Out]]:
        """`batch_as_completed`, awaited on the caller's own loop."""
        flows, width = self._flows(inputs, config, kwargs)
        return fanout.aeach_completed(flows, width, return_exceptions)

    def _flows(self, inputs: Iterable[Any], config: Any, kwargs: dict[str, Any]) -> tuple[fanout.Flows, int]:
        """The flows, made one by one as there is room for them, and how many may run at once."""
        if isinstance(inputs, str):
            raise ConfigurationError("batch takes a list of inputs; for one input, use invoke")
        one_each = isinstance(config, Sequence) and not isinstance(config, str)
        configs: Any = config if one_each else [config]
        own = getattr(self, "config", None)
        widths = [merge_configs(own, each).get("max_concurrency") for each in configs]
        if not one_each:
            others = {key: value for key, value in (config or {}).items() if key != "run_id"}  # an id names one call
            configs = chain(configs, repeat(others))
        elif len(config) != len(inputs := list(inputs)):
            counts = f"{len(config)} configs for {len(inputs)} inputs"
            raise ConfigurationError(f"batch got {counts}; give one for all, or one each")
        flows = (
            (lambda i=i, c=c: self.flow(i, c, stream=False, **kwargs)) for i, c in zip(inputs, configs, strict=False)
        )
        return flows, next(filter(None, widths), DEFAULT_CONCURRENCY)
