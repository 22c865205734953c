"""What a batch would take, before it is run: tokens, dollars and time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from nbchat.frame.batch import Batch
from nbchat.frame.budget import prompt_tokens
from nbchat.frame.outcome import Outcome
from nbchat.frame.plan import Plan, check_number
from nbchat.model.prices import BATCH_SHARE, cost_usd
from nbchat.values.quantities import dollars, duration
from nbchat.values.usage import Usage

if TYPE_CHECKING:
    import pandas as pd

BYTES_PER_TOKEN = 4
READ = 1000  # prompts that are read for their length, at most
ANSWER_TOKENS = 256  # of an answer, where nothing is known of any
FIRST_S, TOKENS_PER_S = 1.0, 50.0  # how fast such an answer is thought to come


@dataclass(frozen=True)
class Estimate:
    """What a batch would take.

    Attributes:
        rows: answers that are wanted.
        known: of these, how many are in the journal already, of the rows that were looked at, in proportion.
        free: how many cost nothing for they repeat an earlier row, or cannot be asked; likewise.
        input_tokens, output_tokens: of what is to be asked.
        cost_usd: US dollars that are expected; None where no price is known.
        most_usd: what it cannot exceed; None without `max_tokens`, or a price.
        seconds: the time that is expected; None of jobs at a provider.
        sampled: rows that were asked for this.
        basis: what the length and the speed of answers were taken from.
    """

    rows: int
    known: int
    free: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    most_usd: float | None
    seconds: float | None
    sampled: int
    basis: str

    def facts(self) -> dict[str, str]:
        """Name to value, in words."""
        out = {"rows": f"{self.rows:,}", "in the journal": f"{self.known:,}"}
        if self.free:
            out["not to be asked"] = f"{self.free:,}"
        out["input tokens"] = f"≈ {self.input_tokens:,}"
        out["output tokens"] = f"≈ {self.output_tokens:,}"
        if self.cost_usd is not None:
            most = f", at most {dollars(self.most_usd)}" if self.most_usd else ""
            out["cost"] = f"{'≈ ' * bool(self.cost_usd)}{dollars(self.cost_usd)}{most}"
        if self.seconds is not None:
            out["time"] = f"≈ {duration(self.seconds)}"
        out["from"] = self.basis
        return out

    def __repr__(self) -> str:
        return "Estimate(" + " · ".join(f"{name} {value}" for name, value in self.facts().items()) + ")"


@dataclass(frozen=True)
class _Read:
    """What reading some prompts, and the journal's answers to them, has told."""

    counted: int
    free: int
    tokens: int  # of the prompts that are to be asked
    answers: list[Outcome]

    def share(self, some: int, total: int) -> int:
        """So many of those that were read, in proportion to all."""
        return round(some * total / self.counted) if self.counted else 0


@dataclass(frozen=True)
class _Typical:
    """An answer such as most are thought to be."""

    tokens: float
    seconds: float
    basis: str
    cost_usd: float | None = None  # where it was seen


def estimated(
    rows: pd.DataFrame, plan: Plan, sample: int, finished: Callable[[pd.DataFrame, Plan], pd.DataFrame]
) -> Estimate:
    """What the plan would take for these rows; `sample` of them, spread evenly, are asked in fact by `finished`.

    Raises:
        ConfigurationError: as the batch itself would raise.
    """
    if sample:
        check_number("sample", sample, whole=True)
    batch = Batch(rows, plan)
    try:
        read = _read(batch)
        to_ask = batch.total - read.share(len(read.answers) + read.free, batch.total)
        if not sample or not to_ask:
            return _estimate(batch, read, to_ask, _of_journal(read.answers) or _guess(batch), 0)
    finally:
        if batch.own_journal:
            batch.journal.close()
    places = {round(i * (len(rows) - 1) / max(1, sample - 1)) for i in range(min(sample, len(rows)))}
    asked = finished(rows.iloc[sorted(places)], replace(plan, mode="live", progress=False, on_row=None))
    typical = _of_sample(batch, asked) or _guess(batch)
    return _estimate(batch, read, to_ask, typical, asked.attrs["nbchat"]["rows"])


def _read(batch: Batch) -> _Read:
    """Of rows spread evenly."""
    step = max(1, len(batch.input) // READ)
    counted = free = tokens = 0
    answers: list[Outcome] = []
    seen: dict[str, Outcome | None] = {}
    for row in range(0, len(batch.input), step):
        for answerer in batch.answerers:
            for sample in range(batch.plan.n):
                counted += 1
                try:
                    messages = batch.run.prompts[row]
                    key = answerer.key(messages, sample)
                except Exception:  # such a row becomes an error
                    free += 1
                    continue
                repeats = key in seen
                if not repeats:
                    seen[key] = batch.journal.answered([key]).get(key)
                if (answer := seen[key]) is not None:
                    answers.append(answer)
                elif repeats:
                    free += 1
                else:
                    tokens += prompt_tokens(messages, BYTES_PER_TOKEN, answerer.extra_chars)
    return _Read(counted, free, tokens, answers)


def _estimate(batch: Batch, read: _Read, to_ask: int, typical: _Typical, sampled: int) -> Estimate:
    plan, share = batch.plan, BATCH_SHARE if batch.plan.by_provider else 1.0
    input_tokens = read.share(read.tokens, batch.total)
    limits = [each.max_tokens for each in batch.answerers]
    output = sum(min(typical.tokens, limit or typical.tokens) for limit in limits) / len(limits) * to_ask
    cost = _cost(batch, input_tokens, output) if typical.cost_usd is None else typical.cost_usd * share * to_ask
    most = (
        None
        if None in limits
        else _cost(batch, input_tokens, sum(limit or 0 for limit in limits) * to_ask / len(limits))
    )
    slowest = [typical.seconds * to_ask / min(batch.width, max(1, to_ask))]
    slowest += [60 * to_ask / plan.rpm] if plan.rpm else []
    slowest += [60 * (input_tokens + output) / plan.tpm] if plan.tpm else []
    return Estimate(
        batch.total,
        read.share(len(read.answers), batch.total),
        read.share(read.free, batch.total),
        input_tokens,
        round(output),
        cost,
        most,
        None if plan.by_provider else max(slowest),  # a job takes what time it takes
        sampled,
        typical.basis,
    )


def _cost(batch: Batch, input_tokens: float, output_tokens: float) -> float | None:
    """Of so many tokens, shared evenly by the models."""
    count = len(batch.answerers)
    share = Usage.of(round(input_tokens / count), round(output_tokens / count))
    costs = [cost_usd(share, each.model_name, each.provider, batch=batch.plan.by_provider) for each in batch.answerers]
    return None if None in costs else sum(cost or 0.0 for cost in costs)


def _guess(batch: Batch) -> _Typical:
    limits = [each.max_tokens or ANSWER_TOKENS for each in batch.answerers]
    tokens = min(ANSWER_TOKENS, max(limits))
    basis = (
        f"the prompts' length, and a guess of {tokens} tokens an answer, {TOKENS_PER_S:.0f} a second: nothing was sent"
    )
    return _Typical(tokens, FIRST_S + tokens / TOKENS_PER_S, basis)


def _of_journal(answers: list[Outcome]) -> _Typical | None:
    used = [
        each.message.usage_metadata.output_tokens for each in answers if each.message and each.message.usage_metadata
    ]
    if not used:
        return None
    seconds = sum(each.latency_s or 0.0 for each in answers) / len(answers)
    return _Typical(sum(used) / len(used), seconds, f"{len(answers):,} answers in the journal; nothing was sent")


def _of_sample(batch: Batch, asked: Any) -> _Typical | None:
    names = [f"{batch.plan.prefix}{name}" for name in ("output_tokens", "latency_s", "cost_usd")]
    tokens, seconds, cost = (_mean(asked, name) for name in names)
    if tokens is None or seconds is None:
        return None
    return _Typical(tokens, seconds, f"a sample of {asked.attrs['nbchat']['rows']:,} rows", cost)


def _mean(asked: pd.DataFrame, name: str) -> float | None:
    """Over all columns that end in this name: with wide=True there is one a model."""
    values = [asked[column].dropna() for column in asked.columns if str(column).endswith(name)]
    count = sum(len(each) for each in values)
    return sum(float(each.sum()) for each in values) / count if count else None
