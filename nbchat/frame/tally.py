"""What a run has done so far, in numbers."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from nbchat.frame.outcome import Outcome


@dataclass(slots=True)
class Tally:
    """Counts of a run.

    Attributes:
        done: places that have an answer or an error; of all, `errors` have an error.
        unsaved: places that have an answer which could not be committed: it would be asked again.
        requests: answers and errors that were asked for in this run.
        tokens, cost_usd: of those; the price of an answer where it is known.
        priced: whether the price of every answer is known.
        stopped: why the run ended before all was done, or None.
        read: places whose rows have been read.
        known_share: of the places read last, the share that the journal answered, or an equal row does.
    """

    done: int = 0
    unsaved: int = 0
    errors: int = 0
    requests: int = 0
    tokens: int = 0
    cost_usd: float = 0.0
    priced: bool = True
    stopped: str | None = None
    read: int = 0
    known_share: float = 0.0
    began: float = field(default_factory=time.perf_counter)
    asking: float | None = None  # when the first question was sent

    def settled(self, failed: bool, saved: bool = True) -> None:
        """A place has its answer or error."""
        self.done += saved
        self.unsaved += not saved
        self.errors += failed

    def stop(self, why: str) -> None:
        """Keep why the run ended, and what of it is in no journal."""
        if self.unsaved:
            answers = "1 answer is" if self.unsaved == 1 else f"{self.unsaved:,} answers are"
            why = f"{answers} not in the journal, and would be asked again: {why}"
        self.stopped = why

    def asked(self, outcome: Outcome) -> None:
        """A question came back."""
        self.requests += 1
        usage = outcome.paid.usage_metadata if outcome.paid is not None else None
        self.tokens += usage.total_tokens if usage else 0
        self.cost_usd += outcome.cost_usd or 0.0
        self.priced = self.priced and (outcome.paid is None or outcome.cost_usd is not None)

    def to_ask(self, total: int) -> float:
        """About how many places still wait for an answer that has to be asked for: rows further on may be known."""
        return max(0.0, total - self.done - (total - self.read) * self.known_share)

    def counts(self) -> dict[str, Any]:
        """What adds up over several runs, as plain values."""
        return {name: getattr(self, name) for name in ("done", "errors", "requests", "tokens", "cost_usd")}

    @property
    def asking_s(self) -> float:
        """Seconds since the first question was sent; 0 before."""
        return time.perf_counter() - self.asking if self.asking else 0.0

    @property
    def seconds(self) -> float:
        """Since the run began."""
        return time.perf_counter() - self.began
