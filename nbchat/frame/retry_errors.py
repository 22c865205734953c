"""Asking again what failed, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbchat.frame.batch import Batch
from nbchat.frame.batch_frame import run_to_end
from nbchat.frame.plan import Plan, remembered
from nbchat.frame.question import Cell
from nbchat.values.errors import ConfigurationError

if TYPE_CHECKING:
    import pandas as pd


def retry_errors(frame: pd.DataFrame) -> pd.DataFrame:
    """Ask again the rows of a batch's frame that have an error, answers that do not fit the schema among them.

    Args:
        frame: what `batch_frame` returned in this kernel; it may have been sorted or filtered since.

    Returns:
        A copy in which those rows have what came of it, `attempts` and `latency_s` those of this time alone; the
        others, and those that a stop left unasked, are as they were.

    Raises:
        ConfigurationError: the frame comes from no batch of this kernel, or from a dask cluster.
    """
    if type(frame).__module__.startswith("dask"):
        raise ConfigurationError("over a dask DataFrame, call batch again: it asks only what has no answer yet")
    about = frame.attrs.get("nbchat", {})
    plan = remembered(about.get("batch"))
    prefixes = _prefixes(plan, about["labels"])
    failed = [_failed(frame, prefix) for prefix in prefixes]
    cells = [
        Cell(place, row, answerer, sample)
        for place, (row, answerer, sample) in enumerate(
            (row, _answerer(frame, plan, about["labels"], row, number), _sample(frame, plan, row))
            for number, rows in enumerate(failed)
            for row in rows
        )
    ]
    batch = Batch(frame, plan, cells, again=True)
    run_to_end(batch)
    out = frame.copy()
    new, start = batch.columns.frame(), 0
    for prefix, rows in zip(prefixes, failed, strict=True):
        places = [place for place in range(start, start + len(rows)) if batch.columns.filled(place)]
        for name in batch.columns.names:
            if prefix + name not in out.columns:  # the user has dropped it
                continue
            values = out[prefix + name].array.copy()
            values[[rows[place - start] for place in places]] = new[name].array[places]
            out[prefix + name] = values
        start += len(rows)
    batch.described(out)
    out.attrs["nbchat"] |= {
        "rows": about["rows"],
        "left": about["left"],
        "errors": sum(len(_failed(out, prefix)) for prefix in prefixes),
    }
    return out


def _prefixes(plan: Plan, labels: list[str]) -> list[str]:
    """What the added columns begin with, for each group of them."""
    wide = plan.wide and len(labels) > 1
    return [f"{plan.prefix}{label}_" for label in labels] if wide else [plan.prefix]


def _failed(frame: pd.DataFrame, prefix: str) -> list[int]:
    name = f"{prefix}error"
    if name not in frame.columns:
        raise ConfigurationError(f"the frame has no column {name!r} any more: give it as batch_frame returned it")
    return [row for row, failed in enumerate(frame[name].notna()) if failed]


def _answerer(frame: pd.DataFrame, plan: Plan, labels: list[str], row: int, number: int) -> int:
    if len(labels) == 1 or plan.wide:
        return number
    return labels.index(frame[f"{plan.prefix}model"].iloc[row])


def _sample(frame: pd.DataFrame, plan: Plan, row: int) -> int:
    return int(frame[f"{plan.prefix}sample"].iloc[row]) if plan.n > 1 else 0
