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


class Budget:
    """Dollars and tokens that may be spent, what is spent, and what is reserved for questions under way.

    Without `max_tokens` an answer's length is not known beforehand: the first question goes alone, and later ones
    reserve a quarter more than the longest so far.

    Args:
        usd: dollars; None: no limit.
        tokens: of prompts and answers together; None: no limit.
    """

    def __init__(self, usd: float | None = None, tokens: int | None = None) -> None:
        for name, value in (("budget_usd", usd), ("budget_tokens", tokens)):
            if value is not None and not value > 0:
                raise ConfigurationError(f"{name} is a number above 0, not {value!r}")
        self.usd = usd
        self.tokens = tokens
        self.spent_usd = 0.0
        self.spent_tokens = 0
        self._longest = 0
        self._reserved: dict[Any, tuple[float, int]] = {}

    def check(self, answerers: Sequence[Answerer]) -> None:
        """Raises ConfigurationError where dollars are to be limited and a model's price is not known."""
        for each in answerers:
            if self.usd is not None and cost_usd(Usage.of(1, 1), each.model_name, each.provider) is None:
                raise ConfigurationError(
                    f"no price is known for {each.label}, so budget_usd cannot be kept: limit tokens, budget_tokens="
                )

    def reserve(self, ticket: Any, answerer: Answerer, messages: Sequence[Message]) -> bool:
        """Whether this question may be sent now; its share is reserved then."""
        if self.usd is None and self.tokens is None:
            return True
        limit = answerer.max_tokens
        if limit is None and not self._longest and self._reserved:
            return False
        usage = Usage.of(prompt_tokens(messages), limit or int(self._longest * MARGIN) or FIRST_ANSWER)
        usd = cost_usd(usage, answerer.model_name, answerer.provider) or 0.0
        held_usd = sum(share for share, _ in self._reserved.values())
        held_tokens = sum(share for _, share in self._reserved.values())
        if self.usd is not None and self.spent_usd + held_usd + usd > self.usd:
            return False
        if self.tokens is not None and self.spent_tokens + held_tokens + usage.total_tokens > self.tokens:
            return False
        self._reserved[ticket] = (usd, usage.total_tokens)
        return True

    def settle(self, ticket: Any, outcome: Outcome) -> None:
        """Count what a question took in fact."""
        self._reserved.pop(ticket, None)
        usage = outcome.message.usage_metadata if outcome.message is not None else None
        self.spent_usd += outcome.cost_usd or 0.0
        if usage:
            self.spent_tokens += usage.total_tokens
            self._longest = max(self._longest, usage.output_tokens)

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
