"""A streamed JSON array from bytes, in whatever cuts the network makes: each of its objects as soon as it is whole.

Objects that stand in the stream one after the other, without an array around them, are read as well.
No network, no clock.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from nbchat.values.errors import StreamError
from nbchat.wire.sse import MAX_EVENT

_MARKS = re.compile(rb'["{}\[\]]')  # what matters outside a string
_ENDS = re.compile(rb'["\\]')  # what matters inside one


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
        begin = at = 0
        while True:
            at = self._next_mark(data, at)
            if at < 0:
                break
            mark = data[at : at + 1]
            at += 1
            if self._depth == 0:
                if mark == b"{":
                    self._depth, begin = 1, at - 1
                elif mark == b"]":
                    self.closed = True
                elif mark != b"[":
                    shown = data[at - 1 : at + 60]
                    raise StreamError(f"the server sent {shown!r} where an object of a JSON array belongs")
            elif mark == b'"':
                self._in_string = True
            elif mark in b"{[":
                self._depth += 1
            else:
                self._depth -= 1
                if self._depth == 0:
                    self._held.append(data[begin:at])
                    whole, self._held, self._size = b"".join(self._held), [], 0
                    yield b"", whole
        if self._depth:
            self._held.append(data[begin:])
            self._size += len(data) - begin
            if self._size > MAX_EVENT:
                limit = MAX_EVENT >> 20
                raise StreamError(f"the server sent more than {limit} MB without ending an object")

    def close(self) -> Iterator[tuple[bytes, bytes]]:
        """Nothing is left at the end of the stream but what was cut."""
        if self._depth:
            raise StreamError("the answer was cut within a JSON object; what came before is in error.partial")
        return iter(())

    def _next_mark(self, data: bytes, at: int) -> int:
        """The place of the next mark outside a string, or -1."""
        while self._in_string:
            if self._escaped:
                if at >= len(data):
                    return -1
                at, self._escaped = at + 1, False
            end = _ENDS.search(data, at)
            if end is None:
                return -1
            at = end.end()
            if end.group() == b"\\":
                self._escaped = True
            else:
                self._in_string = False
        found = _MARKS.search(data, at)
        return -1 if found is None else found.start()
