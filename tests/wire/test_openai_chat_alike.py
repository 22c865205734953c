"""Reading only the text of events that are alike gives what reading them whole gives."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbchat.values.chunks import AIMessageChunk
from nbchat.wire.openai_chat import OpenAIChat
from nbchat.wire.openai_chat_alike import Alike

DONE = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


def event(text: str, *, ascii_only: bool = False, spaced: bool = False, **more: Any) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "logprobs": None, "finish_reason": None} | more.pop("choice", {})
    body = {"id": "c1", "model": "m", "choices": [choice], "usage": None, **more}
    separators = (", ", ": ") if spaced else (",", ":")
    return b"data: " + json.dumps(body, ensure_ascii=ascii_only, separators=separators).encode() + b"\n\n"


def chunks(pieces: list[bytes]) -> list[AIMessageChunk]:
    decoder = OpenAIChat().decoder("acme")
    return [chunk for piece in [*pieces, DONE] for chunk in decoder.feed(piece)] + list(decoder.close())


def read_whole(pieces: list[bytes]) -> list[AIMessageChunk]:
    with patch.object(Alike, "text", lambda self, payload: None):
        return chunks(pieces)


TEXT = st.text(st.sampled_from('ab "\\\n\té\u2028\x00😀{}:,') | st.characters(codec="utf-8"), max_size=8)


@settings(max_examples=300, deadline=None)
@given(st.lists(TEXT, max_size=12), st.booleans(), st.booleans())
def test_any_texts_are_read_the_same_as_when_read_whole(texts: list[str], ascii_only: bool, spaced: bool) -> None:
    pieces = [event(text, ascii_only=ascii_only, spaced=spaced) for text in texts]
    assert chunks(pieces) == read_whole(pieces)


@pytest.mark.parametrize(
    "odd",
    [
        event("b", choice={"index": 1}),
        event("b", choice={"finish_reason": "length"}),
        event("b", choice={"logprobs": {"content": [{"token": "b", "logprob": -1.0}]}}),
        event("b", choice={"delta": {"content": "b", "refusal": "no"}}),
        event("b", choice={"delta": {"reasoning_content": "hm", "content": "b"}}),
        event("b", model="other"),
        event("b", usage={"prompt_tokens": 1, "completion_tokens": 2}),
        event("b", obfuscation="xK2"),
        event('b","refusal":"forged'),
        event('","x":{"content":"'),
        event(""),
    ],
)
def test_an_event_that_is_not_alike_is_read_whole(odd: bytes) -> None:
    pieces = [event("a"), event("a"), odd, event("c"), odd]
    assert chunks(pieces) == read_whole(pieces)


def test_padding_of_random_length_is_no_difference() -> None:
    pieces = [event(f"t{n}", obfuscation="x" * (n % 5)) for n in range(9)]
    assert chunks(pieces) == read_whole(pieces)
    learned = Alike()
    learned.learn(pieces[0][6:-2], 0)
    assert learned.text(pieces[3][6:-2]) == "t3"


def test_a_vendor_whose_every_event_differs_is_soon_left_alone() -> None:
    learned = Alike()
    for n in range(30):
        learned.learn(event("a", created=n)[6:-2], 0)
    assert learned.text(event("b", created=99)[6:-2]) is None
