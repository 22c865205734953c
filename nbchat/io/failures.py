"""A transport's failures, said in nbchat's words."""

from __future__ import annotations

from nbchat.flow.effects import Route
from nbchat.values.errors import APIConnectionError, APITimeoutError, ChatError, StreamError


def connection_failed(route: Route, error: BaseException) -> ChatError:
    """No answer could be had."""
    where = f"{route.endpoint.provider} at {route.endpoint.base_url}"
    reason = _reason(error)
    return APIConnectionError(
        f"could not reach {where}: {reason}; is the server running, and are base URL and network right?"
    )


def timed_out(route: Route, seconds: float | None, what: str) -> ChatError:
    """No answer in time; `what` is the field of `Timeout` that passed."""
    error = APITimeoutError(
        f"{route.endpoint.provider} gave no answer within {seconds:g} s ({what}); raise timeout= if it needs longer"
        if seconds is not None
        else f"{route.endpoint.provider} gave no answer in time"
    )
    error.total = what == "total"  # type: ignore[attr-defined]
    return error


def broken_off(route: Route, error: BaseException) -> ChatError:
    """The connection broke while the answer came."""
    return StreamError(
        f"{route.endpoint.provider}'s answer was cut: {_reason(error)}; what came is in error.partial; ask again"
    )


def _reason(error: BaseException) -> str:
    inner = error
    while inner.__cause__ is not None:
        inner = inner.__cause__
    text = str(error) or str(inner) or type(error).__name__
    return text[0].lower() + text[1:] if text[:1].isupper() and not text[:2].isupper() else text
