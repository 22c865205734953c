"""CSV and Parquet in and out, by path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from nbchat import batch_frame
from nbchat.values.errors import ConfigurationError
from tests.frame.conftest import Counted

ROWS = pd.DataFrame({"q": [f"question {i}" for i in range(30)], "n": range(30)})


def _written(kind: str) -> Path:
    path = Path(f"in.{kind}")
    match kind:
        case "parquet":
            ROWS.to_parquet(path)
        case "tsv":
            ROWS.to_csv(path, sep="\t", index=False)
        case _:
            ROWS.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("kind", ["csv", "tsv", "parquet"])
def test_a_file_is_read_by_its_path(kind: str, model: Any) -> None:
    out = batch_frame(_written(kind), "{q}", model)
    assert list(out.n) == list(range(30)) and out.response.iloc[3] == "You said: question 3"


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_file_is_written_a_piece_at_a_time_with_the_same_rows(
    kind: str, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nbchat.frame.files.ROWS", 7)
    path = batch_frame(str(_written(kind)), "{q}", model, out=f"out/done.{kind}")
    out = pd.read_parquet(path) if kind == "parquet" else pd.read_csv(path)
    assert path == Path(f"out/done.{kind}") and list(out.n) == list(range(30))
    assert list(out.response) == [f"You said: {q}" for q in ROWS.q] and not list(Path("out").glob("*.unfinished"))


def test_a_frame_can_be_written_as_well(model: Any) -> None:
    path = batch_frame(ROWS, "{q}", model, out="done.parquet")
    assert str(pd.read_parquet(path).input_tokens.dtype) == "Int64"


def test_a_batch_that_stops_leaves_the_old_file_and_goes_on_next_time(model: Any, asked: Counted) -> None:
    Path("done.csv").write_text("old")
    with pytest.raises(ConfigurationError, match=r"done\.csv is not written: .*interrupted"):
        batch_frame(_written("csv"), "{q}", model, out="done.csv", on_row=_interrupt, max_concurrency=4)
    assert Path("done.csv").read_text() == "old"
    batch_frame("in.csv", "{q}", model, out="done.csv")
    assert len(pd.read_csv("done.csv")) == 30 and asked.total < 45


def _interrupt(row: Any) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("wrong", ["nothing.csv", "in.xlsx", "in", ""])
def test_a_path_that_cannot_be_is_told(wrong: str, model: Any, asked: Counted) -> None:
    with pytest.raises(ConfigurationError):
        batch_frame(wrong, "{q}", model)
    with pytest.raises(ConfigurationError):
        batch_frame(ROWS, "{q}", model, out="done.xlsx")
    assert asked.total == 0
