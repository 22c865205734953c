"""Finding a provider's row, opening its endpoint, and adding rows of one's own. The rows are in `rows`."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from nbchat.providers.endpoint import Endpoint
from nbchat.providers.names import infer_provider
from nbchat.providers.provider import Provider
from nbchat.providers.rows import ALIASES, PROVIDERS
from nbchat.values.errors import ConfigurationError
from nbchat.wire.features import codec_class

__all__ = [
    "ALIASES",
    "PROVIDERS",
    "find_provider",
    "infer_provider",
    "open_endpoint",
    "open_provider",
    "register_provider",
]


def find_provider(name: str) -> Provider:
    """The row of this name. Raises ConfigurationError that names the nearest ones, if any is near."""
    plain = name.lower().replace("-", "_")
    row = PROVIDERS.get(ALIASES.get(plain, plain))
    if row is None:
        from difflib import get_close_matches

        near = get_close_matches(plain, [*PROVIDERS, *ALIASES], 3)
        meant = f"did you mean {', '.join(near)}?" if near else "nbchat.providers() lists those that there are"
        raise ConfigurationError(f"there is no provider {name!r}; {meant}")
    return row


def open_provider(name: str, **arguments: Any) -> tuple[Endpoint, Provider]:
    """The endpoint of a provider, and the row with the codec to use there.

    Args:
        name: of a row, or one of its other names.
        arguments: `model`, `base_url`, `api_key` and those in the row's `own_arguments`.

    Raises:
        MissingKeyError: the provider needs a key and none was found; names the variable.
        ConfigurationError: there is no such provider, or one of its settings is missing.
    """
    return find_provider(name).open(name, **arguments)


def open_endpoint(name: str, **arguments: Any) -> Endpoint:
    """The endpoint alone; see `open_provider`."""
    return open_provider(name, **arguments)[0]


def register_provider(
    name: str, *, base_url: str | None = None, codec: Any = None, like: str | None = None, **fields_: Any
) -> Provider:
    """Add a row of your own, or replace one: `init_chat_model(f"{name}:model")` finds it from then on.

    Args:
        name: letters, digits and underscores.
        base_url: where it is served.
        codec: the name of a wire format ("openai_chat", "openai_responses", "anthropic", "gemini", "bedrock" or
            "ollama"), a codec with the vendor's quirks, or one of your own; "openai_chat" where nothing says otherwise.
        like: a provider whose row is taken, but for what is given here.
        fields_: any other field of `Provider`: `key_env` (a variable or several), `headers`, `lacks`, ….

    Raises:
        ConfigurationError: the name has other characters, there is no base URL, or a field is unknown.
    """
    plain = name.lower().replace("-", "_")
    if not plain.isidentifier():
        raise ConfigurationError(f"{name!r} is no name for a provider: use letters, digits and underscores")
    if unknown := fields_.keys() - {field.name for field in fields(Provider)}:
        raise ConfigurationError(
            f"a provider has no {', '.join(sorted(unknown))}; see nbchat.providers.provider.Provider"
        )
    given = dict(fields_)
    if isinstance(given.get("key_env"), str):
        given["key_env"] = (given["key_env"],)
    if base_url is not None:
        given["base_url"] = base_url
    if codec is not None or like is None:
        given["codec"] = codec_class(codec or "openai_chat")() if isinstance(codec, str | None) else codec
    if like is not None:
        row = replace(find_provider(like), **given)
    elif base_url is None:
        raise ConfigurationError(f"the provider {name!r} needs a base_url=, or a provider that it is like=")
    else:
        row = Provider(**{"key_required": bool(given.get("key_env")), **given})
    PROVIDERS[plain] = row
    ALIASES.pop(plain, None)
    return row
