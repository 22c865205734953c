"""A turn that fails, is cut, stopped or left: what had come is kept, and the history stays valid."""

from __future__ import annotations

import asyncio
import math
import os
import signal
from collections.abc import AsyncIterator
from typing import Any

import pytest

from nbchat import AIMessage, Chat, init_chat_model
from nbchat.model.chat_model import ChatModel
from nbchat.values.errors import AuthenticationError, ChatError, StreamError
from tests.model.chats import get_weather, kinds, openai_model
from tests.servers import OpenAIServer, Reply, Server, openai_answer, openai_stream


def test_an_error_before_anything_came_leaves_no_trace() -> None:
    with OpenAIServer() as server:
        model = init_chat_model(
            "gpt-test", model_provider="openai", base_url=server.base_url, api_key="invalid", max_retries=0
        )
        chat = Chat(model)
        with pytest.raises(AuthenticationError):
            chat("Hello")
        assert chat.messages == []


def test_an_error_after_tools_ran_keeps_their_results() -> None:
    def answer(body: dict[str, Any]) -> Any:
        if body["messages"][-1]["role"] == "tool":
            return Reply(status=500, body={"error": {"message": "oops"}})
        return {"tool_calls": [{"name": "get_weather", "args": {"location": "Rome"}}]}

    with OpenAIServer(answer) as server:
        chat = Chat(openai_model(server), tools=[get_weather])
        with pytest.raises(ChatError):
            chat("Weather?")
        assert kinds(chat.messages) == ["HumanMessage", "AIMessage", "ToolMessage"]


def test_an_answer_that_is_cut_is_kept_as_far_as_it_came() -> None:
    pieces = openai_stream(openai_answer("Once upon a time"))[:4]
    with Server(Reply(body=pieces, cut=True)) as server:
        chat = Chat(openai_model(server))
        with pytest.raises(StreamError) as caught:
            chat("Tell me a story")
    kept = chat.messages[-1]
    assert isinstance(kept, AIMessage)
    assert kept.interrupted
    assert kept.text == "Once upon a"
    assert caught.value.partial is kept


def test_an_interrupt_keeps_what_had_come_and_closes_the_connection() -> None:
    async def story() -> AsyncIterator[bytes | float]:
        for piece in openai_stream(openai_answer("Once upon a time"))[:3]:
            yield piece
        yield 0.05
        os.kill(os.getpid(), signal.SIGINT)
        yield math.inf

    with Server(lambda request: Reply(body=story())) as server:
        chat = Chat(openai_model(server))
        with pytest.raises(KeyboardInterrupt):
            chat("Tell me a story")
        assert kinds(chat.messages) == ["HumanMessage", "AIMessage"]
        assert (chat.messages[-1].text, chat.messages[-1].interrupted) == ("Once upon", True)  # type: ignore[attr-defined]
        assert server.wait_for(lambda: server.closed_by_client)


def test_a_cancelled_task_keeps_what_had_come() -> None:
    async def story() -> AsyncIterator[bytes | float]:
        for piece in openai_stream(openai_answer("Once upon a time"))[:3]:
            yield piece
        yield math.inf

    async def talk(chat: Chat) -> None:
        started = asyncio.Event()

        async def read() -> None:
            async for chunk in chat.astream("Tell me a story"):
                if "upon" in chunk.text:
                    started.set()

        task = asyncio.create_task(read())
        await started.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with Server(lambda request: Reply(body=story())) as server:
        chat = Chat(openai_model(server))
        asyncio.run(talk(chat))
        assert (chat.messages[-1].text, chat.messages[-1].interrupted) == ("Once upon", True)  # type: ignore[attr-defined]


def test_an_interrupted_tool_has_a_result_and_the_conversation_goes_on(model: ChatModel) -> None:
    def get_weather(location: str) -> str:
        """Get the weather."""
        raise KeyboardInterrupt

    chat = Chat(model, tools=[get_weather])
    with pytest.raises(KeyboardInterrupt):
        chat("What's the weather in Rome?")
    assert kinds(chat.messages) == ["HumanMessage", "AIMessage", "ToolMessage"]
    assert chat("Never mind").text


def test_a_stream_that_was_left_is_ended_by_the_next_question(model: ChatModel) -> None:
    chat = Chat(model)
    left = chat.stream("Tell me a story")
    next(left)
    assert chat("Hello").text == "You said: Hello"
    assert kinds(chat.messages) == ["HumanMessage", "AIMessage"] * 2
    assert chat.messages[1].interrupted  # type: ignore[attr-defined]
    assert list(left) == []
