"""The comparison's page: what it shows, and what it asks for. Each answer is a task on the kernel's loop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from nbchat.notebook.widgets.compare.answer import Answer, Event
from nbchat.notebook.widgets.compare.asking import Limits, write
from nbchat.notebook.widgets.compare.contest import TIE, Contest, Place, Question
from nbchat.notebook.widgets.compare.static import saved_html
from nbchat.notebook.widgets.compare.view import page_slots, page_state
from nbchat.notebook.widgets.stage import PageEvent, Stage, front
from nbchat.values.errors import ConfigurationError


class ComparePage(Stage):
    """A contest on a page: one prompt at a time.

    Args:
        contest: what is compared.
    """

    _esm, _css = front("compare")

    def __init__(self, contest: Contest) -> None:
        self.contest = contest
        self._at = 0  # the prompt that is looked at
        self._base: int | None = None  # the column that the others are compared with word by word
        self._displayed = False  # in a cell, whose page may be yet to be heard
        self._limits = Limits()
        self._writing: dict[Answer, asyncio.Task[None]] = {}
        super().__init__()

    # What the page shows.

    def picture(self) -> tuple[dict[str, Any], dict[str, str]]:
        state = page_state(self.contest, self._at, self._base)
        return {**state, "error": self.error}, page_slots(self.contest, self._at, self._base)

    def saved(self) -> tuple[str, str]:
        return saved_html(self.contest, self._at), repr(self)

    @property
    def _shown(self) -> bool:
        return bool(self._views) or self._displayed

    def _ipython_display_(self) -> None:
        self._displayed = True
        super()._ipython_display_()

    @property
    def model_id(self) -> str | None:
        """Its address, which a box around it asks for, also after `run` has closed it."""
        if self.comm is None:
            self.open()
        return super().model_id

    def close(self) -> None:
        self._displayed = False
        super().close()

    # What is asked of the models.

    def _begin(self, places: list[Place]) -> list[asyncio.Task[None]]:
        """Ask these; each answer is a task of its own, which can be stopped."""
        return [self._write(self.contest.question(place)) for place in places]

    def _write(self, question: Question) -> asyncio.Task[None]:
        answer = question[-1]

        def tell(answer: Answer, event: Event) -> None:
            answer.take(event)
            self.touch()

        def end(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            if self._writing.pop(answer, None) is not None:
                self.contest.end([answer])
            self.touch()

        task = asyncio.ensure_future(write(question, self._limits, tell))
        self._writing[answer] = task
        self._tasks.add(task)
        task.add_done_callback(end)
        return task

    async def _ask(self, places: list[Place]) -> None:
        tasks = self._begin(places)
        self.flush()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.keep()

    def _stop(self, answers: list[Answer]) -> None:
        for answer in answers:
            self._writing.pop(answer).cancel()
        self.contest.end(answers)

    # What the page asks for: `at` is the prompt that it shows; places are counted from the left.

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
        if self.error:  # it was about what was done before
            self.error = ""
            self.touch()
        return super().start(work)

    async def do_hello(self, event: PageEvent) -> None:
        await super().do_hello(event)
        await self._ask_here()

    async def _ask_here(self) -> None:
        """Ask the prompt that is looked at, if nobody has."""
        if self.contest.prompts and (missing := self.contest.missing([self._at])):
            await self._ask(missing)

    async def do_ask(self, event: PageEvent) -> None:
        self._at = self.contest.ask(str(event["text"]))
        self._base = None
        await self._ask_here()

    async def do_all(self, _: PageEvent) -> None:
        await self._ask(self.contest.missing())

    async def do_again(self, event: PageEvent) -> None:
        place = self._place(event)
        answer = self.contest.answers.get(place)
        if answer is None or answer.over:
            self.contest.reopen(place[0])
            await self._ask([place])

    async def do_stop(self, event: PageEvent) -> None:
        only = None if event.get("column") is None else self.contest.answers.get(self._place(event))
        self._stop([answer for answer in self._writing if only is None or answer is only])
        self.touch()

    async def do_vote(self, event: PageEvent) -> None:
        prompt, best = self._prompt(event), event["best"]
        self.contest.vote(prompt, best if best in (TIE, None) else self._place({**event, "column": best})[1])
        self.keep()

    async def do_note(self, event: PageEvent) -> None:
        self.contest.remark(self._prompt(event), str(event["text"]))
        self.keep()

    async def do_reveal(self, event: PageEvent) -> None:
        prompt = self._prompt(event)
        if prompt not in self.contest.votes:
            raise ConfigurationError("vote first, or press tie: then the names are shown")
        self.contest.revealed.add(prompt)
        self.keep()

    async def do_diff(self, event: PageEvent) -> None:
        prompt, number = self._place(event)
        if prompt == self._at:
            column = self.contest.order(prompt).index(number)
            self._base = None if column == self._base else column
            self.touch()

    async def do_go(self, event: PageEvent) -> None:
        to = self._at + int(event["by"])
        if 0 <= to < len(self.contest.prompts):
            self._at, self._base = to, None
            self.flush()
            await self._ask_here()

    def _prompt(self, event: PageEvent) -> int:
        return self.contest.known(event.get("at", self._at))

    def _place(self, event: PageEvent) -> Place:
        prompt, column = self._prompt(event), int(event["column"])
        if not 0 <= column < len(self.contest.contestants):
            raise ConfigurationError(f"there is no column {column}")
        return prompt, self.contest.order(prompt)[column]
