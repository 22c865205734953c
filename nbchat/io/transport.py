"""HTTP transports, shared by all models of a process: the one import of pyreqwest."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from nbchat.io.urllib3_answer import Urllib3Client
from nbchat.values.errors import ConfigurationError

try:
    import pyreqwest.client as fast
    import pyreqwest.exceptions as fast_errors
except ImportError:  # Pyodide: everything works over plain httpx, slower
    fast = None  # type: ignore[assignment]
    fast_errors = None  # type: ignore[assignment]

DRAIN_S = 0.25  # to read what is left of a body that does not matter
Trust = tuple[str | None, str | None]
MOST_IDLE = 1024  # connections to one host, kept for the next requests


@lru_cache(maxsize=512)
def parsed_url(url: str) -> httpx.URL:
    """httpx parses an address slowly, and a model asks the same one all day."""
    return httpx.URL(url)


@lru_cache(maxsize=512)
def proxy_for(url: str, proxy: str | None) -> str | None:
    """The proxy to use: the given one, or the environment's; never for this machine itself.

    Raises:
        ConfigurationError: it is not an HTTP proxy.
    """
    found = proxy if proxy is not None else _of_the_environment(url)
    if found is not None and urlsplit(found).scheme not in ("http", "https"):
        raise ConfigurationError(
            "a proxy's address begins with http:// or https://; for another kind, SOCKS for one, give the model "
            "http_client=httpx.Client(proxy=…) and http_async_client=httpx.AsyncClient(proxy=…)"
        )
    return found


def _of_the_environment(url: str) -> str | None:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if is_loopback(host) or proxy_bypass(host):
        return None
    found = getproxies()
    return found.get(parts.scheme) or found.get("all")


def is_loopback(host: str) -> bool:
    """Whether this host is the machine itself."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def trust(url: str) -> Trust:
    """What the environment says of certificates to trust: a transport reads it once, and a cell may change it later.

    Without TLS there are none, and it is not looked up: that takes a fiftieth of a short call.
    """
    if url.startswith("http:"):
        return None, None
    return os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")


@contextmanager
def reading_certificates() -> Iterator[None]:
    """A block that makes a transport. Raises ConfigurationError where the certificates to trust cannot be read."""
    try:
        yield
    except OSError as error:
        named = zip(("SSL_CERT_FILE", "SSL_CERT_DIR"), trust(""), strict=True)
        where = next((f"{name}={path}" for name, path in named if path), "the list of certificates")
        raise ConfigurationError(f"{where} cannot be read: {error}") from None


def blocking(url: str, proxy: str | None) -> Urllib3Client:
    """The process's shared connections for blocking calls. A fork gets its own: sockets cannot be shared."""
    return _blocking(proxy_for(url, proxy), trust(url), os.getpid())


@lru_cache(maxsize=32)
def _blocking(proxy: str | None, trusted: Trust, pid: int) -> Urllib3Client:
    with reading_certificates():
        return Urllib3Client(proxy)


def awaiting(url: str, proxy: str | None, connect: float | None, idle: int = MOST_IDLE) -> Any:
    """The process's shared pyreqwest client; any loop may use it. With `idle` 0, each request has a new connection."""
    return _awaiting(proxy_for(url, proxy), connect, idle, trust(url), os.getpid())


@lru_cache(maxsize=32)
def _awaiting(proxy: str | None, connect: float | None, idle: int, trusted: Trust, pid: int) -> Any:
    from datetime import timedelta

    builder = fast.ClientBuilder().http1_only().pool_max_idle_per_host(idle).follow_redirects(False).gzip(True)
    if proxy is None:
        builder = builder.no_proxy()
    else:
        from pyreqwest.proxy import ProxyBuilder

        builder = builder.proxy(ProxyBuilder.all(proxy))
    if connect is not None:
        builder = builder.connect_timeout(timedelta(seconds=connect))
    return builder.build()
