"""Recorded streams as other servers would write the same events: the message stays the same."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.recorded.harness import body_of, codec_of, decode, exchanges, load, needs_recordings, wire_of

RECORDED = [path for path in exchanges() if load(path)["wire"] == "sse"]
pytestmark = needs_recordings


def _in_lines(event: bytes) -> bytes:
    """The same JSON over several data lines."""
    data = re.search(rb"^data: ?(\{.*\})$", event, re.M)
    if data is None:
        return event
    lines = json.dumps(json.loads(data[1]), indent=1, ensure_ascii=False).encode().split(b"\n")
    return event[: data.start()] + b"\n".join(b"data: " + line for line in lines) + event[data.end() :]


def _escaped(event: bytes) -> bytes:
    """The same JSON in ASCII."""
    return re.sub(rb"(?m)^(data: ?)(\{.*\})$", lambda m: m[1] + json.dumps(json.loads(m[2])).encode(), event)


HANDS: dict[str, Callable[[list[bytes]], bytes]] = {
    "CRLF": lambda events: b"".join(event.replace(b"\n", b"\r\n") for event in events),
    "CR": lambda events: b"".join(event.replace(b"\n", b"\r") for event in events),
    "a byte order mark": lambda events: b"\xef\xbb\xbf" + b"".join(events),
    "no space": lambda events: b"".join(re.sub(rb"(?m)^(data|event): ", rb"\1:", event) for event in events),
    "comments, ids and pauses": lambda events: b": hello\n\n" + b": ping\n\nid: 1\nretry: 5\n".join(events),
    "empty events": lambda events: b"data:\n\n" + b"data: \n\n".join(events),
    "several lines": lambda events: b"".join(map(_in_lines, events)),
    "ASCII": lambda events: b"".join(map(_escaped, events)),
    "OpenAI's last word": lambda events: b"".join(events) + b"data: [DONE]\n\n",
    "no last blank line": lambda events: b"".join(events).rstrip(b"\n"),
}


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_any_hand_may_write_it(path: Path) -> None:
    exchange = load(path)
    codec, body = codec_of(wire_of(exchange)), body_of(exchange)
    expected = _outcome(decode(codec, exchange, [body]))
    events = re.findall(rb".*?\n\n+", body.replace(b"\r\n", b"\n").rstrip(b"\n") + b"\n\n", re.S)
    assert b"".join(events).split() == body.split()
    for hand, write in HANDS.items():
        written = write(events)
        pieces = [written[n : n + 700] for n in range(0, len(written), 700)]
        assert _outcome(decode(codec, exchange, pieces)) == expected, hand


def _outcome(found: tuple[Any, Exception | None]) -> tuple[Any, str]:
    return found[0], str(found[1])
