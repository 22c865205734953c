"""The one line that says how far a batch is: redrawn in a notebook's cell, or text on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from shutil import get_terminal_size
from typing import Any

from nbchat.frame.tally import Tally
from nbchat.values.quantities import dollars, duration

REDRAW_S = 0.2
LINE_S = 10.0  # between lines where a line cannot be written over


@dataclass(slots=True)
class Progress:
    """How far a batch is; shows itself as one line.

    Attributes:
        tally: the counts.
        total: answers that are wanted in all.
        journal: the file's path, or "" for none.
        waits: says what jobs at providers are waited for; None where there are none.
        over: whether the run has ended.
        noun: what is counted.
    """

    tally: Tally
    total: int
    journal: str
    waits: Callable[[], str] | None = None
    over: bool = False
    noun: str = "row"

    @property
    def share(self) -> float:
        """Between 0 and 1."""
        return self.tally.done / self.total if self.total else 1.0

    @property
    def wanted(self) -> str:
        """What follows the number of those done: "of 10,000 rows", or "rows" where that is all."""
        nouns = f"{self.noun}{'s' * (self.total != 1)}"
        return nouns if self.share >= 1 else f"of {self.total:,} {nouns}"

    def facts(self) -> list[str]:
        """What the line says after `wanted`, in order."""
        tally, out = self.tally, []
        if tally.errors:
            out.append(f"{tally.errors:,} error{'s' * (tally.errors > 1)}")
        asking = 0.0 if self.waits else tally.asking_s
        if tally.requests and asking:
            out.append(f"{_rate(tally.requests / asking)} {self.noun}s/s")
            if tally.tokens:
                out.append(f"{_rate(tally.tokens / asking)} tok/s")
        if self.waits and not self.over and (said := self.waits()):
            out.append(said)
        if tally.requests and tally.priced:
            out.append(self._cost())
        if self.over:
            out.append(f"stopped: {tally.stopped}" if tally.stopped else duration(tally.seconds))
        elif tally.requests and asking and (to_ask := tally.to_ask(self.total)):
            out.append(f"{duration(to_ask * asking / tally.requests)} left")
        if self.journal:
            out.append(f"journal {self.journal}")
        return out

    def _cost(self) -> str:
        tally = self.tally
        so_far = dollars(tally.cost_usd)
        if self.over or not tally.cost_usd:
            return so_far
        return f"{so_far} of ≈ {dollars(tally.cost_usd * (1 + tally.to_ask(self.total) / tally.requests))}"

    def __repr__(self) -> str:
        return " · ".join([f"{self.tally.done:,} {self.wanted}", *self.facts()])


def _rate(per_s: float) -> str:
    return f"{per_s:,.0f}" if per_s >= 10 else f"{per_s:.1f}"


def drawer(progress: Progress) -> Callable[[bool], None]:
    """What draws the line where it has changed, at most five times a second; and when told that it is the last time."""
    draw, pause = _in_cell(progress) or _on_stderr(progress)
    due = time.monotonic() + (pause if pause == LINE_S else 0.0)
    shown = ""

    def drawn(last: bool) -> None:
        nonlocal due, shown
        if not last and time.monotonic() < due:
            return
        progress.over = last
        due = time.monotonic() + pause
        if last or repr(progress) != shown:  # a job may take a day
            shown = repr(progress)
            draw()

    return drawn


def _in_cell(progress: Progress) -> tuple[Callable[[], None], float] | None:
    """Draw into the output of the cell that runs, where there is one."""
    ipython = sys.modules.get("IPython")
    shell: Any = ipython.get_ipython() if ipython else None
    if shell is None or not hasattr(shell, "kernel"):
        return None
    from IPython.display import display

    handle: Any = None

    def draw() -> None:
        nonlocal handle
        if handle is None:
            handle = display(progress, display_id=True)
        else:
            handle.update(progress)

    return draw, REDRAW_S


def _on_stderr(progress: Progress) -> tuple[Callable[[], None], float]:
    terminal = sys.stderr.isatty()

    def draw() -> None:
        if not terminal:
            print(progress, file=sys.stderr, flush=True)
        elif progress.over:
            print(f"\r\x1b[2K{progress}", file=sys.stderr)
        else:
            line, width = repr(progress), get_terminal_size().columns
            shown = line if len(line) < width else f"{line[: width - 2]}…"  # of two lines, only one would be redrawn
            print(f"\r\x1b[2K{shown}", end="", file=sys.stderr, flush=True)

    return draw, REDRAW_S if terminal else LINE_S
