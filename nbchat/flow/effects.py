"""What a flow asks of its driver. A flow yields these, and is sent the result back.

| effect | the driver gives back |
|---|---|
| open_(route, request, stream) | (status, headers): the answer's head; an answer opened before is closed |
| READ | the next bytes of the body; b"" at its end |
| READ_ALL | the whole body |
| DRAIN | None: the rest of a body that does not matter is read for a moment, so that its connection can be kept |
| CLOCK | seconds, for differences |
| NOW | seconds since 1970 |
| sleep(seconds) | None |
| recall(cache, key) | a cached message or None; only the first time that a flow asks for this key |
| remember(cache, key, message) | None |
| reserve(limiter, tokens) | None, once the limiter allows it |
| ask(question, …) | what the user's function returns; awaited where it is async |
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, NamedTuple, TypeVar

from nbchat.providers.endpoint import Endpoint
from nbchat.values.errors import ConfigurationError
from nbchat.values.messages import AIMessage
from nbchat.wire.codec import Request

T = TypeVar("T")
Flow = Generator[Any, Any, T]  # yields effects and what the reader is to see; returns T


class Effect(NamedTuple):
    """The name of a driver's method, and its arguments."""

    verb: str
    args: tuple[Any, ...] = ()


READ, READ_ALL, DRAIN = Effect("read"), Effect("read_all"), Effect("drain")
CLOCK, NOW = Effect("clock"), Effect("now")


@dataclass(frozen=True, slots=True)
class Timeout:
    """How long to wait, in seconds; None for ever.

    Attributes:
        connect: for a connection.
        first_byte: for the head of the answer; without streaming, the whole answer is written before that.
        between: for each further piece of the answer.
        total: for everything.
    """

    connect: float | None = 10.0
    first_byte: float | None = 600.0
    between: float | None = 120.0
    total: float | None = None

    def __post_init__(self) -> None:
        for name in self.__slots__:
            seconds = getattr(self, name)
            if seconds is not None and not (isinstance(seconds, Real) and float(seconds) > 0):
                raise ConfigurationError(f"timeout= takes seconds above 0, not {seconds!r} ({name})")

    @classmethod
    def of(cls, given: Any) -> Timeout:
        """From a number (the total), a `Timeout`, a dict of its fields, an `httpx.Timeout`, or None (the defaults)."""
        match given:
            case None:
                return cls()
            case Timeout():
                return given
            case bool():
                pass
            case int() | float():
                return cls(total=float(given))
            case dict() if given.keys() <= set(cls.__dataclass_fields__):
                return cls(**given)
        if hasattr(given, "connect") and hasattr(given, "read"):
            return cls(connect=given.connect, first_byte=given.read, between=given.read)
        raise ConfigurationError(
            f"timeout= takes seconds, or a dict of connect, first_byte, between and total, not {given!r}"
        )


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request goes, and over which connection.

    `http_client` and `http_async_client` are the user's own httpx clients, used as they are.
    """

    endpoint: Endpoint
    timeout: Timeout = Timeout()
    proxy: str | None = field(default=None, repr=False)  # it may hold a password
    http_client: Any = None
    http_async_client: Any = None


def open_(route: Route, request: Request, stream: bool) -> Effect:
    return Effect("open", (route, request, stream))


def sleep(seconds: float) -> Effect:
    return Effect("sleep", (seconds,))


def recall(cache: Any, key: str) -> Effect:
    return Effect("recall", (cache, key))


def remember(cache: Any, key: str, message: AIMessage) -> Effect:
    return Effect("remember", (cache, key, message))


def reserve(limiter: Any, tokens: int) -> Effect:
    return Effect("reserve", (limiter, tokens))


def ask(question: Callable[..., Any], *args: Any) -> Effect:
    return Effect("ask", (question, *args))
