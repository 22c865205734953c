"""Ollama's address, which its own variable gives in many forms."""

from __future__ import annotations

import os

from nbchat.providers.endpoint import Endpoint
from nbchat.providers.provider import Opening

PORT = 11434


def open_ollama(opening: Opening) -> Endpoint:
    """The endpoint of the server at `base_url`, or at OLLAMA_HOST: "host", "host:port" or a whole URL."""
    host = opening.given_url or os.environ.get("OLLAMA_HOST")
    return opening.endpoint(address(host) if host else None)


def address(host: str) -> str:
    """A host as an address: http and port 11434 unless it says otherwise; "any interface" means this machine."""
    scheme, found, rest = host.strip().rstrip("/").rpartition("://")
    name, _, path = rest.partition("/")
    name = name.replace("0.0.0.0", "127.0.0.1").replace("[::]", "[::1]")
    if not found and ":" not in name.rpartition("]")[2]:
        name = f"{name}:{PORT}"
    path = "" if path == "v1" else path  # the address of its OpenAI form
    return f"{scheme or 'http'}://{name}" + (f"/{path}" if path else "")
