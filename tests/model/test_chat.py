"""A conversation with tools, against OpenAI-shaped and Anthropic-shaped servers."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from nbchat import AIMessage, AIMessageChunk, Chat, HumanMessage, init_chat_model, tool
from nbchat.flow.converse import ToolStarted
from nbchat.model.chat_model import ChatModel
from nbchat.values.errors import ConfigurationError, RoundLimitError
from tests.model.chats import KEY, get_time, get_weather, kinds, openai_model
from tests.servers import OpenAIServer, Reply, Server, openai_answer


def test_a_conversation_remembers(model: ChatModel, server: Server) -> None:
    chat = Chat(model, system="Be brief.")
    assert chat("Hello").text == "You said: Hello"
    chat.ask("Again")
    assert kinds(chat.messages) == ["HumanMessage", "AIMessage"] * 2
    sent = json.dumps(server.requests[1].json)
    assert all(text in sent for text in ("Be brief.", "Hello", "You said: Hello", "Again"))


def test_tools_run_until_the_model_has_its_answer(model: ChatModel) -> None:
    chat = Chat(model, tools=[get_weather])
    answer = chat("What's the weather in Boston and Tokyo?")
    assert answer.text == "Here is what I found: It's sunny in Boston.; It's sunny in Tokyo."
    assert kinds(chat.messages) == ["HumanMessage", "AIMessage", "ToolMessage", "ToolMessage", "AIMessage"]
    assert answer is chat.messages[-1]


def test_a_tools_exception_is_told_to_the_model(model: ChatModel) -> None:
    chat = Chat(model, tools=[get_time])
    assert chat("What time is it in Rome?").text == "Here is what I found: LookupError: no clock in Rome"
    assert chat.messages[2].status == "error"  # type: ignore[attr-defined]


def test_stream_shows_chunks_and_tools_as_they_come(model: ChatModel) -> None:
    chat = Chat(model, tools=[get_weather])
    events = list(chat.stream("What's the weather in Boston?"))
    order = [kind for n, kind in enumerate(kinds(events)) if n == 0 or kind != kinds(events)[n - 1]]
    assert order == ["AIMessageChunk", "ToolStarted", "ToolMessage", "AIMessageChunk"]
    after = events[kinds(events).index("ToolMessage") + 1 :]
    total: AIMessageChunk = sum(after)
    assert total.to_message() == chat.messages[-1]


def test_awaited_it_is_the_same_conversation(model: ChatModel) -> None:
    async def talk() -> tuple[list[Any], Chat]:
        chat = Chat(model, tools=[get_weather])
        await chat.aask("What's the weather in Boston?")
        return [event async for event in chat.astream("And the weather in Tokyo?")], chat

    events, awaited = asyncio.run(talk())
    blocking = Chat(model, tools=[get_weather])
    blocking("What's the weather in Boston?")
    blocking("And the weather in Tokyo?")
    assert awaited.messages == blocking.messages
    assert any(isinstance(event, ToolStarted) for event in events)


def test_a_model_that_never_stops_asking_meets_the_limit_and_the_history_stays_valid() -> None:
    def stubborn(body: dict[str, Any]) -> dict[str, Any]:
        return {"tool_calls": [{"name": "get_weather", "args": {"location": "Rome"}}]}

    with OpenAIServer(stubborn) as server:
        chat = Chat(openai_model(server), tools=[get_weather], max_rounds=2)
        with pytest.raises(RoundLimitError):
            chat("Weather?")
        assert kinds(chat.messages) == ["HumanMessage", *["AIMessage", "ToolMessage"] * 3]
        with pytest.raises(RoundLimitError, match="after 0 rounds"):
            chat("Again?", config={"recursion_limit": 0})


def test_nothing_said_goes_on_from_tool_results() -> None:
    with OpenAIServer() as server:
        chat = Chat(openai_model(server), tools=[get_weather], max_rounds=0)
        with pytest.raises(RoundLimitError):
            chat("What's the weather in Rome?")
        assert chat().text.startswith("Here is what I found: not run")
        with pytest.raises(ConfigurationError, match="there is nothing to answer"):
            chat()


def test_two_questions_at_once_to_one_chat_are_told_to_use_copies() -> None:
    async def both(chat: Chat) -> list[Any]:
        return await asyncio.gather(chat.aask("one"), chat.aask("two"), return_exceptions=True)

    def answer(body: dict[str, Any]) -> Any:
        text = body["messages"][-1]["content"]
        return Reply(delay=0.2, body=openai_answer(text)) if text == "one" else text

    with OpenAIServer(answer) as server:
        chat = Chat(openai_model(server))
        first, second = asyncio.run(both(chat))
    assert "ask copies: chat.fork()" in str(first)
    assert second.text == "two"
    assert kinds(chat.messages) == ["HumanMessage", "AIMessage"]


def test_parameters_and_instructions_of_one_turn(model: ChatModel, server: Server) -> None:
    chat = Chat(model, system="Be brief.")
    chat("Hello", system="Be verbose.", temperature=0.5)
    chat("Hello")
    first, second = (request.json for request in server.requests)
    assert "Be verbose." in json.dumps(first)
    assert first["temperature"] == 0.5
    assert "Be brief." in json.dumps(second)
    assert "temperature" not in second


def test_content_may_be_blocks_or_a_message(model: ChatModel) -> None:
    chat = Chat(model)
    assert chat([{"type": "text", "text": "Hello"}]).text == "You said: Hello"
    assert chat(HumanMessage("Bye")).text == "You said: Bye"
    for nothing in ("", " ", []):
        with pytest.raises(ConfigurationError, match="empty"):
            chat(nothing)
    assert len(chat.messages) == 4


def test_fork_undo_and_reset() -> None:
    with OpenAIServer() as server:
        chat = Chat(openai_model(server), tools=[get_weather])
        chat("Hello")
        copy = chat.fork()
        copy("What's the weather in Rome?")
        assert (len(chat.messages), len(copy.messages)) == (2, 6)
        assert kinds(copy.undo()) == ["HumanMessage", "AIMessage", "ToolMessage", "AIMessage"]
        assert copy.messages == chat.messages
        copy.reset()
        assert (copy.messages, copy.undo()) == ([], [])


def test_usage_adds_up_over_the_answers(model: ChatModel) -> None:
    chat = Chat(model, tools=[get_weather])
    assert (chat.usage.total_tokens, chat.cost_usd) == (0, 0)
    chat("What's the weather in Rome?")
    answers = [m for m in chat.messages if isinstance(m, AIMessage)]
    assert chat.usage.total_tokens == sum(m.usage_metadata.total_tokens for m in answers if m.usage_metadata) > 0


def test_the_cost_of_an_unknown_model_is_unknown() -> None:
    with OpenAIServer() as server:
        chat = Chat(openai_model(server))
        chat("Hello")
        assert chat.cost_usd is None


def test_the_later_of_two_tools_of_one_name_is_used() -> None:
    def get_weather(location: str) -> str:
        """Get the weather."""
        return "new"

    with OpenAIServer() as server:
        chat = Chat(openai_model(server), tools=[])
        chat.tools += [tool(lambda location: "old", name="get_weather"), get_weather]
        assert chat("What's the weather in Rome?").text == "Here is what I found: new"
        assert len(server.requests[0].json["tools"]) == 1


@pytest.mark.parametrize("given", [{"title": "f", "type": "object", "properties": {}}, int, 3])
def test_a_tool_that_cannot_run_is_refused(given: Any) -> None:
    with OpenAIServer() as server, pytest.raises(ConfigurationError):
        Chat(openai_model(server), tools=[given])


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="a chat takes a model, or a name"):
        Chat(3)  # type: ignore[arg-type]
    chat = Chat("local:smollm2-135m")
    with pytest.raises(ConfigurationError, match="answers with messages"):
        chat.model = chat.model.with_structured_output({"title": "f", "type": "object"})  # type: ignore[attr-defined]


def test_the_model_may_change_between_questions() -> None:
    with OpenAIServer(lambda body: body["model"]) as server:
        chat = Chat(openai_model(server))
        assert chat("Who?").text == "gpt-test"
        chat.model = openai_model(server).bind(model="gpt-5-mini")
        assert chat("Who?").text == "gpt-5-mini"


def test_a_chat_takes_models_with_fallbacks_and_models_chosen_by_config() -> None:
    with OpenAIServer() as server, OpenAIServer(lambda body: Reply(status=500, body="{}")) as broken:
        sure = openai_model(broken).with_fallbacks([openai_model(server)])
        assert Chat(sure, tools=[get_weather])("What's the weather in Rome?").text.endswith("sunny in Rome.")
        open_ = init_chat_model(model_provider="openai", base_url=server.base_url, api_key=KEY)
        chat = Chat(open_, tools=[get_weather])
        answer = chat("What's the weather in Rome?", config={"configurable": {"model": "gpt-test"}})
        assert answer.text.endswith("sunny in Rome.")
