"""`batch_frame` of a dask DataFrame: its partitions on the workers of the cluster that is in use."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from operator import itemgetter
from pathlib import Path
from typing import Any

from nbchat.frame.batch import Batch
from nbchat.frame.cluster.parts import parts_of
from nbchat.frame.interrupts import Held
from nbchat.frame.journal import Journal
from nbchat.frame.plan import Plan, remember
from nbchat.frame.progress import Progress, drawer
from nbchat.frame.tally import Tally
from nbchat.providers.endpoint import keys_in
from nbchat.values.errors import ConfigurationError

try:
    from distributed import Client, default_client, wait
    from distributed.protocol.pickle import dumps

    from nbchat.frame.cluster.desk import Desk
    from nbchat.frame.cluster.partition import Keys, answered_partition
except ImportError:
    raise ConfigurationError('a dask DataFrame needs a cluster to run on: pip install "nbchat[dask]"') from None

LOOK_S = 0.2


def batch_dask(frame: Any, plan: Plan) -> Any:
    """A dask DataFrame whose partitions have their answers, in the workers' memory; waits until they have.

    With `max_concurrency` no more partitions run at once than there are threads now, also where more workers come.
    Each partition keeps a journal beside the one of the whole (on a disk that all workers share), which takes it in at
    the end. Rates and budgets hold for all workers together; identical prompts are asked once a partition, and two
    batches at once on one journal lose nothing, but do not wait for each other's answers. `attrs` says how the batch
    ended, as that of a pandas frame does.

    Raises:
        ConfigurationError: there is no cluster, or what `batch_frame` raises; nothing was sent.
        Exception: what a partition failed of; what was committed is in the journal.
    """
    client = _client()
    frame, plan = _with_columns(frame, plan)
    _check(plan)
    whole = None if plan.journal is None else Path(plan.journal).expanduser().absolute()  # type: ignore[arg-type]
    known = Batch(frame._meta, replace(plan, journal=None, progress=False))  # tells what is wrong beforehand
    remember(plan)  # with its journal
    known.run.tally = Tally(asking=time.perf_counter())
    progress = Progress(known.run.tally, 0, str(whole or ""))
    lanes = min(known.width, frame.npartitions, max(1, sum(client.nthreads().values())))
    share = replace(plan, journal=whole, max_concurrency=known.width // lanes, progress=False)
    desk = Desk(f"nbchat-{plan.id}", plan.budget_usd, plan.budget_tokens, plan.rpm, plan.tpm)
    with parts_of(whole, plan.id) as parts:
        client.register_plugin(desk, name=desk.name)  # stays: a partition that is lost later is worked out again
        client.register_plugin(Keys(keys_in(lambda: _pickled(share))), name=desk.name)

        def submit() -> list[Any]:
            futures: list[Any] = []
            for number, part in enumerate(client.compute(frame.to_delayed())):
                before = futures[number - lanes] if plan.max_concurrency and number >= lanes else None
                task = client.submit(answered_partition, part, share, number, desk.name, parts, before, pure=False)
                futures.append(task)
            return futures

        try:
            draw = drawer(progress) if plan.progress else lambda _: None
            futures = _answered(client, submit, desk.name, progress, draw)
        finally:
            client.unregister_worker_plugin(desk.name)
    for future in futures:
        if future.status == "error":
            future.result()  # raises what it failed of
    import dask.dataframe

    meta = known.frame()
    out = dask.dataframe.from_delayed(futures, meta=meta, divisions=frame.divisions, verify_meta=False)
    rows = {"rows": progress.total, "left": progress.total - progress.tally.done, "journal": progress.journal or None}
    out.attrs = {**meta.attrs, "nbchat": meta.attrs["nbchat"] | rows}
    return out


def _client() -> Client:
    try:
        return default_client()
    except ValueError:
        raise ConfigurationError(
            "a dask DataFrame needs a cluster: from distributed import Client; client = Client()"
        ) from None


def _with_columns(frame: Any, plan: Plan) -> tuple[Any, Plan]:
    """A frame as it is, a Series as one with a single column; a Series that is its own prompt is that column."""
    if frame.ndim != 1:
        return frame, plan
    name = "text" if frame.name is None else frame.name
    own = name if isinstance(name, str) else itemgetter(name)
    return frame.to_frame(name), replace(plan, prompt=own if plan.prompt is frame else plan.prompt)


def _check(plan: Plan) -> None:
    if not isinstance(plan.prompt, str) and not callable(plan.prompt):
        raise ConfigurationError("over a dask DataFrame the prompt is a format string, a column's name or a function")
    if plan.on_row or isinstance(plan.journal, Journal):
        raise ConfigurationError("over a dask DataFrame on_row= is not called, and journal= is a path or None")
    if plan.by_provider:
        raise ConfigurationError(
            "a provider's jobs need no cluster: ask batch_frame(frame.compute(), …, mode='provider'), or part by part"
        )


def _pickled(plan: Plan) -> bytes:
    """What the workers are given. Raises ConfigurationError where it holds something that cannot leave this process."""
    try:
        return dumps(plan)
    except Exception as error:
        raise ConfigurationError(
            f"the prompt, the model, the schema or the tools cannot be sent to the workers: {error}; "
            "define them at the top of the notebook, with nothing open in them: no files, locks or connections"
        ) from None


def _answered(
    client: Client, submit: Callable[[], list[Any]], desk: str, progress: Progress, draw: Callable[[bool], None]
) -> list[Any]:
    """The futures of all partitions, once they are done; draws the progress.

    Ctrl-C, and a partition that failed, have the workers stop, and what they have is waited for; a second Ctrl-C does
    not wait.
    """

    def call(verb: str) -> Any:
        return client.sync(getattr(client.scheduler, desk), verb=verb)

    tally, struck = progress.tally, False
    futures: list[Any] = []
    while True:
        try:
            if not futures:
                with Held():
                    futures = submit()
            over = all(future.done() for future in futures)
            counts = call("counts")
            for name in tally.counts():
                setattr(tally, name, sum(each[name] for each in counts))
            tally.priced = all(each["priced"] for each in counts)
            progress.total = sum(each["total"] for each in counts) * len(futures) // max(1, len(counts))
            if over:
                tally.stopped = tally.stopped or next((each["stopped"] for each in counts if each["stopped"]), None)
                draw(True)
                return futures
            draw(False)
            if not tally.stopped and (failed := next((each for each in futures if each.status == "error"), None)):
                tally.stopped = f"{type(failed.exception()).__name__}: {failed.exception()}"
                call("stop")
            with suppress(TimeoutError):
                wait(futures, LOOK_S)
        except KeyboardInterrupt:
            if struck:
                client.cancel(futures)
                raise
            struck, tally.stopped = True, "interrupted; run it again to go on"
            call("stop")
