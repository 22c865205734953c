"""A row of the table of providers, and how an endpoint is opened from it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from nbchat.providers.endpoint import Endpoint, KeySource, Secret
from nbchat.values.errors import ConfigurationError, MissingKeyError
from nbchat.wire.codec import Codec
from nbchat.wire.features import features_of

Models = str | Callable[[Endpoint], str]


@dataclass(frozen=True)
class Provider:
    """A row of the table. A vendor that speaks a known wire format is one row, with nothing else to write.

    Attributes:
        codec: the wire format, with this vendor's quirks.
        base_url: where it is served; `{account_id}` in it is a setting.
        key_env: variables that may hold the key, tried in order.
        key_required: whether a missing key is an error.
        key_header: header name, and what stands before the key.
        headers: sent with every request.
        settings: arguments that fill in `base_url`, each with the variables that may hold it.
        base_url_env: variables that may hold another base URL.
        version: what a base URL ends with ("/v1"); added where one that is given or in a variable names no version, as
            the vendor's own SDK does.
        responses: the codec used with `use_responses_api=True`, or None.
        arguments: further arguments of `init_chat_model` that `opener` reads.
        opener: opens the endpoint of a vendor that needs more than a base URL and a key.
        models: path of the list of models, or a function of the endpoint that gives its address; "" where none is.
        lacks: features of the codec that this vendor does not have (see `nbchat.wire.features`).
    """

    codec: Codec
    base_url: str
    key_env: tuple[str, ...] = ()
    key_required: bool = True
    key_header: tuple[str, str] = ("authorization", "Bearer ")
    headers: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    base_url_env: tuple[str, ...] = ()
    version: str = ""
    responses: Codec | None = None
    arguments: tuple[str, ...] = ()
    opener: Callable[[Opening], Endpoint] | None = None
    models: Models = "/models"
    lacks: frozenset[str] = frozenset()

    @property
    def own_arguments(self) -> frozenset[str]:
        """The arguments of `init_chat_model` that are about the endpoint, beside `base_url` and `api_key`."""
        chosen = ("use_responses_api",) if self.responses else ()
        return frozenset((*_EVERY, *chosen, *self.settings, *self.arguments))

    @property
    def features(self) -> frozenset[str]:
        """What can be asked of this provider: what its codec can do, but for what the vendor lacks."""
        return features_of(self.codec) - self.lacks

    def key_found(self) -> bool:
        """Whether a variable that may hold the key is set."""
        return any(os.environ.get(name) for name in self.key_env)

    def open(
        self,
        name: str,
        *,
        model: str = "",
        base_url: str | None = None,
        api_key: KeySource | None = None,
        use_responses_api: bool | None = None,
        **own: Any,
    ) -> tuple[Endpoint, Provider]:
        """The endpoint, and the row with the codec to use there.

        Raises:
            MissingKeyError: a key is needed and none was found; names the variable.
            ConfigurationError: a setting is missing, or the base URL is no address.
        """
        row = replace(self, codec=self.responses) if use_responses_api and self.responses else self
        opening = Opening(row, name, model, base_url, api_key, own)
        endpoint = row.opener(opening) if row.opener else opening.endpoint()
        return replace(
            endpoint,
            headers={**endpoint.headers, **_lower(own.get("default_headers") or {})},
            query={**endpoint.query, **(own.get("default_query") or {})},
        ), row


_EVERY = ("default_headers", "default_query")


@dataclass(frozen=True, repr=False)
class Opening:
    """What an endpoint is opened from: the row, and the arguments given beside it."""

    row: Provider
    name: str
    model: str
    given_url: str | None
    given_key: KeySource | None
    own: Mapping[str, Any]

    def endpoint(self, base_url: str | None = None, **fields: Any) -> Endpoint:
        """The endpoint as the row has it, but for the fields given."""
        address = base_url or self.base_url()
        plain: dict[str, Any] = {"key": None, "key_header": self.row.key_header, "headers": self.row.headers}
        if "key" not in fields and "signer" not in fields:
            plain["key"] = self.key()
        return Endpoint(self.name, _address(self.name, address), **{**plain, **fields})

    def key(self) -> Secret | None:
        """The key from the argument or the environment; None where there is none and none is needed."""
        found = self.given_key or _environment(self.row.key_env)
        if found:
            return Secret(found, self.row.key_env)
        if self.row.key_required and self.given_url is None:
            raise MissingKeyError(
                f"{self.name} needs an API key: set {self.row.key_env[0]} in the environment, or pass api_key="
            )
        return None

    def base_url(self) -> str:
        """The base URL from the argument, the environment or the row, with its settings filled in."""
        if found := self.given_url or _environment(self.row.base_url_env):
            return found if _VERSION.search(found) else found.strip().rstrip("/") + self.row.version
        values = {name: self.setting(name, *env) for name, env in self.row.settings.items()}
        return self.row.base_url.format_map({**values, "model": "{model}"})

    def setting(self, argument: str, *env: str) -> str:
        """A setting from its argument or the environment. Raises ConfigurationError that names both."""
        found = self.own.get(argument) or _environment(env)
        if not found:
            where = f"set {env[0]} in the environment, or pass {argument}=" if env else f"pass {argument}="
            raise ConfigurationError(f"{self.name} needs {argument}: {where}")
        return str(found).strip().removeprefix("https://").strip("/")


_VERSION = re.compile(r"/v\d\w*/?\s*$")


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _environment(names: tuple[str, ...]) -> str | None:
    return next((os.environ[name] for name in names if os.environ.get(name)), None)


def _address(name: str, url: str) -> str:
    url = url.strip().rstrip("/")
    if not url:
        return url
    try:
        parts = urlsplit(url)
        right = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0  # a port that is none raises
    except ValueError:
        right = False
    if not right:
        raise ConfigurationError(f"the base URL of {name} is no address: {url!r}; it begins with http:// or https://")
    return url
