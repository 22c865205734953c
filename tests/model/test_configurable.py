"""Models chosen by each call: names, providers, prefixes, what is bound beforehand, and what a careless choice does."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from pydantic import BaseModel

from nbchat import AIMessage, init_chat_model
from nbchat.model.chat_model import ChatModel
from nbchat.model.configurable import ConfigurableModel
from nbchat.providers.table import PROVIDERS
from nbchat.values.errors import ConfigurationError
from tests.servers import AnthropicServer, OpenAIServer

Servers = tuple[OpenAIServer, AnthropicServer]


class Place(BaseModel):
    """A place."""

    city: str


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Servers]:
    with OpenAIServer() as openai, AnthropicServer() as anthropic:
        for name, url in (("openai", openai.base_url), ("anthropic", anthropic.url)):
            monkeypatch.setitem(PROVIDERS, name, replace(PROVIDERS[name], base_url=url))
            monkeypatch.setenv(f"{name.upper()}_API_KEY", f"key-of-{name}")
        yield openai, anthropic


def choose(**choice: Any) -> Any:
    return {"configurable": choice}


def test_without_a_model_each_call_says_which(servers: Servers) -> None:
    model = init_chat_model(temperature=0)
    assert isinstance(model, ConfigurableModel)
    assert model.invoke("a", choose(model="gpt-5-nano")).response_metadata["model_name"] == "gpt-5-nano"
    assert model.invoke("a", choose(model="claude-x")).response_metadata["model_provider"] == "anthropic"
    assert model.invoke("a", choose(model="anthropic:claude-x")).response_metadata["model_name"] == "claude-x"
    assert model.invoke("a", choose(model="mine", model_provider="openai")).response_metadata["model_name"] == "mine"


def test_all_verbs_take_the_choice(servers: Servers) -> None:
    model, config = init_chat_model(), choose(model="gpt-5-nano")
    text = "You said: a"
    assert "".join(chunk.text for chunk in model.stream("a", config)) == text
    assert [message.text for message in model.batch(["a"], config)] == [text]
    assert [message.text for message in model.batch(["a", "a"], [config, choose(model="claude-x")])] == [text] * 2
    assert asyncio.run(model.ainvoke("a", config)).text == text


@pytest.mark.parametrize("config", [None, {}, choose(), choose(thread_id="7"), choose(model=None)])
def test_where_none_was_chosen_it_says_how(config: Any) -> None:
    with pytest.raises(ConfigurationError, match=r'no model was chosen: pass config=.*\{"model": "openai:'):
        init_chat_model().invoke("a", config)
    with pytest.raises(ConfigurationError, match='"first_model"'):
        init_chat_model(configurable_fields=["model"], config_prefix="first").invoke("a", config)


class TestFields:
    def test_a_default_model_answers_where_nothing_is_chosen(self, servers: Servers) -> None:
        model = init_chat_model("gpt-4.1-mini", configurable_fields=("model", "temperature"), temperature=0.1)
        assert model.invoke("a").response_metadata["model_name"] == "gpt-4.1-mini"
        model.invoke("a", choose(temperature=0.7))
        assert [r.json["temperature"] for r in servers[0].requests] == [0.1, 0.7]

    def test_with_a_prefix_only_its_keys_count(self, servers: Servers) -> None:
        model = init_chat_model("gpt-4.1-mini", configurable_fields=("temperature",), config_prefix="first")
        model.invoke("a", choose(first_temperature=0.5, temperature=2, second_temperature=1, thread_id="7"))
        assert servers[0].requests[0].json["temperature"] == 0.5

    def test_any_lets_everything_be_chosen(self, servers: Servers) -> None:
        model = init_chat_model("gpt-4.1-mini", configurable_fields="any", config_prefix="x")
        model.invoke("a", choose(x_top_p=0.5, x_api_key="other"))
        assert servers[0].requests[0].json["top_p"] == 0.5
        assert servers[0].requests[0].headers["authorization"] == "Bearer other"

    def test_what_is_ours_and_not_configurable_is_an_error(self) -> None:
        with pytest.raises(ConfigurationError, match="'temperature' is not configurable here; model, "):
            init_chat_model(api_key="k").invoke("a", choose(model="gpt-5", temperature=1))
        with pytest.raises(ConfigurationError, match="'one_modle' is not configurable here; one_model is"):
            init_chat_model(configurable_fields=["model"], config_prefix="one").invoke("a", choose(one_modle="gpt-5"))

    def test_what_is_not_ours_belongs_to_others(self, servers: Servers) -> None:
        init_chat_model().invoke("a", choose(model="gpt-5", thread_id="7", user="ada"))
        assert "thread_id" not in servers[0].requests[0].json

    def test_fields_that_are_no_names_are_an_error(self) -> None:
        with pytest.raises(ConfigurationError, match="configurable_fields takes names"):
            init_chat_model("gpt-5", configurable_fields=[1])  # type: ignore[list-item]
        with pytest.raises(ConfigurationError, match="config_prefix= is for configurable_fields="):
            init_chat_model("gpt-5", config_prefix="first", api_key="k")


class TestProvider:
    def test_a_given_provider_stays_whatever_the_name_looks_like(self, servers: Servers) -> None:
        model = init_chat_model(model_provider="openai")
        assert model.invoke("a", choose(model="claude-by-a-gateway")).response_metadata["model_provider"] == "openai"

    def test_a_name_that_tells_nothing_stays_with_the_default_provider(self, servers: Servers) -> None:
        model = init_chat_model("openai:gpt-5", configurable_fields=["model"])
        assert model.invoke("a", choose(model="my-finetune")).response_metadata["model_name"] == "my-finetune"

    def test_a_colon_in_a_name_is_no_provider(self, servers: Servers) -> None:
        model = init_chat_model("openai:gpt-5", configurable_fields=["model"])
        assert model.invoke("a", choose(model="openai:llama3:8b")).response_metadata["model_name"] == "llama3:8b"

    def test_another_provider_does_not_get_the_key_and_address_of_the_default_one(self, servers: Servers) -> None:
        openai, anthropic = servers
        model = init_chat_model(
            "gpt-5", api_key="secret-of-openai", base_url=openai.base_url, configurable_fields=["model"]
        )
        model.invoke("a")
        model.invoke("a", choose(model="claude-x"))
        assert openai.requests[0].headers["authorization"] == "Bearer secret-of-openai"
        assert anthropic.requests[0].headers["x-api-key"] == "key-of-anthropic"


class TestBoundBeforehand:
    def test_tools_come_to_whichever_model_is_chosen(self, servers: Servers) -> None:
        given = iter([Place])  # read once, used by two models
        model = init_chat_model().bind_tools(given, tool_choice="any")
        for name in ("gpt-5", "claude-x"):
            assert model.invoke("Boston", choose(model=name)).tool_calls[0]["args"] == {"city": "Boston"}

    def test_structured_output_comes_of_whichever_model_is_chosen(self, servers: Servers) -> None:
        model = init_chat_model().with_structured_output(Place)
        for name in ("gpt-5", "claude-x", "claude-3-5-haiku-latest"):
            assert model.invoke("Boston", choose(model=name)) == Place(city="Boston")
        assert list(model.stream("Boston", choose(model="gpt-5")))[-1] == Place(city="Boston")

    def test_parameters_and_config_do_too(self, servers: Servers) -> None:
        model = init_chat_model().bind(max_tokens=9).with_config(tags=["a"]).with_configurable(model="gpt-5")
        model.invoke("a")
        assert servers[0].requests[0].json["max_completion_tokens"] == 9

    def test_a_call_chooses_over_what_was_chosen_beforehand(self, servers: Servers) -> None:
        model = init_chat_model().with_configurable(model="gpt-5")
        assert model.invoke("a", choose(model="claude-x")).response_metadata["model_name"] == "claude-x"

    @pytest.mark.parametrize("method", ["json_schema", "function_calling"])
    def test_structured_output_comes_by_the_method_that_was_asked_for(self, servers: Servers, method: str) -> None:
        model = init_chat_model().with_structured_output(Place, method=method)
        for name in ("gpt-5", "claude-x"):
            assert model.invoke("Boston", choose(model=name)) == Place(city="Boston")
        sent = servers[0].requests[0].json
        assert ("tools" in sent, "response_format" in sent) == (method != "json_schema", method == "json_schema")

    def test_what_is_no_tool_or_schema_is_told_right_away(self) -> None:
        with pytest.raises(ConfigurationError, match="a tool is a function"):
            init_chat_model().bind_tools([42])
        with pytest.raises(ConfigurationError, match="a schema is a pydantic class"):
            init_chat_model().with_structured_output(int)

    def test_fallbacks_and_retries_stand_around_it(self, servers: Servers) -> None:
        model = init_chat_model().with_fallbacks([init_chat_model("openai:gpt-5")])
        assert model.invoke("a", choose(model="does-not-exist", model_provider="openai")).text == "You said: a"


def test_equal_choices_reuse_the_model(servers: Servers) -> None:
    model = init_chat_model()
    first = model.chosen(choose(model="gpt-5"))
    assert isinstance(first, ChatModel)
    assert model.chosen(choose(model="gpt-5")) is first
    assert model.chosen(choose(model="gpt-6")) is not first
    for number in range(40):
        model.chosen(choose(model=f"gpt-{number}"))
    assert len(model._made) <= 32


def test_it_hears_of_callbacks_but_not_of_the_choice(servers: Servers) -> None:
    events = []

    async def collect() -> None:
        config = {**choose(model="gpt-5"), "tags": ["t"]}
        async for event in init_chat_model().astream_events("a", config):  # type: ignore[arg-type]
            events.append(event)

    asyncio.run(collect())
    assert events[0]["name"] == "gpt-5"
    assert events[0]["tags"] == ["t"]
    assert isinstance(events[-1]["data"]["output"], AIMessage)


def test_no_key_shows_or_is_pickled() -> None:
    model = init_chat_model("gpt-5", api_key="secret-key", configurable_fields="any", temperature=0)
    assert repr(model) == "ConfigurableModel(model='gpt-5', temperature=0, configurable_fields='any')"
    assert "secret-key" not in repr(model.defaults)
    assert b"secret-key" not in pickle.dumps(model)
    assert "secret-key" not in repr(model.chosen())


@pytest.mark.parametrize("name", ["OpenAI:gpt-5", "openai:gpt-5", "gpt-5"])
def test_a_providers_name_is_read_however_it_is_written(servers: Servers, name: str) -> None:
    for provider in (None, "OpenAI"):
        assert repr(init_chat_model(name, model_provider=provider)) == "ChatModel('openai:gpt-5')"


def test_loaded_from_a_pickle_it_reads_the_key_there(servers: Servers) -> None:
    model = init_chat_model("gpt-5", api_key="secret-key", configurable_fields=("temperature",))
    assert pickle.loads(pickle.dumps(model)).invoke("a").text == "You said: a"
    assert servers[0].requests[-1].headers["authorization"] == "Bearer key-of-openai"
