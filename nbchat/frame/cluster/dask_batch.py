"""`batch_frame` of a dask DataFrame: its partitions on the workers of the cluster that is in use."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from distributed import Client, default_client
from distributed.protocol.pickle import dumps

from nbchat.frame.batch import Batch
from nbchat.frame.cluster.desk import Desk
from nbchat.frame.cluster.partition import Keys, answered_partition
from nbchat.frame.journal import Journal
from nbchat.frame.plan import Plan
from nbchat.frame.progress import Progress, drawer
from nbchat.frame.tally import Tally
from nbchat.providers.endpoint import keys_in
from nbchat.values.errors import ConfigurationError

LOOK_S = 0.2


def batch_dask(frame: Any, plan: Plan) -> Any:
    """A dask DataFrame whose partitions have their answers, in the workers' memory; waits until they have.

    Each partition keeps a journal beside the one of the whole (on a disk that all workers share), which takes it in at
    the end. Rates and budgets hold for all workers together; identical prompts are asked once a partition.

    Raises:
        ConfigurationError: there is no cluster, or what `batch_frame` raises; nothing was sent.
    """
    try:
        client: Client = default_client()
    except ValueError:
        raise ConfigurationError(
            "a dask DataFrame needs a cluster: from distributed import Client; client = Client()"
        ) from None
    if not isinstance(plan.prompt, str) and not callable(plan.prompt):
        raise ConfigurationError("over a dask DataFrame the prompt is a format string, a column's name or a function")
    if plan.on_row or isinstance(plan.journal, Journal):
        raise ConfigurationError("over a dask DataFrame on_row= is not called, and journal= is a path or None")
    known = Batch(frame._meta, replace(plan, journal=None, progress=False))  # tells what is wrong beforehand
    meta = known.frame()
    whole = None if plan.journal is None else Path(plan.journal).expanduser().absolute()
    parts = _parts(whole)
    width = max(1, known.width // max(1, sum(client.nthreads().values())))
    share = replace(plan, journal=whole, max_concurrency=width, progress=False)
    desk = Desk(f"nbchat-{plan.id}", plan.budget_usd, plan.budget_tokens, plan.rpm, plan.tpm)
    keys = keys_in(lambda: dumps(share))
    client.register_plugin(desk, name=desk.name)
    client.register_plugin(Keys(keys), name=desk.name)
    try:
        futures = [
            client.submit(answered_partition, part, share, number, desk.name, parts, pure=False)
            for number, part in enumerate(client.compute(frame.to_delayed()))
        ]
        _wait(client, futures, plan, desk.name, whole)
    finally:
        client.unregister_worker_plugin(desk.name)
        _taken_in(whole, parts)
    import dask.dataframe

    return dask.dataframe.from_delayed(futures, meta=meta, divisions=frame.divisions, verify_meta=False)


def _wait(client: Client, futures: list[Any], plan: Plan, desk: str, journal: Path | None) -> None:
    """Draw the progress until all is done. Ctrl-C has the workers stop, and waits for what they have."""

    def call(verb: str) -> Any:
        return client.sync(getattr(client.scheduler, desk), verb=verb)

    tally = Tally(asking=time.perf_counter())
    progress = Progress(tally, 0, str(journal or ""))
    draw = drawer(progress) if plan.progress else lambda _: None
    while True:
        try:
            over = all(future.done() for future in futures)
            counts = call("counts")
            for name in tally.counts():
                setattr(tally, name, sum(each[name] for each in counts))
            tally.priced = all(each["priced"] for each in counts)
            tally.stopped = tally.stopped or next((each["stopped"] for each in counts if each["stopped"]), None)
            progress.total = sum(each["total"] for each in counts) * len(futures) // max(1, len(counts))
            draw(over)
            if over:
                return
            time.sleep(LOOK_S)
        except KeyboardInterrupt:
            tally.stopped = "interrupted; run it again to go on"
            call("stop")


def _parts(whole: Path | None) -> Path | None:
    """The folder of the partitions' journals; what an earlier run left there is taken in first."""
    if whole is None:
        return None
    parts = whole.with_name(f"{whole.name}.parts")
    _taken_in(whole, parts)
    parts.mkdir(parents=True)
    return parts


def _taken_in(whole: Path | None, parts: Path | None) -> None:
    """The journal of the whole takes those of the partitions in."""
    if whole is None or parts is None:
        return
    journal = Journal(whole)
    if parts.exists():
        for part in sorted(parts.glob("*.sqlite")):
            journal.take_in(part)
        shutil.rmtree(parts)
    journal.close()
