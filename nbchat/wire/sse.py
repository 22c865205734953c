"""Server-sent events from bytes, in whatever cuts the network makes. No network, no clock."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from nbchat.values.errors import StreamError

MAX_EVENT = 64 * 2**20  # an image inline is a few MB; a server that never ends its line must not fill the memory


class SSE:
    """Feed bytes; get `(event name, data)` of every finished event back, both as bytes.

    Follows the WHATWG standard: lines end in LF, CRLF or CR, comments are skipped, several data lines are joined by LF.
    Decoding to text is left to the reader, since a cut may fall inside a UTF-8 sequence.

    `stray` is what came since the latest event and is no field of one: a page or a JSON body in place of a stream, or
    Google's error at the end of one.
    """

    def __init__(self) -> None:
        self._line = bytearray()  # an unfinished line
        self._data: list[bytes] = []
        self._size = 0  # of the data lines
        self._event = b""
        self._after_cr = False
        self._first = True
        self._stray: list[bytes] = []

    @property
    def stray(self) -> bytes:
        """The lines since the latest event that are no part of one."""
        return b"\n".join(self._stray)

    def feed(self, data: bytes) -> Iterable[tuple[bytes, bytes]]:
        """The events that these bytes finish.

        Raises:
            StreamError: one event is larger than 64 MB.
        """
        begun = self._first or self._line or self._data or self._event or self._after_cr
        if not begun and data.endswith(b"}\n\n") and _CR not in data:  # one event, as a token usually comes: kept short
            if data.startswith(b"data: {") and data.find(b"\n") == len(data) - 2:
                return ((b"", data[6:-2]),)
            if named := _NAMED.fullmatch(data):
                return ((named[1], named[2]),)
        return self._events(data)

    def _events(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        if self._after_cr and data:
            data = data.removeprefix(b"\n")  # the second half of a CRLF that was cut
            self._after_cr = False
        if _CR in data:
            self._after_cr = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, rest = data.split(b"\n")
        for line in lines:
            if self._line:
                line = bytes(self._line + line)
                self._line.clear()
            if done := self._take(line):
                yield done
        if rest:
            self._line += rest
            _check(len(self._line))

    def close(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield the event that the end leaves unfinished, if any: some servers omit the last blank line."""
        if self._line:
            self._take(bytes(self._line))
            self._line.clear()
        if done := self._take(b""):
            yield done

    def _take(self, line: bytes) -> tuple[bytes, bytes] | None:
        if self._first:
            line = line.removeprefix(b"\xef\xbb\xbf")
            self._first = False
        if not line:
            return self._finished()
        field, _, value = line.partition(b":")
        if field == b"data":
            self._add(self._data, value.removeprefix(b" "))
        elif field == b"event":
            self._event = value.removeprefix(b" ")
        elif field == b"error":  # llama.cpp's own, no field of the standard
            self._event = field
            self._add(self._data, value.removeprefix(b" "))
        elif field not in _FIELDS:
            self._add(self._stray, line)
        return None

    def _add(self, lines: list[bytes], line: bytes) -> None:
        lines.append(line)
        self._size += len(line)
        _check(self._size)

    def _finished(self) -> tuple[bytes, bytes] | None:
        if not self._data:
            self._event = b""
            return None
        event, data = self._event, self._data
        self._event, self._data, self._size, self._stray = b"", [], 0, []
        payload = data[0] if len(data) == 1 else b"\n".join(data)
        return (event, payload) if payload.strip() else None  # an event without data keeps the line alive


def _check(size: int) -> None:
    if size > MAX_EVENT:
        raise StreamError(
            f"the server sent more than {MAX_EVENT >> 20} MB without ending an event; nothing was kept of it"
        )


_CR = ord("\r")  # a number is found in bytes six times as fast as bytes are
_NAMED = re.compile(rb"event: (.*)\ndata: (\{.*\})\n\n")
_FIELDS = frozenset({b"", b"id", b"retry"})  # b"" begins a comment
