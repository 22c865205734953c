"""Many inputs at once: how many of them, with a config for all or one for each, and errors in their places."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from nbchat import AIMessage, BaseCallbackHandler, init_chat_model
from nbchat.values.errors import ConfigurationError, ServerError
from tests.servers import OpenAIServer, faulty

INPUTS = [str(n) for n in range(12)]


def model(server: OpenAIServer) -> Any:
    return init_chat_model("m", model_provider="openai", base_url=server.base_url, api_key="k", max_retries=0)


@pytest.mark.parametrize("config", [None, {"tags": ["a"]}, [{}] * len(INPUTS)])
def test_a_models_own_width_holds_where_the_call_gives_none(config: Any) -> None:
    with OpenAIServer(latency=0.01) as server:
        model(server).with_config(max_concurrency=2).batch(INPUTS, config)
        assert server.connections_total <= 2


def test_each_input_may_have_a_config_of_its_own() -> None:
    heard: dict[str, list[str]] = {}

    class Ear(BaseCallbackHandler):
        def on_llm_end(self, response: AIMessage, **run: Any) -> None:
            heard[response.text] = run["tags"]

    with OpenAIServer() as server:
        asked = model(server).with_config(callbacks=[Ear()])
        asked.batch(iter(["a", "b"]), [{"tags": ["one"]}, {"tags": ["two"]}])
        with pytest.raises(ConfigurationError, match="2 configs for 3 inputs"):
            asked.batch(["a", "b", "c"], [{}, {}])
    assert heard == {"You said: a": ["one"], "You said: b": ["two"]}


def test_an_error_is_raised_or_stands_in_the_place_of_its_answer() -> None:
    def answer(body: dict[str, Any]) -> Any:
        said = body["messages"][-1]["content"]
        return faulty.server_error() if said == "b" else said

    with OpenAIServer(answer) as server:
        first, error, last = model(server).batch(["a", "b", "c"], return_exceptions=True)
        assert (first.text, type(error), last.text) == ("a", ServerError, "c")
        with pytest.raises(ServerError):
            model(server).batch(["a", "b", "c"])
        with pytest.raises(ServerError):
            asyncio.run(model(server).abatch(["a", "b", "c"]))
