"""Server-sent events: what the standard says, in every cut, and what a hostile server tries."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbchat.values.errors import StreamError
from nbchat.wire import sse
from nbchat.wire.sse import SSE


def events(*pieces: bytes) -> list[tuple[bytes, bytes]]:
    frames = SSE()
    return [event for piece in pieces for event in frames.feed(piece)] + list(frames.close())


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_lines_end_in_lf_crlf_or_cr(end: bytes) -> None:
    body = end.join([b"event: a", b"data: 1", b"", b"data: 2", b"", b""])
    assert events(body) == [(b"a", b"1"), (b"", b"2")]


def test_a_crlf_may_be_cut_in_its_middle() -> None:
    assert events(b"data: 1\r", b"\n\r", b"\ndata: 2\r\n\r\n") == [(b"", b"1"), (b"", b"2")]


def test_comments_ids_and_retries_are_no_events() -> None:
    assert events(b": OPENROUTER PROCESSING\n\nid: 7\nretry: 100\n\ndata: 1\n\n") == [(b"", b"1")]


def test_several_data_lines_are_one_event() -> None:
    assert events(b"data: {\ndata:}\n\n") == [(b"", b"{\n}")]


def test_only_one_space_is_taken_off() -> None:
    assert events(b"data:  1\n\ndata:2\n\n") == [(b"", b" 1"), (b"", b"2")]


def test_a_byte_order_mark_is_skipped() -> None:
    assert events(b"\xef\xbb\xbfdata: 1\n\n") == [(b"", b"1")]


def test_line_separators_of_unicode_end_no_line() -> None:
    text = "a\u2028b\u2029c\x85d\x0be".encode()
    assert events(b"data: " + text + b"\n\n") == [(b"", text)]


def test_an_event_without_data_keeps_the_line_alive() -> None:
    assert events(b"data:\n\nevent: ping\ndata: \n\ndata: 1\n\n") == [(b"", b"1")]


def test_an_error_may_be_a_field_of_its_own() -> None:
    assert events(b'data: 1\n\nerror: {"code": 500}\n\n') == [(b"", b"1"), (b"error", b'{"code": 500}')]


def test_a_carriage_return_within_a_piece_that_looks_whole_ends_a_line() -> None:
    assert events(b"data: {}\n\n", b"data: {}\r\rdata: {}\n\n") == [(b"", b"{}")] * 3


def test_the_last_blank_line_may_be_missing() -> None:
    assert events(b"data: 1\n\ndata: 2") == [(b"", b"1"), (b"", b"2")]


def test_a_page_in_place_of_a_stream_is_kept_as_stray() -> None:
    frames = SSE()
    assert [*frames.feed(b"<html>\n<title>Sign in</title>\n"), *frames.close()] == []
    assert frames.stray == b"<html>\n<title>Sign in</title>"
    assert list(frames.feed(b"data: 1\n\n")) == [(b"", b"1")]
    assert frames.stray == b""
    assert [*frames.feed(b'{\n "error": 1\n}\n'), *frames.close()] == []
    assert frames.stray == b'{\n "error": 1\n}'


BODY = (
    'event: x\r\ndata: {"t": "é\u2028漢🙂"}\r\n\r\n: note\r\n\r\ndata: 1\ndata: 2\n\ndata: 3\r\rdata: [DONE]\n\n'
).encode()


@given(st.lists(st.integers(0, len(BODY)), max_size=12))
def test_cuts_change_nothing(places: list[int]) -> None:
    ends = [0, *sorted(places), len(BODY)]
    assert events(*(BODY[a:b] for a, b in pairwise(ends))) == events(BODY)


def test_byte_by_byte_changes_nothing() -> None:
    assert events(*(BODY[i : i + 1] for i in range(len(BODY)))) == events(BODY)


@given(st.lists(st.binary(max_size=40)))
def test_any_bytes_are_survived(pieces: list[bytes]) -> None:
    assert all(payload for _, payload in events(*pieces))


@pytest.mark.parametrize(
    "piece",
    [b"data: " + b"x" * 100, b"x" * 100, b"data: " + b"x" * 90 + b"\n", b"stray\n\n"],
    ids=["open line", "stray line", "data lines", "strays"],
)
def test_an_endless_event_is_refused_with_bounded_memory(piece: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT", 5_000)
    frames = SSE()
    with pytest.raises(StreamError, match="without ending an event"):
        for _ in range(2_000):
            list(frames.feed(piece))


def test_many_events_in_one_piece_are_no_large_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT", 50)
    assert len(events(b"data: 0123456789\n\n" * 100)) == 100


def test_comments_without_end_take_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT", 50)
    assert events(*[b": still thinking\n\n"] * 100, b"data: 1\n\n") == [(b"", b"1")]
