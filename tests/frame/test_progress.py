"""The one line, what it costs beforehand, and what `import nbchat` leaves alone."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pandas as pd
import pytest

from nbchat import batch_frame
from nbchat.frame.progress import Progress
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


def test_a_dry_run_sends_nothing_and_says_what_it_would_take(model: Any, asked: Counted) -> None:
    free = batch_frame(ROWS, "{q}", model, dry_run=True)
    bounded = batch_frame(ROWS, "{q}", model, dry_run=True, max_tokens=50)
    assert asked.total == 0
    assert free.rows == 100 and free.input_tokens > 100 and free.output_tokens is None and free.cost_usd is None
    assert bounded.output_tokens == 5000 and 0 < bounded.cost_usd < 0.01 and "at most" in str(bounded)


def test_a_dry_run_with_a_sample_asks_those_rows_and_keeps_them(model: Any, asked: Counted) -> None:
    guess = batch_frame(ROWS, "{q}", model, dry_run=True, sample=10)
    assert asked.total == 10 and guess.sampled == 10 and guess.seconds > 0
    out = batch_frame(ROWS, "{q}", model)
    assert asked.total == 100
    assert guess.cost_usd == pytest.approx(out.cost_usd.sum(), rel=0.2)
    assert batch_frame(ROWS, "{q}", model, dry_run=True).known == 100


@pytest.mark.parametrize("order", ["nbchat, pandas", "pandas, nbchat"])
def test_frames_have_chat_whichever_is_imported_first(order: str) -> None:
    code = f"import {order}; print(pandas.DataFrame({{'a': [1]}}).chat.batch, pandas.Series([1]).chat.abatch)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "ChatAccessor.batch" in done.stdout, done.stderr
