"""Spoken answers of chat completions: base64 in pieces, each padded by itself. No network, no clock."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any

from nbchat.values.blocks import Block
from nbchat.values.chunks import AIMessageChunk
from nbchat.wire.untrusted import text_of

_NAMES = {"id": "file_id"}  # what the vendor calls differently
_STARTS = {
    b"RIFF": "audio/wav",
    b"OggS": "audio/ogg",
    b"fLaC": "audio/flac",
    b"ID3": "audio/mpeg",
    b"\xff\xfb": "audio/mpeg",
    b"\xff\xf3": "audio/mpeg",
}


class AudioReader:
    """Feed `audio` objects (`id`, `data`, `transcript`, `expires_at`); get chunks of one audio block."""

    def __init__(self) -> None:
        self._tail = b""  # bytes that fill no group of three yet: base64 joins only between those
        self._begun = False

    def read(self, audio: Mapping[str, Any]) -> Iterator[AIMessageChunk]:
        """The chunk of one piece; none where all its fields are empty, as some vendors send them."""
        block: Block = {_NAMES.get(key, key): value for key, value in audio.items() if value and key != "data"}
        try:
            data = self._tail + base64.b64decode(text_of(audio.get("data")))
        except (binascii.Error, ValueError):
            block["data"], data = audio.get("data"), self._tail
        even = len(data) - len(data) % 3
        data, self._tail = data[:even], data[even:]
        if data:
            block["base64"] = base64.b64encode(data).decode()
            block |= {} if self._begun else {"mime_type": _kind(data)}
            self._begun = True
        if block:
            yield AIMessageChunk(blocks=[{**block, "type": "audio", "index": 0}])

    def close(self) -> Iterator[AIMessageChunk]:
        """The last bytes."""
        if self._tail:
            block = {"type": "audio", "base64": base64.b64encode(self._tail).decode(), "index": 0}
            self._tail = b""
            yield AIMessageChunk(blocks=[block])


def _kind(data: bytes) -> str:
    """The answer does not name its format; a stream's is always 16-bit PCM at 24 kHz."""
    return next((kind for start, kind in _STARTS.items() if data.startswith(start)), "audio/pcm")
