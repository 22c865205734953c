"""Several models on the same prompts: what was asked and answered, and which answer was best."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, SupportsIndex

from nbchat.notebook.render.safe import whole_characters
from nbchat.notebook.widgets.compare.answer import Answer
from nbchat.notebook.widgets.compare.contestants import Contestant
from nbchat.values.errors import ConfigurationError

if TYPE_CHECKING:
    import pandas as pd

FEWEST, MOST = 2, 6
LETTERS = "ABCDEF"
TIE = "tie"

Place = tuple[int, int]  # number of the prompt, number of the contestant
Question = tuple[Contestant, str, Answer]


class Contest:
    """Contestants, prompts, answers and verdicts.

    Args:
        blind: shuffle the contestants anew for each prompt, and hide who they are until that prompt is revealed.
        seed: of the shuffling.

    Attributes:
        index: the labels of the first prompts' rows, where they are a column of a DataFrame.
        answers: by place; also those that are waited for.
        votes: by number of the prompt: a contestant's number, or "tie". `notes` likewise.
        revealed: prompts whose contestants have been shown; their votes stand.
    """

    def __init__(
        self, contestants: Sequence[Contestant], prompts: Iterable[str], *, blind: bool = False, seed: int | None = None
    ) -> None:
        if not FEWEST <= len(contestants) <= MOST:
            raise ConfigurationError(f"Compare takes {FEWEST} to {MOST} models, not {len(contestants)}")
        self.contestants = list(contestants)
        self.blind = blind
        self.seed = random.randrange(2**32) if seed is None else seed
        self.prompts: list[str] = []
        self.index: pd.Index[Any] | None = None
        self.answers: dict[Place, Answer] = {}
        self.votes: dict[int, int | str] = {}
        self.notes: dict[int, str] = {}
        self.revealed: set[int] = set()
        for prompt in prompts:
            self.ask(prompt)

    def ask(self, prompt: str) -> int:
        """Add a prompt; returns its number."""
        if not isinstance(prompt, str) or not prompt.strip():
            raise ConfigurationError(f"a prompt is a text that is not empty, not {prompt!r:.80}")
        self.prompts.append(whole_characters(prompt))
        return len(self.prompts) - 1

    def order(self, prompt: int) -> list[int]:
        """The contestants from the left to the right."""
        places = list(range(len(self.contestants)))
        if self.blind:
            random.Random(f"{self.seed} {prompt}").shuffle(places)
        return places

    def hidden(self, prompt: int) -> bool:
        """Whether nobody is to know who answered what."""
        return self.blind and prompt not in self.revealed

    def missing(self, prompts: Iterable[int] | None = None) -> list[Place]:
        """What was not asked yet."""
        wanted = range(len(self.prompts)) if prompts is None else prompts
        return [(p, c) for p in wanted for c in range(len(self.contestants)) if (p, c) not in self.answers]

    def unanswered(self) -> list[Place]:
        """What was not asked yet, or not answered to the end; where there is a vote, the answers stand."""
        cut = [
            place for place, a in self.answers.items() if a.over and a.state != "done" and place[0] not in self.votes
        ]
        return sorted([*self.missing(), *cut])

    def unasked(self) -> int:
        """How many prompts some contestant was not asked yet."""
        return len({prompt for prompt, _ in self.missing()})

    def unfinished(self) -> int:
        """How many prompts are being answered."""
        return len({prompt for (prompt, _), answer in self.answers.items() if not answer.over})

    def question(self, place: Place) -> Question:
        """Ask a contestant, or ask it again."""
        prompt, number = place
        self.answers[place] = answer = Answer()
        return self.contestants[number], self.prompts[prompt], answer

    def end(self, answers: Iterable[Answer]) -> None:
        """Nobody writes these any more: what came stays, and what never began was not asked."""
        ended = list(answers)
        for answer in ended:
            answer.take("stopped")
        self.votes = {p: best for p, best in self.votes.items() if not self.failed(p, best)}  # voted as it was written
        if unasked := {answer for answer in ended if answer.state == "waiting"}:
            self.answers = {place: answer for place, answer in self.answers.items() if answer not in unasked}

    def vote(self, prompt: SupportsIndex, best: int | str | None) -> None:
        """Say which contestant's answer to a prompt is best; "tie" for none, None to take it back.

        Raises:
            ConfigurationError: no such prompt or contestant; or its names were revealed; or that answer failed.
        """
        prompt = self.known(prompt)
        self._open(prompt, "vote can no longer change")
        if best is None:
            self.votes.pop(prompt, None)
        elif self.failed(prompt, best):
            raise ConfigurationError(f"{LETTERS[self.order(prompt).index(int(best))]} failed: vote for an answer")
        else:
            self.votes[prompt] = best

    def failed(self, prompt: int, number: int | str) -> bool:
        """Whether this contestant's answer failed."""
        return number != TIE and (answer := self.answers.get((prompt, int(number)))) is not None and answer.failed

    def remark(self, prompt: SupportsIndex, note: str) -> None:
        """Note something on a prompt."""
        self.notes[self.known(prompt)] = whole_characters(note)

    def reopen(self, prompt: int) -> None:
        """One of its answers is going to be another: its vote was not about that one.

        Raises:
            ConfigurationError: its names were revealed.
        """
        self._open(prompt, "answers can no longer change; ask it anew as a prompt of its own")
        self.votes.pop(prompt, None)

    def _open(self, prompt: int, otherwise: str) -> None:
        if self.blind and prompt in self.revealed:
            raise ConfigurationError(f"the names of this prompt are already revealed, so its {otherwise}")

    def known(self, prompt: SupportsIndex) -> int:
        """The number of a prompt that there is.

        Raises:
            ConfigurationError: there is none of this number.
        """
        number = prompt.__index__() if isinstance(prompt, SupportsIndex) else -1  # a frame has integers of its own
        if isinstance(prompt, bool) or not 0 <= number < len(self.prompts):
            raise ConfigurationError(f"there is no prompt {prompt!r}; there are {len(self.prompts)}, counted from 0")
        return number

    def numbered(self, prompt: int, name: str | None) -> int | str | None:
        """A contestant's number by label, or by the letter that it has at this prompt; "tie" as it is."""
        if name is None or name == TIE:
            return name
        labels = [each.label for each in self.contestants]
        if name in labels:
            return labels.index(name)
        letters = LETTERS[: len(labels)]
        if isinstance(name, str) and len(name) == 1 and name.upper() in letters:
            return self.order(prompt)[letters.index(name.upper())]
        raise ConfigurationError(f"a vote is for {', '.join(letters)}, tie, or {', '.join(labels)}; not {name!r}")
