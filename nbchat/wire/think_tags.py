"""Reasoning that open models write inline, between `<think>` tags at the start of their answer. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from nbchat.values.chunks import AIMessageChunk
from nbchat.wire.decoding import piece

OPEN, CLOSE = "<think>", "</think>"
MAX_BLANK = 200  # characters of white space before the answer begins for good


class ThinkTags:
    """Feed pieces of text; get chunks of text, and of reasoning where the answer begins with `<think>`."""

    def __init__(self) -> None:
        self._held = ""  # text that may turn out to be a tag
        self._state = "start"

    @property
    def plain(self) -> bool:
        """Whether all that follows is text."""
        return self._state == "text"

    def feed(self, text: str) -> Iterable[AIMessageChunk]:
        """What is certain so far."""
        if self._state == "text":  # the usual case, kept short
            return (piece("text", "text", text, 0),)
        self._held += text
        return self._told()

    def _told(self) -> Iterator[AIMessageChunk]:
        if self._state == "start":
            yield from self._start()
        if self._state == "thinking":
            yield from self._think()
        if self._state == "answer":
            yield from self._after()

    def _start(self) -> Iterator[AIMessageChunk]:
        begun = self._held.lstrip()
        if begun.startswith(OPEN):
            self._state, self._held = "thinking", begun.removeprefix(OPEN)
        elif not OPEN.startswith(begun) or len(self._held) > MAX_BLANK:  # else it is nothing yet, or half a tag
            self._state = "text"
            yield from self._release("text")

    def _think(self) -> Iterator[AIMessageChunk]:
        thought, tag, rest = self._held.partition(CLOSE)
        keep = 0 if tag else _tail_of_tag(thought)
        self._held = thought[: len(thought) - keep]
        yield from self._release("reasoning")
        if tag:
            self._state, self._held = "answer", rest
        else:
            self._held = thought[len(thought) - keep :]

    def _after(self) -> Iterator[AIMessageChunk]:
        self._held = self._held.lstrip()
        if self._held:
            self._state = "text"
            yield from self._release("text")

    def close(self) -> Iterator[AIMessageChunk]:
        """Yield what was held back."""
        yield from self._release("reasoning" if self._state == "thinking" else "text")

    def _release(self, kind: str) -> Iterator[AIMessageChunk]:
        text, self._held = self._held, ""
        if text:
            yield piece(kind, kind, text, 0)


def _tail_of_tag(text: str) -> int:
    """How many characters at the end may be the beginning of `</think>`."""
    return next((n for n in range(min(len(CLOSE) - 1, len(text)), 0, -1) if CLOSE.startswith(text[-n:])), 0)
