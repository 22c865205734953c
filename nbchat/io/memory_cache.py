"""A cache of answers in this process's memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

from nbchat.values.errors import ConfigurationError
from nbchat.values.messages import AIMessage
from nbchat.values.reading import message_from_dict


class InMemoryCache:
    """Answers by request, gone with the process; safe to share between threads and loops.

        set_llm_cache(InMemoryCache())

    Args:
        maxsize: how many answers to keep, the least recently used leaving first; None for all.

    Raises:
        ConfigurationError: `maxsize` is below 1.
    """

    def __init__(self, maxsize: int | None = None) -> None:
        if maxsize is not None and not (isinstance(maxsize, int) and maxsize >= 1):
            raise ConfigurationError(f"maxsize is a whole number of at least 1, or None for no limit; not {maxsize!r}")
        self._maxsize = maxsize
        self._answers: OrderedDict[str, AIMessage] = OrderedDict()
        self._lock = threading.Lock()

    def lookup(self, key: str) -> AIMessage | None:
        """The answer kept under this key, as a copy."""
        with self._lock:
            found = self._answers.get(key)
            if found is None:
                return None
            self._answers.move_to_end(key)
        return copied(found)

    def update(self, key: str, message: AIMessage) -> None:
        """Keep a copy of this answer."""
        with self._lock:
            self._answers[key] = copied(message)
            self._answers.move_to_end(key)
            if self._maxsize is not None and len(self._answers) > self._maxsize:
                self._answers.popitem(last=False)

    def clear(self) -> None:
        """Forget all answers."""
        with self._lock:
            self._answers.clear()

    async def alookup(self, key: str) -> AIMessage | None:
        """`lookup`: it never waits for long."""
        return self.lookup(key)

    async def aupdate(self, key: str, message: AIMessage) -> None:
        """`update`: it never waits for long."""
        self.update(key, message)

    def __reduce__(self) -> tuple[Any, ...]:
        return InMemoryCache, (self._maxsize,)  # another process begins with an empty one

    def __len__(self) -> int:
        return len(self._answers)

    def __repr__(self) -> str:
        return f"InMemoryCache({len(self)} answers)"


def copied(message: AIMessage) -> AIMessage:
    """A message that shares nothing with this one which a user may change."""
    copy = message_from_dict(message.to_dict())
    assert isinstance(copy, AIMessage)
    return copy
