"""The seven providers with a Batch API: a pretend server of each, and a model that asks it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nbchat import init_chat_model
from tests.frame.servers import AnthropicBatchServer, FileBatchServer, GeminiBatchServer, JobServer

MODELS = {
    "openai": "gpt-4o-mini",
    "azure": "gpt-4o-mini",
    "groq": "llama-3.3-70b-versatile",
    "together": "meta-llama/Llama-3.3-70B-Instruct-Turbo",
    "mistral": "mistral-small-latest",
    "anthropic": "claude-haiku-4-5",
    "google": "gemini-2.5-flash",
}


@contextmanager
def pretend(provider: str) -> Iterator[JobServer]:
    """A running server of this provider's."""
    own = {"anthropic": AnthropicBatchServer, "google": GeminiBatchServer}
    with own[provider]() if provider in own else FileBatchServer(provider) as server:
        yield server


def model_of(provider: str, server: JobServer, **options: Any) -> Any:
    """A model that asks a server."""
    more: dict[str, Any] = {"model_provider": provider, "api_key": server.key, "max_retries": 1}
    more["base_url"] = server.base_url
    if provider == "azure":
        del more["base_url"]
        more |= {"azure_endpoint": server.url, "api_version": "2025-03-01-preview"}
    if provider == "anthropic":
        more["max_tokens"] = 1000
    return init_chat_model(MODELS[provider], **(more | options))
