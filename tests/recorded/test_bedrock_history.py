"""Bedrock's recorded answers, sent back as history: AWS's own service model finds nothing wrong with the request."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nbchat.values.messages import HumanMessage, ToolMessage
from nbchat.wire.bedrock import BedrockConverse
from nbchat.wire.codec import Call
from tests.recorded.harness import answer, body_of, decode, exchanges, load, needs_recordings, streamed
from tests.wire.aws_frames import refusals

RECORDED = [path for path in exchanges() if path.parent.name == "bedrock"]
pytestmark = needs_recordings


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_an_answer_may_go_back(path: Path) -> None:
    exchange, codec = load(path), BedrockConverse()
    if exchange["response"]["status"] >= 400:
        assert refusals(exchange["request"]["json"]) == []
        return
    message, error = decode(codec, exchange, [body_of(exchange)]) if streamed(exchange) else answer(codec, exchange)
    results = [ToolMessage("done", call["id"] or "", name=call["name"]) for call in message.tool_calls]
    history = [HumanMessage("Hello"), message, *(results or [HumanMessage("Go on")])]
    request = codec.request(Call("us.anthropic.claude-sonnet-5", history))
    assert error is None
    assert refusals(json.loads(json.dumps(request.body))) == []
