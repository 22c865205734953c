"""Batches from a CSV or Parquet file to another, a piece at a time."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbchat.frame.budget import Purse
from nbchat.frame.journal import opened
from nbchat.frame.plan import Plan
from nbchat.frame.progress import Progress, drawer
from nbchat.frame.tables import Table, kind_of, told, writer
from nbchat.frame.tally import Tally
from nbchat.values.errors import ConfigurationError

if TYPE_CHECKING:
    import pandas as pd


def is_path(thing: Any) -> bool:
    """Whether this is the path of a file, and no table."""
    return isinstance(thing, str | os.PathLike)


def batch_file(source: Any, plan: Plan, out: str | os.PathLike[str], finished: Callable[..., pd.DataFrame]) -> Path:
    """Rows of a file, or of a frame, through `finished` and into a file. Journal, limits and progress are of all.

    Args:
        source: a path that ends in .csv, .tsv or .parquet, or a DataFrame.
        out: a path of these kinds, written whole or not at all.

    Returns:
        The path that was written.

    Raises:
        ConfigurationError: another kind of file, none to be read, or the one that is read; or a batch that was
            stopped: what came is in the journal.
    """
    target = Path(out).expanduser()
    kind = kind_of(target)
    table = Table(source) if is_path(source) else None
    if table and target.exists() and table.path.exists() and target.samefile(table.path):
        raise ConfigurationError(f"{target} is what is read, and would be written over: give out= another path")
    if table is None:
        rows, pieces = len(source), iter([source])
    elif plan.by_provider:  # piece after piece, each would wait a day for its jobs
        rows, pieces = table.rows, iter([table.whole()])
    else:
        rows, pieces = table.rows, table.pieces()
    unfinished = target.with_name(f"{target.name}.unfinished")
    with told(target, "written"):
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished.touch()
    with ExitStack() as stack:
        stack.callback(unfinished.unlink, missing_ok=True)
        journal = opened(plan.journal)
        if journal is not plan.journal:
            stack.callback(journal.close)
        shared = _shared(plan, rows * plan.answers_a_row, str(journal.path or ""))
        stack.callback(shared["draw"], True)
        with writer(unfinished, kind, table.schema if table else None) as write:
            for piece in pieces:
                done = finished(piece, replace(plan, journal=journal), **shared)
                if stopped := done.attrs["nbchat"]["stopped"]:
                    kept = journal.path and not shared["tally"].unsaved
                    where = "; what came is in the journal" if kept else ""
                    raise ConfigurationError(f"{target} is not written: {stopped}{where}")
                write(done)
        unfinished.replace(target)
    return target


def _shared(plan: Plan, answers: int, journal: str) -> dict[str, Any]:
    """What the batches of all pieces have in common: limits, and one line of progress."""
    tally = Tally()
    return {
        "purse": Purse(plan.budget_usd, plan.budget_tokens),
        "limiter": plan.limiter(),
        "tally": tally,
        "draw": drawer(Progress(tally, answers, journal)) if plan.progress else lambda _: None,
    }
