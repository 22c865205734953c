"""What a model's name says: "openai:gpt-5-nano", or "gpt-5-nano" alone."""

from __future__ import annotations

from typing import Any

from nbchat.providers.names import infer_provider
from nbchat.providers.table import ALIASES, PROVIDERS
from nbchat.values.errors import ConfigurationError


def _plain(provider: str) -> str:
    return provider.lower().replace("-", "_")


def split_name(model: Any, model_provider: str | None) -> tuple[str, str]:
    """(provider, the provider's name of the model).

    Raises:
        ConfigurationError: the name is empty, or its provider cannot be told from it.
    """
    if not isinstance(model, str) or not model.strip():
        raise ConfigurationError('a model needs a name, as in init_chat_model("openai:gpt-5-nano")')
    provider, colon, name = model.partition(":")
    if model_provider:
        home = _plain(model_provider)
        return home, name if _plain(provider) == home and colon else model
    if colon and name and _plain(provider) in (PROVIDERS.keys() | ALIASES.keys()):
        return _plain(provider), name
    if found := infer_provider(model):
        return found, model
    if colon and name:
        return provider, name  # unknown, and named so by who looks it up
    raise ConfigurationError(
        f"{model!r} does not say whose model it is: write it as 'provider:{model}', or pass model_provider="
    )
