"""What a decoder makes of bytes, as one message."""

from __future__ import annotations

from typing import Any

from nbchat.values.gathering import Gathering
from nbchat.values.messages import AIMessage


def summed(decoder: Any, *pieces: bytes) -> AIMessage:
    """The message that a stream sums to; an error has as its `partial` what had come."""
    whole = Gathering()
    try:
        for piece in pieces:
            for chunk in decoder.feed(piece):
                whole.add(chunk)
        for chunk in decoder.close():
            whole.add(chunk)
    except Exception as error:
        error.partial = whole.message()  # type: ignore[attr-defined]
        raise
    return whole.message()
