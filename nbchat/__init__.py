"""Chat models in notebooks: a `%%chat` magic over a small client for every provider."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from nbchat.frame.accessor import register as register_accessors

_HOMES = {
    "nbchat.flow.converse": ("ToolStarted",),
    "nbchat.model.chat": ("Chat",),
    "nbchat.model.tools": ("Tool", "tool"),
    "nbchat.model.init": ("ChatOpenAI", "init_chat_model"),
    "nbchat.values.chunks": ("AIMessageChunk",),
    "nbchat.values.messages": ("AIMessage", "HumanMessage", "SystemMessage", "ToolMessage"),
    "nbchat.values.errors": (
        "APIConnectionError",
        "APITimeoutError",
        "AllFailedError",
        "AuthenticationError",
        "BadRequestError",
        "CertificateError",
        "ChatError",
        "ConfigurationError",
        "ContentFilterError",
        "ContextLengthError",
        "MissingKeyError",
        "NotFoundError",
        "OverloadedError",
        "PermissionDeniedError",
        "ProviderError",
        "QuotaError",
        "RateLimitError",
        "RoundLimitError",
        "ServerError",
        "StreamError",
        "StructuredOutputError",
        "ToolError",
        "UnsupportedError",
    ),
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
    "nbchat.frame.batch_frame": ("abatch_frame", "batch_frame"),
    "nbchat.frame.journal": ("Journal",),
    "nbchat.frame.retry_errors": ("retry_errors",),
    "nbchat.notebook.live": ("live",),
    "nbchat.notebook.render.renderers": ("add_renderer",),
    "nbchat.notebook.widgets.compare.comparison": ("Compare",),
    "nbchat.notebook.widgets.panel.chat_panel": ("ChatPanel",),
    "nbchat.notebook.widgets.explore.explorer": ("explore",),
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
    return [*__all__, "load_ipython_extension"]


_SHOWN = {
    "nbchat.values.chunks": ("AIMessageChunk",),
    "nbchat.values.messages": ("AIMessage", "HumanMessage", "SystemMessage", "ToolMessage"),
    "nbchat.values.usage": ("Usage",),
    "nbchat.values.logprobs": ("Logprobs",),
    "nbchat.model.chat": ("Chat",),
    "nbchat.model.chat_model": ("ChatModel",),
    "nbchat.model.tools": ("Tool",),
    "nbchat.frame.estimate": ("Estimate",),
    "nbchat.frame.progress": ("Progress",),
}


def _show_values(shell: Any) -> None:
    """Have IPython show our values as HTML; by name, so that nothing is imported until one is shown."""

    def html(value: Any) -> str:
        from nbchat.notebook.values import value_html

        return value_html(value)

    formatter = shell.display_formatter.formatters["text/html"]
    for home, names in _SHOWN.items():
        for name in names:
            formatter.for_type_by_name(home, name, html)


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext nbchat`: register the magics."""
    from nbchat.notebook.magics import ChatMagics

    shell.register_magics(ChatMagics)
    _show_values(shell)


register_accessors()  # df.chat

if "IPython" in sys.modules and (_shell := sys.modules["IPython"].get_ipython()) is not None:
    _show_values(_shell)  # values show themselves without %load_ext as well
