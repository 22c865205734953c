"""A flow inside a flow, with something else shown to the reader."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from nbchat.flow.effects import Effect, Flow

T = TypeVar("T")


def relayed(flow: Flow[T], shown: Callable[[Any], Iterable[Any]]) -> Flow[T]:
    """The same flow, its effects done and its result kept.

    Args:
        shown: called with each step, effects too; what it yields, effects too, stands in the place of the step.
    """
    turn: Any = flow.send
    value: Any = None
    try:
        while True:
            step = turn(value)
            turn, value = flow.send, None
            yield from shown(step)
            if type(step) is not Effect:
                continue
            try:
                value = yield step
            except Exception as error:
                turn, value = flow.throw, error
    except StopIteration as done:
        return done.value
    finally:
        flow.close()
