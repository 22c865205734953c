"""What the tests of conversations share: two tools, and a model at a loopback server."""

from __future__ import annotations

from typing import Any

from nbchat import init_chat_model, tool
from nbchat.model.chat_model import ChatModel
from tests.servers import Server

KEY = "sk-never-to-be-seen"


@tool
def get_weather(location: str) -> str:
    """Get the weather at a location."""
    return f"It's sunny in {location}."


@tool
def get_time(location: str) -> str:
    """Get the time at a location."""
    raise LookupError(f"no clock in {location}")


def openai_model(server: Server, **options: Any) -> ChatModel:
    return init_chat_model(
        "gpt-test", model_provider="openai", base_url=server.url + "/v1", api_key=KEY, max_retries=0, **options
    )


def kinds(messages: list[Any]) -> list[str]:
    return [type(message).__name__ for message in messages]
