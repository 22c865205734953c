"""Many short rows from file to file and in a frame: how memory grows, and how long it takes to go on afterwards.

python -m tests.benchmarks.large [ROWS]
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

WIDTH = 256


def _memory_mb() -> float:
    """What this process has in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


class Watch:
    """The most memory in each tenth of the rows."""

    def __init__(self, rows: int) -> None:
        self._rows, self._seen, self._due = rows, 0, 0.0
        self.peaks = [0.0] * 10

    def __call__(self, row: Any) -> None:
        self._seen += 1
        if time.monotonic() > self._due:
            tenth = min(9, 10 * self._seen // self._rows)
            self.peaks[tenth] = max(self.peaks[tenth], _memory_mb())
            self._due = time.monotonic() + 0.1


def measured(url: str, rows: int) -> None:
    """Print a table in Markdown."""
    import pandas as pd

    import nbchat
    from nbchat.frame.batch_frame import batch_frame

    model = nbchat.init_chat_model("gpt-test", model_provider="openai", base_url=f"{url}/v1", api_key="k")
    folder = Path(tempfile.mkdtemp())
    pd.DataFrame({"review": [f"review number {i}" for i in range(rows)]}).to_csv(folder / "in.csv", index=False)
    how: dict[str, Any] = {"max_concurrency": WIDTH, "progress": False}
    batch_frame(pd.DataFrame({"q": ["a", "b"]}), "q", model, journal=None, **how)
    print(f"| {rows:,} rows | seconds | MB at start | most MB, tenth by tenth |")
    print("|---|---:|---:|---|")
    ways: dict[str, Any] = {
        "CSV to Parquet": ("in.csv", {"out": folder / "out.parquet", "journal": folder / "a.sqlite"}),
        "again, from the journal": ("in.csv", {"out": folder / "again.csv", "journal": folder / "a.sqlite"}),
        "a frame": ("in.csv", {"journal": folder / "b.sqlite"}),
    }
    for name, (source, where) in ways.items():
        watch, before, begun = Watch(rows), _memory_mb(), time.monotonic()
        batch_frame(folder / source, "Tone of: {review}", model, on_row=watch, **where, **how)
        peaks = " ".join(f"{peak:.0f}" for peak in watch.peaks)
        print(f"| {name} | {time.monotonic() - begun:.0f} | {before:.0f} | {peaks} |", flush=True)


if __name__ == "__main__":
    from tests.servers.process import spawn

    with spawn("openai", "--tokens", "5") as address:
        measured(address, int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
