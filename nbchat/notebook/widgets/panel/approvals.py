"""Asking the person at the page before a tool runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nbchat.notebook.render.safe import visible

LONGEST = 100_000  # characters of arguments that are shown


@dataclass(frozen=True)
class _Call:
    name: str
    args: str  # as they are shown
    verdict: asyncio.Future[bool | str]


class Approvals:
    """The call that waits for a word, and the tools that need none any more."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._always: set[str] = set()
        self._number = 0
        self._waiting: _Call | None = None

    async def ask(self, name: str, args: dict[str, Any]) -> bool | str:
        """What `Chat` takes as `approve`: True, False, or why not."""
        if name in self._always:
            return True
        self._number += 1
        verdict: asyncio.Future[bool | str] = asyncio.get_running_loop().create_future()
        self._waiting = _Call(name, _told(args), verdict)
        self._changed()
        try:
            return await verdict
        finally:
            self._waiting = None
            self._changed()

    def shown(self) -> dict[str, Any] | None:
        """What the page is to ask: `id`, `name` and `args`, which are plain text with nothing hidden in it."""
        if self._waiting is None:
            return None
        return {"id": self._number, "name": visible(self._waiting.name), "args": visible(self._waiting.args)}

    def decide(self, id: int, verdict: str, reason: str) -> None:
        """Take the person's word: "run", "always" or "decline"; of a call that no longer waits, nothing."""
        if self._waiting is None or id != self._number or self._waiting.verdict.done():
            return
        if verdict == "always":
            self._always.add(self._waiting.name)
        self._waiting.verdict.set_result(True if verdict in ("run", "always") else reason.strip() or False)


def _told(args: dict[str, Any]) -> str:
    text = json.dumps(args, ensure_ascii=False, indent=1, default=repr)
    more = len(text) - LONGEST
    return text if more <= 0 else f"{text[:LONGEST]}\n… and {more:,} more characters, which are not shown"
