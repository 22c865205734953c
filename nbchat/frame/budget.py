"""A limit on what a batch may spend: each question reserves the most that it is thought to take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nbchat.frame.answerer import Answerer
from nbchat.frame.outcome import Outcome
from nbchat.model.prices import cost_usd
from nbchat.values.errors import ConfigurationError
from nbchat.values.messages import Message
from nbchat.values.usage import Usage

CHARS_PER_TOKEN = 3  # fewer than are usual, to be on the safe side
MEDIA_TOKENS = 1600  # of a picture or a file
FIRST_ANSWER = 256  # tokens, while no answer has come yet
MARGIN = 1.25  # over the longest answer so far


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
        """Whether there is so much left; it is held then."""
        held_usd = self._spent[0] + sum(each[0] for each in self._held.values())
        held_tokens = self._spent[1] + sum(each[1] for each in self._held.values())
        if self.usd is not None and held_usd + usd > self.usd:
            return False
        if self.tokens is not None and held_tokens + tokens > self.tokens:
            return False
        self._held[ticket] = (usd, tokens)
        return True

    def pay(self, ticket: Any, usd: float, tokens: int) -> None:
        """Spend so much, and hold nothing any more."""
        self._held.pop(ticket, None)
        self._spent[0] += usd
        self._spent[1] += tokens


class Budget:
    """What each question of a batch may take of a purse.

    Without `max_tokens` an answer's length is not known beforehand: the first question goes alone, and later ones
    hold a quarter more than the longest so far.

    Args:
        usd: dollars; None: no limit.
        tokens: of prompts and answers together; None: no limit.
        by_provider: whether questions go through the provider's Batch API: all at once, and at its price.
        purse: what the limits are kept in; one of its own by default.
    """

    def __init__(
        self, usd: float | None = None, tokens: int | None = None, by_provider: bool = False, purse: Any = None
    ) -> None:
        for name, value in (("budget_usd", usd), ("budget_tokens", tokens)):
            if value is not None and not value > 0:
                raise ConfigurationError(f"{name} is a number above 0, not {value!r}")
        self.usd = usd
        self.tokens = tokens
        self._by_provider = by_provider
        self._purse = purse or Purse(usd, tokens)
        self._longest = 0
        self._under_way = 0

    @property
    def limited(self) -> bool:
        """Whether there is any limit."""
        return self.usd is not None or self.tokens is not None

    def check(self, answerers: Sequence[Answerer]) -> None:
        """Raises ConfigurationError where the limits cannot be kept, for want of a price or of `max_tokens`."""
        for each in answerers:
            if self.limited and self._by_provider and each.max_tokens is None:
                raise ConfigurationError("a budget with mode='provider' needs max_tokens=: all rows go there at once")
            if self.usd is not None and cost_usd(Usage.of(1, 1), each.model_name, each.provider) is None:
                raise ConfigurationError(
                    f"no price is known for {each.label}, so budget_usd cannot be kept: limit tokens, budget_tokens="
                )

    def reserve(self, ticket: Any, answerer: Answerer, messages: Sequence[Message]) -> bool:
        """Whether this question may be sent now; its share is held then."""
        if not self.limited:
            return True
        limit = answerer.max_tokens
        if limit is None and not self._longest and self._under_way:
            return False
        usage = Usage.of(prompt_tokens(messages), limit or int(self._longest * MARGIN) or FIRST_ANSWER)
        usd = cost_usd(usage, answerer.model_name, answerer.provider, batch=self._by_provider) or 0.0
        held = self._purse.hold(ticket, usd, usage.total_tokens)
        self._under_way += held
        return held

    def settle(self, ticket: Any, outcome: Outcome) -> None:
        """Count what a question took in fact."""
        if not self.limited:
            return
        usage = outcome.message.usage_metadata if outcome.message is not None else None
        self._under_way -= 1
        self._longest = max(self._longest, usage.output_tokens if usage else 0)
        self._purse.pay(ticket, outcome.cost_usd or 0.0, usage.total_tokens if usage else 0)

    @property
    def said(self) -> str:
        """The limit in words: "$2.00"."""
        limits = [] if self.usd is None else [f"${self.usd:,.2f}"]
        return " and ".join(limits if self.tokens is None else [*limits, f"{self.tokens:,} tokens"])


def prompt_tokens(messages: Sequence[Message], chars_per_token: float = CHARS_PER_TOKEN) -> int:
    """About how many tokens a conversation has."""
    chars = sum(len(message.text) for message in messages)
    media = sum(block["type"] != "text" for message in messages for block in message.blocks)
    return int(chars / chars_per_token) + 4 * len(messages) + MEDIA_TOKENS * media
