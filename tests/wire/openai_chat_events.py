"""Events and answers of chat completions as a server writes them, and what the codec reads in them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nbchat.values.errors import ProviderError, StreamError
from nbchat.values.gathering import Gathering
from nbchat.values.messages import AIMessage
from nbchat.wire.openai_chat import OpenAIChat
from tests.wire.summed import summed

CODEC = OpenAIChat()


def choice(delta: Any = None, **fields: Any) -> dict[str, Any]:
    return {
        "id": "c1",
        "object": "chat.completion.chunk",
        "created": 9,
        "model": "m",
        "choices": [{"index": 0, "delta": delta, **fields}],
    }


def said(text: str) -> dict[str, Any]:
    return choice({"content": text})


def call(**fields: Any) -> dict[str, Any]:
    return choice({"tool_calls": [fields]})


STOP = choice({}, finish_reason="stop")


def sse(*events: dict[str, Any], done: bool = True) -> bytes:
    body = "".join(f"data: {json.dumps(event, ensure_ascii=False)}\n\n" for event in events)
    return (body + ("data: [DONE]\n\n" if done else "")).encode()


def gather(*pieces: bytes) -> AIMessage:
    return summed(CODEC.decoder("test"), *pieces)


def stream(*events: dict[str, Any], done: bool = True) -> AIMessage:
    return gather(sse(*events, done=done))


def broken(body: bytes) -> tuple[AIMessage, Exception]:
    """(what came before the error, the error)"""
    decoder, whole = CODEC.decoder("test"), Gathering()
    with pytest.raises((StreamError, ProviderError)) as caught:
        for chunk in decoder.feed(body):
            whole.add(chunk)
        for chunk in decoder.close():
            whole.add(chunk)
    return whole.message(), caught.value


def answer(message: dict[str, Any], **fields: Any) -> AIMessage:
    body = {"id": "c1", "object": "chat.completion", "created": 9, "model": "m"}
    return CODEC.answer(
        json.dumps({**body, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}], **fields}).encode(),
        "test",
    )
