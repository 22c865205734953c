"""Handlers hear the start, the pieces, the end or the error of every call, under either driver."""

from __future__ import annotations

import asyncio
import gc
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from nbchat import (
    BaseCallbackHandler,
    Chat,
    InMemoryCache,
    UsageMetadataCallbackHandler,
    get_usage_metadata_callback,
    init_chat_model,
    tool,
)
from nbchat.values.errors import ConfigurationError
from nbchat.values.messages import AIMessage
from tests.servers import AnthropicServer, OpenAIServer, faulty


class Ear(BaseCallbackHandler):
    """Writes down what it hears."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.runs: list[dict[str, Any]] = []

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("on_"):
            return super().__getattribute__(name)

        def hear(*args: Any, **run: Any) -> None:
            self.heard.append(name)
            self.runs.append(run)

        return hear


class AsyncEar(Ear):
    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if not name.startswith("on_"):
            return found

        async def hear(*args: Any, **run: Any) -> None:
            await asyncio.sleep(0)
            found(*args, **run)

        return hear


def model(server: Any, **more: Any) -> Any:
    return init_chat_model("gpt-test", model_provider="openai", base_url=f"{server.url}/v1", api_key="k", **more)


@pytest.mark.parametrize("kind", [Ear, AsyncEar])
def test_every_verb_tells_a_handler(kind: type[Ear]) -> None:
    async def astream(chat: Any, config: Any) -> None:
        async for _ in chat.astream("hi", config):
            pass

    with OpenAIServer(lambda body: "one two three") as server:
        chat = model(server)
        ear = kind()
        config = {"callbacks": [ear], "tags": ["t"], "metadata": {"a": 1}, "run_name": "name"}
        chat.invoke("hi", config)
        asyncio.run(chat.ainvoke("hi", config))
        assert ear.heard == ["on_chat_model_start", "on_llm_end"] * 2
        ear.heard.clear()
        list(chat.stream("hi", config))
        asyncio.run(astream(chat, config))
        assert ear.heard[0] == "on_chat_model_start"
        assert ear.heard.count("on_llm_new_token") >= 6
        assert ear.heard.count("on_llm_end") == 2
        ear.heard.clear()
        chat.batch(["a", "b"], config)
        assert sorted(ear.heard) == ["on_chat_model_start"] * 2 + ["on_llm_end"] * 2
        assert all(run["tags"] == ["t"] and run["metadata"] == {"a": 1} and run["name"] == "name" for run in ear.runs)


def test_an_error_is_told_and_so_is_a_stream_left_early() -> None:
    with OpenAIServer(lambda body: "word " * 50, gap=0.01, first=[faulty.server_error()]) as server:
        ear = Ear()
        chat = model(server, max_retries=0).with_config(callbacks=[ear])
        with pytest.raises(Exception, match="500"):
            chat.invoke("hi")
        assert ear.heard == ["on_chat_model_start", "on_llm_error"]
        for _ in chat.stream("hi"):
            break
        assert ear.heard[-1] == "on_llm_error"


def test_a_handler_that_fails_loses_no_answer() -> None:
    class Broken(BaseCallbackHandler):
        def on_llm_end(self, response: Any, **run: Any) -> None:
            raise ZeroDivisionError

    class Strict(Broken):
        raise_error = True

    with OpenAIServer(lambda body: "fine") as server:
        with pytest.warns(RuntimeWarning, match=r"Broken\.on_llm_end failed"):
            assert model(server).invoke("hi", {"callbacks": [Broken()]}).text == "fine"
        with pytest.raises(ZeroDivisionError):
            model(server).invoke("hi", {"callbacks": [Strict()]})


def test_a_handler_may_have_invoke_stream_inside() -> None:
    ear = Ear()
    ear.streams = True
    with OpenAIServer(lambda body: "one two three") as server:
        assert model(server).invoke("hi", {"callbacks": [ear]}).text == "one two three"
    assert ear.heard.count("on_llm_new_token") >= 3


def test_a_handler_is_anything_with_its_methods_one_alone_or_several() -> None:
    class Duck:
        def __init__(self) -> None:
            self.answers: list[str] = []

        def on_llm_end(self, response: Any, **run: Any) -> None:
            self.answers.append(response.text)

    duck = Duck()
    with OpenAIServer(lambda body: "fine") as server:
        for callbacks in (duck, [duck], SimpleNamespace(handlers=[duck])):
            model(server).invoke("hi", {"callbacks": callbacks})
        assert duck.answers == ["fine"] * 3
        for wrong in (Duck, [Duck], "duck", [3]):
            with pytest.raises(ConfigurationError, match="callbacks takes objects"):
                model(server).invoke("hi", {"callbacks": wrong})
        assert server.count == 3


@pytest.mark.filterwarnings("error")
def test_leaving_early_awaits_nothing_and_warns_of_nothing() -> None:
    class Late(BaseCallbackHandler):
        async def on_llm_error(self, error: BaseException, **run: Any) -> None:
            raise AssertionError("nothing can be awaited any more")

    with OpenAIServer(lambda body: "word " * 50, gap=0.01) as server:
        for _ in model(server).stream("hi", {"callbacks": [Late()]}):
            break
    gc.collect()


def test_handlers_hear_the_parameters_of_the_call_itself() -> None:
    heard: list[dict[str, Any]] = []

    class Start(BaseCallbackHandler):
        def on_chat_model_start(self, serialized: dict[str, Any], messages: Any, **run: Any) -> None:
            heard.append({**serialized, "tags": run["tags"]})

    with OpenAIServer() as server:
        model(server, temperature=0.5).invoke("hi", {"callbacks": [Start()], "tags": "one"}, top_p=0.1)
    assert heard == [
        {"name": "gpt-test", "provider": "openai", "kwargs": {"temperature": 0.5, "top_p": 0.1}, "tags": ["one"]}
    ]


def test_the_runs_of_a_turn_and_of_a_batch_have_ids_of_their_own() -> None:
    turn = uuid4()
    with OpenAIServer() as server:
        ear = Ear()
        Chat(model(server), tools=[add]).ask("please add 1 and 2", {"callbacks": [ear], "run_id": str(turn)})
        assert len({run["run_id"] for run in ear.runs}) == 3
        assert {run["parent_run_id"] for run in ear.runs} == {turn}
        ear = Ear()
        model(server).batch(["a", "b", "c"], {"callbacks": [ear], "run_id": turn})
        assert len({run["run_id"] for run in ear.runs}) == 3
        assert turn in {run["run_id"] for run in ear.runs}
        with pytest.raises(ConfigurationError, match="run_id is a UUID"):
            model(server).invoke("hi", {"run_id": "seven"})


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def test_tools_are_told_too() -> None:
    ear = Ear()
    with OpenAIServer() as server:
        Chat(model(server), tools=[add]).ask("please add 1 and 2", {"callbacks": [ear]})
    assert ear.heard.count("on_tool_start") == ear.heard.count("on_tool_end") == 1


def test_a_tool_that_is_stopped_is_told() -> None:
    @tool
    def stopped() -> None:
        """Wait."""
        raise KeyboardInterrupt

    ear = Ear()
    with pytest.raises(KeyboardInterrupt):
        stopped.invoke({}, {"callbacks": [ear]})
    assert ear.heard == ["on_tool_start", "on_tool_error"]


def test_usage_is_added_up_by_model_and_cached_answers_are_not_spent() -> None:
    with OpenAIServer(lambda body: "fine") as one, AnthropicServer(lambda body: "fine") as two:
        other = init_chat_model("claude-test", model_provider="anthropic", base_url=f"{two.url}/v1", api_key="k")
        with get_usage_metadata_callback() as usage:
            answers = [model(one).invoke("hi"), *model(one).batch(["hi"]), other.invoke("hi")]
        handler = UsageMetadataCallbackHandler()
        cached = model(one, cache=InMemoryCache())
        for _ in range(3):
            cached.invoke("hi", config={"callbacks": [handler]})
    assert len(usage.usage_metadata) == 2
    total = sum(u["total_tokens"] for u in usage.usage_metadata.values())
    assert total == sum(a.usage_metadata["total_tokens"] for a in answers)
    assert [u["total_tokens"] for u in handler.usage_metadata.values()] == [answers[0].usage_metadata["total_tokens"]]


@pytest.mark.parametrize("verb", ["batch", "batch_as_completed"])
def test_a_batch_within_a_batchs_own_callback_is_told_to_be_awaited(verb: str) -> None:
    class Judge(BaseCallbackHandler):
        raise_error = True

        def on_llm_end(self, response: AIMessage, **run: Any) -> None:
            list(getattr(model, verb)(["Is it good?"]))

    with OpenAIServer() as server:
        model = init_chat_model("m", model_provider="openai", base_url=server.base_url, api_key="k")
        with pytest.raises(ConfigurationError, match="abatch"):
            model.batch(["Hello"], config={"callbacks": [Judge()]})
