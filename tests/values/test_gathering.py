"""A sum of chunks that grows in constant time is the sum of the chunks."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from nbchat.values.chunks import AIMessageChunk
from nbchat.values.gathering import Gathering
from nbchat.values.usage import Usage

PIECES: list[dict[str, Any]] = [
    *({"type": "text", "text": text, "index": index} for text in ("a", "", "é ") for index in (0, 1)),
    {"type": "text", "text": "b", "index": 0, "extras": {"signature": "s"}},
    {"type": "text", "text": "", "annotations": [{"type": "citation", "url": "https://a.example"}], "index": 0},
    {"type": "text", "text": "apart"},
    {"type": "reasoning", "reasoning": "hm ", "index": 0},
    {"type": "reasoning", "reasoning": "", "extras": {"signature": "t"}, "index": 0},
    {"type": "audio", "base64": "AAAA", "mime_type": "audio/wav", "index": 0},
    {"type": "audio", "base64": "BBBB", "index": 0},
    {"type": "audio", "transcript": "word ", "index": 0},
    {"type": "server_tool_call", "name": "run", "args": {}, "id": "s", "index": 0},
    {"type": "server_tool_call", "args": {"code": "1"}, "index": 0},
    {"type": "tool_call_chunk", "name": "f", "args": "", "id": "c", "index": 0},
    {"type": "tool_call_chunk", "name": "", "args": '{"x": 1', "id": None, "index": 0},
]


def gathered(chunks: list[AIMessageChunk]) -> Gathering:
    whole = Gathering()
    for chunk in chunks:
        whole.add(chunk)
    return whole


@pytest.mark.parametrize("seed", range(40))
def test_it_equals_the_sum(seed: int) -> None:
    chance = Random(seed)
    chunks = [
        AIMessageChunk(
            blocks=[dict(chance.choice(PIECES)) for _ in range(chance.randint(0, 2))],
            usage_metadata=chance.choice([None, Usage.of(1, 2)]),
            response_metadata=chance.choice([{}, {"logprobs": {"content": [{"token": "a"}]}}, {"model_name": "m"}]),
            id=chance.choice([None, "m1"]),
        )
        for _ in range(30)
    ]
    total = sum(chunks, AIMessageChunk(blocks=[]))
    assert gathered(chunks).message() == total.to_message()


def test_a_long_recording_is_not_copied_for_each_of_its_pieces() -> None:
    sound = {"type": "audio", "base64": "A" * 400, "index": 0}
    words = {"type": "audio", "transcript": "word ", "index": 0}
    whole = gathered([AIMessageChunk(blocks=[dict(piece)]) for _ in range(20_000) for piece in (sound, words)])
    (block,) = whole.message().blocks
    assert (len(block["base64"]), len(block["transcript"])) == (8_000_000, 100_000)
