"""A model of each of the two kinds of servers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from nbchat import init_chat_model
from nbchat.model.chat_model import ChatModel
from tests.model.chats import KEY, openai_model
from tests.servers import AnthropicServer, OpenAIServer, Server


@pytest.fixture(params=["openai", "anthropic"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    kinds: dict[str, Any] = {"openai": OpenAIServer, "anthropic": AnthropicServer}
    with kinds[request.param]() as server:
        yield server


@pytest.fixture
def model(server: Server) -> ChatModel:
    if isinstance(server, OpenAIServer):
        return openai_model(server)
    url = server.url + "/v1"
    return init_chat_model("claude-test", model_provider="anthropic", base_url=url, api_key=KEY, max_retries=0)
