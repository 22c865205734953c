"""A streamed JSON array from bytes, in whatever cuts the network makes: each of its objects as soon as it is whole.

Objects that stand in the stream one after the other, without an array around them, are read as well.
No network, no clock.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from nbchat.values.errors import StreamError
from nbchat.wire.sse import MAX_EVENT

_BRACKET = re.compile(rb"[{}\[\]]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"{}[]"))
_SEPARATORS = b" \t\r\n,"


class JsonArray:
    """Feed bytes; get `(b"", object)` of every finished object back, as bytes."""

    def __init__(self) -> None:
        self._held: list[bytes] = []  # an unfinished object, in the pieces it came in
        self._size = 0
        self._depth = 0  # of brackets within the object; 0 is between objects
        self._in_string = False
        self._escaped = False
        self.closed = False  # the array has ended

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the objects that these bytes finish.

        Raises:
            StreamError: one object is larger than 64 MB, or there is something else where an object belongs.
        """
        if not data:
            return
        if self._depth == 0 and (whole := self._one_object(data)):
            yield b"", whole
            return
        begin = at = 0
        for n, segment in enumerate(self._without_escapes(data).split(b'"')):
            if n:
                self._in_string = not self._in_string
            end = at + len(segment)
            if not self._in_string:
                for found in _BRACKET.finditer(segment):
                    place = at + found.start()
                    if self._depth == 0:
                        self._between(data[begin:place], found.group())
                        begin = place + (found.group() != b"{")
                    elif found.group() in b"{[":
                        self._depth += 1
                    else:
                        self._depth -= 1
                        if self._depth == 0:
                            yield b"", self._whole(data[begin : place + 1])
                            begin = place + 1
            at = end + 1
        self._keep(data[begin:])

    def close(self) -> Iterator[tuple[bytes, bytes]]:
        """Nothing is left at the end of the stream but what was cut."""
        if self._depth:
            raise StreamError("the answer was cut within a JSON object; what came before is in error.partial")
        return iter(())

    def _one_object(self, data: bytes) -> bytes | None:
        """The one whole object that the data is, as it mostly is: found with a tenth of the work."""
        found = data.strip(_SEPARATORS)
        if not (found.startswith(b"{") and found.endswith(b"}")):
            return None
        segments = _masked(found).split(b'"')
        brackets = b"".join(segments[::2]).translate(None, _NO_BRACKETS)
        depth = 0
        for place, bracket in enumerate(brackets, 1):
            depth += 1 if bracket in b"{[" else -1
            if depth == 0:
                return found if place == len(brackets) and len(segments) % 2 else None
        return None

    def _without_escapes(self, data: bytes) -> bytes:
        """The same number of bytes, but every quote in it begins or ends a string."""
        if self._escaped and data:
            data, self._escaped = b"_" + data[1:], False
        data = _masked(data)
        self._escaped = data.endswith(b"\\")
        return data

    def _between(self, gap: bytes, bracket: bytes) -> None:
        """What stands between objects: an object begins, or the array begins or ends."""
        if bracket == b"{":
            self._depth = 1
        elif bracket == b"]":
            self.closed = True
        if gap.strip(_SEPARATORS) or bracket == b"}":
            shown = (gap + bracket)[:60]
            raise StreamError(f"the server sent {shown!r} where an object of a JSON array belongs")

    def _whole(self, last: bytes) -> bytes:
        self._held.append(last)
        whole, self._held, self._size = b"".join(self._held), [], 0
        return whole

    def _keep(self, rest: bytes) -> None:
        if self._depth == 0:
            self._between(rest, b"")
            return
        self._held.append(rest)
        self._size += len(rest)
        if self._size > MAX_EVENT:
            raise StreamError(f"the server sent more than {MAX_EVENT >> 20} MB without ending an object")


def _masked(data: bytes) -> bytes:
    return data.replace(b"\\\\", b"__").replace(b'\\"', b"__") if b"\\" in data else data
