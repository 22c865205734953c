"""Asking again, and asking someone else: flows made of flows. No network, no clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from nbchat.flow import effects as do
from nbchat.flow.effects import Effect, Flow
from nbchat.flow.relay import relayed
from nbchat.flow.retry import wait_before
from nbchat.values.errors import AllFailedError, ChatError

T = TypeVar("T")
Start = Callable[[], Flow[T]]
Errors = tuple[type[BaseException], ...]


class _Witness:
    """Passes on what the reader is to see, and remembers whether there was anything."""

    def __init__(self) -> None:
        self.seen = False

    def shown(self, step: Any) -> Iterator[Any]:
        if type(step) is not Effect:
            self.seen = True
            yield step


def again(start: Start[T], may_retry: Callable[[Exception], bool], attempts: int, wait: bool, stream: bool) -> Flow[T]:
    """A flow, started anew when it fails, up to `attempts` times in all, while a reader has seen nothing of it."""
    tries = 0
    while True:
        witness = _Witness()
        try:
            return (yield from relayed(start(), witness.shown))
        except Exception as error:
            pause = wait_before(tries, error) if wait and isinstance(error, ChatError) else 0.0
            tries += 1
            if (witness.seen and stream) or tries >= attempts or pause is None or not may_retry(error):
                raise
        if pause:
            yield do.sleep(pause)


def first_that_answers(flows: Sequence[tuple[str, Start[T]]], handled: Errors, stream: bool) -> Flow[T]:
    """The first of the named flows that does not fail; the next starts only while a reader has seen nothing.

    Raises:
        AllFailedError: none is left; names each with its error.
    """
    failures: list[tuple[str, Exception]] = []
    for name, start in flows:
        witness = _Witness()
        try:
            return (yield from relayed(start(), witness.shown))
        except Exception as error:
            if (witness.seen and stream) or not isinstance(error, handled):
                raise
            failures.append((name, error))
    raise _all_failed(failures) from failures[-1][1]


def _all_failed(failures: list[tuple[str, Exception]]) -> AllFailedError:
    told = "; ".join(f"{name}: {type(error).__name__}: {error}" for name, error in failures)
    return AllFailedError(f"none of {len(failures)} models answered: {told}", errors=[error for _, error in failures])
