"""What single vendors of chat completions do in their own way, with the bytes that show it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nbchat.values.errors import AuthenticationError, NotFoundError, ProviderError
from nbchat.values.messages import AIMessage, HumanMessage, ToolMessage
from nbchat.wire.codec import Call
from tests.wire.openai_chat_events import CODEC, STOP, answer, broken, call, choice, gather, said, sse, stream
from tests.wire.openai_chat_oracle import accepts

FREE_TEXT = 'print("hi")\n'


def custom(**fields: Any) -> dict[str, Any]:
    return {"id": "call_1", "type": "custom", "custom": {"name": "run", **fields}}


def sent_back(message: AIMessage) -> list[dict[str, Any]]:
    body = CODEC.request(Call("m", [HumanMessage("Hi"), message, ToolMessage("done", "call_1")])).body
    assert accepts(body)
    return body["messages"][1]["tool_calls"]


def test_openais_custom_tool_has_its_free_text_as_its_one_argument() -> None:
    whole = answer({"content": None, "tool_calls": [custom(input=FREE_TEXT)]})
    streamed = stream(
        call(index=0, **custom(input="")),
        *(call(index=0, custom={"input": piece}) for piece in ('print("', 'hi")', "\n")),
        STOP,
    )
    assert whole.tool_calls == [
        {
            "name": "run",
            "args": {"input": FREE_TEXT},
            "id": "call_1",
            "type": "tool_call",
            "extras": {"type": "custom"},
        }
    ]
    assert streamed.tool_calls == whole.tool_calls
    assert sent_back(streamed) == [custom(input=FREE_TEXT)]


def test_the_free_text_of_a_custom_tool_grows_while_it_comes() -> None:
    decoder = CODEC.decoder("test")
    pieces = sse(call(index=0, **custom(input="")), call(index=0, custom={"input": 'a "'}), done=False)
    first, second = decoder.feed(pieces)
    assert (first + second).tool_calls[0]["args"] == {"input": 'a "'}


def test_moonshots_usage_stands_within_the_choice() -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7, "cached_tokens": 1}
    message = stream(said("a"), choice({}, finish_reason="stop", usage=usage))
    assert message.usage_metadata == {
        "input_tokens": 5,
        "output_tokens": 2,
        "total_tokens": 7,
        "input_token_details": {"cache_read": 1},
    }
    assert "usage" not in message.response_metadata


def test_groqs_reason_to_break_off_stands_beside_the_choices() -> None:
    stopped = {**choice({}), "choices": [], "x_groq": {"id": "req_1", "error": "the model is overloaded"}}
    partial, error = broken(sse(said("a"), stopped, done=False))
    assert partial.text == "a"
    assert isinstance(error, ProviderError)
    assert "the model is overloaded" in str(error)


def test_llama_cpps_error_is_a_field_of_its_own_in_the_stream() -> None:
    error = {"code": 500, "message": "the context is full", "type": "server_error"}
    partial, raised = broken(sse(said("a"), done=False) + b"error: " + json.dumps(error).encode() + b"\n\n")
    assert partial.text == "a"
    assert isinstance(raised, ProviderError)
    assert "the context is full" in str(raised)


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        ({"code": 401, "msg": "the key is wrong", "data": None}, AuthenticationError, "the key is wrong"),
        (
            {"success": False, "errors": [{"code": 404, "message": "no such model"}], "result": None},
            NotFoundError,
            "no such model",
        ),
    ],
)
def test_an_error_with_status_200_may_be_worded_in_any_way(body: Any, kind: type[Exception], words: str) -> None:
    data = json.dumps(body).encode()
    with pytest.raises(kind, match=words):
        CODEC.answer(data, "test")
    with pytest.raises(kind, match=words):
        gather(b"data: " + data + b"\n\n")


@pytest.mark.parametrize("field", ["token_id", "index"])
def test_numbers_that_together_and_mistral_give_their_pieces_are_not_sent_back(field: str) -> None:
    message = stream(choice({"content": "a", field: 7}), STOP)
    assert accepts(CODEC.request(Call("m", [HumanMessage("Hi"), message])).body)
