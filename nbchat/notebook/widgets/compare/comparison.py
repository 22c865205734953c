"""`Compare`: the same prompts to several models, side by side, and a vote for the best."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING, Any, SupportsIndex

from nbchat.notebook.widgets.compare import standings
from nbchat.notebook.widgets.compare.answer import Answer, Event
from nbchat.notebook.widgets.compare.asking import write_all
from nbchat.notebook.widgets.compare.contest import Contest
from nbchat.notebook.widgets.compare.contestants import contestants
from nbchat.notebook.widgets.compare.file import read_contest, write_contest
from nbchat.notebook.widgets.compare.page import ComparePage
from nbchat.notebook.widgets.compare.plot import plot
from nbchat.notebook.widgets.compare.prompts import prompts_of
from nbchat.notebook.widgets.compare.run_line import RunLine
from nbchat.values.complaints import check_spelling
from nbchat.values.errors import ConfigurationError

if TYPE_CHECKING:
    import pandas as pd

STATIC_S = 1.0  # between drawings of what stays in the notebook, while `run` has no page to draw on


class Compare(ComparePage):
    """Two to six models, or sets of parameters, on the same prompts, in columns that stream side by side.

        Compare(["openai:gpt-5-nano", "local:smollm2-135m"], "Why do parrots talk?")

    Below a cell it is a widget: ask, stop, compare word by word, vote, and note, by mouse or keys (A to F, T for a tie,
    arrows for prompts). In a script, `run()` asks everything and returns the frame. What was answered is never asked
    again, unless it is asked for.

    Args:
        models: names, models, or dicts of `model`, parameters, `system` and `label`; in a list, or as `{label: model}`.
        prompt: a text, or several: a list, or a column of a DataFrame, whose labels are those of `frame` then.
        system: instructions for all.
        blind: hide who answers, in an order of its own for each prompt, until you reveal it after the vote.
        seed: of that order.
        params: parameters of every answer: `temperature`, `max_tokens`, …

    Raises:
        ConfigurationError: fewer than two models or more than six, or no such model, or a prompt that is no text; or a
            parameter reads like a misspelt argument.
    """

    def __init__(
        self,
        models: Any,
        prompt: Any = None,
        *,
        system: str | None = None,
        blind: bool = False,
        seed: int | None = None,
        **params: Any,
    ) -> None:
        check_spelling(params, ("models", "prompt", "system", "blind", "seed"))
        prompts, index = prompts_of(prompt)
        contest = Contest(contestants(models, system, params), prompts, blind=blind, seed=seed)
        contest.index = index
        super().__init__(contest)

    @property
    def frame(self) -> pd.DataFrame:
        """A row an answer: `prompt_no`, `prompt`, `model`, `response`, `error`, measures, `vote` and `note`.

        Times are in seconds, costs in US dollars; `vote` is "best", "tie", "other" or NA. Where the prompts are a
        column of a DataFrame, each row has the label of its prompt there, so that `df.join` finds it.
        """
        return standings.frame(self.contest)

    @property
    def summary(self) -> pd.DataFrame:
        """A row a model, the best first: wins, ties, losses, `win_rate` with its 95 % interval, and mean measures.

        The win rate is against another model, by chance 0.5: the best answer to a prompt beats each of the others, and
        a tie is half a win for all that answered. `low` and `high` are Wilson's interval.
        """
        return standings.summary(self.contest)

    def plot(self, axes: Any = None) -> Any:
        """The win rates with their intervals, drawn by matplotlib; returns its axes.

        Raises:
            ConfigurationError: matplotlib is missing, or there is no vote yet.
        """
        return plot(self.contest, axes)

    def run(self) -> pd.DataFrame:
        """Ask what was not answered yet, wait for it, and return the frame. Ctrl-C stops, and keeps what had come.

        A widget of it that is shown streams meanwhile; where none is, a line says how far it is. Another `run` asks
        what failed or was stopped once more, except where there is a vote already.

        Raises:
            ConfigurationError: there is no prompt.
        """
        self._check_asked()
        cut = [place for place, answer in self.contest.answers.items() if answer in self._writing]
        self._stop(list(self._writing))  # it could not go on while a cell runs: it is asked here
        questions = [self.contest.question(place) for place in sorted({*cut, *self.contest.unanswered()})]
        line = RunLine(questions) if questions and not self._shown else None
        try:
            write_all(questions, line.take if line else self._take)
        finally:
            self.contest.end(answer for _, _, answer in questions)
            if line:
                line.end()
            self._settle()
        return self.frame

    async def arun(self) -> pd.DataFrame:
        """`run`, awaited; what a widget is asking already is waited for."""
        self._check_asked()
        tasks = [*self._writing.values(), *self._begin(self.contest.unanswered())]
        try:
            await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            self._settle()
        return self.frame

    def vote(self, prompt: SupportsIndex, best: str | None, note: str | None = None) -> None:
        """Vote for a prompt's best answer, as in the widget.

        Args:
            prompt: its number, from 0.
            best: a label, a letter as shown ("A"), "tie", or None to take the vote back.
            note: kept in the frame.

        Raises:
            ConfigurationError: there is no such prompt or answer, or it failed, or the prompt's names were revealed.
        """
        number = self.contest.known(prompt)
        self.contest.vote(number, self.contest.numbered(number, best))
        if note is not None:
            self.contest.remark(prompt, note)
        self.keep()

    def reveal(self) -> None:
        """Show who answered what, at every prompt; the votes stand then."""
        self.contest.revealed.update(range(len(self.contest.prompts)))
        self.keep()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write prompts, answers, votes and notes to a JSON file; never a key."""
        write_contest(self.contest, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str], models: Any = None) -> Compare:
        """Read what `save` wrote. Models with an address or options of their own have to be given again.

        Raises:
            ConfigurationError: it is no such file, or its models have to be given again.
        """
        loaded = cls.__new__(cls)
        ComparePage.__init__(loaded, read_contest(path, None if models is None else contestants(models, None, {})))
        return loaded

    def _check_asked(self) -> None:
        if not self.contest.prompts:
            raise ConfigurationError(
                "there is no prompt: give one or several, as in Compare(models, 'Why do parrots talk?')"
            )

    def _take(self, answer: Answer, event: Event) -> None:
        """In a cell that runs, the kernel's loop stands still: it is drawn from here."""
        answer.take(event)
        if time.monotonic() < self._next:
            return
        if self._views:
            self.flush()
        elif self._displayed:  # in a cell just before: its page is yet to be heard, and the static one is seen
            self._saved.update()
            self._next = time.monotonic() + STATIC_S

    def _settle(self) -> None:
        """All is asked: what is shown is kept, and what is not shown is not held open."""
        self.keep()
        if not self._shown:
            self.close()

    def __repr__(self) -> str:
        contest, prompts, votes = self.contest, len(self.contest.prompts), len(self.contest.votes)
        who = ", ".join(each.label for each in contest.contestants)
        who = f"{len(contest.contestants)} models, blind" if contest.blind else who
        return f"Compare({who}; {prompts} prompt{'s' * (prompts != 1)}, {votes} vote{'s' * (votes != 1)})"
