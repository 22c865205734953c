"""The framing of a streamed JSON array."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbchat.values.errors import StreamError
from nbchat.wire import json_array
from nbchat.wire.json_array import JsonArray

TRICKY = st.sampled_from(
    ["", "}]", '"', "\\", '\\"', "\u2028", "é🌧️", "[{", ",", 0, None, [], {}, [{"]": "["}], {"a": {"b": []}}]
)
OBJECTS = st.lists(st.dictionaries(st.sampled_from(["a", '"}', "\\", "é"]), TRICKY), max_size=5)


def read(data: bytes, size: int) -> list[Any]:
    frames = JsonArray()
    found = [json.loads(whole) for at in range(0, len(data), size) for _, whole in frames.feed(data[at : at + size])]
    assert list(frames.close()) == []
    return found


@settings(deadline=None)
@given(OBJECTS, st.booleans(), st.integers(1, 60))
def test_objects_come_out_as_they_went_in_whatever_the_cuts(objects: list[Any], ascii: bool, size: int) -> None:
    data = json.dumps(objects, ensure_ascii=ascii, indent=size % 3 or None).encode()

    assert read(data, size) == objects


@settings(deadline=None)
@given(OBJECTS, st.integers(1, 60))
def test_objects_without_an_array_around_them_are_read_as_well(objects: list[Any], size: int) -> None:
    assert read("\r\n".join(map(json.dumps, objects)).encode(), size) == objects


def test_an_object_comes_as_soon_as_it_is_whole() -> None:
    frames = JsonArray()

    assert list(frames.feed(b'[{"a": "}]\\""}')) == [(b"", b'{"a": "}]\\""}')]
    assert not frames.closed
    assert list(frames.feed(b"]")) == []
    assert frames.closed


@pytest.mark.parametrize("data", [b'["text", 1]', b"[}]"])
def test_something_else_than_an_object_is_named(data: bytes) -> None:
    with pytest.raises(StreamError, match="where an object of a JSON array belongs"):
        list(JsonArray().feed(data))


def test_an_object_that_was_cut_is_named() -> None:
    frames = JsonArray()
    list(frames.feed(b'[{"a": 1'))

    with pytest.raises(StreamError, match="cut"):
        frames.close()


def test_an_object_without_end_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_array, "MAX_EVENT", 2**20)
    frames = JsonArray()
    list(frames.feed(b'[{"a": "'))

    with pytest.raises(StreamError, match="more than 1 MB"):
        for _ in range(20):
            list(frames.feed(b"x" * 2**16))
