"""One partition of a dask DataFrame, on a worker: a batch of its own, with a journal of its own."""

from __future__ import annotations

import time
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distributed import WorkerPlugin

from nbchat.frame.batch import Batch
from nbchat.frame.batch_frame import WAIT_S
from nbchat.frame.cluster.desk import Caller
from nbchat.frame.cluster.parts import PartJournal
from nbchat.frame.plan import Plan
from nbchat.io.bridge import finish
from nbchat.providers.endpoint import lend

if TYPE_CHECKING:
    import pandas as pd

REPORT_S = 0.3


class Keys(WorkerPlugin):
    """Gives each worker, also one that comes later, the keys that a pickled model leaves out.

    They are in no task and no file: in the workers' memory, and in the scheduler's as long as the batch runs. On their
    way there they are as safe as the cluster's connections, which have TLS where its security= says so.
    """

    def __init__(self, keys: dict[str, str]) -> None:
        self._keys = keys

    def setup(self, worker: Any) -> None:
        """A worker starts."""
        lend(self._keys)


def answered_partition(
    rows: pd.DataFrame, plan: Plan, number: int, desk: str, parts: Path | None, before: pd.DataFrame | None = None
) -> pd.DataFrame:
    """The rows of a partition with their answers; what a worker that died had committed is not asked again.

    Args:
        plan: its `journal` is that of the whole.
        desk: the name of the desk on the scheduler.
        parts: the folder of the partitions' journals; None for none.
        before: another partition's answers, where this one begins only once that one is done.
    """
    limiter = plan.limiter()
    caller = Caller(desk, limiter)
    journal = None if parts is None else PartJournal(parts / f"{number}.sqlite", plan.journal)  # type: ignore[arg-type]
    with journal or nullcontext():
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
    return batch.frame()
