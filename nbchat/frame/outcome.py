"""What became of one question: an answer or an error, and what it took."""

from __future__ import annotations

from dataclasses import dataclass

from nbchat.values.messages import AIMessage

LONGEST_ERROR = 2000  # characters


@dataclass(slots=True)
class Outcome:
    """What became of one question.

    Attributes:
        message: the answer; also one that does not fit the schema, for it was paid for.
        error: what went wrong: "RateLimitError: openai answered 429 …".
        cost_usd: in US dollars; None where the price is not known.
        latency_s: seconds from the first request to the end of the answer, with repeats.
        attempts: requests that were sent.
        exception: the error itself, where it was met just now.
        kept: whether the journal has it already.
    """

    message: AIMessage | None = None
    error: str | None = None
    cost_usd: float | None = None
    latency_s: float | None = None
    attempts: int = 0
    exception: Exception | None = None
    kept: bool = False

    @property
    def paid(self) -> AIMessage | None:
        """The answer; of a question with tools that failed, the last one before, with the usage of all rounds."""
        return getattr(self.exception, "partial", None) if self.message is None else self.message

    @classmethod
    def of_error(cls, error: Exception) -> Outcome:
        """A failure."""
        return cls(error=f"{type(error).__name__}: {error}"[:LONGEST_ERROR], exception=error)
