"""Every error nbchat raises, as one tree.

ChatError
├── ConfigurationError            wrong model name, option or argument: nothing was sent
│   ├── MissingKeyError           no API key: names the variable to set
│   └── UnsupportedError          this provider's wire format cannot do that
├── ProviderError                 the provider answered with an error (status, request_id, retry_after)
│   ├── AuthenticationError       401
│   ├── PermissionDeniedError     403
│   ├── NotFoundError             404: no such model or path
│   ├── RateLimitError            429
│   │   └── QuotaError            out of credit: waiting does not help
│   ├── BadRequestError           400, 413, 422
│   │   ├── ContextLengthError    the prompt is longer than the model's window
│   │   └── ContentFilterError    refused by the provider's filter
│   └── ServerError               5xx, 408, 409
│       └── OverloadedError       503, 529
├── APIConnectionError            no answer at all: refused, reset, DNS, TLS (also a ConnectionError)
│   ├── APITimeoutError           no answer in time (also a TimeoutError)
│   ├── CertificateError          the server's certificate is not trusted: asking again does not help
│   └── StreamError               an answer that was cut, or is not what its format says
├── StructuredOutputError         the answer does not fit the asked schema (also a ValueError)
├── ToolError                     a tool could not be called
├── RoundLimitError               the tool loop reached its limit of rounds
└── AllFailedError                no model of `with_fallbacks` answered (errors)
"""

from __future__ import annotations

from collections.abc import Sequence
from os import sep
from traceback import extract_tb
from typing import Any


class ChatError(Exception):
    """Any error that nbchat raises; the others are its kinds.

    `partial` is the message as far as it had come when the error struck (an `AIMessage`), or None.
    """

    partial: Any = None

    def __init__(self, message: str, *, partial: Any = None) -> None:
        super().__init__(message)
        self.partial = partial

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows: the lines of the user's own code that led here, and the message; no wall of ours."""
        lines = [
            f"{frame.name} in {_place(frame.filename)}, line {frame.lineno}: {frame.line}"
            for frame in extract_tb(self.__traceback__)
            if not any(part in frame.filename for part in _NOT_THE_USERS)
            and not (frame.line or "").startswith("get_ipython().run_")  # a magic's own line may hold anything
        ]
        return [*lines, f"{type(self).__name__}: {self}"]


_NOT_THE_USERS = (f"{sep}nbchat{sep}", f"{sep}IPython{sep}", f"{sep}ipykernel{sep}", "<decorator-gen")


def _place(filename: str) -> str:
    return "this notebook" if "ipykernel_" in filename or filename.startswith("<ipython") else filename


class ConfigurationError(ChatError, ValueError):
    """A wrong model name, option or argument; nothing was sent."""


class MissingKeyError(ConfigurationError):
    """No API key was given, and the provider's variable is not set."""


class UnsupportedError(ConfigurationError):
    """The provider's wire format has no such feature; nothing was sent."""


class ProviderError(ChatError):
    """The provider answered with an error.

    Attributes:
        provider: name of the provider, as in `init_chat_model("provider:model")`.
        status: HTTP status, or None for an error inside a stream that had begun with 200.
        code: the provider's own code or type (`error.code`, `error.type`, `error.status`, `__type`).
        request_id: the provider's id of the exchange, for its support.
        retry_after: seconds the provider asks to wait, or None.
        body: the provider's own error, parsed where it was JSON.
    """

    def __init__(
        self,
        message: str,
        *,
        provider: str = "",
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        body: Any = None,
        partial: Any = None,
    ) -> None:
        super().__init__(message, partial=partial)
        self.provider = provider
        self.status = status
        self.code = code
        self.request_id = request_id
        self.retry_after = retry_after
        self.body = body

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.args[0], dict(self.__dict__)))


def _rebuild(kind: type[ChatError], message: str, state: dict[str, Any]) -> ChatError:
    error = kind(message)
    error.__dict__.update(state)
    return error


class AuthenticationError(ProviderError):
    """401: the key is missing or wrong."""


class PermissionDeniedError(ProviderError):
    """403: the key may not do this."""


class NotFoundError(ProviderError):
    """404: no such model, deployment or path."""


class RateLimitError(ProviderError):
    """429: too many requests or tokens for now."""


class QuotaError(RateLimitError):
    """Out of credit or over a spending limit; waiting does not help."""


class BadRequestError(ProviderError):
    """400, 413 or 422: the provider does not accept the request."""


class ContextLengthError(BadRequestError):
    """The prompt is longer than the model's context window."""


class ContentFilterError(BadRequestError):
    """Refused by the provider's content filter."""


class ServerError(ProviderError):
    """5xx, 408 or 409: the provider failed."""


class OverloadedError(ServerError):
    """503 or 529: the provider is busy."""


class APIConnectionError(ChatError, ConnectionError):
    """No answer: the connection was refused, reset, or could not be made."""


class APITimeoutError(APIConnectionError, TimeoutError):
    """No answer within the timeout. `total` tells whether it was the limit on the whole answer that passed."""

    total: bool = False


class CertificateError(APIConnectionError):
    """The server's certificate is signed by nobody whom this machine trusts, or is another server's."""


class StreamError(APIConnectionError):
    """An answer was cut short, or its bytes are not what its format says."""


class StructuredOutputError(ChatError, ValueError):
    """The answer does not fit the asked schema. `partial` is the raw message."""


class ToolError(ChatError):
    """A tool could not be called: unknown name, arguments that do not fit, or a refusal by the user."""


class RoundLimitError(ChatError):
    """The model still asked for tools when the limit of rounds was reached."""


class AllFailedError(ChatError):
    """No model of `with_fallbacks` answered. `errors` has the error of each, in order."""

    def __init__(self, message: str, *, errors: Sequence[Exception] = (), partial: Any = None) -> None:
        super().__init__(message, partial=partial)
        self.errors = tuple(errors)
