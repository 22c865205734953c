"""The two drivers, blocking and awaiting: the only code that differs between `invoke` and `ainvoke`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, TypeVar

from nbchat.flow.effects import READ, Effect, Flow
from nbchat.io.awaiting import AwaitingWire
from nbchat.io.blocking import BlockingWire

T = TypeVar("T")


def drive(flow: Flow[Any]) -> Iterator[Any]:
    """Run a flow on this thread; yield what the reader is to see."""
    wire = BlockingWire()
    send, read = flow.send, wire.read
    turn: Any = send
    value: Any = None
    try:
        while True:
            step = turn(value)
            turn, value = send, None
            if type(step) is not Effect:
                yield step
                continue
            try:  # a stream reads once a token, so that way is short
                value = read() if step is READ else getattr(wire, step.verb)(*step.args)
            except Exception as error:
                turn, value = flow.throw, error
    except StopIteration as done:
        return done.value
    finally:
        flow.close()
        wire.close()


def run(flow: Flow[T]) -> T:
    """Run a flow on this thread to its end; return its result."""
    steps = drive(flow)
    try:
        while True:
            next(steps)
    except StopIteration as done:
        return done.value
    finally:
        steps.close()  # type: ignore[attr-defined]


async def adrive(flow: Flow[Any]) -> AsyncIterator[Any]:
    """Run a flow on this loop; yield what the reader is to see."""
    wire = AwaitingWire(pauses=True)
    turn, value = flow.send, None
    try:
        while True:
            step = turn(value)
            turn, value = flow.send, None
            if type(step) is not Effect:
                yield step
                continue
            try:
                value = await getattr(wire, step.verb)(*step.args)
            except Exception as error:
                turn, value = flow.throw, error
    except StopIteration:
        return
    finally:
        flow.close()
        await wire.aclose()


async def arun(flow: Flow[T], wire: AwaitingWire | None = None) -> T:
    """Run a flow on this loop to its end; return its result."""
    wire = wire or AwaitingWire()
    turn, value = flow.send, None
    try:
        while True:
            step = turn(value)
            turn, value = flow.send, None
            if type(step) is not Effect:
                continue
            try:
                value = await getattr(wire, step.verb)(*step.args)
            except Exception as error:
                turn, value = flow.throw, error
    except StopIteration as done:
        return done.value
    finally:
        flow.close()
        await wire.aclose()
