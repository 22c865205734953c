"""JSON documents, one a line, from bytes in whatever cuts the network makes. No network, no clock."""

from __future__ import annotations

from collections.abc import Iterator

from nbchat.values.errors import StreamError
from nbchat.wire.sse import MAX_EVENT


class NDJSON:
    """Feed bytes; get `(b"", line)` of every finished line back. Empty lines are skipped.

    Only LF (or CRLF) ends a line: JSON text may hold the other separators that `str.splitlines` knows.
    """

    def __init__(self) -> None:
        self._line: list[bytes] = []  # an unfinished line, in the pieces it came in
        self._size = 0

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the lines that these bytes finish.

        Raises:
            StreamError: one line is larger than 64 MB.
        """
        first, *rest = data.split(b"\n")
        self._line.append(first)
        self._size += len(first)
        for following in rest:
            yield from self.close()
            self._line.append(following)
            self._size = len(following)
        if self._size > MAX_EVENT:
            raise StreamError(f"the server sent more than {MAX_EVENT >> 20} MB in one line; nothing was kept of it")

    def close(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield the last line, where no LF ends it."""
        line = b"".join(self._line).strip()
        self._line, self._size = [], 0
        if line:
            yield b"", line
