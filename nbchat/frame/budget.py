"""A limit on what a batch may spend: each question reserves the most that it is thought to take."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from pydantic_core import to_json

from nbchat.frame.answerer import Answerer
from nbchat.frame.outcome import Outcome
from nbchat.model.prices import cost_usd
from nbchat.values.errors import ChatError, ConfigurationError
from nbchat.values.messages import Message
from nbchat.values.quantities import dollars
from nbchat.values.usage import Usage

BYTES_PER_TOKEN = 3  # fewer than are usual, to be on the safe side; a Chinese character has three
MEDIA_TOKENS = 1600  # of a picture or a file
_MEDIA = frozenset({"image", "audio", "video", "file"})
FIRST_ANSWER = 256  # tokens, while no answer has come yet
MARGIN = 2  # times over the longest answer so far


class Purse:
    """Dollars and tokens that may be spent, what is spent, and what is held for questions under way.

    Args:
        usd, tokens: the limits; None: none.
    """

    def __init__(self, usd: float | None = None, tokens: int | None = None) -> None:
        self.usd = usd
        self.tokens = tokens
        self._spent = [0.0, 0]
        self._held: dict[Any, tuple[float, int]] = {}

    def hold(self, ticket: Any, usd: float, tokens: int) -> bool:
        """Whether there is so much left; it is held then, in place of what the ticket held before."""
        others = [held for other, held in self._held.items() if other != ticket]
        if self.usd is not None and self._spent[0] + sum(each[0] for each in others) + usd > self.usd:
            return False
        if self.tokens is not None and self._spent[1] + sum(each[1] for each in others) + tokens > self.tokens:
            return False
        self._held[ticket] = (usd, tokens)
        return True

    def hold_all(self, ticket: Any, usd: float, tokens: int) -> bool:
        """Whether nothing is spent or held yet, and so much is there; all that there is is held then."""
        if self._held or any(self._spent) or not self.hold(ticket, usd, tokens):
            return False
        self._held[ticket] = (self.usd or 0.0, self.tokens or 0)
        return True

    def pay(self, ticket: Any, usd: float, tokens: int) -> None:
        """Spend so much, and hold nothing any more."""
        self._held.pop(ticket, None)
        self._spent[0] += usd
        self._spent[1] += tokens


class BudgetError(ChatError):
    """A row with tools was left midway: its next round might have passed the budget."""


@dataclass
class _Seen:
    """What the answers of one model took so far, to think of what the next will take."""

    under_way: int = 0
    heard: int = 0  # questions that are over
    answered: bool = False
    longest: int = 0  # tokens of an answer
    denser: float = 1.0  # tokens of a prompt, over what was thought
    dearer: float = 1.0  # dollars of an answer, over its price by our own name of the model


@dataclass
class _Share:
    """What a question under way is thought to take."""

    prompt: int  # tokens, by its length alone
    held: Usage


class Budget:
    """What each question of a batch may take of a purse.

    A model's first question goes alone, and no more are under way than one for each that is over: answers of very
    different lengths would pass a limit together before the long ones are known. Later ones hold what the answers
    taught: prompts as much longer than their text as any was, and, without `max_tokens`, an answer twice as long as the
    longest so far; only one that is longer still can pass the limit. Where the limit is below what the first answer of
    all is thought to take, its question holds the whole, and tells how long answers are. A question with tools holds
    twice what any took in all its rounds, and more before a round that would take more.

    Args:
        usd: dollars; None: no limit.
        tokens: of prompts and answers together; None: no limit.
        by_provider: whether questions go through the provider's Batch API: all at once, and at its price.
        purse: what the limits are kept in; one of its own by default.
    """

    def __init__(
        self, usd: float | None = None, tokens: int | None = None, by_provider: bool = False, purse: Any = None
    ) -> None:
        self.usd = usd
        self.tokens = tokens
        self._by_provider = by_provider
        self._purse = purse or Purse(usd, tokens)
        self._seen: defaultdict[str, _Seen] = defaultdict(_Seen)  # by the model's label
        self._shares: dict[str, _Share] = {}  # by ticket
        self._reached = False
        self._refused = ""  # what the question that did not fit would take

    @property
    def limited(self) -> bool:
        """Whether there is any limit."""
        return self.usd is not None or self.tokens is not None

    def check(self, answerers: Sequence[Answerer]) -> None:
        """Raises ConfigurationError where the limits cannot be kept, for want of a price or of `max_tokens`."""
        for each in answerers:
            if self.limited and self._by_provider and each.max_tokens is None:
                raise ConfigurationError("a budget with mode='provider' needs max_tokens=: all rows go there at once")
            if self.usd is not None and self._price(each, Usage.of(1, 1)) is None:
                raise ConfigurationError(
                    f"no price is known for {each.label}, so budget_usd cannot be kept: limit tokens, budget_tokens="
                )

    def reserve(self, ticket: str, answerer: Answerer, messages: Sequence[Message]) -> bool:
        """Whether this question may be sent now; its share is held then."""
        if not self.limited:
            return True
        seen = self._seen[answerer.label]
        if self._reached or (seen.under_way > seen.heard and not self._by_provider):
            return False
        share = _Share(*self._thought(answerer, messages))
        if held := self._hold(ticket, answerer, share.held) or self._hold_all(ticket, answerer, share.prompt):
            self._shares[ticket] = share
            seen.under_way += 1
        else:
            self._refused = (
                f": the next row is thought to take up to {share.held.total_tokens:,} tokens; "
                f"give {'a smaller ' * bool(answerer.max_tokens)}max_tokens= or a larger budget"
            )
        return held

    def extend(self, ticket: str, answerer: Answerer, messages: Sequence[Message], spent: Usage) -> None:
        """Hold more for a question with tools, where its next round would take more than is held.

        Raises:
            BudgetError: there is not so much left.
        """
        if not self.limited:
            return
        share = self._shares[ticket]
        round_ = Usage.of(prompt_tokens(messages, extra=answerer.extra_chars), answerer.max_tokens or FIRST_ANSWER)
        if (spent + round_).total_tokens > share.held.total_tokens:
            share.held = spent + round_
            if not self._hold(ticket, answerer, share.held):
                self._reached = True
                raise BudgetError(f"the budget of {self.said} might be passed by this row's next round of tools")

    def settle(self, ticket: str, answerer: Answerer, outcome: Outcome) -> None:
        """Count what a question took in fact, and learn from it."""
        if not self.limited:
            return
        seen, share = self._seen[answerer.label], self._shares.pop(ticket)
        seen.under_way -= 1
        seen.heard += 1
        if outcome.paid is None:
            self._purse.pay(ticket, 0.0, 0)
            return
        took = outcome.paid.usage_metadata or share.held  # not every server counts
        self._purse.pay(ticket, max(0.0, outcome.cost_usd or 0.0), max(0, took.total_tokens))
        seen.answered = True
        seen.longest = max(seen.longest, took.output_tokens)
        seen.denser = max(seen.denser, (took.total_tokens - took.output_tokens) / share.prompt)
        if outcome.cost_usd and (expected := self._price(answerer, took)):
            seen.dearer = max(seen.dearer, outcome.cost_usd / expected)

    def _thought(self, answerer: Answerer, messages: Sequence[Message]) -> tuple[int, Usage]:
        """The tokens of a prompt by its length, and the most that its answer is thought to take."""
        seen, limit = self._seen[answerer.label], answerer.max_tokens or 0
        prompt = prompt_tokens(messages, extra=answerer.extra_chars)
        answer = limit if limit and limit >= seen.longest else seen.longest * MARGIN or FIRST_ANSWER
        rounds = MARGIN if answerer.tools and seen.answered else 1
        return prompt, Usage.of(ceil(prompt * seen.denser * rounds), answer)

    def _hold(self, ticket: str, answerer: Answerer, usage: Usage) -> bool:
        usd = (self._price(answerer, usage) or 0.0) * self._seen[answerer.label].dearer
        return self._purse.hold(ticket, usd, usage.total_tokens)

    def _hold_all(self, ticket: str, answerer: Answerer, prompt: int) -> bool:
        """Whether the very first question may hold everything: how long answers are is not known, and it tells."""
        if answerer.max_tokens or answerer.tools:  # with tools it is several, each longer than the one before
            return False
        usage = Usage.of(prompt * MARGIN, 0)
        return self._purse.hold_all(ticket, self._price(answerer, usage) or 0.0, usage.total_tokens)

    def _price(self, answerer: Answerer, usage: Usage) -> float | None:
        return cost_usd(usage, answerer.model_name, answerer.provider, batch=self._by_provider)

    @property
    def reached(self) -> str:
        """Why nothing more is asked: the limit, and what the next question would take of it."""
        return f"the budget of {self.said} is reached{self._refused}"

    @property
    def said(self) -> str:
        """The limit in words: "$2.00"."""
        limits = [] if self.usd is None else [dollars(self.usd)]
        return " and ".join(limits if self.tokens is None else [*limits, f"{self.tokens:,} tokens"])


def prompt_tokens(messages: Sequence[Message], bytes_per_token: float = BYTES_PER_TOKEN, extra: int = 0) -> int:
    """About how many tokens a conversation has.

    Args:
        extra: characters that go along with it: tools, a schema.
    """
    text = media = 0
    for block in (block for message in messages for block in message.blocks):
        if block["type"] in _MEDIA:
            media += 1
        else:
            text += len(block["text"].encode() if block["type"] == "text" else to_json(block, fallback=str))
    return int((text + extra) / bytes_per_token) + 4 * len(messages) + MEDIA_TOKENS * media
