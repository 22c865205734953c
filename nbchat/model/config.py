"""The `config` of a call: names, tags, callbacks and limits, as on the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from nbchat.values.errors import ConfigurationError


class RunnableConfig(TypedDict, total=False):
    """What a call may be given beside its input.

    Keys: `run_name` (of this call alone), `run_id`, `tags`, `metadata`, `callbacks` (inherited by inner calls),
    `max_concurrency` (of a batch), `recursion_limit` (rounds of a tool loop), `configurable` (fields of a configurable
    model).
    """

    run_name: str
    run_id: Any
    tags: list[str]
    metadata: dict[str, Any]
    callbacks: Any
    max_concurrency: int | None
    recursion_limit: int
    configurable: dict[str, Any]


def merge_configs(*configs: Mapping[str, Any] | None) -> RunnableConfig:
    """Several configs as one: tags and callbacks add up, metadata and configurable merge, of the rest the later wins.

    Raises:
        ConfigurationError: a key that `RunnableConfig` does not have; names the ones there are.
    """
    out: dict[str, Any] = {}
    for config in configs:
        for key, value in (config or {}).items():
            if key not in RunnableConfig.__annotations__:
                raise ConfigurationError(
                    f"config has no key {key!r}; it takes {', '.join(sorted(RunnableConfig.__annotations__))}"
                )
            if value is None:
                continue
            before = out.get(key)
            if key in ("tags", "callbacks") and before:
                out[key] = [*before, *(each for each in value if each not in before)]
            elif key in ("metadata", "configurable") and before:
                out[key] = {**before, **value}
            else:
                out[key] = value
    return out  # type: ignore[return-value]
