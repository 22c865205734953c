"""Retries and fallbacks over real connections: blocking, awaited, streamed and batched."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from nbchat import BaseCallbackHandler, init_chat_model
from nbchat.model.chat_model import ChatModel
from nbchat.values.errors import (
    AllFailedError,
    AuthenticationError,
    ConfigurationError,
    OverloadedError,
    ServerError,
    StreamError,
    StructuredOutputError,
)
from tests.servers import AnthropicServer, OpenAIServer, Reply, faulty, openai_answer, openai_stream

BROKEN = faulty.server_error()


class Place(BaseModel):
    city: str


def asking(server: OpenAIServer | AnthropicServer, **more: Any) -> ChatModel:
    if isinstance(server, OpenAIServer):
        return init_chat_model("openai:gpt-test", base_url=server.base_url, api_key="k", max_retries=0, **more)
    return init_chat_model("anthropic:claude-test", base_url=server.url, api_key="k", max_retries=0, **more)


@pytest.fixture
def reserve() -> Iterator[AnthropicServer]:
    with AnthropicServer() as server:
        yield server


class TestRetry:
    def test_a_failing_server_is_asked_again(self) -> None:
        with OpenAIServer(first=[BROKEN, BROKEN]) as server:
            model = asking(server).with_retry(stop_after_attempt=3, wait_exponential_jitter=False)
            assert model.invoke("a").text == "You said: a"
            assert server.count == 3

    def test_awaited_streamed_and_batched_too(self) -> None:
        for ask in (
            lambda model: asyncio.run(model.ainvoke("a")).text,
            lambda model: "".join(chunk.text for chunk in model.stream("a")),
            lambda model: model.batch(["a"])[0].text,
        ):
            with OpenAIServer(first=[BROKEN]) as server:
                assert ask(asking(server).with_retry(wait_exponential_jitter=False)) == "You said: a"
                assert server.count == 2

    def test_it_gives_up_after_so_many(self) -> None:
        with OpenAIServer(first=[BROKEN] * 3) as server:
            with pytest.raises(ServerError):
                asking(server).with_retry(stop_after_attempt=2, wait_exponential_jitter=False).invoke("a")
            assert server.count == 2

    def test_what_would_fail_again_is_not_asked_again(self) -> None:
        with OpenAIServer() as server:
            with pytest.raises(AuthenticationError):
                init_chat_model("openai:gpt-test", base_url=server.base_url, api_key="invalid").with_retry().invoke("a")
            assert server.count == 1

    def test_only_the_given_errors_are_retried(self) -> None:
        with OpenAIServer(first=[BROKEN]) as server:
            model = asking(server).with_retry(retry_if_exception_type=(StreamError,), wait_exponential_jitter=False)
            with pytest.raises(ServerError):
                model.invoke("a")

    def test_an_answer_that_does_not_fit_its_schema_is_asked_for_again(self) -> None:
        answers = iter(["no", '{"city": "Boston"}'])
        with OpenAIServer(lambda body: next(answers)) as server:
            model = asking(server).with_structured_output(Place).with_retry(wait_exponential_jitter=False)
            assert model.invoke("Boston") == Place(city="Boston")

    def test_a_stream_that_broke_off_is_not_begun_again(self) -> None:
        cut = Reply(body=openai_stream(openai_answer("You said: a"))[:3], cut=True)
        with OpenAIServer(first=[cut]) as server:
            with pytest.raises(StreamError) as caught:
                list(asking(server).with_retry(wait_exponential_jitter=False).stream("a"))
            assert caught.value.partial.text.startswith("You")
            assert server.count == 1

    @pytest.mark.parametrize("wrong", [{"stop_after_attempt": 0}, {"retry_if_exception_type": "RateLimitError"}])
    def test_wrong_arguments_are_told(self, wrong: Any) -> None:
        with pytest.raises(ConfigurationError, match=next(iter(wrong))):
            init_chat_model("openai:gpt-test", api_key="k").with_retry(**wrong)


class TestFallbacks:
    def test_the_next_model_answers(self, reserve: AnthropicServer) -> None:
        with OpenAIServer(first=[BROKEN] * 9) as server:
            model = asking(server).with_fallbacks([asking(reserve)])
            assert model.invoke("a").response_metadata["model_provider"] == "anthropic"
            assert asyncio.run(model.ainvoke("a")).response_metadata["model_provider"] == "anthropic"
            assert "".join(chunk.text for chunk in model.stream("a")) == "You said: a"
            assert [message.text for message in model.batch(["a", "b"])] == ["You said: a", "You said: b"]

    def test_while_the_first_answers_the_next_is_not_asked(self, reserve: AnthropicServer) -> None:
        with OpenAIServer() as server:
            asking(server).with_fallbacks([asking(reserve)]).invoke("a")
        assert reserve.count == 0

    def test_none_takes_over_a_stream_that_has_begun(self, reserve: AnthropicServer) -> None:
        cut = Reply(body=openai_stream(openai_answer("You said: a"))[:3], cut=True)
        with (
            OpenAIServer(first=[cut]) as server,
            pytest.raises(StreamError),
        ):
            list(asking(server).with_fallbacks([asking(reserve)]).stream("a"))
        assert reserve.count == 0

    def test_a_stream_that_broke_before_its_first_piece_is_taken_over(self, reserve: AnthropicServer) -> None:
        with OpenAIServer(first=[Reply(body=[], cut=True)]) as server:
            chunks = list(asking(server).with_fallbacks([asking(reserve)]).stream("a"))
        assert "".join(chunk.text for chunk in chunks) == "You said: a"

    def test_if_all_fail_the_error_names_each(self) -> None:
        with (
            OpenAIServer(first=[BROKEN]) as one,
            AnthropicServer(first=[faulty.overloaded()]) as two,
            pytest.raises(AllFailedError) as caught,
        ):
            asking(one).with_fallbacks([asking(two)]).invoke("a")
        assert "openai:gpt-test: ServerError" in str(caught.value)
        assert "anthropic:claude-test: OverloadedError" in str(caught.value)
        assert [type(error) for error in caught.value.errors] == [ServerError, OverloadedError]

    def test_only_the_given_errors_go_on_to_the_next(self, reserve: AnthropicServer) -> None:
        with OpenAIServer(first=[BROKEN]) as server:
            model = asking(server).with_fallbacks([asking(reserve)], exceptions_to_handle=(StructuredOutputError,))
            with pytest.raises(ServerError):
                model.invoke("a")

    def test_what_is_bound_is_bound_to_all(self, reserve: AnthropicServer) -> None:
        with OpenAIServer(first=[BROKEN] * 2) as server:
            model = asking(server).with_fallbacks([asking(reserve)])
            called = model.bind_tools(iter([Place]), tool_choice="any").invoke("Boston")
            assert called.tool_calls[0]["args"] == {"city": "Boston"}
            assert model.with_structured_output(Place).invoke("Boston") == Place(city="Boston")
            short = model.bind(max_tokens=5).with_config(tags=["x"])
            assert short.invoke("a b c d e f g").usage_metadata.output_tokens == 5

    def test_an_answer_that_does_not_fit_goes_on_to_the_next(self, reserve: AnthropicServer) -> None:
        with OpenAIServer(lambda body: "no") as server:
            model = asking(server).with_fallbacks([asking(reserve)]).with_structured_output(Place)
            assert model.invoke("Boston") == Place(city="Boston")

    def test_handlers_hear_of_each_model(self, reserve: AnthropicServer) -> None:
        heard: list[str] = []

        class Handler(BaseCallbackHandler):
            def on_chat_model_start(self, serialized: Any, messages: Any, **kwargs: Any) -> None:
                heard.append(f"start {kwargs['name']}")

            def on_llm_error(self, error: BaseException, **kwargs: Any) -> None:
                heard.append(f"error {kwargs['name']}")

        with OpenAIServer(first=[BROKEN]) as server:
            model = asking(server).with_fallbacks([asking(reserve)])
            model.invoke("a", config={"callbacks": [Handler()]})
        assert heard == ["start gpt-test", "error gpt-test", "start claude-test"]

    def test_what_is_no_model_is_told(self) -> None:
        with pytest.raises(ConfigurationError, match="with_fallbacks takes a list of models, not str"):
            init_chat_model("openai:gpt-test", api_key="k").with_fallbacks(["openai:gpt-5"])  # type: ignore[list-item]

    def test_it_shows_what_it_holds(self, reserve: AnthropicServer) -> None:
        model = asking(reserve).with_retry().with_fallbacks([asking(reserve)])
        assert repr(model) == (
            "WithFallbacks(Retrying(ChatModel('anthropic:claude-test'), stop_after_attempt=3), "
            "ChatModel('anthropic:claude-test'))"
        )
