"""Many questions on the background loop. What comes of them, and functions to run, go to the thread that reads."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from inspect import isawaitable
from itertools import count
from typing import Any

from nbchat.flow.effects import Flow
from nbchat.flow.retry import wait_before
from nbchat.frame.meter import Meter
from nbchat.frame.outcome import Outcome
from nbchat.frame.pace import Pace
from nbchat.frame.paced_wire import PacedWire
from nbchat.io.drivers import arun
from nbchat.io.fanout import background_loop
from nbchat.values.errors import OverloadedError, QuotaError, RateLimitError
from nbchat.values.messages import AIMessage

PATIENCE = 6  # further tries of a question that a busy server refused, each with the model's own retries
CROWD = 16  # questions under way
GATHER_S = 0.02  # to wait for others to land
STOP_S = 1.0  # to wait for connections to close

Starting = tuple[Any, Callable[[], Flow[AIMessage]]]  # a ticket, and what starts its flow
Wanted = tuple[Callable[..., Any], tuple[Any, ...], "asyncio.Future[Any]"]


class Asking:
    """Questions under way. One thread puts them in and reads what came of them.

    Args:
        width: the most requests at once.
        limiter: requests and tokens a minute; None: no limit.
    """

    def __init__(self, width: int, limiter: Any = None) -> None:
        self.pace = Pace(width)
        self.most = 2 * width  # questions to have under way: some are ready when a place is free
        self.under_way = 0
        self._meter = None if limiter is None else Meter(limiter)
        self._loop = background_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._landed: deque[tuple[Any, Outcome]] = deque()
        self._wanted: deque[Wanted] = deque()
        self._news = threading.Event()  # something has landed, or is wanted

    def put(self, questions: list[Starting]) -> None:
        """Start to ask."""
        self.under_way += len(questions)
        self._loop.call_soon_threadsafe(self._start, questions)

    def wait(self, seconds: float, run: Callable[..., Any]) -> None:
        """Wait up to so many seconds for something to come. Functions that are wanted are `run` here."""
        if self._news.wait(seconds) and seconds and len(self._tasks) > CROWD:
            time.sleep(GATHER_S)  # where many come, they are cheaper by the dozen
        self._news.clear()
        while self._wanted:
            self._run(self._wanted.popleft(), run)

    def landed(self) -> list[tuple[Any, Outcome]]:
        """What has come by now."""
        out = [self._landed.popleft() for _ in range(len(self._landed))]
        self.under_way -= len(out)
        return out

    def stop(self) -> None:
        """Cancel what is under way, and wait until its connections are closed."""
        ended = threading.Event()
        self._loop.call_soon_threadsafe(self._cancel, ended)
        ended.wait(STOP_S)

    def _start(self, questions: list[Starting]) -> None:
        for ticket, start in questions:
            task = self._loop.create_task(self._answer(ticket, start))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _cancel(self, ended: threading.Event) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        gathered = asyncio.gather(*tasks, return_exceptions=True)
        gathered.add_done_callback(lambda _: ended.set())

    async def _answer(self, ticket: Any, start: Callable[[], Flow[AIMessage]]) -> None:
        sent, began = 0, None
        for again in count():
            wire = PacedWire(self.pace, self._meter, self._elsewhere)
            message: AIMessage | None = None
            error: Exception | None = None
            try:
                message = await arun(start(), wire)
            except Exception as failure:
                error = failure
            sent += wire.sent
            began = began or wire.began
            wire.settle(_tokens(message))
            if (pause := _pause(error, again)) is None:
                break
            await asyncio.sleep(pause)
        outcome = Outcome(message) if error is None else Outcome.of_error(error)
        outcome.latency_s = time.perf_counter() - began if began else 0.0
        outcome.attempts = sent
        self._land(ticket, outcome)

    def _land(self, ticket: Any, outcome: Any) -> None:
        self._landed.append((ticket, outcome))
        self._news.set()

    async def _elsewhere(self, function: Callable[..., Any], *args: Any) -> Any:
        result = self._loop.create_future()
        self._wanted.append((function, args, result))
        self._news.set()
        return await result

    def _run(self, wanted: Wanted, run: Callable[..., Any]) -> None:
        function, args, result = wanted

        def tell(value: Any, error: BaseException | None) -> None:
            self._loop.call_soon_threadsafe(_told, result, value, error)

        try:
            value = run(function, *args)
        except Exception as error:
            tell(None, error)
            return
        if isawaitable(value):  # of a caller that has a loop of its own
            running = asyncio.ensure_future(value)
            running.add_done_callback(lambda done: tell(None if done.exception() else done.result(), done.exception()))
        else:
            tell(value, None)


def _told(result: asyncio.Future[Any], value: Any, error: BaseException | None) -> None:
    if result.done():  # the row was cancelled meanwhile
        return
    if error is None:
        result.set_result(value)
    else:
        result.set_exception(error)


def _pause(error: Exception | None, again: int) -> float | None:
    """Seconds until a busy server is asked again; None where the question is not to be asked again."""
    if not isinstance(error, RateLimitError | OverloadedError) or isinstance(error, QuotaError):
        return None
    wait = wait_before(again, error)
    return wait if again < PATIENCE else None


def _tokens(message: AIMessage | None) -> int:
    usage = message.usage_metadata if message is not None else None
    return usage.total_tokens if usage else 0
