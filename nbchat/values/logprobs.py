"""Log probabilities of an answer's tokens, as one neutral table."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, slots=True)
class Alternative:
    """A token the model might have written, with its natural-log probability.

    `bytes` are its UTF-8 bytes where the provider gives them: of a piece of a character, `token` tells nothing.
    """

    token: str
    logprob: float
    bytes: tuple[int, ...] | None = None

    @property
    def probability(self) -> float:
        """Between 0 and 1."""
        return _probability(self.logprob)


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A token of the answer.

    Attributes:
        token: its text; for a piece of a character, a placeholder (see `bytes`).
        logprob: natural logarithm of its probability.
        alternatives: the likeliest tokens at this place, the chosen one among them if the provider lists it.
        bytes: its UTF-8 bytes where the provider gives them (OpenAI's `bytes`).
    """

    token: str
    logprob: float
    alternatives: tuple[Alternative, ...] = ()
    bytes: tuple[int, ...] | None = None

    @property
    def probability(self) -> float:
        """Between 0 and 1."""
        return _probability(self.logprob)

    @property
    def entropy(self) -> float | None:
        """Entropy in bits over the returned alternatives and one remainder; None without alternatives."""
        if not self.alternatives:
            return None
        shares = [a.probability for a in self.alternatives]
        if self.token not in [a.token for a in self.alternatives]:
            shares.append(self.probability)
        shares.append(1 - sum(shares))
        return -sum([p * math.log2(p) for p in shares if p > 1e-12]) + 0.0


class Logprobs(Sequence[TokenLogprob]):
    """The tokens of an answer with their log probabilities, in order."""

    def __init__(self, tokens: Sequence[TokenLogprob]) -> None:
        self._tokens = tuple(tokens)

    @classmethod
    def read(cls, raw: Mapping[str, Any] | None) -> Logprobs | None:
        """Read `response_metadata["logprobs"]` (OpenAI's form: `content` and `refusal`, lists of tokens)."""
        entries = [*((raw or {}).get("content") or ()), *((raw or {}).get("refusal") or ())]
        return cls([_token(entry) for entry in entries]) if entries else None

    def __len__(self) -> int:
        return len(self._tokens)

    def __getitem__(self, index: Any) -> Any:
        return self._tokens[index]

    def __iter__(self) -> Iterator[TokenLogprob]:
        return iter(self._tokens)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Logprobs) and self._tokens == other._tokens

    def __hash__(self) -> int:
        return hash(self._tokens)

    @property
    def mean(self) -> float:
        """Mean log probability of a token."""
        return sum(t.logprob for t in self._tokens) / len(self._tokens) if self._tokens else 0.0

    @property
    def perplexity(self) -> float:
        """exp(-mean): 1.0 is certainty."""
        return math.exp(min(-self.mean, 700.0))  # beyond are no floats

    def to_frame(self) -> pandas.DataFrame:
        """One row a token: token, logprob, probability, entropy (bits), alternatives (dict of token to probability)."""
        import pandas

        return pandas.DataFrame(
            {
                "token": [t.token for t in self],
                "logprob": [t.logprob for t in self],
                "probability": [t.probability for t in self],
                "entropy": [t.entropy for t in self],
                "alternatives": [{a.token: a.probability for a in t.alternatives} for t in self],
            }
        )

    def __repr__(self) -> str:
        return f"<Logprobs: {len(self)} tokens, perplexity {self.perplexity:.2f}>"


def _token(entry: Mapping[str, Any]) -> TokenLogprob:
    return TokenLogprob(
        token=entry.get("token") or "",
        logprob=_number(entry.get("logprob")),
        alternatives=tuple(
            Alternative(top.get("token") or "", _number(top.get("logprob")), _bytes(top))
            for top in entry.get("top_logprobs") or ()
        ),
        bytes=_bytes(entry),
    )


def _probability(logprob: float) -> float:
    return math.exp(min(logprob, 0.0))  # some servers send a little more than 0, or anything


def _bytes(entry: Mapping[str, Any]) -> tuple[int, ...] | None:
    raw = entry.get("bytes")
    return tuple(raw) if isinstance(raw, list | tuple) else None


def _number(logprob: float | None) -> float:
    return -9999.0 if logprob is None else logprob  # OpenAI's own floor for "hardly possible"
