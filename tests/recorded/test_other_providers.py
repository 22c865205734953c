"""Every recorded answer as history for every other wire format: who is asked may change at any turn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nbchat.values.messages import HumanMessage, ToolMessage
from nbchat.wire.codec import Call
from tests.recorded.harness import (
    READERS,
    accepted,
    answer,
    body_of,
    codec_of,
    decode,
    exchanges,
    load,
    needs_recordings,
    streamed,
    wire_of,
)
from tests.wire.aws_frames import refusals

RECORDED = exchanges()
pytestmark = needs_recordings


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_an_answer_may_go_to_every_other_provider(path: Path) -> None:
    exchange = load(path)
    if exchange["response"]["status"] >= 400:
        return
    wire = wire_of(exchange)
    codec = codec_of(wire)
    message, _ = decode(codec, exchange, [body_of(exchange)]) if streamed(exchange) else answer(codec, exchange)
    results = [ToolMessage("done", call["id"] or "", name=call["name"]) for call in message.tool_calls]
    history = [HumanMessage("Hello"), message, *(results or [HumanMessage("Go on")])]
    for other in READERS.keys() - {wire}:
        body = codec_of(other).request(Call("m", history)).body
        assert accepted(other, body), other
        assert other != "bedrock" or refusals(body) == []
        _check_pairs(body)


def _check_pairs(body: dict[str, Any]) -> None:
    """Each result names a call: by the call's `id`, or by a field that both have."""
    assert {*_under(body, "tool_call_id"), *_under(body, "tool_use_id")} <= {*_under(body, "id")}
    both = [*_under(body, "call_id"), *_under(body, "toolUseId")]
    assert all(both.count(id) == 2 for id in both)


def _under(value: Any, key: str) -> Iterator[str]:
    """Every value of this key, anywhere within."""
    if isinstance(value, dict):
        yield from [value[key]] if isinstance(value.get(key), str) else []
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _under(inner, key)
