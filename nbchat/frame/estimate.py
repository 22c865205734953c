"""What a batch would take, before it is run: tokens, dollars and time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from nbchat.frame.batch import Batch
from nbchat.frame.budget import prompt_tokens
from nbchat.frame.plan import Plan
from nbchat.model.prices import BATCH_SHARE, cost_usd
from nbchat.values.errors import ConfigurationError
from nbchat.values.quantities import dollars, duration
from nbchat.values.usage import Usage

if TYPE_CHECKING:
    import pandas as pd

CHARS_PER_TOKEN = 4
READ = 1000  # prompts that are read for their length, at most


@dataclass(frozen=True)
class Estimate:
    """What a batch would take.

    Attributes:
        rows: answers that are wanted.
        known: of these, how many are in the journal already, of the rows that were looked at, in proportion.
        input_tokens, output_tokens: of what is to be asked; without a sample `output_tokens` is the most that
            `max_tokens` allows, or None.
        cost_usd: US dollars; None where no price is known, or the answers' length.
        seconds: None without a sample, and of jobs at a provider.
        sampled: rows that were asked for this.
    """

    rows: int
    known: int
    input_tokens: int
    output_tokens: int | None
    cost_usd: float | None
    seconds: float | None
    sampled: int

    def facts(self) -> dict[str, str]:
        """Name to value, in words."""
        out = {"rows": f"{self.rows:,}", "in the journal": f"{self.known:,}"}
        out["input tokens"] = f"≈ {self.input_tokens:,}"
        if self.output_tokens is not None:
            out["output tokens"] = f"{'≈' if self.sampled else 'at most'} {self.output_tokens:,}"
        if self.cost_usd is not None:
            out["cost"] = f"{'≈' if self.sampled or not self.cost_usd else 'at most'} {dollars(self.cost_usd)}"
        if self.seconds is not None:
            out["time"] = f"≈ {duration(self.seconds)}"
        out["from"] = f"a sample of {self.sampled:,} rows" if self.sampled else "the prompts' length; nothing was sent"
        return out

    def __repr__(self) -> str:
        return "Estimate(" + " · ".join(f"{name} {value}" for name, value in self.facts().items()) + ")"


def estimated(
    rows: pd.DataFrame, plan: Plan, sample: int, finished: Callable[[pd.DataFrame, Plan], pd.DataFrame]
) -> Estimate:
    """What the plan would take for these rows; `sample` of them, spread evenly, are asked in fact by `finished`.

    Raises:
        ConfigurationError: as the batch itself would raise.
    """
    if sample < 0:
        raise ConfigurationError(f"sample is a number of rows, not {sample!r}")
    batch = Batch(rows, plan)
    counted, known, tokens = _read(batch)
    if batch.own_journal:
        batch.journal.close()
    scale = batch.total / counted if counted else 0.0
    to_ask = batch.total - round(known * scale)
    if not sample or not to_ask:
        return _from_lengths(batch, round(known * scale), round(tokens * scale))
    places = [round(i * (len(rows) - 1) / max(1, sample - 1)) for i in range(min(sample, len(rows)))]
    asked = finished(rows.iloc[sorted(set(places))], replace(plan, mode="live", progress=False, on_row=None))
    return _from_sample(batch, asked, to_ask)


def _read(batch: Batch) -> tuple[int, int, int]:
    """(answers looked at, of them in the journal, input tokens of the others), of rows spread evenly."""
    step = max(1, len(batch.input) // READ)
    counted = known = tokens = 0
    for row in range(0, len(batch.input), step):
        for answerer in batch.answerers:
            for sample in range(batch.plan.n):
                counted += 1
                try:
                    messages = batch.run.prompts[row]
                    key = answerer.key(messages, sample)
                except Exception:  # such a row becomes an error, for nothing
                    continue
                if batch.journal.answered([key]):
                    known += 1
                else:
                    tokens += prompt_tokens(messages, CHARS_PER_TOKEN)
    return counted, known, tokens


def _from_lengths(batch: Batch, known: int, tokens: int) -> Estimate:
    to_ask = batch.total - known
    limits = [each.max_tokens for each in batch.answerers]
    output = None if None in limits else sum(limit or 0 for limit in limits) * to_ask // len(limits)
    share = Usage.of(tokens // len(limits), (output or 0) // len(limits))
    jobs = batch.plan.by_provider
    costs = [cost_usd(share, each.model_name, each.provider, batch=jobs) for each in batch.answerers]
    free = all(cost == 0 for cost in costs)
    cost = None if None in costs or (output is None and not free) else sum(cost or 0 for cost in costs)
    return Estimate(batch.total, known, tokens, output, cost, None, 0)


def _from_sample(batch: Batch, asked: Any, to_ask: int) -> Estimate:
    names = [f"{batch.plan.prefix}{name}" for name in ("input_tokens", "output_tokens", "cost_usd", "latency_s")]
    means = [_mean(asked, name) for name in names]
    about = asked.attrs["nbchat"]
    input_tokens, output_tokens, cost, latency = (None if mean is None else mean * to_ask for mean in means)
    if batch.plan.by_provider:
        cost, latency = cost and cost * BATCH_SHARE, None  # a job takes what time it takes
    seconds = None if latency is None else latency / min(batch.width, max(1, to_ask))
    return Estimate(
        batch.total,
        batch.total - to_ask,
        round(input_tokens or 0),
        None if output_tokens is None else round(output_tokens),
        cost,
        seconds,
        about["rows"],
    )


def _mean(asked: pd.DataFrame, name: str) -> float | None:
    """Over all columns that end in this name: with wide=True there is one a model."""
    values = [asked[column].dropna() for column in asked.columns if str(column).endswith(name)]
    count = sum(len(each) for each in values)
    return sum(float(each.sum()) for each in values) / count if count else None
