"""Callback handlers, and the flow that tells them what happens."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from inspect import iscoroutinefunction
from typing import Any, TypeVar
from uuid import uuid4

from nbchat.flow import effects as do
from nbchat.flow.effects import Effect, Flow
from nbchat.flow.relay import relayed
from nbchat.model.config import RunnableConfig
from nbchat.values.chunks import AIMessageChunk
from nbchat.values.errors import ConfigurationError
from nbchat.values.messages import AIMessage, Message

T = TypeVar("T")


class BaseCallbackHandler:
    """Hears what a model and its tools do; override what you need. A method may be async.

        class Print(BaseCallbackHandler):
            def on_llm_end(self, response, **kwargs):
                print(kwargs["name"], response.usage_metadata)

        model.invoke("Hello", config={"callbacks": [Print()]})

    Every method is also given the keywords `run_id` (UUID), `parent_run_id` (a turn of a `Chat`, or None), `tags`,
    `metadata` and `name`. An error in a method is a warning.

    Attributes:
        streams: whether `invoke` streams inside, so that `on_llm_new_token` is called for each piece.
        raise_error: whether an error in a method is raised.
    """

    streams: bool = False
    raise_error: bool = False

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def on_chat_model_start(self, serialized: dict[str, Any], messages: list[list[Message]], **kwargs: Any) -> Any:
        """A model is about to be asked; `messages` holds one conversation."""

    def on_llm_new_token(self, token: str, *, chunk: AIMessageChunk | None = None, **kwargs: Any) -> Any:
        """A piece of an answer came; `token` is its text, "" for a piece of anything else."""

    def on_llm_end(self, response: AIMessage, **kwargs: Any) -> Any:
        """The answer is whole."""

    def on_llm_error(self, error: BaseException, **kwargs: Any) -> Any:
        """There is no answer, or it broke off (`error.partial`); GeneratorExit where the reader stopped it.

        An async method is not called for a GeneratorExit: nothing can be awaited any more.
        """

    def on_tool_start(self, serialized: dict[str, Any], input_str: str, **kwargs: Any) -> Any:
        """A tool is about to run; `inputs` holds its arguments."""

    def on_tool_end(self, output: Any, **kwargs: Any) -> Any:
        """A tool has run; `output` is its ToolMessage."""

    def on_tool_error(self, error: BaseException, **kwargs: Any) -> Any:
        """A tool raised, or was stopped (GeneratorExit)."""


_EVENTS = tuple(name for name in vars(BaseCallbackHandler) if name.startswith("on_"))
_AMBIENT: ContextVar[tuple[BaseCallbackHandler, ...]] = ContextVar("nbchat_handlers", default=())


@contextmanager
def listening(handler: BaseCallbackHandler) -> Iterator[BaseCallbackHandler]:
    """A `with` block in which this handler hears every call."""
    token = _AMBIENT.set((*_AMBIENT.get(), handler))
    try:
        yield handler
    finally:
        _AMBIENT.reset(token)


def handlers_of(config: RunnableConfig) -> list[BaseCallbackHandler]:
    """The handlers of a call: its config's, and those of the `with` blocks around it.

    Raises:
        ConfigurationError: one of them is not a handler.
    """
    given = [*config.get("callbacks", ())]
    for each in given:
        if isinstance(each, type):
            raise ConfigurationError(f"callbacks takes objects, and {each.__name__} is a class: give {each.__name__}()")
        if not any(hasattr(each, event) for event in _EVENTS):
            raise ConfigurationError(f"callbacks takes objects with methods such as on_llm_end, not {each!r:.80}")
    return [*given, *(each for each in _AMBIENT.get() if each not in given)]


def observed(
    flow: Flow[AIMessage],
    handlers: list[BaseCallbackHandler],
    config: RunnableConfig,
    serialized: dict[str, Any],
    messages: list[Message],
) -> Flow[AIMessage]:
    """The flow of an answer, with handlers told of its start, its pieces, and its end or its error."""
    run = _about(config, serialized["name"])
    yield from _tell(handlers, "on_chat_model_start", serialized, [messages], **run)

    def told(step: Any) -> Iterator[Any]:
        if isinstance(step, AIMessageChunk):
            yield from _tell(handlers, "on_llm_new_token", step.text, chunk=step, **run)
        if type(step) is not Effect:
            yield step

    return (yield from _ending(relayed(flow, told), handlers, "llm", run))


def tool_observed(
    flow: Flow[T],
    handlers: list[BaseCallbackHandler],
    config: RunnableConfig,
    tool: dict[str, Any],
    args: Mapping[str, Any],
) -> Flow[T]:
    """The flow of a tool, with handlers told of its start, and its end or its error."""
    run = _about(config, tool["name"])
    yield from _tell(handlers, "on_tool_start", tool, str(dict(args)), inputs=dict(args), **run)
    return (yield from _ending(flow, handlers, "tool", run))


def _ending(flow: Flow[T], handlers: list[BaseCallbackHandler], what: str, run: dict[str, Any]) -> Flow[T]:
    """The flow of an "llm" or a "tool", with handlers told of its end or its error."""
    try:
        result = yield from flow
    except Exception as error:
        yield from _tell(handlers, f"on_{what}_error", error, **run)
        raise
    except BaseException as error:
        _tell_at_once(handlers, f"on_{what}_error", error, **run)
        raise
    yield from _tell(handlers, f"on_{what}_end", result, **run)
    return result


def _about(config: RunnableConfig, name: str) -> dict[str, Any]:
    """What every method of a handler is told of the run."""
    return {
        "run_id": config.get("run_id") or uuid4(),
        "parent_run_id": config.get("parent_run_id"),
        "tags": list(config.get("tags") or ()),
        "metadata": dict(config.get("metadata") or {}),
        "name": config.get("run_name") or name,
    }


def _tell_at_once(handlers: list[BaseCallbackHandler], event: str, *args: Any, **run: Any) -> None:
    """Tell every handler while the flow is being closed: it can have no more effects, so nothing can be awaited."""
    here = [handler for handler in handlers if not iscoroutinefunction(getattr(handler, event, None))]
    for _ in _tell(here, event, *args, **run):
        pass


def _tell(handlers: list[BaseCallbackHandler], event: str, *args: Any, **run: Any) -> Iterator[Effect]:
    """Tell every handler. One that fails must not lose an answer that was paid for: a warning names it."""
    for handler in handlers:
        method = getattr(handler, event, None)
        if method is None:
            continue
        try:
            result = method(*args, **run)
            if hasattr(result, "__await__"):
                yield do.ask(lambda result=result: result)
        except Exception as error:
            if getattr(handler, "raise_error", False):
                raise
            message = f"{type(handler).__name__}.{event} failed: {type(error).__name__}: {error}"
            warnings.warn(f"{message}; the call goes on without it", RuntimeWarning, stacklevel=2)
