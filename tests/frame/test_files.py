"""CSV and Parquet in and out, by path."""

from __future__ import annotations

import os
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
    monkeypatch.setattr("nbchat.frame.tables.ROWS", 7)
    path = batch_frame(str(_written(kind)), "{q}", model, out=f"out/done.{kind}")
    out = pd.read_parquet(path) if kind == "parquet" else pd.read_csv(path)
    assert path == Path(f"out/done.{kind}") and list(out.n) == list(range(30))
    assert list(out.response) == [f"You said: {q}" for q in ROWS.q] and not list(Path("out").glob("*.unfinished"))


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_column_has_one_type_in_all_pieces(
    kind: str, model: Any, asked: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = pd.DataFrame(
        {
            "q": [f"question {i}" for i in range(9)],
            "note": [None] * 6 + ["late", None, "x"],  # nothing in the first piece
            "code": ["1", "2", "3", "A4", "5", "6", "7", "8", "9"],  # numbers, but for one
            "share": [1, 2, 3, 4, 5.5, 6, 7, 8, 9],
            "count": pd.array([1, 2, 3, None, 5, 6, 7, 8, 9], dtype="Int64"),
        }
    )
    rows.to_parquet("in.parquet") if kind == "parquet" else rows.to_csv("in.csv", index=False)
    monkeypatch.setattr("nbchat.frame.tables.ROWS", 3)
    path = batch_frame(f"in.{kind}", "{q} {code} {share}", model, out=f"out.{kind}")
    out = pd.read_parquet(path) if kind == "parquet" else pd.read_csv(path)
    assert asked.by_text.keys() >= {"question 0 1 1.0", "question 4 5 5.5"} and list(out["note"].dropna()) == [
        "late",
        "x",
    ]
    assert list(out["count"].fillna(0)) == [1, 2, 3, 0, 5, 6, 7, 8, 9]
    again = batch_frame(f"in.{kind}", "{q} {code} {share}", model)  # whole, it asks the same
    assert asked.total == 9 and again.response.notna().all()


def test_a_budget_and_the_progress_are_of_the_whole_file(
    model: Any, asked: Counted, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("nbchat.frame.tables.ROWS", 5)
    asked.answer = lambda text, body: asked.takes(50, 50)
    with pytest.raises(ConfigurationError, match="budget of 1,000 tokens"):
        batch_frame(_written("csv"), "{q}", model, out="done.csv", budget_tokens=1000)
    assert 500 < asked.total * 100 <= 1000 and os.listdir() == ["in.csv", ".nbchat"]
    capsys.readouterr()
    batch_frame("in.csv", "{q}", model, out="done.csv")
    assert capsys.readouterr().err.startswith("30 rows · ")


def test_a_dry_run_over_a_file_sends_and_writes_nothing(model: Any, asked: Counted) -> None:
    guess = batch_frame(_written("csv"), "{q}", model, out="done.csv", dry_run=True)
    assert guess.rows == 30 and asked.total == 0 and not Path("done.csv").exists()


def test_a_frame_can_be_written_as_well(model: Any) -> None:
    path = batch_frame(ROWS, "{q}", model, out="done.parquet")
    assert str(pd.read_parquet(path).input_tokens.dtype) == "Int64"


def test_a_file_is_not_written_over_itself(model: Any, asked: Counted) -> None:
    path = _written("csv")
    before = path.read_text()
    with pytest.raises(ConfigurationError, match=r"in\.csv is what is read"):
        batch_frame(path, "{q}", model, out=path.absolute())
    assert asked.total == 0 and path.read_text() == before and os.listdir() == ["in.csv"]


def test_a_batch_that_stops_leaves_the_old_file_and_goes_on_next_time(model: Any, asked: Counted) -> None:
    Path("done.csv").write_text("old")
    with pytest.raises(ConfigurationError, match=r"done\.csv is not written: .*interrupted"):
        batch_frame(_written("csv"), "{q}", model, out="done.csv", on_row=_interrupt, max_concurrency=4)
    assert Path("done.csv").read_text() == "old"
    batch_frame("in.csv", "{q}", model, out="done.csv")
    assert len(pd.read_csv("done.csv")) == 30 and asked.total < 45


def _interrupt(row: Any) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("wrong", ["nothing.csv", "in.xlsx", "in", "", "empty.csv", "ragged.csv", "text.parquet"])
def test_a_path_that_cannot_be_is_told(wrong: str, model: Any, asked: Counted) -> None:
    Path("empty.csv").touch()
    Path("ragged.csv").write_text("q\na\nb,c,d\n")
    Path("text.parquet").write_text("no parquet")
    with pytest.raises(ConfigurationError):
        batch_frame(wrong, "{q}", model, out="done.csv")
    with pytest.raises(ConfigurationError):
        batch_frame(wrong, "{q}", model)
    with pytest.raises(ConfigurationError):
        batch_frame(ROWS, "{q}", model, out="done.xlsx")
    assert asked.total == 0
