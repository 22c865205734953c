"""Many answers at once, as events; on the caller's own loop, or on the background loop while the caller waits."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from nbchat.io.fanout import background_loop, together
from nbchat.notebook.widgets.contest import Question
from nbchat.notebook.widgets.contest_answer import Answer, Event
from nbchat.notebook.widgets.contestants import Contestant

AT_ONCE = 8  # answers of each contestant
LEAVING_S = 2.0  # for connections to close after a stop
_OVER = object()

Tell = Callable[[Answer, Event], None]


class Rooms:
    """How many answers are written at once: some of each contestant; those on this machine share its engine."""

    def __init__(self) -> None:
        self._rooms: dict[tuple[int, str], asyncio.Semaphore] = {}

    def of(self, contestant: Contestant) -> asyncio.Semaphore:
        """The room of a contestant."""
        answerer = contestant.answerer
        name = "this machine" if answerer.provider == "local" else f"contestant {contestant.label}"
        key = id(asyncio.get_running_loop()), name  # a semaphore belongs to one loop
        return self._rooms.setdefault(key, asyncio.Semaphore(min(AT_ONCE, answerer.width)))


async def write(question: Question, rooms: Rooms, tell: Tell) -> None:
    """One answer, told as events of it; what goes wrong with it leaves the others alone."""
    contestant, prompt, answer = question
    try:
        async with rooms.of(contestant):
            tell(answer, "begun")
            async for chunk in contestant.model.astream(contestant.messages(prompt)):
                tell(answer, chunk)
        tell(answer, "ended")
    except asyncio.CancelledError:
        tell(answer, "stopped")
        raise
    except Exception as error:
        tell(answer, error)


def write_all(questions: list[Question], tell: Tell) -> None:
    """All these answers, their events told in the thread that waits for them. Ctrl-C stops the rest."""
    landed: queue.SimpleQueue[Any] = queue.SimpleQueue()

    async def work() -> None:
        rooms = Rooms()
        try:
            await together(write(each, rooms, lambda *event: landed.put(event)) for each in questions)
        finally:
            landed.put(_OVER)

    job = asyncio.run_coroutine_threadsafe(work(), background_loop())
    try:
        while (event := landed.get()) is not _OVER:
            tell(*event)
    except KeyboardInterrupt:
        job.cancel()
        with suppress(queue.Empty):  # what the stopped ones have to say
            while (event := landed.get(timeout=LEAVING_S)) is not _OVER:
                tell(*event)
    finally:
        job.cancel()
