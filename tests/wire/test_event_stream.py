"""AWS event streams: frames in any cuts, checksums, sizes, and what is no event stream at all."""

from __future__ import annotations

import struct
import sys
from binascii import crc32
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbchat.values.errors import ConfigurationError, StreamError
from nbchat.wire.event_stream import EventStream
from tests.wire.aws_frames import event, frame

THREE = event("a", {"text": "é\u2028"}) + event("b", {}) + event("c", [1])


def read(*pieces: bytes) -> list[tuple[bytes, bytes]]:
    frames = EventStream("bedrock")
    return [found for piece in pieces for found in frames.feed(piece)] + list(frames.close())


def test_frames_are_named_by_their_event_type() -> None:
    assert [name for name, _ in read(THREE)] == [b"a", b"b", b"c"]


def test_byte_by_byte_gives_the_same() -> None:
    assert read(*(bytes([b]) for b in THREE)) == read(THREE)


@given(st.lists(st.integers(0, len(THREE)), max_size=8))
def test_any_cuts_give_the_same(places: list[int]) -> None:
    ends = [0, *sorted(places), len(THREE)]
    assert read(*(THREE[a:b] for a, b in pairwise(ends))) == read(THREE)


@pytest.mark.parametrize("place", [0, 9, 14, 40, len(event("a", {"text": "hello"})) - 1])
def test_a_flipped_bit_is_a_damaged_stream(place: int) -> None:
    broken = bytearray(event("a", {"text": "hello"}))
    broken[place] ^= 1
    with pytest.raises(StreamError, match="damaged event stream"):
        read(bytes(broken) + b"\0" * 64)


def test_what_came_before_a_damaged_frame_is_yielded() -> None:
    frames, seen = EventStream("bedrock"), []
    with pytest.raises(StreamError):
        for found in frames.feed(event("a", {}) + b"\xff" * 40):
            seen.append(found)
    assert [name for name, _ in seen] == [b"a"]


def test_a_length_beyond_24_mb_is_refused_before_it_is_waited_for() -> None:
    prelude = struct.pack(">II", 2**31, 0)
    with pytest.raises(StreamError, match=r"damaged.*2,147,483,648 bytes"):
        read(prelude + struct.pack(">I", crc32(prelude)))


def test_a_length_shorter_than_its_own_frame_is_refused() -> None:
    prelude = struct.pack(">II", 4, 0)
    with pytest.raises(StreamError, match="damaged"):
        read(prelude + struct.pack(">I", crc32(prelude)))


@pytest.mark.parametrize("page", [b"<html><title>Login</title></html>", b'{"message": "no such model"}'])
def test_a_page_or_json_instead_is_said_to_be_no_event_stream(page: bytes) -> None:
    with pytest.raises(StreamError, match="no AWS event stream"):
        read(page)


def test_half_a_frame_at_the_end_is_a_cut() -> None:
    with pytest.raises(StreamError, match="middle of a message"):
        read(THREE[:-1])


def test_exceptions_and_errors_are_named_as_such() -> None:
    failed = frame(b'{"message": "slow down"}', message_type="exception", exception_type="throttlingException")
    broken = frame(b"", message_type="error", error_code="InternalError", error_message="sorry")
    assert read(failed, broken) == [
        (b"exception:throttlingException", b'{"message": "slow down"}'),
        (b"exception:InternalError", b'{"message":"sorry"}'),
    ]


def test_a_frame_of_20_mb_in_small_cuts_is_read_in_good_time() -> None:
    big = frame(b"x" * (20 * 2**20), message_type="event", event_type="a")
    assert len(read(*(big[n : n + 65536] for n in range(0, len(big), 65536)))[0][1]) == 20 * 2**20


def test_without_botocore_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "botocore.eventstream", None)
    with pytest.raises(ConfigurationError, match=r'pip install "nbchat\[bedrock\]"'):
        EventStream("bedrock")
