"""A plan at work on the rows of a DataFrame."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from nbchat.frame.answerer import answerers
from nbchat.frame.asking import Asking
from nbchat.frame.budget import Budget
from nbchat.frame.columns import Columns, check_names
from nbchat.frame.journal import JournalError, opened
from nbchat.frame.plan import Plan, remember
from nbchat.frame.progress import Progress, drawer
from nbchat.frame.prompts import Prompts
from nbchat.frame.provider_batch.job_asking import JobAsking
from nbchat.frame.provider_batch.under_way import JobError, JobsLeft
from nbchat.frame.run import Cell, Run
from nbchat.frame.schema_columns import SchemaColumns
from nbchat.values.errors import ConfigurationError

if TYPE_CHECKING:
    import pandas as pd


class Batch:
    """The rows of a frame and what a plan makes of them. All that can be wrong beforehand is told here.

    Args:
        frame: the rows.
        plan: what to do.
        cells: what to ask, where it is not everything.
        again: whether to ask also what the journal has.
        purse, limiter: what is shared with batches in other processes; its own by default.

    Raises:
        ConfigurationError: a column, a model, an option or the journal is not what it should be; nothing was sent.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        plan: Plan,
        cells: Sequence[Cell] | None = None,
        again: bool = False,
        purse: Any = None,
        limiter: Any = None,
    ) -> None:
        self.plan = plan
        self.input = without_ours(frame)
        self.answerers = answerers(plan.model, schema=plan.schema, tools=plan.tools, options=plan.options)
        form = self.answerers[0].form
        self._schema = SchemaColumns(form.schema, plan.explode) if form else None
        self.total = len(cells) if cells is not None else len(frame) * len(self.answerers) * plan.n
        self.columns = Columns(self.total, self._schema, plan.include)
        check_names(self.added_names(), self.input.columns)
        self.width = plan.max_concurrency or max(each.width for each in self.answerers)
        prompts = Prompts(self.input, plan.prompt, plan.system, plan.images, plan.files)
        budget = Budget(plan.budget_usd, plan.budget_tokens, plan.by_provider, purse)
        budget.check(self.answerers)
        limiter = limiter or plan.limiter()
        self.journal = opened(plan.journal)
        self.own_journal = self.journal is not plan.journal
        self.jobs = JobAsking(self.answerers, self.journal, plan.poll_s) if plan.by_provider else None
        self.run = Run(
            self._all_cells() if cells is None else cells,
            prompts,
            self.answerers,
            self.columns,
            self.journal,
            budget,
            self.jobs or Asking(self.width, limiter),
            again=again,
            labelled=self.compares,
            raising=plan.errors == "raise",
        )
        remember(plan)

    @property
    def compares(self) -> bool:
        """Whether several models answer each row."""
        return len(self.answerers) > 1

    def added_names(self) -> list[str]:
        """The columns that the batch adds, in order."""
        names = self.columns.names
        if self.plan.wide and self.compares:
            return [f"{self.plan.prefix}{each.label}_{name}" for each in self.answerers for name in names]
        return [f"{self.plan.prefix}{name}" for name in (*(["sample"] if self.plan.n > 1 else []), *names)]

    def _all_cells(self) -> Iterator[Cell]:
        place = 0
        for row in range(len(self.input)):
            for answerer in range(len(self.answerers)):
                for sample in range(self.plan.n):
                    yield Cell(place, row, answerer, sample)
                    place += 1

    def steps(self, wait: float, run: Callable[..., Any]) -> Generator[list[int]]:
        """Work until all is done; yields the places that were settled since. Draws the progress, calls `on_row`.

        A stop by Ctrl-C or by the journal's disk ends it early; `frame` has what there is.
        """
        waits = self.jobs.said if self.jobs else None
        progress = Progress(self.run.tally, self.total, str(self.journal.path or ""), waits)
        draw = drawer(progress) if self.plan.progress else lambda _: None
        draw(False)
        try:
            with closing(self.run.steps(wait, run)) as steps:
                for settled in steps:
                    draw(False)
                    for place in settled if self.plan.on_row else ():
                        self.plan.on_row(self.row(place))  # type: ignore[misc]
                    yield settled
        except KeyboardInterrupt:
            said = self.jobs.said() if self.jobs else ""
            self.run.tally.stopped = f"interrupted{said and f', with {said}'}; run it again to go on"
        except JobsLeft as left:
            self.run.tally.stopped = str(left)
        except (JournalError, JobError) as error:
            self.run.tally.stopped = str(error)
            if isinstance(error, JournalError) and not self.run.tally.requests:
                raise
            warnings.warn(f"the batch stopped, its frame has what came: {error}", RuntimeWarning, stacklevel=2)
        finally:
            draw(True)
            if self.own_journal:
                self.journal.close()

    def row(self, place: int) -> pd.Series:
        """A row as it is in the frame at the end, long form: the input's columns and the new ones."""
        import pandas as pd

        a_row = len(self.answerers) * self.plan.n
        given = self.input.iloc[place // a_row]
        new = {f"{self.plan.prefix}{name}": value for name, value in self.columns.row(place).items()}
        return pd.concat([given.astype(object), pd.Series(new, dtype=object)]).rename(given.name)

    def frame(self) -> pd.DataFrame:
        """The rows with what was added; `attrs["nbchat"]` says how the batch ended."""
        import numpy as np
        import pandas as pd

        each = len(self.answerers) * self.plan.n
        if self.plan.wide and self.compares:
            base, parts = self.input, []
            for number, answerer in enumerate(self.answerers):
                part = self.columns.frame(f"{self.plan.prefix}{answerer.label}_").iloc[number::each]
                parts.append(part.set_axis(base.index))
            added = pd.concat(parts, axis=1)
        else:
            base = self.input if each == 1 else self.input.take(np.repeat(np.arange(len(self.input)), each))
            added = self.columns.frame(self.plan.prefix, base.index)
            if self.plan.n > 1:
                added.insert(0, f"{self.plan.prefix}sample", np.tile(np.arange(self.plan.n), len(base) // self.plan.n))
        return self.described(joined(base, added))

    def described(self, out: pd.DataFrame) -> pd.DataFrame:
        """The frame with `attrs["nbchat"]`: counts, why it stopped, the journal, and which columns are ours."""
        tally = self.run.tally
        out.attrs["nbchat"] = {
            "rows": self.total,
            "left": self.total - tally.done,
            "errors": tally.errors,
            "requests": tally.requests,
            "tokens": tally.tokens,
            "cost_usd": tally.cost_usd if tally.priced else None,
            "stopped": tally.stopped,
            "journal": str(self.journal.path) if self.journal.path else None,
            "jobs": self.jobs.jobs if self.jobs else [],
            "columns": self.added_names(),
            "labels": [each.label for each in self.answerers],
            "batch": self.plan.id,
        }
        return out


def joined(base: pd.DataFrame, added: pd.DataFrame) -> pd.DataFrame:
    """The columns of both, side by side; the index is base's."""
    import pandas as pd

    if base.columns.nlevels > 1:
        added = added.set_axis(
            pd.MultiIndex.from_tuples([(name, *[""] * (base.columns.nlevels - 1)) for name in added.columns]), axis=1
        )
    out = pd.concat([base, added.set_axis(base.index)], axis=1)
    out.attrs = dict(base.attrs)
    return out


def without_ours(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame without the columns that an earlier batch added: a cell that is run again gives the same."""
    ours = frame.attrs.get("nbchat", {}).get("columns", ())
    return frame.drop(columns=[name for name in frame.columns if name in set(ours)]) if ours else frame


def checked_frame(frame: Any) -> pd.DataFrame:
    """A DataFrame as it is, a Series as one with a single column.

    Raises:
        ConfigurationError: it is neither.
    """
    import pandas as pd

    if isinstance(frame, pd.Series):
        return frame.to_frame("text" if frame.name is None else frame.name)
    if not isinstance(frame, pd.DataFrame):
        raise ConfigurationError(f"a batch takes a DataFrame, a Series or a path, not {type(frame).__name__}")
    return frame
