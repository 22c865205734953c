"""Lines of JSON from bytes."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbchat.values.errors import StreamError
from nbchat.wire import ndjson
from nbchat.wire.ndjson import NDJSON

DATA = '{"a": "\u2028é"}\n\n{"b": 1}\r\n \n{"c": "🌧️\x0b"}'.encode()
LINES = ['{"a": "\u2028é"}'.encode(), b'{"b": 1}', '{"c": "🌧️\x0b"}'.encode()]


def lines(*pieces: bytes) -> list[bytes]:
    framing = NDJSON()
    return [line for piece in pieces for _, line in framing.feed(piece)] + [line for _, line in framing.close()]


def test_only_a_line_feed_ends_a_line_and_empty_lines_are_nothing() -> None:
    assert lines(DATA) == LINES


def test_lines_are_the_same_byte_by_byte() -> None:
    assert lines(*(bytes([b]) for b in DATA)) == LINES


@given(st.lists(st.integers(0, len(DATA)), max_size=10).map(lambda cuts: [0, *sorted(cuts), len(DATA)]))
def test_lines_are_the_same_in_any_cuts(places: list[int]) -> None:
    assert lines(*(DATA[a:b] for a, b in pairwise(places))) == LINES


def test_a_line_comes_as_soon_as_it_ends() -> None:
    assert list(NDJSON().feed(b'{"a": 1}\n{"b"')) == [(b"", b'{"a": 1}')]


def test_a_line_without_an_end_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ndjson, "MAX_EVENT", 1000)
    framing = NDJSON()
    with pytest.raises(StreamError, match="in one line"):
        for _ in range(20):
            list(framing.feed(b"x" * 100))


def test_many_lines_in_one_piece_are_no_long_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ndjson, "MAX_EVENT", 1000)
    assert len(lines(b"{}\n" * 1000)) == 1000
