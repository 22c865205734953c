"""One short line to the user about what takes time: loading weights, downloading them."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


def say(line: str, *, end: str = "\n") -> None:
    """Write `line` to stderr, or in a notebook to stdout: stderr is red there."""
    stream: TextIO | None = sys.stdout if _in_notebook() else sys.stderr
    if stream is not None:
        stream.write(line + end)
        stream.flush()


@contextmanager
def saying(line: str) -> Iterator[None]:
    """Say `line` while something takes its time. In a notebook, which would keep it below the answer, it goes then."""
    if not _in_notebook():
        say(line)
        yield
        return
    from IPython.display import display

    shown = display({"text/plain": line}, raw=True, display_id=True)
    try:
        yield
    finally:
        shown.update({"text/plain": ""}, raw=True)


def _in_notebook() -> bool:
    return type(sys.stdout).__module__.startswith("ipykernel.")


def megabytes(size: int) -> str:
    """`size` in bytes, as in `98 MB`."""
    return f"{size / 1e6:,.0f} MB"


class ProgressBar:
    """A bar on one line, redrawn at most ten times a second."""

    def __init__(self, label: str, total: int) -> None:
        self.label, self.total = label, total
        self._drawn = 0.0

    def update(self, done: int) -> None:
        """`done`: bytes there by now, of `total`."""
        finished = done >= self.total
        now = time.monotonic()
        if not finished and now - self._drawn < 0.1:
            return
        self._drawn = now
        filled = 24 * done // max(self.total, 1)
        bar = "█" * filled + "░" * (24 - filled)
        say(f"\r{self.label} {bar} {megabytes(done)} of {megabytes(self.total)}", end="\n" if finished else "")
