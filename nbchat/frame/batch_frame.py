"""`batch_frame`: a prompt over the rows of a DataFrame, and the answers as columns."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Generator
from contextlib import closing, suppress
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from nbchat.frame.batch import Batch, checked_frame
from nbchat.frame.estimate import estimated
from nbchat.frame.files import batch_file, is_path
from nbchat.frame.interrupts import Held
from nbchat.frame.plan import Plan, plan_of, takes_a_plan
from nbchat.frame.tables import Table
from nbchat.io.bridge import finish
from nbchat.values.errors import ConfigurationError

if TYPE_CHECKING:
    import pandas as pd

WAIT_S = 0.1  # for something to happen, before the progress is drawn again
LOOK_S = 0.01  # between looks, on a loop that has other things to do


@takes_a_plan
def batch_frame(
    frame: Any,
    prompt: Any = None,
    model: Any = None,
    *,
    dry_run: bool = False,
    sample: int = 0,
    out: str | os.PathLike[str] | None = None,
    **arguments: Any,
) -> Any:
    """Ask a model about each row; return the same rows, in order, with the answers as columns.

    Added are `response` (or a column a field of the schema), `finish_reason`, `model`, `input_tokens`,
    `output_tokens`, `total_tokens`, `cache_read_tokens`, `reasoning_tokens`, `cost_usd` (US dollars; NA where no price
    is known), `latency_s` (seconds, with repeats), `attempts` (requests that were sent) and `error`; all nullable.

    Each answer is committed to the journal before its row counts as done. The same call again, after Ctrl-C, a crash
    or a power cut, asks only what has no answer there, and gives the same frame. Equal requests are asked once. Ctrl-C
    returns the rows so far; `frame.attrs["nbchat"]` says how many are left: what the same call would ask. Where the
    journal's disk is full, these can be more than have no answer in the frame, and `stopped` says so.

    Args:
        frame: a DataFrame, a Series, a dask DataFrame, or the path of a CSV or Parquet file.
        prompt: a format string over columns, "Classify the tone of: {review}"; the name of a column of texts or of
            message lists; those themselves, one a row (a Series goes by its index, a list by position); or a function
            from the row to a text or to messages. A Series may do without: it holds the prompts.
        model: a name or a model. A list, or `{label: model}`, has each answer every row: `model` then has the labels.
        dry_run: send nothing, and return an `Estimate` of the tokens, cost and time that are expected: by what the
            journal has, else by a guess that it names.
        sample: with `dry_run`, how many rows to ask in fact, for a better estimate; their answers are kept.
        out: the path of a CSV or Parquet file to write in place of returning a frame; returns the path.
        system: instructions: a text, a format string or the name of a column.
        images, files: a column, or a list of columns, with paths, addresses, bytes or pictures.
        schema: what the answers are to be, as in `with_structured_output`: one typed column a field, nested ones as
            JSON text.
        explode: give the fields of nested objects columns of their own, `outer.inner`.
        tools: functions that the model may call before it answers; they run on this thread.
        max_rounds: how many times in one row the model may ask for them.
        n: samples a row; more than one give so many rows for each, told apart by the column `sample`.
        wide: with several models, columns for each (`label_response`, …) in place of rows.
        include: further columns, of "reasoning", "mean_logprob" and "message".
        prefix: before the name of each added column.
        journal: an SQLite file, or an open `Journal`; None for none.
        mode: "live" asks each row by itself; "provider" hands them to the provider's Batch API, at half the price and
            within a day (OpenAI, Azure, Anthropic, Google, Mistral, Groq, Together). Its jobs go on when this one is
            interrupted or its kernel dies: the same call, in any kernel, waits for them and collects what has ended.
            A row that expired or was cancelled there has an error, and is asked anew by the next call. A live call does
            not wait for jobs: it asks their rows by itself.
        poll_s: seconds before a job at the provider is looked at again; half as long again each time, up to 5 minutes.
            None: hand in what is new, collect what has ended, and do not wait for the rest.
        max_concurrency: the most requests at once (128; 4 of the embedded model); fewer run while the server says that
            it is too much.
        rpm, tpm: requests and tokens a minute that are not to be exceeded.
        budget_usd, budget_tokens: what may be spent by this call; it stops before that is passed. Without
            `max_tokens` only an answer more than twice as long as any before can pass it, or a first one that takes
            more than all of it.
        errors: "rows" puts them into the column `error`; "raise" raises the first.
        on_row: called with each row, a Series, once it is committed; may be async. What it raises ends the batch and
            is raised; the same call goes on from there.
        progress: whether to show the line.
        options: parameters of every call: `temperature`, `max_tokens`, …

    Raises:
        ConfigurationError: a column, a model, an option or the journal is not what it should be; nothing was sent.
    """
    plan = plan_of(frame, prompt, model, arguments)
    if sample and not dry_run:
        raise ConfigurationError("sample= goes with dry_run=True; to ask only some rows, give them: df.sample(10)")
    if _is_dask(frame):
        from nbchat.frame.cluster.dask_batch import batch_dask

        if dry_run or out is not None:
            raise ConfigurationError("over a dask DataFrame there is no dry_run= or out=: write what comes back")
        return batch_dask(frame, plan)
    if out is not None and not dry_run:
        return batch_file(frame if is_path(frame) else checked_frame(frame), plan, out, finished)
    rows = _whole(frame)
    if dry_run:
        return estimated(rows, plan, sample, finished)
    batch = Batch(rows, plan)
    run_to_end(batch)
    with suppress(KeyboardInterrupt), Held():  # there is nothing more to stop
        done = batch.frame()
    return done


def _whole(frame: Any) -> pd.DataFrame:
    return Table(frame).whole() if is_path(frame) else checked_frame(frame)


def _is_dask(frame: Any) -> bool:
    return type(frame).__module__.startswith("dask")


def finished(rows: pd.DataFrame, plan: Plan, **how: Any) -> pd.DataFrame:
    """The frame of a plan, worked out on this thread."""
    batch = Batch(rows, plan, **how)
    run_to_end(batch)
    return batch.frame()


def run_to_end(batch: Batch) -> None:
    """Work until all is done, or Ctrl-C; `on_row` sees each row."""
    on_row = batch.plan.on_row
    steps = batch.steps(WAIT_S, lambda function, *args: finish(function(*args)))
    with suppress(KeyboardInterrupt), closing(steps):
        for settled in steps:
            for place in settled if on_row else ():
                finish(on_row(batch.row(place)))  # type: ignore[misc]


class AsyncBatch:
    """A batch on the caller's loop: `await` it for the frame, or go through its rows with `async for` as they land.

    Attributes:
        batch: what is at work; `batch.frame()` has what has landed so far.
    """

    def __init__(self, batch: Batch) -> None:
        self.batch = batch

    def __await__(self) -> Generator[Any, None, pd.DataFrame]:
        return self._whole().__await__()

    async def _whole(self) -> pd.DataFrame:
        async for _ in self._places():
            pass
        return self.batch.frame()

    async def __aiter__(self) -> AsyncIterator[pd.Series]:
        async for place in self._places():
            yield self.batch.row(place)

    async def _places(self) -> AsyncIterator[int]:
        on_row = self.batch.plan.on_row
        with closing(self.batch.steps(0, lambda function, *args: function(*args))) as steps:
            for settled in steps:
                for place in settled:
                    if on_row and isawaitable(seen := on_row(self.batch.row(place))):
                        await seen
                    yield place
                await asyncio.sleep(0 if settled else LOOK_S)


@takes_a_plan
def abatch_frame(frame: Any, prompt: Any = None, model: Any = None, **arguments: Any) -> AsyncBatch:
    """`batch_frame` on the caller's own loop: `await abatch_frame(…)` for the frame, or `async for row in …`.

    A row is a Series of the input's columns and the new ones, in the order in which they land. Leaving the loop early
    stops what is under way; what was committed is kept.
    """
    if _is_dask(frame):
        raise ConfigurationError("a dask DataFrame is awaited in a thread: await asyncio.to_thread(df.chat.batch, …)")
    return AsyncBatch(Batch(_whole(frame), plan_of(frame, prompt, model, arguments)))
