"""Many answers at once, as events; on the caller's own loop, or on the background loop while the caller waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from nbchat.notebook.background_events import at_once
from nbchat.notebook.widgets.compare.answer import Answer, Event
from nbchat.notebook.widgets.compare.contest import Question
from nbchat.notebook.widgets.compare.contestants import Contestant

AT_ONCE = 8  # answers of each contestant

Tell = Callable[[Answer, Event], None]


class Limits:
    """How many answers are written at once: some of each contestant; those on this machine share its engine."""

    def __init__(self) -> None:
        self._semaphores: dict[tuple[int, str], asyncio.Semaphore] = {}

    def of(self, contestant: Contestant) -> asyncio.Semaphore:
        """What an answer of this contestant waits for."""
        answerer = contestant.answerer
        name = "this machine" if answerer.provider == "local" else f"contestant {contestant.label}"
        key = id(asyncio.get_running_loop()), name  # a semaphore belongs to one loop
        return self._semaphores.setdefault(key, asyncio.Semaphore(min(AT_ONCE, answerer.width)))


async def write(question: Question, limits: Limits, tell: Tell) -> None:
    """One answer, told as events of it; what goes wrong with it leaves the others alone."""
    contestant, prompt, answer = question
    try:
        async with limits.of(contestant):
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

    def works(tell: Tell) -> list[Coroutine[Any, Any, None]]:
        limits = Limits()
        return [write(each, limits, tell) for each in questions]

    with suppress(KeyboardInterrupt):
        at_once(works, tell)
