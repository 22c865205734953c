"""Where a request goes and what opens the door there: base URL, key, headers. No network."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit, urlunsplit
from uuid import uuid4

from nbchat.values.errors import ConfigurationError, MissingKeyError
from nbchat.wire.codec import Request

KeySource = str | Callable[[], str]
Signer = Callable[[str, str, dict[str, str], bytes], dict[str, str]]


class Secret:
    """A key that does not show: not in a repr, a log, a traceback or a pickle.

    `given` is the key, or a function that fetches one for each request (a bearer token that expires). Where a pickled
    one is loaded, the key is one that was lent to that process (see `keys_in`), or is read from the environment there,
    from the first of the variables `env` that is set.

    Raises:
        ConfigurationError: the key is no text, or has a character that no HTTP header can carry.
    """

    __slots__ = ("_env", "_given", "_number", "_revealed")

    def __init__(self, given: Any, env: tuple[str, ...] = ()) -> None:
        if isinstance(given, Secret):
            given = given._given
        if isinstance(given, _FromElsewhere):
            given = _FromElsewhere(given.number, given.env or env)
        elif hasattr(given, "get_secret_value"):  # pydantic's SecretStr
            given = given.get_secret_value()
        if not isinstance(given, str) and not callable(given):
            raise ConfigurationError(f"a key is text, or a function that fetches it, not {type(given).__name__}")
        self._given: KeySource = _checked(given) if isinstance(given, str) else given
        self._env = env
        self._revealed = ""
        self._number = given.number if isinstance(given, _FromElsewhere) else uuid4().hex

    def reveal(self) -> str:
        """The key itself; for the one place that puts it into a header."""
        if isinstance(self._given, str):
            return self._given
        self._revealed = _checked(self._given())
        return self._revealed

    def hidden_in(self, text: str) -> str:
        """The text with the key blotted out."""
        key = self._given if isinstance(self._given, str) else self._revealed
        return text.replace(key, "•••") if len(key) > 3 else text

    def __repr__(self) -> str:
        return "Secret(•••)"

    def __reduce__(self) -> tuple[Any, ...]:
        if (asked_for := _wanted.get()) is not None and isinstance(self._given, str):
            asked_for[self._number] = self._given
        return (Secret, (_FromElsewhere(self._number, self._env), self._env))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._given == other._given

    def __hash__(self) -> int:
        return hash(self._given)


_wanted: ContextVar[dict[str, str] | None] = ContextVar("_wanted", default=None)
_lent: dict[str, str] = {}


def keys_in(pickled: Callable[[], Any]) -> dict[str, str]:
    """The keys that a pickle leaves out, by number; for `lend` in another process that is to work for this one.

    Args:
        pickled: makes the pickle.
    """
    found: dict[str, str] = {}
    token = _wanted.set(found)
    try:
        pickled()
    finally:
        _wanted.reset(token)
    return found


def lend(keys: Mapping[str, str]) -> None:
    """Let pickled models that are loaded in this process use these keys; they are kept in its memory alone."""
    _lent.update(keys)


@dataclass(frozen=True)
class _FromElsewhere:
    """The key of a model that was pickled: whoever loads it uses a key that was lent, or one of their own."""

    number: str
    env: tuple[str, ...]

    def __call__(self) -> str:
        if self.number in _lent:
            return _lent[self.number]
        key = next((os.environ[name] for name in self.env if os.environ.get(name)), None)
        if key is None:
            where = f"set {self.env[0]} in the environment" if self.env else "pass api_key= to a new model"
            raise MissingKeyError(f"this model was saved without its API key, as all are: {where}")
        return key


def _checked(key: str) -> str:
    key = key.strip()
    if key.isascii() and key.isprintable():
        return key
    raise ConfigurationError(
        "the API key has a character that no HTTP header can carry (a line break, or a typographic mark): copy it again"
    )


class SealedHeaders(dict[str, str]):
    """Headers with a key among them: a verbose traceback shows local variables, and these do not show."""

    def __repr__(self) -> str:
        return f"SealedHeaders({', '.join(self)})"


@dataclass(frozen=True)
class Endpoint:
    """One provider's address, with what opens it.

    Attributes:
        provider: name, for errors and for `response_metadata["model_provider"]`.
        base_url: without a slash at the end; a request's path goes behind it. `{model}` in it stands for the model.
        key: what `key_header` carries, or None for a server without keys.
        key_header: name of the header and what stands before the key.
        headers: sent with every request.
        query: added to every address ("api-version").
        signer: (method, url, headers, body) -> headers, for servers that sign each request (AWS).
        starter: starts the server behind it and gives its real endpoint (the embedded model), or None.
    """

    provider: str
    base_url: str
    key: Secret | None = None
    key_header: tuple[str, str] = ("authorization", "Bearer ")
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    signer: Signer | None = field(default=None, compare=False)
    starter: Callable[[], Endpoint] | None = field(default=None, compare=False)

    @property
    def address(self) -> str:
        """The base URL as it may be shown: without name, password and query."""
        parts = urlsplit(self.base_url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))

    def __repr__(self) -> str:
        return f"Endpoint({self.provider!r}, {self.address!r})"  # headers and query may hold a key

    def url(self, request: Request) -> str:
        """The whole address of a request."""
        url = request.path if "://" in request.path else self.base_url + request.path
        if "{model}" in url:
            url = url.replace("{model}", quote(str(request.body.get("model", "")), safe=""))
        if self.query:
            url += ("&" if "?" in url else "?") + urlencode(self.query)
        return url

    def sealed(self, request: Request, body: bytes) -> tuple[str, SealedHeaders]:
        """(address, headers with the key) of a request about to be sent."""
        url = self.url(request)
        plain = {"content-type": "application/json", "accept-encoding": "gzip", **self.headers, **request.headers}
        headers = SealedHeaders(plain)
        if self.key is not None and self.key_header[0] not in self.headers:  # a user's own header goes before
            headers[self.key_header[0]] = self.key_header[1] + self.key.reveal()
        if self.signer is not None:
            headers = SealedHeaders(self.signer(request.method, url, headers, body))
        return url, headers

    def hide_key(self, text: str) -> str:
        """The text with the key blotted out: providers quote it in their errors."""
        return self.key.hidden_in(text) if self.key else text
