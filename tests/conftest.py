"""Fixtures for every test, and the guard that keeps tests on this machine and away from the user's keys."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.servers import AnthropicServer, OpenAIServer

_SECRETS = ("_API_KEY", "_API_TOKEN", "_AUTH_TOKEN", "_ACCESS_TOKEN")
_PROVIDERS = ("ANTHROPIC_", "AWS_", "AZURE_", "GEMINI_", "GOOGLE_", "HF_", "HUGGINGFACEHUB_", "OLLAMA_", "OPENAI_")


class LeftTheMachineError(OSError):
    """A test tried to reach another machine."""


@pytest.fixture
def openai_server() -> Iterator[OpenAIServer]:
    """A pretend OpenAI at `openai_server.base_url`."""
    with OpenAIServer() as server:
        yield server


@pytest.fixture
def anthropic_server() -> Iterator[AnthropicServer]:
    """A pretend Anthropic at `anthropic_server.url`."""
    with AnthropicServer() as server:
        yield server


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hides the provider keys and addresses of the user's environment, and keeps loopback off any proxy."""
    for name in os.environ:
        if name.startswith(_PROVIDERS) or name.endswith(_SECRETS):
            monkeypatch.delenv(name)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1,localhost,::1")


@pytest.fixture(autouse=True)
def this_machine_only(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Fails a test that opens a connection to, or looks up, another machine, even where the error is swallowed."""
    attempts: list[str] = []

    def guarded(real: Any) -> Any:
        def connect(sock: socket.socket, address: Any) -> Any:
            inet = sock.family in (socket.AF_INET, socket.AF_INET6) and sock.type & socket.SOCK_STREAM
            if inet and not _is_loopback(address[0]):
                attempts.append(str(address))
                raise LeftTheMachineError(f"tests stay on this machine, but this one connects to {address}")
            return real(sock, address)

        return connect

    look_up = socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name and not _is_loopback(name) and not _is_address(name) and name != socket.gethostname():
            attempts.append(str(name))
            raise LeftTheMachineError(f"tests stay on this machine, but this one looks up {name}")
        return look_up(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", guarded(socket.socket.connect))
    monkeypatch.setattr(socket.socket, "connect_ex", guarded(socket.socket.connect_ex))
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    yield attempts
    if attempts:
        pytest.fail(f"the test reached for another machine: {', '.join(sorted(set(attempts)))}")


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host.partition("%")[0]).is_loopback)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
