"""`Compare`: the same prompts to several models, side by side, and a vote for the best."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from nbchat.io.fanout import each_completed
from nbchat.notebook.render.article import columns
from nbchat.notebook.render.markdown import markdown_html
from nbchat.notebook.render.safe import escape_text
from nbchat.notebook.render.style import style_tag
from nbchat.notebook.widgets import standings
from nbchat.notebook.widgets.compare_file import read_contest, write_contest
from nbchat.notebook.widgets.contest import LETTERS, MOST, TIE, Answer, Contest, contestants
from nbchat.notebook.widgets.stage import Stage, front
from nbchat.notebook.widgets.word_diff import word_diff
from nbchat.values.errors import ConfigurationError
from nbchat.values.messages import AIMessage
from nbchat.values.quantities import dollars, duration

if TYPE_CHECKING:
    import pandas as pd

AT_ONCE = 8  # prompts, where all are asked
FAILED_BLIND = "There is no answer here; why is told with the names."


class Compare(Stage):
    """Two to six models, or sets of parameters, on the same prompts, in columns that stream side by side.

        Compare(["openai:gpt-5-nano", "local:smollm2-135m"], "Why do parrots talk?")

    Below a cell it is a widget: ask, stop, compare word by word, vote, and note, by mouse or keys (A to F, T for a tie,
    arrows for prompts). In a script, `run()` asks everything and returns the frame. What was answered is never asked
    again, unless it is asked for.

    Args:
        models: names, models, or dicts of `model`, parameters, `system` and `label`; in a list, or as `{label: model}`.
        prompt: a text, or several: a list, or a column of a DataFrame.
        system: instructions for all.
        blind: hide who answers, in an order of its own for each prompt, until you reveal it after the vote.
        seed: of that order.
        params: parameters of every answer: `temperature`, `max_tokens`, …

    Raises:
        ConfigurationError: fewer than two models or more than six, or no such model, or a prompt that is no text.
    """

    _esm, _css = front("compare")

    def __init__(
        self,
        models: Any,
        prompt: str | Iterable[str] | None = None,
        *,
        system: str | None = None,
        blind: bool = False,
        seed: int | None = None,
        **params: Any,
    ) -> None:
        prompts = [] if prompt is None else [prompt] if isinstance(prompt, str) else list(prompt)
        self._set_up(Contest(contestants(models, system, params), prompts, blind=blind, seed=seed))

    def _set_up(self, contest: Contest) -> None:
        self.contest = contest
        self._at = 0
        self._diff: int | None = None
        self._writing: dict[tuple[int, int], asyncio.Task[None]] = {}
        super().__init__()

    # What Python asks of it.

    @property
    def frame(self) -> pd.DataFrame:
        """A row an answer: `prompt_no`, `prompt`, `model`, `response`, `error`, measures, `vote` and `note`.

        Times are in seconds, costs in US dollars; `vote` is "best", "tie", "other" or NA.
        """
        return standings.frame(self.contest)

    @property
    def summary(self) -> pd.DataFrame:
        """A row a model: wins, ties, losses, `win_rate` with its 95 % Wilson interval (`low`, `high`), and means."""
        return standings.summary(self.contest)

    def plot(self, axes: Any = None) -> Any:
        """The win rates with their intervals, drawn by matplotlib; returns its axes."""
        return standings.plot(self.contest, axes)

    def run(self) -> pd.DataFrame:
        """Ask what was not asked yet, wait for it, and return the frame. Ctrl-C keeps what had come."""
        missing = self.contest.missing()
        flows = [lambda p=p, c=c: self._flow(p, c) for p, c in missing]
        for place, outcome in each_completed(flows, AT_ONCE * MOST, return_exceptions=True):
            if isinstance(outcome, Exception):
                self.contest.answers[missing[place]] = answer = Answer()
                answer.end(outcome)
            else:
                self.contest.answers[missing[place]] = Answer.whole(outcome)
        self.keep()
        return self.frame

    async def arun(self) -> pd.DataFrame:
        """`run`, awaited: the columns of a widget that is shown stream meanwhile."""
        await self._ask(self.contest.missing())
        return self.frame

    def vote(self, prompt: int, best: str | None, note: str | None = None) -> None:
        """Vote for a prompt's best answer, as in the widget.

        Args:
            prompt: its number, from 0.
            best: a label, a letter as shown ("A"), "tie", or None to take the vote back.
            note: kept in the frame.
        """
        self.contest.vote(prompt, self.contest.numbered(prompt, best))
        if note is not None:
            self.contest.notes[prompt] = note
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
        """Read what `save` wrote. Models with an address of their own have to be given again.

        Raises:
            ConfigurationError: it is no such file, or its models have to be given again.
        """
        loaded = cls.__new__(cls)
        loaded._set_up(read_contest(path, None if models is None else contestants(models, None, {})))
        return loaded

    # What is asked of the models.

    def _flow(self, prompt: int, number: int) -> Any:
        contestant = self.contest.contestants[number]
        return contestant.model.flow(contestant.messages(self.contest.prompts[prompt]), stream=True)

    async def _ask(self, wanted: list[tuple[int, int]]) -> None:
        """Ask these, a few prompts at once; each answer is a task of its own, which can be stopped."""
        room = asyncio.Semaphore(AT_ONCE * len(self.contest.contestants))

        async def one(prompt: int, number: int) -> None:
            async with room:
                await self._answer(prompt, number)

        for place in wanted:
            self.contest.answers[place] = Answer(running=True)
            self._writing[place] = asyncio.ensure_future(one(*place))
            self._tasks.add(self._writing[place])
        self.flush()
        await asyncio.gather(*(self._writing[place] for place in wanted), return_exceptions=True)
        self.keep()

    async def _answer(self, prompt: int, number: int) -> None:
        """One answer; what goes wrong with it leaves the others alone."""
        contestant = self.contest.contestants[number]
        answer = self.contest.answers[prompt, number] = Answer(running=True)
        messages = contestant.messages(self.contest.prompts[prompt])
        try:
            async for chunk in contestant.model.astream(messages):
                answer.add(chunk)
                self.touch()
            answer.end()
        except asyncio.CancelledError:
            answer.end(note="stopped")
            raise
        except Exception as error:
            answer.end(error)
        finally:
            self._tasks.discard(self._writing.pop((prompt, number), None))
            self.touch()

    # What the page shows.

    def picture(self) -> tuple[dict[str, Any], dict[str, str]]:
        contest, at = self.contest, self._at
        shown, slots = [], {}
        if contest.prompts:
            slots["prompt"] = markdown_html(contest.prompts[at])
            for place, number in enumerate(contest.order(at)):
                answer = contest.answers.get((at, number))
                shown.append(self._column(place, number, answer))
                slots |= self._parts(place, number, answer)
        vote = contest.votes.get(at)
        state = {
            "columns": shown,
            "at": at,
            "of": len(contest.prompts),
            "voted": len(contest.votes),
            "missing": len({p for p, _ in contest.missing()}),
            "vote": vote if vote is None or vote == TIE else contest.order(at).index(int(vote)),
            "note": contest.notes.get(at, ""),
            "blind": contest.blind,
            "hidden": bool(contest.prompts) and contest.hidden(at),
            "busy": bool(self._writing),
            "diff": self._diff,
            "error": self.error,
        }
        return state, slots

    def _column(self, place: int, number: int, answer: Answer | None) -> dict[str, Any]:
        contestant, hidden = self.contest.contestants[number], self.contest.hidden(self._at)
        state = "waiting" if answer is None else "running" if answer.running else "failed" if answer.error else "done"
        facts = [] if answer is None or hidden else _facts(answer, answer.cost_usd(contestant))
        parts = 0 if answer is None or (hidden and answer.error) else len(answer.view.parts)
        name = "" if hidden else contestant.label
        return {"letter": LETTERS[place], "name": name, "facts": facts, "state": state, "parts": max(1, parts)}

    def _parts(self, place: int, number: int, answer: Answer | None) -> dict[str, str]:
        if answer is None:
            return {f"{self._at}.{place}.0": ""}
        if answer.error and self.contest.hidden(self._at):  # an error names its provider
            return {f"{self._at}.{place}.0": f"<p>{FAILED_BLIND}</p>"}
        base = self._base()
        if self._diff not in (None, place) and base and answer.message and not answer.running:
            html = [word_diff(base.text, answer.message.text)]
        else:
            html = answer.view.parts_html() or [""]
        return {f"{self._at}.{place}.{part}": each for part, each in enumerate(html)}

    def _base(self) -> AIMessage | None:
        """The answer that the others are compared with, where one was chosen."""
        if self._diff is None:
            return None
        answer = self.contest.answers.get((self._at, self.contest.order(self._at)[self._diff]))
        return answer.message if answer is not None else None

    def saved(self) -> tuple[str, str]:
        contest, out = self.contest, []
        for prompt, text in enumerate(contest.prompts):
            cards = []
            for place, number in enumerate(contest.order(prompt)):
                answer, hidden = contest.answers.get((prompt, number)), contest.hidden(prompt)
                name = LETTERS[place] if hidden else f"{LETTERS[place]} {contest.contestants[number].label}"
                best = " · best" if contest.votes.get(prompt) == number else ""
                shown = answer.view.parts_html() if answer and not (hidden and answer.error) else []
                cards.append(f'<div class="nbchat wide"><b>{escape_text(name)}</b>{best}{"".join(shown)}</div>')
            out.append(f'<div class="nbchat wide"><div class="said">{markdown_html(text)}</div></div>{columns(cards)}')
        return style_tag() + "".join(out), repr(self)

    def __repr__(self) -> str:
        names = ", ".join(each.label for each in self.contest.contestants)
        return f"Compare({names}; {len(self.contest.prompts)} prompts, {len(self.contest.votes)} votes)"

    # What the page says.

    async def do_hello(self, content: dict[str, Any], buffers: list[Any]) -> None:
        await super().do_hello(content, buffers)
        await self._ask_here()

    async def _ask_here(self) -> None:
        """Ask the prompt that is looked at, if nobody has."""
        if self.contest.prompts:
            await self._ask(self.contest.missing([self._at]))

    async def do_ask(self, content: dict[str, Any], _: list[Any]) -> None:
        self._at = self.contest.ask(str(content["text"]))
        self._diff = None
        await self._ask_here()

    async def do_all(self, _: dict[str, Any], __: list[Any]) -> None:
        await self._ask(self.contest.missing())

    async def do_again(self, content: dict[str, Any], _: list[Any]) -> None:
        number = self._number(content)
        if (self._at, number) not in self._writing:
            await self._ask([(self._at, number)])

    async def do_stop(self, content: dict[str, Any], _: list[Any]) -> None:
        only = None if content.get("column") is None else (self._at, self._number(content))
        for place, task in list(self._writing.items()):
            if only is None or place == only:
                task.cancel()

    async def do_vote(self, content: dict[str, Any], _: list[Any]) -> None:
        vote = content["best"] if content["best"] in (TIE, None) else self._number({"column": content["best"]})
        self.contest.vote(self._at, vote)
        self.keep()

    async def do_note(self, content: dict[str, Any], _: list[Any]) -> None:
        self.contest.notes[self._at] = str(content["text"])
        self.touch()

    async def do_reveal(self, _: dict[str, Any], __: list[Any]) -> None:
        if self._at not in self.contest.votes:
            raise ConfigurationError("vote first, or press tie: then the names are shown")
        self.contest.revealed.add(self._at)
        self.keep()

    async def do_diff(self, content: dict[str, Any], _: list[Any]) -> None:
        column = content.get("column")
        if column is not None:
            self._number(content)  # is there such a column?
        self._diff = None if column == self._diff else column
        self.touch()

    async def do_go(self, content: dict[str, Any], _: list[Any]) -> None:
        to = self._at + int(content["by"])
        if 0 <= to < len(self.contest.prompts):
            self._at, self._diff = to, None
            self.flush()
            await self._ask_here()

    def _number(self, content: dict[str, Any]) -> int:
        column = int(content["column"])
        if not 0 <= column < len(self.contest.contestants):
            raise ConfigurationError(f"there is no column {column}")
        return self.contest.order(self._at)[column]


def _facts(answer: Answer, cost: float | None) -> list[str]:
    """What is known of an answer, in few words."""
    facts = []
    if answer.first_token_s is not None:
        facts.append(duration(answer.first_token_s))
    if answer.tokens_per_s is not None:
        facts.append(f"{answer.tokens_per_s:,.0f} tok/s")
    if answer.message is not None and answer.message.usage_metadata is not None:
        facts.append(f"{answer.message.usage_metadata.output_tokens:,} tokens")
    if cost is not None:
        facts.append(dollars(cost))
    return [*facts, "stopped"] if answer.message is not None and answer.message.interrupted else facts
