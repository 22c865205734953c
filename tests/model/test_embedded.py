"""The embedded model does for real what the page describes: no server but its own, no key, no recorded answer."""

from __future__ import annotations

import math

import pytest
from pydantic import BaseModel, Field

from nbchat import Chat, ChatOpenAI, HumanMessage, InMemoryCache, ToolMessage, init_chat_model, tool
from nbchat.model.chat_model import ChatModel

pytestmark = [pytest.mark.local, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def model() -> ChatModel:
    return init_chat_model("local:smollm2-135m", temperature=0, max_tokens=60)


class City(BaseModel):
    """A city."""

    name: str = Field(description="the city's name", max_length=40)
    country: str = Field(max_length=40)
    population_millions: float


@tool
def multiply(a: int, b: int) -> int:
    """Multiply two numbers."""
    return a * b


def test_a_structured_answer(model: ChatModel) -> None:
    city = model.with_structured_output(City).invoke("Describe the city of Paris.")
    assert isinstance(city, City)
    assert city.name


def test_a_forced_tool_call_and_its_loop(model: ChatModel) -> None:
    chat = Chat(model, tools=[multiply])
    answer = chat("What is 6 times 7? Use the tool.", tool_choice="multiply")
    results = [message for message in chat.messages if isinstance(message, ToolMessage)]
    assert len(results) == 1
    call = next(m for m in chat.messages if getattr(m, "tool_calls", None)).tool_calls[0]  # type: ignore[attr-defined]
    assert results[0].text == str(call["args"]["a"] * call["args"]["b"])
    assert answer.text


def test_logprobs_of_real_tokens(model: ChatModel) -> None:
    message = model.bind(logprobs=True, top_logprobs=3, max_tokens=8).invoke("The capital of France is")
    table = message.logprobs
    assert table is not None
    assert "".join(token.token for token in table) == message.text
    assert all(0 <= token.probability <= 1 and len(token.alternatives) == 3 for token in table)
    assert table.perplexity >= 1
    assert list(table.to_frame().columns) == ["token", "logprob", "probability", "entropy", "alternatives"]
    assert math.isclose(table[0].probability, math.exp(table[0].logprob))


def test_a_batch_of_fifty(model: ChatModel) -> None:
    answers = model.bind(max_tokens=4).batch([f"Say the number {n}." for n in range(50)])
    assert len(answers) == 50
    assert all(answer.usage_metadata and answer.usage_metadata["output_tokens"] > 0 for answer in answers)


def test_a_cached_stream(model: ChatModel) -> None:
    cached = init_chat_model("local:smollm2-135m", temperature=0, max_tokens=30, cache=InMemoryCache())
    first = sum(cached.stream("Name a colour."))
    again = list(cached.stream("Name a colour."))
    assert sum(again) == first
    assert "from_cache" in again[-1].timing
    assert cached.invoke("Name a colour.") == first


@pytest.mark.parametrize("provider", ["openai", "openai_responses", "anthropic"])
def test_the_same_conversation_through_all_three_codecs(model: ChatModel, provider: str) -> None:
    from nbchat.local import endpoint

    engine = endpoint("smollm2-135m")
    other = init_chat_model(
        engine.model, model_provider=provider, base_url=engine.base_url, api_key=engine.api_key, max_tokens=20
    )
    conversation = [HumanMessage("My name is Ada."), ("assistant", "Hello, Ada."), ("user", "What is my name?")]
    whole = sum(other.stream(conversation))
    assert whole.text
    assert whole.usage_metadata
    assert whole.usage_metadata["output_tokens"] > 0
    assert other.invoke(conversation).text


def test_the_pages_own_class_reaches_the_engine(model: ChatModel) -> None:
    from nbchat.local import endpoint

    engine = endpoint("smollm2-135m")
    answer = ChatOpenAI(engine.model, base_url=engine.base_url, api_key=engine.api_key, max_tokens=5).invoke("Hello")
    assert answer.text
