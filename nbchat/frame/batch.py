"""A plan at work on the rows of a DataFrame."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nbchat.frame.answerer import answerers
from nbchat.frame.asking import Asking
from nbchat.frame.budget import Budget
from nbchat.frame.columns import Columns, check_names
from nbchat.frame.journal import JournalError, opened
from nbchat.frame.plan import Plan, remember
from nbchat.frame.progress import Progress, drawer
from nbchat.frame.prompts import Prompts, one_a_row
from nbchat.frame.provider_batch.job_asking import JobAsking
from nbchat.frame.provider_batch.under_way import JobError, JobsLeft
from nbchat.frame.question import Cell
from nbchat.frame.run import Run
from nbchat.frame.schema_columns import SchemaColumns
from nbchat.frame.tally import Tally
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
        tally, draw: counts and draws the progress of this batch and of others; its own by default.

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
        tally: Tally | None = None,
        draw: Callable[[bool], None] | None = None,
    ) -> None:
        self.answerers = answerers(
            plan.model, schema=plan.schema, tools=plan.tools, max_rounds=plan.max_rounds, options=plan.options
        )
        form = self.answerers[0].form
        self._schema = SchemaColumns(form.schema, plan.explode) if form else None
        self.plan = plan = replace(plan, prompt=one_a_row(frame, plan.prompt))
        self.total = len(cells) if cells is not None else len(frame) * len(self.answerers) * plan.n
        self.columns = Columns(self.total, self._schema, plan.include)
        self.input = without_ours(frame, self.added_names())
        check_names(self.added_names(), self.input.columns.get_level_values(0))
        self.width = int(plan.max_concurrency or max(each.width for each in self.answerers))
        prompts = self._prompts(frame)
        budget = Budget(plan.budget_usd, plan.budget_tokens, plan.by_provider, purse)
        budget.check(self.answerers)
        limiter = limiter or plan.limiter()
        self.journal = opened(plan.journal)
        self.own_journal = self.journal is not plan.journal
        self.jobs = JobAsking(self.answerers, self.journal, plan.poll_s) if plan.by_provider else None
        self._draw = draw
        self.run = Run(
            self._all_cells() if cells is None else cells,
            prompts,
            self.answerers,
            self.columns,
            self.journal,
            budget,
            self.jobs or Asking(self.width, limiter),
            tally or Tally(),
            again=again,
            labelled=self.compares,
            raising=plan.errors == "raise",
        )
        remember(plan)

    def _prompts(self, frame: pd.DataFrame) -> Prompts:
        plan = self.plan
        try:
            return Prompts(self.input, plan.prompt, plan.system, plan.images, plan.files)
        except ConfigurationError as error:
            gone = [name for name in frame.columns if name not in self.input.columns]
            if not gone:
                raise
            raise ConfigurationError(
                f"{error}; this batch would replace {gone[0]!r} and what else an earlier one added: "
                "name the new columns otherwise, prefix='second_'"
            ) from None

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
        """Work until all is done; yields the places that were settled since. Draws the progress.

        A stop by Ctrl-C or by the journal's disk ends it early; `frame` has what there is.
        """
        tally = self.run.tally
        draw = self._draw or self._drawer()
        draw(False)
        try:
            with closing(self.run.steps(wait, run)) as steps:
                for settled in steps:
                    draw(False)
                    yield settled
        except (KeyboardInterrupt, GeneratorExit):
            said = self.jobs.said() if self.jobs else ""
            tally.stop(f"interrupted{said and f', with {said}'}; run it again to go on")
        except JobsLeft as left:
            tally.stop(str(left))
        except (JournalError, JobError) as error:
            tally.stop(str(error))
            if isinstance(error, JournalError) and not tally.requests:
                raise
            warnings.warn(f"the batch stopped, its frame has what came: {tally.stopped}", RuntimeWarning, stacklevel=2)
        finally:
            if self._draw is None:
                draw(True)
            if self.own_journal:
                self.journal.close()
            else:
                self.journal.release(self.run.unasked)

    def _drawer(self) -> Callable[[bool], None]:
        if not self.plan.progress:
            return lambda _: None
        waits = self.jobs.waits if self.jobs else None
        return drawer(Progress(self.run.tally, self.total, str(self.journal.path or ""), waits))

    def row(self, place: int) -> pd.Series:
        """A row as it is in the frame at the end, long form: the input's columns and the new ones."""
        import pandas as pd

        given = self.input.iloc[place // self.plan.answers_a_row]
        new = {"sample": place % self.plan.n} if self.plan.n > 1 else {}
        new |= self.columns.row(place)
        named = {f"{self.plan.prefix}{name}": value for name, value in new.items()}
        return pd.concat([given.astype(object), pd.Series(named, dtype=object)]).rename(given.name)

    def frame(self) -> pd.DataFrame:
        """The rows with what was added; `attrs["nbchat"]` says how the batch ended."""
        import numpy as np
        import pandas as pd

        each = self.plan.answers_a_row
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
        tally, names = self.run.tally, self.added_names()
        earlier = [name for name in ours_in(out) if name in out.columns and name not in names]
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
            "columns": [*earlier, *names],
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


def ours_in(frame: pd.DataFrame) -> list[str]:
    """The columns that batches have added to a frame."""
    return frame.attrs.get("nbchat", {}).get("columns", [])


def without_ours(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """The frame without those of these columns that an earlier batch added: a cell that is run again gives the same."""
    ours = set(ours_in(frame)).intersection(names)
    kept = [label not in ours for label in frame.columns.get_level_values(0)]
    return frame if all(kept) else frame.loc[:, kept]


def checked_frame(frame: Any) -> pd.DataFrame:
    """A DataFrame as it is, a Series as one with a single column.

    Raises:
        ConfigurationError: it is neither.
    """
    import pandas as pd

    if isinstance(frame, pd.Series):
        return frame.to_frame("text" if frame.name is None else frame.name)
    if not isinstance(frame, pd.DataFrame):
        raise ConfigurationError(f"a batch takes a DataFrame or a Series of pandas, or a path, not {type(frame)}")
    return frame
