"""Answers that go on from a beginning: how each vendor is told, and what some repeat of it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbchat import init_chat_model
from nbchat.flow.effects import Flow
from nbchat.flow.prefill import continued
from nbchat.providers.rows import PROVIDERS
from nbchat.values.chunks import AIMessageChunk
from nbchat.values.errors import ConfigurationError, UnsupportedError
from nbchat.values.messages import AIMessage, HumanMessage
from nbchat.wire.codec import Call
from nbchat.wire.openai_chat import OpenAIChat
from nbchat.wire.openai_chat_prefill import LLAMA_CPP, MISTRAL, UNMARKED

BEGUN = (HumanMessage("Who?"), AIMessage("It was Ro"))


def call(*messages: Any, stream: bool = False, prefill: bool = True) -> Call:
    return Call("m", messages or BEGUN, stream=stream, options={"prefill": prefill})


def test_vendors_are_told_each_in_their_way() -> None:
    def request(name: str) -> Any:
        return PROVIDERS[name].codec.request(call())

    assert request("vllm").body["continue_final_message"] is True
    assert request("sglang").body["add_generation_prompt"] is False
    assert request("mistral").body["messages"][-1] == {"role": "assistant", "content": "It was Ro", "prefix": True}
    assert request("moonshot").body["messages"][-1]["partial"] is True
    assert request("deepseek").path == "/beta/chat/completions"
    for name in ("local", "llamacpp", "groq", "openrouter", "ollama"):
        assert request(name).body["messages"][-1] == {"role": "assistant", "content": "It was Ro"}
        assert "prefill" not in request(name).body


def test_without_the_option_nothing_is_marked() -> None:
    for name in ("vllm", "mistral", "deepseek"):
        request = PROVIDERS[name].codec.request(call(prefill=False))
        assert request.path == "/chat/completions"
        assert request.body["messages"][-1] == {"role": "assistant", "content": "It was Ro"}
        assert not {"continue_final_message", "prefill"} & request.body.keys()


@pytest.mark.parametrize(
    "name", ["openai:gpt-4o", "anthropic:claude-sonnet-4-6", "google:gemini-2.5-flash", "xai:grok-4"]
)
def test_where_there_is_no_prefill_nothing_is_sent(name: str) -> None:
    model = init_chat_model(name, api_key="k", base_url="http://127.0.0.1:9")
    with pytest.raises(UnsupportedError, match="has no prefill"):
        model.invoke(list(BEGUN), prefill=True)


def test_a_conversation_without_a_beginning_is_refused() -> None:
    for messages in ([HumanMessage("Who?")], [HumanMessage("Who?"), AIMessage("")]):
        with pytest.raises(ConfigurationError, match="let it be an AIMessage"):
            play(continued(answer("x"), call(*messages), OpenAIChat(prefill=UNMARKED)))


def answer(*pieces: str, stream: bool = False) -> Flow[AIMessage]:
    if not stream:
        return AIMessage("".join(pieces))
    chunks: list[Any] = [AIMessageChunk(blocks=[{"type": "text", "text": piece, "index": 0}]) for piece in pieces]
    chunks.append(AIMessageChunk(chunk_position="last"))
    yield from chunks
    return sum(chunks).to_message()


def play(flow: Flow[AIMessage]) -> tuple[str, str]:
    """(what was streamed, the whole)"""
    seen = []
    while True:
        try:
            seen.append(next(flow).text)
        except StopIteration as done:
            return "".join(seen), done.value.text


def cut(text: str, places: list[int]) -> list[str]:
    edges = [0, *sorted(place % (len(text) + 1) for place in places), len(text)]
    return [text[a:b] for a, b in pairwise(edges)]


@given(st.lists(st.integers(0, 40), max_size=6))
def test_an_echo_is_taken_off_a_stream_however_it_is_cut(places: list[int]) -> None:
    codec = OpenAIChat(prefill=MISTRAL)
    pieces = cut("It was Robert.", places)
    assert play(continued(answer(*pieces, stream=True), call(stream=True), codec)) == ("bert.", "bert.")
    pieces = cut("It is another.", places)  # which is no echo
    flow = continued(answer(*pieces, stream=True), call(stream=True), codec)
    assert play(flow) == ("It is another.", "It is another.")


def test_an_answer_that_is_shorter_than_the_beginning_is_seen_whole() -> None:
    flow = continued(answer("It", stream=True), call(stream=True), OpenAIChat(prefill=MISTRAL))
    assert play(flow) == ("It", "It")


def test_llama_cpp_repeats_the_beginning_only_in_whole_answers() -> None:
    codec = OpenAIChat(prefill=LLAMA_CPP)
    assert play(continued(answer("It was Robert."), call(), codec)) == ("", "bert.")
    said = continued(answer("It was Ro", "bot", stream=True), call(stream=True), codec)
    assert play(said) == ("It was Robot", "It was Robot")


@pytest.mark.local
@pytest.mark.timeout(240)
def test_the_embedded_model_goes_on_the_same_streamed_or_not() -> None:
    model = init_chat_model("local:smollm2-135m", temperature=0, max_tokens=12)
    messages = [HumanMessage("Write one sentence about the sea."), AIMessage("The sea is a vast, deep")]
    whole = model.invoke(messages, prefill=True)
    assert "The sea is" not in whole.text
    assert "".join(chunk.text for chunk in model.stream(messages, prefill=True)) == whole.text
