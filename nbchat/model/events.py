"""What happens inside a call, as the dicts of `astream_events`."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nbchat.flow.effects import Flow
from nbchat.flow.relay import relayed
from nbchat.model.callbacks import BaseCallbackHandler, handlers_of
from nbchat.model.config import RunnableConfig, merge_configs
from nbchat.values.chunks import AIMessageChunk
from nbchat.values.errors import ConfigurationError
from nbchat.values.messages import AIMessage

if TYPE_CHECKING:
    from nbchat.model.verbs import Verbs

KIND = "chat_model"


@dataclass(frozen=True)
class Filter:
    """Which events are wanted: those that an `include` names, where one is given, and no `exclude` does."""

    include_names: Sequence[str] | None = None
    include_types: Sequence[str] | None = None
    include_tags: Sequence[str] | None = None
    exclude_names: Sequence[str] | None = None
    exclude_types: Sequence[str] | None = None
    exclude_tags: Sequence[str] | None = None

    def wants(self, event: dict[str, Any]) -> bool:
        tags = event["tags"]
        include = (self.include_names, self.include_types, self.include_tags)
        if any(given is not None for given in include) and not _named(include, event["name"], tags):
            return False
        return not _named((self.exclude_names, self.exclude_types, self.exclude_tags), event["name"], tags)


def _named(lists: Sequence[Sequence[str] | None], name: str, tags: list[str]) -> bool:
    names, types, wanted = (given or () for given in lists)
    return name in names or KIND in types or any(tag in wanted for tag in tags)


class _Recorder(BaseCallbackHandler):
    """Writes down what a call tells its handlers."""

    streams = True

    def __init__(self, input: Any, wanted: Filter) -> None:
        self.events: deque[dict[str, Any]] = deque()
        self._input = input
        self._wanted = wanted

    def on_chat_model_start(self, serialized: Any, messages: Any, **run: Any) -> None:
        self._add("on_chat_model_start", {"input": self._input}, run)

    def on_llm_new_token(self, token: str, *, chunk: AIMessageChunk | None = None, **run: Any) -> None:
        self._add("on_chat_model_stream", {"chunk": chunk}, run)

    def on_llm_end(self, response: AIMessage, **run: Any) -> None:
        self._add("on_chat_model_end", {"output": response, "input": self._input}, run)

    def _add(self, event: str, data: dict[str, Any], run: dict[str, Any]) -> None:
        parent = run.get("parent_run_id")
        made = {
            "event": event,
            "name": run["name"],
            "run_id": str(run["run_id"]),
            "parent_ids": [str(parent)] if parent else [],
            "tags": run["tags"],
            "metadata": run["metadata"],
            "data": data,
        }
        if self._wanted.wants(made):
            self.events.append(made)


def events_of(
    model: Verbs[Any], input: Any, config: RunnableConfig | None, version: str, wanted: Filter, kwargs: dict[str, Any]
) -> Flow[Any]:
    """A call as a flow that yields its events. Raises ConfigurationError for a version other than "v2"."""
    if version != "v2":
        raise ConfigurationError(f'astream_events has version="v2", not {version!r}')
    recorder = _Recorder(input, wanted)
    given = merge_configs(config)
    heard: RunnableConfig = {**given, "callbacks": [*handlers_of(given), recorder]}

    def shown(step: Any) -> Iterator[dict[str, Any]]:
        while recorder.events:
            yield recorder.events.popleft()

    def told() -> Flow[Any]:
        result = yield from relayed(model.flow(input, heard, stream=True, **kwargs), shown)
        yield from shown(None)
        return result

    return told()
