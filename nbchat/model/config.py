"""The `config` of a call: names, tags, callbacks and limits, as on the page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypedDict
from uuid import UUID, uuid4

from nbchat.values.errors import ConfigurationError


class RunnableConfig(TypedDict, total=False):
    """What a call may be given beside its input.

    Keys: `run_name` (of this call alone), `run_id` (a UUID; of a batch, the first call's), `parent_run_id` (a `Chat`
    sets it for the calls of a turn), `tags`, `metadata`, `callbacks` (inherited by inner calls), `max_concurrency` (of
    a batch), `recursion_limit` (rounds of a tool loop), `configurable` (fields of a configurable model).
    """

    run_name: str
    run_id: Any
    parent_run_id: Any
    tags: list[str]
    metadata: dict[str, Any]
    callbacks: Any
    max_concurrency: int | None
    recursion_limit: int
    configurable: dict[str, Any]


def merge_configs(*configs: Mapping[str, Any] | None) -> RunnableConfig:
    """Several configs as one: tags and callbacks add up, metadata and configurable merge, of the rest the later wins.

    Raises:
        ConfigurationError: a key that `RunnableConfig` does not have, or a value of another kind; says what it takes.
    """
    out: dict[str, Any] = {}
    for config in configs:
        if not isinstance(config, Mapping | None):
            raise ConfigurationError(f'config is a dict, as in config={{"tags": ["a"]}}, not {config!r:.80}')
        for key, value in (config or {}).items():
            if key not in RunnableConfig.__annotations__:
                raise ConfigurationError(
                    f"config has no key {key!r}; it takes {', '.join(sorted(RunnableConfig.__annotations__))}"
                )
            if value is None:
                continue
            before, value = out.get(key), _read(key, value)
            if key in ("tags", "callbacks") and before:
                out[key] = [*before, *(each for each in value if each not in before)]
            elif key in ("metadata", "configurable") and before:
                out[key] = {**before, **value}
            else:
                out[key] = value
    return out  # type: ignore[return-value]


def _read(key: str, value: Any) -> Any:
    """A config's value in its usual form: tags and handlers in a list, an id as a UUID."""
    match key:
        case "callbacks":
            value = getattr(value, "handlers", value)  # a callback manager
            return list(value) if isinstance(value, Iterable) and not isinstance(value, str) else [value]
        case "tags":
            return [value] if isinstance(value, str) else list(value)
        case "metadata" | "configurable" if not isinstance(value, Mapping):
            raise ConfigurationError(f"{key} is a dict, not {value!r:.80}")
        case "max_concurrency" if not isinstance(value, int) or value < 1:
            raise ConfigurationError(f"max_concurrency is a number of at least 1, not {value!r:.80}")
        case "run_id" | "parent_run_id" if not isinstance(value, UUID):
            try:
                return UUID(str(value))
            except ValueError:
                raise ConfigurationError(f"{key} is a UUID, as uuid.uuid4() makes them, not {value!r:.80}") from None
    return value


def inner_config(config: Mapping[str, Any] | None) -> RunnableConfig:
    """The config of the calls inside a run: that run is their parent, and each has its own name and id."""
    given = merge_configs(config)
    kept: Any = {key: value for key, value in given.items() if key not in ("run_id", "run_name")}
    return {**kept, "parent_run_id": given.get("run_id") or uuid4()}
