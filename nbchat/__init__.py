"""Chat models in notebooks: a `%%chat` magic, a panel, a small client, and DataFrame batches."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "nbchat.flow.converse": ("ToolStarted",),
    "nbchat.model.chat": ("Chat",),
    "nbchat.model.tools": ("Tool", "tool"),
    "nbchat.model.init": ("ChatOpenAI", "init_chat_model"),
    "nbchat.values.messages": ("AIMessage", "AIMessageChunk", "HumanMessage", "SystemMessage", "ToolMessage"),
    "nbchat.values.media": ("audio_block", "file_block", "image_block", "video_block"),
    "nbchat.model.callbacks": ("BaseCallbackHandler",),
    "nbchat.providers": ("providers",),
    "nbchat.providers.table": ("register_provider",),
    "nbchat.model.globals": ("get_llm_cache", "set_llm_cache"),
    "nbchat.io.memory_cache": ("InMemoryCache",),
    "nbchat.io.sqlite_cache": ("SQLiteCache",),
    "nbchat.io.rate_limiter": ("InMemoryRateLimiter",),
    "nbchat.model.usage_callback": ("UsageMetadataCallbackHandler", "get_usage_metadata_callback"),
    "nbchat.model.prices": ("cost_usd",),
    "nbchat.model.otel": ("OpenTelemetryHandler",),
    "nbchat.notebook.live": ("live",),
    "nbchat.notebook.render.renderers": ("add_renderer",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    """Import public names when they are first used, so that `import nbchat` stays fast."""
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'nbchat' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext nbchat`: register the magics."""
    from nbchat.notebook.magics import ChatMagics

    shell.register_magics(ChatMagics)
