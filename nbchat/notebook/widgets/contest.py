"""Several models on the same prompts: who they are, what they said, and which answer was best."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nbchat.frame.answerer import answerers
from nbchat.model.prices import cost_usd
from nbchat.model.verbs import Verbs
from nbchat.notebook.view import AnswerView
from nbchat.values.errors import ConfigurationError
from nbchat.values.gathering import Gathering
from nbchat.values.messages import AIMessage, HumanMessage, Message, SystemMessage

FEWEST, MOST = 2, 6
LETTERS = "ABCDEF"
TIE = "tie"


@dataclass(frozen=True, eq=False)
class Contestant:
    """A model under a name of its own, with instructions of its own where it has some."""

    label: str
    model: Verbs[AIMessage]
    system: str | None = None

    def messages(self, prompt: str) -> list[Message]:
        """The conversation that asks this prompt."""
        return [*([SystemMessage(self.system)] if self.system else []), HumanMessage(prompt)]


@dataclass(eq=False)
class Answer:
    """One contestant's answer to one prompt, also while it comes.

    Attributes:
        message: the answer, or what had come of it at a stop; None before, and where there is none.
        error: why there is none.
        running: whether it is being written.
        view: what it looks like.
    """

    view: AnswerView = field(default_factory=lambda: AnswerView(""))
    message: AIMessage | None = None
    error: str | None = None
    running: bool = False
    first_token_s: float | None = None
    _came: Gathering = field(default_factory=Gathering)
    _began: float = field(default_factory=time.perf_counter)

    def add(self, chunk: Any) -> None:
        """Take in a piece."""
        if self.first_token_s is None and chunk.blocks:
            self.first_token_s = time.perf_counter() - self._began
        self._came.add(chunk)
        self.view.add(chunk)

    def end(self, error: Exception | None = None, note: str = "") -> None:
        """No more comes: it is whole, was stopped, or failed."""
        self.running = False
        if self._came.chunk is not None:
            self.message = self._came.message()
            self.message.timing.setdefault("total_s", time.perf_counter() - self._began)
            if note or error:
                self.message.response_metadata = {**self.message.response_metadata, "finish_reason": "interrupted"}
        if error is not None:
            self.error = f"{type(error).__name__}: {error}"
            self.view.fail(error)
        self.view.finish(note)

    @classmethod
    def whole(cls, message: AIMessage) -> Answer:
        """An answer that came in one piece."""
        out = cls(message=message, first_token_s=message.timing.get("first_token_s"))
        out.view.add(message)
        out.view.finish()
        return out

    @property
    def seconds(self) -> float | None:
        """From the question to the end of the answer."""
        return self.message.timing.get("total_s") if self.message is not None else None

    @property
    def tokens_per_s(self) -> float | None:
        """How fast it was written, once it began."""
        usage = self.message.usage_metadata if self.message is not None else None
        if usage is None or self.seconds is None or self.first_token_s is None:
            return None
        writing = self.seconds - self.first_token_s
        return usage.output_tokens / writing if writing > 0.01 and usage.output_tokens > 1 else None

    def cost_usd(self, contestant: Contestant) -> float | None:
        """In US dollars; None where it is not known."""
        provider = getattr(contestant.model, "provider", None)
        return None if self.message is None else cost_usd(self.message, provider=provider)


class Contest:
    """Contestants, prompts, answers and verdicts.

    Args:
        blind: shuffle the contestants anew for each prompt, and hide who they are until that prompt is revealed.
        seed: of the shuffling.

    Attributes:
        answers: by (number of the prompt, number of the contestant).
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
        self.answers: dict[tuple[int, int], Answer] = {}
        self.votes: dict[int, int | str] = {}
        self.notes: dict[int, str] = {}
        self.revealed: set[int] = set()
        for prompt in prompts:
            self.ask(prompt)

    def ask(self, prompt: str) -> int:
        """Add a prompt; returns its number."""
        if not isinstance(prompt, str) or not prompt.strip():
            raise ConfigurationError(f"a prompt is a text that is not empty, not {prompt!r:.80}")
        self.prompts.append(prompt)
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

    def missing(self, prompts: Iterable[int] | None = None) -> list[tuple[int, int]]:
        """What was not asked yet."""
        wanted = range(len(self.prompts)) if prompts is None else prompts
        return [(p, c) for p in wanted for c in range(len(self.contestants)) if (p, c) not in self.answers]

    def vote(self, prompt: int, best: int | str | None) -> None:
        """Say which contestant's answer to a prompt is best; "tie" for none, None to take it back.

        Raises:
            ConfigurationError: no such prompt or contestant; or its names were revealed.
        """
        if not 0 <= prompt < len(self.prompts):
            raise ConfigurationError(f"there is no prompt {prompt}; there are {len(self.prompts)}, counted from 0")
        if self.blind and prompt in self.revealed:
            raise ConfigurationError("the names of this prompt were revealed: its vote stands")
        if best is None:
            self.votes.pop(prompt, None)
        else:
            self.votes[prompt] = best

    def numbered(self, prompt: int, name: str | int | None) -> int | str | None:
        """A contestant's number by label, or by the letter that it has at this prompt; "tie" as it is."""
        if name is None or name == TIE:
            return name
        labels = [each.label for each in self.contestants]
        if name in labels:
            return labels.index(str(name))
        letters = LETTERS[: len(labels)]
        if isinstance(name, str) and len(name) == 1 and name.upper() in letters:
            return self.order(prompt)[letters.index(name.upper())]
        raise ConfigurationError(f"a vote is for {', '.join(letters)}, tie, or {', '.join(labels)}; not {name!r}")


def contestants(models: Any, system: str | None, params: Mapping[str, Any]) -> list[Contestant]:
    """Contestants of names, models, or dicts of `model`, parameters and `system`; in a list, or by label."""
    if not isinstance(models, Mapping | list | tuple):
        raise ConfigurationError("Compare takes a list of models, as in Compare(['openai:gpt-5-nano', 'local:…'])")
    labelled = list(models.items()) if isinstance(models, Mapping) else [(None, each) for each in models]
    made, labels, systems = [], [], []
    for label, given in labelled:
        own = dict(given) if isinstance(given, Mapping) else {"model": given}
        labels.append(own.pop("label", label))
        systems.append(own.pop("system", system))
        model = own.pop("model", None)
        if not isinstance(model, str | Verbs):
            raise ConfigurationError(f"a contestant is a model, its name, or a dict with 'model', not {given!r:.80}")
        made.append(answerers(model, options={**params, **own})[0].model)
    named = [label or each.label for label, each in zip(labels, answerers(made) if made else [], strict=True)]
    if len(set(named)) < len(named):
        raise ConfigurationError(f"each contestant needs a label of its own; these are {', '.join(named)}")
    return [Contestant(*each) for each in zip(named, made, systems, strict=True)]
