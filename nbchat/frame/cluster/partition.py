"""One partition of a dask DataFrame, on a worker: a batch of its own, with a journal of its own."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distributed import WorkerPlugin

from nbchat.frame.batch import Batch
from nbchat.frame.batch_frame import WAIT_S
from nbchat.frame.cluster.desk import Caller
from nbchat.frame.journal import Journal
from nbchat.frame.outcome import Outcome
from nbchat.frame.plan import Plan
from nbchat.io.bridge import finish
from nbchat.providers.endpoint import lend

if TYPE_CHECKING:
    import pandas as pd

REPORT_S = 0.3


class Keys(WorkerPlugin):
    """Gives each worker, also one that comes later, the keys that a pickled model leaves out. In memory alone."""

    def __init__(self, keys: dict[str, str]) -> None:
        self._keys = keys

    def setup(self, worker: Any) -> None:
        """A worker starts."""
        lend(self._keys)


class PartJournal(Journal):
    """A partition's journal, which knows as well what is in that of the whole."""

    def __init__(self, path: str | os.PathLike[str], whole: str | os.PathLike[str]) -> None:
        super().__init__(path)
        self._whole = Journal(whole)

    def answered(self, keys: Sequence[str]) -> dict[str, Outcome]:
        found = super().answered(keys)
        missing = [key for key in keys if key not in found]
        return found | self._whole.answered(missing) if missing else found

    def close(self) -> None:
        super().close()
        self._whole.close()


def answered_partition(rows: pd.DataFrame, plan: Plan, number: int, desk: str, parts: Path | None) -> pd.DataFrame:
    """The rows of a partition with their answers; what a worker that died had committed is not asked again.

    Args:
        plan: its `journal` is that of the whole.
        desk: the name of the desk on the scheduler.
        parts: the folder of the partitions' journals; None for none.
    """
    limiter = plan.limiter()
    caller = Caller(desk, limiter)
    journal = None if parts is None else PartJournal(parts / f"{number}.sqlite", plan.journal)  # type: ignore[arg-type]
    batch = Batch(rows, replace(plan, journal=journal), purse=caller, limiter=limiter and caller)

    def told_to_stop() -> bool:
        tally = batch.run.tally
        about = {"total": batch.total, "stopped": tally.stopped, "priced": tally.priced}
        return caller.report(number, about | tally.counts())

    due = 0.0
    with closing(batch.steps(WAIT_S, lambda function, *args: finish(function(*args)))) as steps:
        for _ in steps:
            if time.monotonic() >= due:
                if told_to_stop():
                    break
                due = time.monotonic() + REPORT_S
    told_to_stop()
    if journal is not None:
        journal.close()
    return batch.frame()
