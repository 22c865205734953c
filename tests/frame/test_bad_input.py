"""What careless people put in: told before anything is sent, or a row with its error."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nbchat import batch_frame
from nbchat.frame.journal import Journal, JournalError
from nbchat.values.errors import ConfigurationError
from tests.frame.conftest import Counted


async def later(row: Any) -> str:
    """A prompt's function that is to be awaited."""
    return str(row.review)


@pytest.mark.parametrize(
    ("prompt", "says"),
    [
        ("Tone of {revew}", "'review'"),  # names what is alike
        ("reveiw", "'review'"),
        ("What is the tone?", "every row would ask the same"),
        ("Tone of {review", "braces"),
        ("Tone of {}", "without the name"),
        ("{review.upper}", "no column 'review.upper'"),
        ("{review[0]}", r"no column 'review\[0\]'"),
        ("{review:{stars}}", "braces inside a format"),
        (later, "no async one"),
        (["only one"], "1 prompts for 3 rows"),
        (None, "needs a prompt"),
        ({"a", "b", "c"}, "a prompt is"),  # in no order
        (7, "a prompt is"),
        (b"good", "a prompt is"),
        (pd.Series(["p", "q", "r"]), "another index"),  # pandas goes by labels, and these are not the frame's
    ],
)
def test_a_prompt_that_cannot_be_is_told_before_anything_is_sent(
    prompt: Any, says: str, reviews: pd.DataFrame, model: Any, asked: Counted
) -> None:
    with pytest.raises(ConfigurationError, match=says):
        batch_frame(reviews, prompt, model)
    assert asked.total == 0 and not os.path.exists(".nbchat")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"n": "3"}, "n= is a whole number above 0, not '3'"),
        ({"n": 1.5}, "n= is a whole number"),
        ({"n": None}, "n= is a whole number"),
        ({"max_rounds": None}, "max_rounds= is a whole number"),
        ({"max_concurrency": 0}, "max_concurrency="),
        ({"budget_usd": "2"}, "budget_usd="),
        ({"budget_tokens": 0}, "budget_tokens= is a number above 0"),
        ({"budget_usd": float("nan")}, "budget_usd="),
        ({"rpm": True}, "rpm="),
        ({"prefix": None}, "prefix="),
        ({"on_row": 3}, "on_row="),
        ({"journal": False}, "journal= takes"),
        ({"system": 5}, "system= is"),
        ({"system": "Be {kind}."}, "no column 'kind'"),
        ({"images": "photo"}, "no column 'photo'"),
        ({"include": ["everything"]}, "include="),
        ({"max_concurency": 3}, "is max_concurrency= meant"),  # at a lenient server, it would do nothing
        ({"budget": 3}, "is budget_tokens= or budget_usd= meant"),
        ({"sample": 10}, "goes with dry_run=True"),  # it would ask all rows
        ({"timeout": 5}, r"init_chat_model\(…, timeout="),  # it would go to the provider
        ({"api_key": "sk-secret"}, "api_key= is said where"),
        ({"schema": int}, "a schema is"),
        ({"tools": "search"}, "a tool is"),
    ],
)
def test_an_argument_that_cannot_be_is_told_before_anything_is_sent(
    arguments: dict[str, Any], says: str, reviews: pd.DataFrame, model: Any, asked: Counted
) -> None:
    with pytest.raises(ConfigurationError, match=says) as raised:
        batch_frame(reviews, "{review}", model, **arguments)
    assert asked.total == 0 and "sk-secret" not in str(raised.value)


def test_empty_cells_and_prompts_that_are_no_text_are_rows_with_their_error(model: Any, asked: Counted) -> None:
    wrong = [
        None,
        np.nan,
        "",
        "  ",
        7,
        np.int64(7),
        pd.NA,
        [],
        {"role": "nobody", "content": "x"},
        b"x",
        pd.Timestamp(0),
    ]
    values = ["fine", *wrong, ["hi"], np.array(["hi"], dtype=object)]
    out = batch_frame(pd.DataFrame({"q": pd.Series(values, dtype=object)}), "q", model)
    assert out.error.notna().tolist() == [False, *[True] * len(wrong), False, False]
    assert asked.by_text == {"fine": 1, "hi": 1}
    assert (out.attempts[out.error.notna()] == 0).all()


def test_a_value_that_is_missing_or_all_blank_is_told_from_one_with_text(model: Any, asked: Counted) -> None:
    rows = pd.DataFrame({"review": ["good", np.nan, "", " \n", ""], "by": ["Al", "Al", "Al", " ", ""]})
    out = batch_frame(rows, "Tone of: {review}, by {by}", model)
    said = ["review is missing (NaN)", "review and by are empty", "review and by are empty"]
    assert [error.split(": ")[1].split(",")[0] for error in out.error.dropna()] == said
    assert set(asked.by_text) == {"Tone of: good, by Al", "Tone of: , by Al"}
    one = batch_frame(rows[2:], "Tone of: {review}", model)
    assert one.error.str.contains("review is empty").all() and asked.total == 2


def test_an_empty_caption_leaves_the_picture_to_be_asked_about(model: Any, asked: Counted) -> None:
    rows = pd.DataFrame({"caption": ["", ""], "photo": ["https://example.org/a.png", None]})
    out = batch_frame(rows, "Describe. {caption}", model, images="photo")
    assert out.error.isna().tolist() == [True, False] and asked.total == 1


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("stars", "the prompt column 'stars' holds numbers: use '{stars}'"),
        ("born", "the prompt column 'born' holds values of type Timestamp: use '{born}'"),
        (lambda row: row.stars, "the prompt function gives numbers, and no text or messages"),
        ([1, 2, 3], "the prompts are numbers, and no text or messages"),
    ],
)
def test_a_prompt_that_is_no_text_is_told_what_to_write(
    prompt: Any, said: str, reviews: pd.DataFrame, model: Any, asked: Counted
) -> None:
    rows = reviews.assign(born=pd.Timestamp("2020-01-01"))
    assert set(batch_frame(rows, prompt, model).error) == {f"PromptError: {said}"} and asked.total == 0


def test_a_function_that_fails_for_a_row_fails_that_row(reviews: pd.DataFrame, model: Any) -> None:
    out = batch_frame(reviews, lambda row: f"{1 / (int(row.stars) - 1):.2f}", model)
    assert out.error.notna().tolist() == [False, True, False]
    assert out.error.iloc[1] == "PromptError: the prompt function failed: ZeroDivisionError: division by zero"
    with pytest.raises(ZeroDivisionError):
        batch_frame(reviews, lambda row: 1 / 0, model, errors="raise")


def test_indexes_and_columns_of_every_kind_are_kept(model: Any) -> None:
    rows = pd.DataFrame(
        {
            "kind": pd.Categorical(["a", "b", None]),
            "day": pd.to_datetime(["2026-01-01", None, "2026-01-03"]),
            "n": pd.array([1, None, 3], dtype="Int64"),
        },
        index=pd.MultiIndex.from_tuples([("u", 1), ("u", 1), ("v", 2)], names=["who", "no"]),
    )
    out = batch_frame(rows, "{who} {kind} {day:%Y} {n}", model)
    pd.testing.assert_frame_equal(out[rows.columns], rows)
    assert out.response.iloc[0] == "You said: u a 2026 1" and out.error.notna().tolist() == [False, True, True]


def test_columns_whose_names_are_no_texts_or_hold_colons_can_be_asked_for(model: Any, asked: Counted) -> None:
    rows = pd.DataFrame([["a", "b", "c"]], columns=[0, "Q1: how was it?", "mean"])
    batch_frame(rows, "{0} {Q1: how was it?} {mean:>3}", model)
    batch_frame(rows, 0, model)
    assert list(asked.by_text) == ["a b   c", "a"]


def test_a_series_of_prompts_goes_by_its_index(model: Any) -> None:
    rows = pd.DataFrame({"n": [1, 2]}, index=["a", "b"])
    out = batch_frame(rows, pd.Series(["for b", "for a", "for c"], index=["b", "a", "c"]), model)
    assert list(out.response) == ["You said: for a", "You said: for b"]


def test_columns_of_a_multiindex_stay_one(model: Any) -> None:
    rows = pd.DataFrame([["hi", 1]], columns=pd.MultiIndex.from_tuples([("text", "en"), ("n", "")]))
    out = batch_frame(rows, lambda row: row[("text", "en")], model)
    again = batch_frame(out, ("text", "en"), model)
    assert list(again.columns) == list(out.columns) and list(again[("response", "")]) == ["You said: hi"]
    assert out[("response", "")].iloc[0] == "You said: hi" and out[("text", "en")].iloc[0] == "hi"


def test_an_empty_frame_comes_back_with_the_columns(model: Any, asked: Counted) -> None:
    out = batch_frame(pd.DataFrame({"review": pd.Series([], dtype=str)}), "{review}", model)
    assert len(out) == 0 and "response" in out.columns and asked.total == 0


def test_a_column_that_exists_is_not_overwritten(reviews: pd.DataFrame, model: Any, asked: Counted) -> None:
    with pytest.raises(ConfigurationError, match="prefix='chat_'"):
        batch_frame(reviews.assign(response="mine"), "{review}", model)
    assert asked.total == 0


def test_two_columns_of_one_name_are_told_apart_only_where_they_are_asked_for(model: Any) -> None:
    rows = pd.DataFrame([["a", "b", "c"]], columns=["x", "x", "y"])
    assert batch_frame(rows, "{y}", model).response.iloc[0] == "You said: c"
    with pytest.raises(ConfigurationError, match="2 columns 'x'"):
        batch_frame(rows, "{x}", model)


@pytest.mark.parametrize("wrong", [None, 7, "openai", "nobody:x", []])
def test_a_model_that_is_none_is_told(wrong: Any, reviews: pd.DataFrame) -> None:
    with pytest.raises(ConfigurationError):
        batch_frame(reviews, "{review}", wrong)


@pytest.mark.parametrize("rows", [7, {"a": 1}, [["x"]]])
def test_what_is_no_table_is_told(rows: Any, model: Any) -> None:
    with pytest.raises(ConfigurationError, match="DataFrame"):
        batch_frame(rows, "{a}", model)


def _locked(path: Path) -> sqlite3.Connection:
    held = sqlite3.connect(path, isolation_level=None)
    held.execute("BEGIN EXCLUSIVE")
    return held


def test_a_locked_journal_is_told_before_anything_is_sent(
    reviews: pd.DataFrame, model: Any, asked: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nbchat.frame.journal.BUSY_S", 0.05)
    held = _locked(Path("j.sqlite"))
    with pytest.raises(JournalError, match="another program holds it"):
        batch_frame(reviews, "{review}", model, journal="j.sqlite")
    held.close()
    assert asked.total == 0


def test_a_journal_of_another_version_is_left_alone(reviews: pd.DataFrame, model: Any, asked: Counted) -> None:
    with sqlite3.connect("j.sqlite") as db:
        db.execute("PRAGMA user_version = 99")
    before = Path("j.sqlite").read_bytes()
    with pytest.raises(JournalError, match="version 99"):
        batch_frame(reviews, "{review}", model, journal="j.sqlite")
    assert asked.total == 0 and Path("j.sqlite").read_bytes() == before


@pytest.mark.parametrize("kind", ["text", "folder", "under a file", "another database"])
def test_a_file_that_is_no_journal_is_told(kind: str, reviews: pd.DataFrame, model: Any, asked: Counted) -> None:
    path = Path("j.sqlite")
    match kind:
        case "text":
            path.write_text("my notes, not to be lost\n" * 100)
        case "folder":
            path.mkdir()
        case "under a file":
            path.write_text("")
            path = path / "j.sqlite"
        case "another database":
            with sqlite3.connect(path) as db:
                db.execute("CREATE TABLE answers (mine TEXT)")
    with pytest.raises(JournalError, match="journal="):
        batch_frame(reviews, "{review}", model, journal=path)
    assert asked.total == 0


LONG = pd.DataFrame({"q": [f"{i} " + "long " * 400 for i in range(60)]})


class Full(Journal):
    """A journal on a disk that has little room."""

    def __init__(self, path: Any) -> None:
        super().__init__(path)
        self._db.execute("PRAGMA max_page_count = 12")  # what SQLite says when there is no room


def test_a_disk_that_is_full_midway_loses_nothing_that_came(
    model: Any, asked: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nbchat.frame.journal.Journal", Full)
    with pytest.warns(RuntimeWarning, match="full"):
        out = batch_frame(LONG, "q", model, journal="j.sqlite", max_concurrency=4)
    about = out.attrs["nbchat"]
    assert "full" in about["stopped"] and about["left"] > 0
    assert asked.total < 60
    with Journal("j.sqlite") as journal:
        kept = len(journal.frame())
    unsaved = out.response.notna().sum() - kept
    assert unsaved and about["left"] == 60 - kept and about["errors"] == 0
    assert about["stopped"].startswith(f"{unsaved} answer") and "not in the journal, and would be" in about["stopped"]
    monkeypatch.setattr("nbchat.frame.journal.Journal", Journal)  # there is room again
    again = batch_frame(LONG, "q", model, journal="j.sqlite").attrs["nbchat"]
    assert again["requests"] == about["left"] and again["left"] == 0


def test_a_disk_that_is_full_is_told_of_a_batch_into_a_file_too(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nbchat.frame.journal.Journal", Full)
    with (
        pytest.warns(RuntimeWarning, match="full"),
        pytest.raises(ConfigurationError, match=r"not in the journal.*full") as raised,
    ):
        batch_frame(LONG, "q", model, journal="j.sqlite", out="done.csv")
    assert "what came is" not in str(raised.value) and not Path("done.csv").exists()


def test_a_journal_that_is_deleted_midway_stops_the_batch(model: Any, asked: Counted) -> None:
    rows = pd.DataFrame({"q": [f"question {i}" for i in range(100)]})
    journal = Path("j.sqlite")
    with pytest.warns(RuntimeWarning, match="has been deleted"):
        out = batch_frame(rows, "q", model, journal=journal, max_concurrency=4, on_row=lambda row: journal.unlink(True))
    assert asked.total < 60 and out.attrs["nbchat"]["left"] > 0
