"""The framings of a streamed Gemini answer, whichever it comes in. No network, no clock."""

from __future__ import annotations

from collections.abc import Iterable

from nbchat.wire.json_array import JsonArray
from nbchat.wire.sse import SSE


class GeminiFrames:
    """Server-sent events or JSON objects in an array: the first byte tells which."""

    def __init__(self) -> None:
        self._frames: SSE | JsonArray | None = None

    @property
    def closed(self) -> bool:
        """Whether the framing itself says that the answer is complete; only an array can."""
        return isinstance(self._frames, JsonArray) and self._frames.closed

    @property
    def stray(self) -> bytes:
        """What stands between the events and is no part of one; only server-sent events can have it."""
        return self._frames.stray if isinstance(self._frames, SSE) else b""

    def feed(self, data: bytes) -> Iterable[tuple[bytes, bytes]]:
        """Yield the events that these bytes finish. Raises StreamError as SSE and JsonArray do."""
        if self._frames is None:
            data = data.lstrip(b" \t\r\n\xef\xbb\xbf")
            if not data:
                return ()
            self._frames = JsonArray() if data[:1] in b"[{" else SSE()
        return self._frames.feed(data)

    def close(self) -> Iterable[tuple[bytes, bytes]]:
        """Yield what the end of the bytes finishes."""
        return () if self._frames is None else self._frames.close()
