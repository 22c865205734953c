"""The process's own cache setting."""

from __future__ import annotations

from typing import Any

from nbchat.flow.answer import Cache
from nbchat.values.errors import ConfigurationError

_cache: Cache | None = None


def set_llm_cache(cache: Cache | None) -> None:
    """Let every model that has no cache of its own use this one; None turns caching off.

    Raises:
        ConfigurationError: it is no cache.
    """
    global _cache
    _cache = checked_cache(cache)


def checked_cache(given: Any) -> Any:
    """What is a cache, or None, as it is. Raises ConfigurationError for anything else."""
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
    if own is None:
        return _cache
    if own is False:
        return None
    if own is True:
        if _cache is None:
            raise ConfigurationError("cache=True needs a cache: call set_llm_cache(InMemoryCache()) first")
        return _cache
    return own
