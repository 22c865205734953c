"""Sync and async tools of a conversation: where they run, and which of them at the same time."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from nbchat import Chat, ToolMessage, tool
from nbchat.model.chat_model import ChatModel
from tests.model.chats import kinds, openai_model
from tests.servers import OpenAIServer


def meeting(parties: int) -> Any:
    """An async tool that returns once it runs so many times at once."""
    here: list[asyncio.Event] = []

    async def get_weather(location: str) -> str:
        """Get the weather."""
        everybody = here[0] if here else asyncio.Event()
        here.append(everybody)
        if len(here) == parties:
            everybody.set()
        await asyncio.wait_for(everybody.wait(), 10)
        if location == "Rome":
            raise LookupError("no station in Rome")
        if location == "Tokyo":
            raise asyncio.CancelledError("the station hung up")
        return f"fog in {location}"

    return tool(get_weather)


MET = "Here is what I found: fog in Boston; LookupError: no station in Rome; CancelledError: the station hung up"


def test_an_async_tool_and_an_async_approve_work_from_a_blocking_call(model: ChatModel) -> None:
    async def get_weather(location: str) -> str:
        """Get the weather."""
        await asyncio.sleep(0)
        return f"fog in {location}"

    async def approve(name: str, args: dict[str, Any]) -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"location": args["location"].upper()}

    chat = Chat(model, tools=[get_weather], approve=approve)
    assert chat("What's the weather in Rome?").text == "Here is what I found: fog in ROME"


def test_sync_tools_run_on_the_callers_thread(model: ChatModel) -> None:
    threads = []

    def get_weather(location: str) -> str:
        """Get the weather."""
        threads.append(threading.get_ident())
        return "fog"

    Chat(model, tools=[get_weather])("What's the weather in Rome?")
    asyncio.run(Chat(model, tools=[get_weather]).aask("What's the weather in Rome?"))
    assert set(threads) == {threading.get_ident()}


def test_async_tools_of_one_answer_run_at_the_same_time_and_answer_in_order(model: ChatModel) -> None:
    async def awaited() -> list[Any]:
        chat = Chat(model, tools=[meeting(3)])
        events = [event async for event in chat.astream(prompt)]
        assert chat.messages[-1].text == MET
        return events

    prompt = "What's the weather in Boston, Rome and Tokyo?"
    events = asyncio.run(awaited())
    order = [kind for kind in kinds(events) if kind != "AIMessageChunk"]
    assert order == ["ToolStarted"] * 3 + ["ToolMessage"] * 3
    assert Chat(model, tools=[meeting(3)])(prompt).text == MET


def test_sync_and_async_tools_of_one_answer_each_run_in_their_way() -> None:
    ran: list[str] = []

    async def slow(name: str) -> str:
        """An async tool."""
        ran.append(f"{name} begins")
        await asyncio.sleep(0.01)
        ran.append(f"{name} ends")
        return name

    def plain(name: str) -> str:
        """A sync tool."""
        ran.append(name)
        return name

    def approve(name: str, args: dict[str, Any]) -> bool:
        ran.append(f"may {args['name']}?")
        return args["name"] != "d"

    asked = [("slow", "a"), ("plain", "b"), ("slow", "c"), ("slow", "d")]
    calls = [{"name": kind, "args": {"name": name}, "id": name} for kind, name in asked]
    with OpenAIServer(lambda body: "done" if len(body["messages"]) > 2 else {"tool_calls": calls}) as server:
        chat = Chat(openai_model(server), tools=[slow, plain], approve=approve)
        asyncio.run(chat.aask("go"))
    assert ran[:5] == ["may a?", "may b?", "b", "may c?", "may d?"]
    assert ran[5:7] == ["a begins", "c begins"]
    results = [(m.tool_call_id, m.status) for m in chat.messages if isinstance(m, ToolMessage)]
    assert results == [("a", "success"), ("b", "success"), ("c", "success"), ("d", "error")]


def test_stopping_async_tools_stops_them_all_and_keeps_the_results_that_were_there() -> None:
    ended: list[str] = []

    async def wait(seconds: float) -> str:
        """Wait."""
        try:
            await asyncio.sleep(seconds)
        finally:
            ended.append(f"{seconds}")
        if not seconds:
            asyncio.get_running_loop().call_later(0.01, stop[0].cancel)
        return "waited"

    async def stopped(chat: Chat) -> None:
        stop.append(asyncio.ensure_future(chat.aask("go")))
        with pytest.raises(asyncio.CancelledError):
            await stop[0]

    stop: list[Any] = []
    calls = [{"name": "wait", "args": {"seconds": s}, "id": f"{s}"} for s in (30, 0, 40)]
    with OpenAIServer(lambda body: {"tool_calls": calls}) as server:
        chat = Chat(openai_model(server), tools=[wait])
        asyncio.run(stopped(chat))
    assert sorted(ended) == ["0.0", "30.0", "40.0"]
    results = [(m.tool_call_id, m.text[:6]) for m in chat.messages if isinstance(m, ToolMessage)]
    assert results == [("30", "interr"), ("0", "waited"), ("40", "interr")]
