"""A transport's failures, said in nbchat's words."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from nbchat.flow.effects import Route
from nbchat.io import transport
from nbchat.values.errors import APIConnectionError, APITimeoutError, CertificateError, ChatError, StreamError

_DOUBT = re.compile(r"(?:certificate verify failed|invalid peer certificate): (.*?)(?: \(_ssl|$)")  # OpenSSL, rustls
MOST_BYTES = 256 * 2**20  # of a whole answer; inline pictures and sounds take some MB


def connection_failed(route: Route, error: BaseException) -> ChatError:
    """The server could not be reached, or is not trusted."""
    where = _where(route)
    reason = _reason(error)
    if doubt := _DOUBT.search(reason):
        return CertificateError(
            f"{where} has a certificate that is not trusted: {doubt[1]}; if you trust it, set SSL_CERT_FILE to a "
            "file with its authority's certificate, or give the model http_client=httpx.Client(verify=…) and "
            "http_async_client=httpx.AsyncClient(verify=…)"
        )
    return APIConnectionError(
        f"could not reach {where}: {reason}; is the server running, and are base URL and network right?"
    )


def unreadable(route: Route, error: BaseException) -> ChatError:
    """What came is not HTTP; or nothing came, and the connection was closed."""
    innermost = _innermost(error)
    if isinstance(innermost, OSError):
        return connection_failed(route, error)
    where = _where(route)
    return StreamError(f"{where} does not answer as a web server does: {_reason(error)}; is the base URL right?")


def timed_out(route: Route, seconds: float | None, what: str) -> ChatError:
    """No answer in time; `what` is the field of `Timeout` that passed."""
    error = APITimeoutError(
        f"{route.endpoint.provider} gave no answer within {seconds:g} s ({what}); raise timeout= if it needs longer"
        if seconds is not None
        else f"{route.endpoint.provider} gave no answer in time"
    )
    error.total = what == "total"
    return error


def broken_off(route: Route, error: BaseException) -> ChatError:
    """The connection broke while the answer came."""
    return StreamError(
        f"{route.endpoint.provider}'s answer was cut: {_reason(error)}; what came is in error.partial; ask again"
    )


def too_long(route: Route) -> ChatError:
    """A whole answer has more than `MOST_BYTES`: one without end must not fill the memory."""
    return StreamError(
        f"{route.endpoint.provider} sent more than {MOST_BYTES >> 20} MB as one answer; nothing was kept of it"
    )


def _where(route: Route) -> str:
    where = f"{route.endpoint.provider} at {route.endpoint.address}"
    if route.http_client is not None or route.http_async_client is not None:
        return where  # the user's client has its own proxy
    proxy = transport.proxy_for(route.endpoint.base_url, route.proxy)
    return f"{where} through the proxy {urlsplit(proxy).netloc.rpartition('@')[2]}" if proxy else where


def _reason(error: BaseException) -> str:
    inner = _innermost(error)
    causes = (getattr(error, "details", None) or {}).get("causes")  # pyreqwest's, the innermost last
    text = causes[-1]["message"] if causes else str(error) or str(inner) or type(error).__name__
    text = " ".join(text.split())
    first, _, rest = text.partition(" ")
    return f"{first.lower()} {rest}" if first.isalpha() and first.istitle() else text


def _innermost(error: BaseException) -> BaseException:
    while (cause := error.__cause__) is not None:
        error = cause
    return error
