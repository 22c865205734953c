"""Every recorded exchange of a real provider, decoded in many cuts and compared with an independent reading."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from nbchat.values.errors import ChatError
from nbchat.values.messages import AIMessage, HumanMessage, ToolMessage
from nbchat.wire.codec import Call
from nbchat.wire.errors import read_error
from tests.recorded.harness import (
    NEWER_THAN_SDK,
    Expected,
    accepted,
    answer,
    body_of,
    codec_of,
    cuts,
    decode,
    documents,
    exchanges,
    load,
    needs_recordings,
    provider_of,
    reader_of,
    streamed,
    wire_of,
)

RECORDED = exchanges()
pytestmark = needs_recordings


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_exchange(path: Path, record_property: Any) -> None:
    exchange = load(path)
    record_property("provider", exchange["provider"])
    wire = wire_of(exchange)
    expected = reader_of(wire).read(exchange)
    if exchange["response"]["status"] >= 400:
        _check_error_answer(exchange, expected)
        return
    codec = codec_of(wire)
    message, error = _decoded(codec, exchange)
    _check(message, expected)
    if expected.failure:
        assert type(error).__name__ == expected.failure.kind
        assert expected.failure.message in str(error)
        return
    assert error is None
    assert message.response_metadata["model_provider"] == provider_of(exchange)
    assert message.response_metadata["wire"] == wire
    assert _dropped(exchange, message) == []
    before = message.to_dict()
    body = _sent_again(codec, message)
    assert exchange["id"] in NEWER_THAN_SDK or accepted(wire, body)
    assert json.loads(json.dumps(body))
    assert message.to_dict() == before


def _decoded(codec: Any, exchange: dict[str, Any]) -> tuple[AIMessage, ChatError | None]:
    if not streamed(exchange):
        return answer(codec, exchange)
    outcomes = {way: decode(codec, exchange, pieces) for way, pieces in cuts(body_of(exchange)).items()}
    message, error = outcomes["whole"]
    for way, (other, trouble) in outcomes.items():
        assert other == message, way
        assert str(trouble) == str(error), way
    return message, error


def _check(message: AIMessage, expected: Expected) -> None:
    assert message.text == expected.text
    ids = [
        id and call["id"] for call, (_, _, id) in zip(message.tool_calls, expected.tool_calls, strict=False)
    ]  # or made here
    assert [(c["name"], c["args"]) for c in message.tool_calls] == [
        (name, args) for name, args, _ in expected.tool_calls
    ]
    assert ids == [id for _, _, id in expected.tool_calls]
    assert [(c["name"], c["args"]) for c in message.invalid_tool_calls] == expected.invalid_tool_calls
    assert message.reasoning == expected.reasoning
    assert [b.get("base64") or b.get("url") for b in message.blocks if b["type"] == "image"] == expected.images
    assert [b.get("base64") or b.get("url") for b in message.blocks if b["type"] == "audio"] == expected.audio
    if expected.failure:
        return
    assert (message.response_metadata.get("finish_reason") or None) == expected.finish_reason
    assert expected.model is None or message.response_metadata["model_name"] == expected.model
    assert (message.usage_metadata is None) == (expected.usage is None)
    assert _flat(message.usage_metadata) | (expected.usage or {}) == _flat(message.usage_metadata)
    if expected.logprobs is not None:
        assert [(t.token, t.logprob) for t in message.logprobs or ()] == expected.logprobs
    if expected.citations is not None:
        cites = [a for b in message.blocks for a in b.get("annotations") or () if a["type"] == "citation"]
        assert [a.get("url") or a.get("title") for a in cites] == expected.citations


def _flat(usage: Any) -> dict[str, int]:
    out: dict[str, int] = {}
    for key, value in (usage or {}).items():
        out.update(value if isinstance(value, dict) else {key: value})
    return out


def _check_error_answer(exchange: dict[str, Any], expected: Expected) -> None:
    response = exchange["response"]
    error = read_error(provider_of(exchange), response["status"], response["headers"], body_of(exchange))
    assert expected.failure is not None
    assert type(error).__name__ == expected.failure.kind
    assert expected.failure.code in (None, error.code)
    assert " ".join(expected.failure.message.split())[:500] in str(error)
    assert error.status == response["status"]
    ids = [value for name, value in response["headers"].items() if "request" in name and name.endswith("id")]
    assert not ids or error.request_id in ids


def _sent_again(codec: Any, message: AIMessage) -> dict[str, Any]:
    """The request in which the message goes back to its provider as history."""
    results = [ToolMessage("done", call["id"] or "", name=call["name"]) for call in message.tool_calls]
    history = [HumanMessage("Hello"), message, *(results or [HumanMessage("Go on")])]
    return codec.request(Call(model="m", messages=history)).body


def _dropped(exchange: dict[str, Any], message: AIMessage) -> list[tuple[str, Any]]:
    """The leaves of the body that are nowhere in the message, and that no written reason excuses."""
    reader = reader_of(wire_of(exchange))
    held = message.to_dict()
    words, numbers = "\n".join(_strings(held)), set(_numbers(held))
    found: dict[str, tuple[str, Any]] = {}
    for place, document in enumerate(documents(exchange)):
        for path, value in _leaves(document):
            total = any(path == t or path.startswith(t + ".") for t in reader.TOTALS)
            found[path if total else f"{place}: {path}"] = (path, value)
    return [
        (path, value)
        for path, value in found.values()
        if not any(fnmatchcase(path, pattern) for pattern in reader.ALLOWED)
        and not (value in words if isinstance(value, str) else value in numbers)
    ]


def _leaves(value: Any, path: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [leaf for key, inner in value.items() for leaf in _leaves(inner, f"{path}.{key}" if path else key)]
    if isinstance(value, list):
        return [leaf for place, inner in enumerate(value) for leaf in _leaves(inner, f"{path}.{place}")]
    return [] if value is None or isinstance(value, bool) or value == "" else [(path, value)]


def _strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [s for key, inner in value.items() for s in (key, *_strings(inner))]
    if isinstance(value, list):
        return [s for inner in value for s in _strings(inner)]
    return [value] if isinstance(value, str) else []


def _numbers(value: Any) -> list[float]:
    if isinstance(value, dict):
        return [n for inner in value.values() for n in _numbers(inner)]
    if isinstance(value, list):
        return [n for inner in value for n in _numbers(inner)]
    return [value] if isinstance(value, int | float) else []
