"""`init_chat_model`: from a name to a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, overload

from nbchat.flow.attempt import Target
from nbchat.flow.effects import Route, Timeout
from nbchat.model.chat_model import ChatModel
from nbchat.model.configurable import ConfigurableModel, configurable_model
from nbchat.model.globals import checked_cache
from nbchat.model.names import split_name
from nbchat.providers.endpoint import Endpoint, Secret
from nbchat.providers.table import find_provider
from nbchat.values.errors import ConfigurationError

_ROUTE = ("proxy", "http_client", "http_async_client")
_FIELDS = ("cache", "rate_limiter", "config")


@overload
def init_chat_model(model: str, *, model_provider: str | None = None, **kwargs: Any) -> ChatModel: ...
@overload
def init_chat_model(
    model: str | None = None,
    *,
    model_provider: str | None = None,
    configurable_fields: Sequence[str] | None = None,
    config_prefix: str | None = None,
    **kwargs: Any,
) -> ConfigurableModel: ...
def init_chat_model(
    model: str | None = None,
    *,
    model_provider: str | None = None,
    configurable_fields: Sequence[str] | None = None,
    config_prefix: str | None = None,
    **kwargs: Any,
) -> ChatModel | ConfigurableModel:
    """Make a model from a name like "openai:gpt-5-nano" or "local:smollm2-135m".

        model = init_chat_model("openai:gpt-5-nano", temperature=0)
        model.invoke("Why do parrots talk?").text

    Args:
        model: "provider:model", or a bare name whose provider is known or given; None leaves it to each call.
        model_provider: the provider, where `model` does not name it.
        configurable_fields: names of parameters that a call may choose by `config={"configurable": {…}}`, or "any";
            `model` and `model_provider` where no model is given. With "any", whoever writes the config also decides
            where keys and prompts are sent (`base_url`).
        config_prefix: what the keys in `configurable` begin with, an underscore after it: "first" for `first_model`.
        api_key: a key, or a function that fetches one; else the provider's environment variable is read.
        base_url: another server that speaks the provider's format.
        timeout: seconds for the whole answer, or a dict of `connect`, `first_byte`, `between` and `total`.
        max_retries: how often to ask again when the server is busy or the connection fails; 2 by default.
        proxy: address of an HTTP proxy; else the environment's.
        http_client, http_async_client: your own httpx clients.
        cache: a cache for this model, True for the global one, False for none.
        rate_limiter: an `InMemoryRateLimiter`.
        config: what is merged under each call's config.
        kwargs: parameters of every call: `temperature`, `top_p`, `max_tokens`, `stop`, `seed`, `logprobs`,
            `top_logprobs`, `reasoning`, and any other that the provider takes, passed through under its own name; and
            what the provider needs beside key and base URL (`region_name`, `azure_deployment`, …).

    Raises:
        ConfigurationError: no such provider.
        MissingKeyError: the provider needs a key and none was found.
    """
    kwargs = _keys_hidden(kwargs)
    if model is None and configurable_fields is None:
        configurable_fields = ("model", "model_provider")
    if configurable_fields is not None:
        given = {"model": model, "model_provider": model_provider, **kwargs}
        return configurable_model(_made, given, configurable_fields, config_prefix)
    if config_prefix:
        raise ConfigurationError("config_prefix= is for configurable_fields=, which is not given")
    assert model is not None
    return _made(model, model_provider, **kwargs)


def ChatOpenAI(
    model: str,
    *,
    openai_proxy: str | None = None,
    openai_api_key: Any = None,
    openai_api_base: str | None = None,
    **kwargs: Any,
) -> ChatModel:
    """`init_chat_model(model, model_provider="openai", …)`, by LangChain's name, and with its names of arguments.

    Args:
        model: the provider's name of the model.
        openai_proxy: `proxy` of `init_chat_model`.
        openai_api_key: `api_key`.
        openai_api_base: `base_url`.
        kwargs: all others that `init_chat_model` takes.
    """
    names = {"proxy": openai_proxy, "api_key": openai_api_key, "base_url": openai_api_base}
    kwargs |= {name: value for name, value in names.items() if value is not None}
    del names, openai_api_key  # a verbose traceback shows local variables
    return init_chat_model(model, model_provider="openai", **_keys_hidden(kwargs))


def _keys_hidden(given: dict[str, Any]) -> dict[str, Any]:
    """The same arguments, their keys as secrets: a verbose traceback shows local variables.

    Raises:
        ConfigurationError: a key under a name of another library's; it would be sent as a parameter.
    """
    for name in given:
        if name.endswith("api_key") and isinstance(given[name], str):
            given[name] = Secret(given[name])
    if other := next((name for name in given if name.endswith("_api_key")), None):
        raise ConfigurationError(f"a key is given as api_key=, whoever the provider is, not as {other}=")
    return given


def _made(model: str, model_provider: str | None = None, **kwargs: Any) -> ChatModel:
    provider, name = split_name(model, model_provider)
    row = find_provider(provider)
    if provider == "local":
        endpoint = _local_endpoint(name)
        if kwargs.pop("use_responses_api", False) and row.responses:
            row = replace(row, codec=row.responses)
    else:
        own = {key: kwargs.pop(key) for key in (*row.own_arguments, "base_url", "api_key") if key in kwargs}
        endpoint, row = row.open(provider, model=name, **own)
    route = Route(
        endpoint,
        timeout=Timeout.of(kwargs.pop("timeout", None)),
        **{key: kwargs.pop(key) for key in _ROUTE if key in kwargs},
    )
    retries = _checked_retries(kwargs.pop("max_retries", None))
    target = Target(row.codec, route, max_retries=retries, lacks=row.lacks)
    fields = {key: kwargs.pop(key) for key in _FIELDS if key in kwargs}
    _check_helpers(fields)
    return ChatModel(model=name, provider=provider, target=target, options=kwargs, **fields)


def _checked_retries(given: Any) -> int:
    if given is None:
        return 2
    if not isinstance(given, int) or given < 0:
        raise ConfigurationError(f"max_retries is a number of at least 0, not {given!r}")
    return given


def _check_helpers(fields: Mapping[str, Any]) -> None:
    """Raise ConfigurationError for a limiter or a cache that is not one."""
    if (limiter := fields.get("rate_limiter")) is not None and not hasattr(limiter, "aacquire"):
        raise ConfigurationError(f"rate_limiter takes an InMemoryRateLimiter, not {limiter!r:.80}")
    if not isinstance(cache := fields.get("cache"), bool):
        checked_cache(cache)


def _local_endpoint(name: str) -> Endpoint:
    """The embedded engine's endpoint, which starts it when it is first asked."""

    def start() -> Endpoint:
        from nbchat import local

        engine = local.endpoint(name)
        # llama.cpp now and then closes a connection after a stream, while the next request is on its way
        return Endpoint("local", engine.base_url, Secret(engine.api_key), headers={"connection": "close"})

    return Endpoint("local", f"local:{name}", starter=start)
