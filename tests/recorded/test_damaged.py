"""Recorded exchanges as a broken server would send them: a message or a named error comes out, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.recorded.harness import codec_of, documents, exchanges, load, needs_recordings, streamed, wire_of
from tests.wire.aws_frames import event as aws_event
from tests.wire.damage import damaged_by, survives

TIMES = 8  # damaged in so many ways
RECORDED = exchanges()
pytestmark = needs_recordings


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_damage_is_survived(path: Path) -> None:
    exchange = load(path)
    wire, answers = wire_of(exchange), _shortened(documents(exchange))
    for seed in range(TIMES):
        damaged = damaged_by(answers, Random(f"{path.stem} {seed}"))
        for body in [_streamed(wire, damaged)] if streamed(exchange) else map(_json, damaged):
            survives(codec_of(wire), body)


def _shortened(events: list[Any]) -> list[Any]:
    return events if len(events) < 40 else [*events[:20], *events[-20:]]


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _streamed(wire: str, events: list[Any]) -> bytes:
    match wire:
        case "ollama":
            return b"\n".join(map(_json, events))
        case "bedrock":
            return b"".join(aws_event(_name(event), event) for event in events)
    return b"".join(b"data: %s\n\n" % _json(event) for event in events)


def _name(event: Any) -> str:
    """The type of a Converse event, by what it holds."""
    held = event if isinstance(event, dict) else {}
    names = {"role": "messageStart", "start": "contentBlockStart", "stopReason": "messageStop", "usage": "metadata"}
    found = next((name for key, name in names.items() if key in held), "contentBlockStop")
    return "contentBlockDelta" if "delta" in held else found
