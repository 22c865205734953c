"""A conversation with tools, against OpenAI-shaped and Anthropic-shaped servers."""

from __future__ import annotations

import asyncio
import json
import math
import os
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from nbchat import AIMessage, AIMessageChunk, Chat, HumanMessage, ToolMessage, init_chat_model, tool
from nbchat.flow.converse import ToolStarted
from nbchat.model.chat_model import ChatModel
from nbchat.values.errors import AuthenticationError, ChatError, ConfigurationError, RoundLimitError, StreamError
from tests.servers import AnthropicServer, OpenAIServer, Reply, Server, openai_answer, openai_stream

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


def kinds(messages: list[Any]) -> list[str]:
    return [type(message).__name__ for message in messages]


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


def test_a_saved_conversation_is_read_back_and_goes_on(model: ChatModel, tmp_path: Path) -> None:
    path = tmp_path / "new" / "talk.json"
    chat = Chat(model.bind(temperature=0.5), tools=[get_weather], system="Be brief.", name="talk", max_rounds=3)
    chat("What's the weather in Rome?")
    chat.save(path)
    again = Chat.load(path, model=model, tools=[get_weather])
    assert again.messages == chat.messages
    assert (again.system, again.name, again.max_rounds, again.usage) == ("Be brief.", "talk", 3, chat.usage)
    assert again("Thanks").text == "You said: Thanks"
    assert [file.name for file in path.parent.iterdir()] == ["talk.json"]


def test_a_saved_conversation_holds_no_key(tmp_path: Path) -> None:
    with OpenAIServer() as server:
        chat = Chat(openai_model(server, extra_headers={"authorization": KEY}))
        chat.messages = [HumanMessage("Hello"), AIMessage("Hi")]
        chat.save(tmp_path / "talk.json")
    assert KEY not in (tmp_path / "talk.json").read_text()


def test_a_model_at_an_address_of_its_own_has_to_be_given_again(tmp_path: Path) -> None:
    url = "http://me:secret@127.0.0.1:9/v1?token=secret"
    chat = Chat(init_chat_model("gpt-test", model_provider="openai", base_url=url, api_key="k"))
    chat.save(tmp_path / "talk.json")
    assert "secret" not in (tmp_path / "talk.json").read_text()
    with pytest.raises(ConfigurationError, match=r"openai:gpt-test at http://127.0.0.1:9/v1: give it again"):
        Chat.load(tmp_path / "talk.json")


def test_a_model_at_the_address_that_the_environment_names_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    Chat("openai:gpt-test").save(tmp_path / "talk.json")
    assert repr(Chat.load(tmp_path / "talk.json").model) == "ChatModel('openai:gpt-test')"


def test_a_model_of_a_plain_name_comes_back_with_its_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    Chat(init_chat_model("openai:gpt-5-nano", temperature=0, user="me")).save(tmp_path / "talk.json")
    model = Chat.load(tmp_path / "talk.json").model
    assert isinstance(model, ChatModel)
    assert (model.model, dict(model.options)) == ("gpt-5-nano", {"temperature": 0})


def test_loading_without_the_tools_says_which_are_missing(tmp_path: Path) -> None:
    chat = Chat("local:smollm2-135m", tools=[get_weather, get_time])
    chat.save(tmp_path / "talk.json")
    with pytest.warns(UserWarning, match="saved with the tools get_time: give them again"):
        Chat.load(tmp_path / "talk.json", tools=[get_weather])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not a chat saved by nbchat"),
        ("[1]", "not a chat saved by nbchat"),
        ('{"format": "other"}', "not a chat saved by nbchat"),
        ('{"format": "nbchat.chat", "version": 1, "messages": [{"type": "alien"}]}', "not a chat saved by nbchat"),
        ('{"format": "nbchat.chat", "version": 1, "messages": {"a": 1}}', "not a chat saved by nbchat"),
        ('{"format": "nbchat.chat", "version": 1, "messages": [], "tools": 5}', "its tools is 5"),
        ('{"format": "nbchat.chat", "version": 1, "messages": [], "model": "x"}', "its model is 'x'"),
        ('{"format": "nbchat.chat", "version": 9, "messages": []}', "of version 9, .* update nbchat"),
    ],
)
def test_a_file_that_is_no_chat_is_named(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "talk.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=said) as caught:
        Chat.load(path)
    assert "talk.json" in str(caught.value)


def test_artifacts_are_for_people_and_are_not_saved(model: ChatModel, tmp_path: Path) -> None:
    @tool(response_format="content_and_artifact")
    def get_weather(location: str) -> tuple[str, object]:
        """Get the weather."""
        return "sunny", object()

    chat = Chat(model, tools=[get_weather])
    chat("What's the weather in Rome?")
    result = chat.messages[2]
    assert isinstance(result, ToolMessage)
    assert result.artifact is not None
    chat.save(tmp_path / "talk.json")
    loaded = Chat.load(tmp_path / "talk.json", model=model, tools=[get_weather]).messages[2]
    assert loaded == result
    assert loaded.artifact is None  # type: ignore[attr-defined]
