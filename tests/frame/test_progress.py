"""The one line, and what `import nbchat` leaves alone."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
from typing import Any

import pandas as pd
import pytest

from nbchat import abatch_frame, batch_frame
from nbchat.frame.progress import Progress, drawer
from nbchat.frame.tally import Tally
from nbchat.notebook.values import value_html
from tests.frame.conftest import Counted

ROWS = pd.DataFrame({"q": [f"question {i}" for i in range(100)]})


def _midway() -> Progress:
    tally = Tally(done=6214, errors=3, requests=6000, tokens=300_000, cost_usd=0.61)
    tally.asking = tally.began - 15
    return Progress(tally, 10_000, ".nbchat/batch.sqlite")


def test_midway_it_says_what_is_done_spent_and_left() -> None:
    line = str(_midway())
    assert line.startswith("6,214 of 10,000 rows · 3 errors · 400 rows/s · 2")
    assert "· $0.61 of ≈ $0.99 · 9.5 s left · journal .nbchat/batch.sqlite" in line


def test_what_is_left_is_what_has_to_be_asked_also_where_the_journal_has_rows_in_between(
    model: Any, asked: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nbchat.frame.run.CHUNK", 50)
    rows = pd.DataFrame({"q": [f"question {i}" for i in range(1000)]})
    batch_frame(rows[rows.index % 5 > 0], "q", model)
    asked.answer = lambda text, body: asked.slow("fine", 0.01)
    midway = []

    async def watch() -> None:
        batch = abatch_frame(rows, "q", model, max_concurrency=4)
        async for _ in batch:
            tally = batch.batch.run.tally
            if tally.requests:
                midway.append((tally.requests + tally.to_ask(1000), tally.done))

    asyncio.run(watch())
    assert len(midway) > 300 and all(abs(expected - 200) <= 10 for expected, _ in midway)


def test_in_a_notebook_it_is_the_same_line_over_a_bar_and_a_path_is_text() -> None:
    progress = _midway()
    progress.journal = "<b>x</b>.sqlite"
    html = value_html(progress)
    assert ">6,214</b> of 10,000 rows" in html and "width:62.1%" in html and 'role="progressbar"' in html
    assert "&lt;b&gt;x&lt;/b&gt;.sqlite" in html


def test_a_stopped_batch_says_why(capsys: pytest.CaptureFixture[str], model: Any) -> None:
    batch_frame(ROWS, "q", model, budget_tokens=100)
    last = capsys.readouterr().err.splitlines()[-1]
    assert "of 100 rows" in last and "stopped: the budget of 100 tokens is reached" in last


def test_outside_a_notebook_it_is_a_line_of_text_on_stderr_or_nothing(
    capsys: pytest.CaptureFixture[str], model: Any
) -> None:
    batch_frame(ROWS, "q", model)
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.startswith("100 rows · ") and shown.err.count("\n") == 1
    batch_frame(ROWS, "q", model, progress=False)
    assert capsys.readouterr().err == ""


class Terminal(io.StringIO):
    """Somebody looks at it."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_one_line_however_narrow_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    draw = drawer(_midway())
    draw(False)
    draw(True)
    midway, last = terminal.getvalue().split("\r\x1b[2K")[1:]
    assert len(midway) == 79 and midway.endswith("…") and last.endswith(".nbchat/batch.sqlite\n")


def test_frames_have_chat_also_where_pandas_is_imported_later() -> None:
    code = "import nbchat, pandas; print(pandas.DataFrame({'a': [1]}).chat.batch, pandas.Series([1]).chat.abatch)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "ChatAccessor.batch" in done.stdout, done.stderr
