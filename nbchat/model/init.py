"""`init_chat_model`: from a name to a model."""

from __future__ import annotations

from typing import Any

from nbchat.flow.attempt import Target
from nbchat.flow.effects import Route, Timeout
from nbchat.model.chat_model import ChatModel
from nbchat.providers.endpoint import Endpoint, Secret
from nbchat.providers.table import find_provider, open_endpoint
from nbchat.values.errors import ConfigurationError

_ROUTE = ("proxy", "http_client", "http_async_client")
_FIELDS = ("cache", "rate_limiter", "config")


def init_chat_model(model: str, *, model_provider: str | None = None, **kwargs: Any) -> ChatModel:
    """Make a model from a name like "openai:gpt-5-nano" or "local:smollm2-135m".

    Args:
        model: "provider:model", or a bare name whose provider is known or given.
        model_provider: the provider, where `model` does not name it.
        api_key: a key, or a function that fetches one; else the provider's environment variable is read.
        base_url: another server that speaks the provider's format.
        timeout: seconds for the whole answer, or a dict of `connect`, `first_byte`, `between` and `total`.
        max_retries: how often to ask again when the server is busy or the connection fails (2).
        proxy: address of an HTTP proxy; else the environment's.
        http_client, http_async_client: your own httpx clients.
        cache: a cache of the model's own, True for the global one, False for none.
        rate_limiter: an `InMemoryRateLimiter`.
        config: what is merged under each call's config.
        kwargs: parameters of every call: `temperature`, `top_p`, `max_tokens`, `stop`, `seed`, `logprobs`, `top_logprobs`,
            `reasoning`, and any other that the provider takes, passed through under its own name.

    Raises:
        ConfigurationError: no such provider.
        MissingKeyError: the provider needs a key and none was found.
    """
    provider, name = split_name(model, model_provider)
    row = find_provider(provider)
    own = {key: kwargs.pop(key) for key in ("base_url", "api_key") if key in kwargs}
    endpoint = _local_endpoint(name) if provider == "local" else open_endpoint(provider, **own)
    route = Route(
        endpoint,
        timeout=Timeout.of(kwargs.pop("timeout", None)),
        **{key: kwargs.pop(key) for key in _ROUTE if key in kwargs},
    )
    retries = kwargs.pop("max_retries", None)
    target = Target(row.codec, route, max_retries=2 if retries is None else retries)
    fields = {key: kwargs.pop(key) for key in _FIELDS if key in kwargs}
    return ChatModel(model=name, provider=provider, target=target, options=kwargs, **fields)


def split_name(model: str, model_provider: str | None) -> tuple[str, str]:
    """(provider, the provider's name of the model).

    Raises:
        ConfigurationError: the name is empty, or says no provider and none can be told from it.
    """
    if not isinstance(model, str) or not model.strip():
        raise ConfigurationError('a model needs a name, as in init_chat_model("openai:gpt-5-nano")')
    if model_provider:
        return model_provider, model.removeprefix(f"{model_provider}:")
    provider, colon, name = model.partition(":")
    if colon and name:
        return provider, name
    raise ConfigurationError(
        f"{model!r} does not say whose model it is: write it as 'provider:{model}', or pass model_provider="
    )


def _local_endpoint(name: str) -> Endpoint:
    """The embedded engine's endpoint, which starts it when it is first asked."""

    def start() -> Endpoint:
        from nbchat import local

        engine = local.endpoint(name)
        return Endpoint("local", engine.base_url, Secret(engine.api_key))

    return Endpoint("local", f"local:{name}", starter=start)
