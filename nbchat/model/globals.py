"""The cache that all models share."""

from __future__ import annotations

from typing import Any

from nbchat.flow.answer import Cache
from nbchat.values.errors import ConfigurationError

_cache: Cache | None = None


def set_llm_cache(cache: Cache | None) -> None:
    """Let every model that has no cache of its own use this one: `set_llm_cache(InMemoryCache())`; None for no cache.

    Raises:
        ConfigurationError: it is not a cache.
    """
    global _cache
    _cache = checked_cache(cache)


def checked_cache(given: Any) -> Any:
    """A cache, or None, as it is. Raises ConfigurationError for anything else."""
    if given is None or hasattr(given, "alookup"):
        return given
    raise ConfigurationError(f"a cache is an InMemoryCache() or an SQLiteCache(database_path), not {given!r:.80}")


def get_llm_cache() -> Cache | None:
    """The cache that `set_llm_cache` set."""
    return _cache


def cache_in_use(own: Cache | bool | None) -> Cache | None:
    """The cache of a model: its own, none (`False`), or the global one.

    Raises:
        ConfigurationError: `cache=True` where no global cache was set.
    """
    if own is True and _cache is None:
        raise ConfigurationError("cache=True needs a cache: call set_llm_cache(InMemoryCache()) first")
    if own is None or own is True:
        return _cache
    return None if own is False else own
