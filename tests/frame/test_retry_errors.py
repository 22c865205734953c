"""`retry_errors`: those rows again, and nothing else."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from nbchat import batch_frame, retry_errors
from nbchat.values.errors import ConfigurationError
from tests.frame.conftest import Counted
from tests.servers import faulty


def test_it_asks_those_rows_alone(reviews: pd.DataFrame, hasty: Any, asked: Counted) -> None:
    asked.answer = lambda text, body: faulty.server_error() if text != "good" else "fine"
    first = batch_frame(reviews, "{review}", hasty)
    asked.answer = lambda text, body: "at last"
    before = asked.total
    out = retry_errors(first.sort_values("stars"))
    assert asked.total == before + 2
    assert list(out.sort_values("stars").response) == ["at last", "at last", "fine"] and out.error.isna().all()
    assert first.error.notna().sum() == 2 and out.attrs["nbchat"]["errors"] == 0
    assert list(out.dtypes) == list(first.dtypes)


@pytest.mark.parametrize("how", [{"n": 2}, {"wide": True}, {"wide": False}])
def test_of_samples_and_several_models(how: dict[str, Any], reviews: pd.DataFrame, hasty: Any, asked: Counted) -> None:
    models = [hasty] if "n" in how else [hasty, hasty.bind(temperature=1)]
    broken = lambda text, body: faulty.server_error() if text == "bad" and "temperature" not in body else "fine"  # noqa: E731
    asked.answer = broken
    first = batch_frame(reviews, "{review}", models, prefix="p_", **how)
    asked.answer = lambda text, body: "at last"
    out = retry_errors(first)
    errors = [name for name in out.columns if str(name).endswith("error")]
    assert first[errors].notna().sum().sum() in (1, 2) and out[errors].notna().sum().sum() == 0
    assert (out == "at last").sum().sum() == first[errors].notna().sum().sum()


@pytest.mark.parametrize("given", ["series", "list"])
def test_prompts_that_were_given_by_themselves_stay_with_their_rows(given: str, hasty: Any, asked: Counted) -> None:
    rows = pd.DataFrame({"n": [1, 2, 3]}, index=["a", "b", "c"])
    prompts = pd.Series(["one", "two", "three"], index=rows.index)
    asked.answer = lambda text, body: faulty.server_error() if text != "two" else "fine"
    first = batch_frame(rows, prompts if given == "series" else prompts.to_list(), hasty)
    asked.answer = lambda text, body: f"{text} at last"
    out = retry_errors(first.sort_values("n", ascending=False)[:2])
    assert out.response.to_dict() == {"c": "three at last", "b": "fine"}


def test_a_misfit_is_asked_again_though_it_is_in_the_journal(reviews: pd.DataFrame, model: Any, asked: Counted) -> None:
    schema = {"title": "t", "type": "object", "properties": {"tone": {"type": "string"}}, "required": ["tone"]}
    asked.answer = lambda text, body: "no idea"
    first = batch_frame(reviews[:1], "{review}", model, schema=schema)
    asked.answer = lambda text, body: '{"tone": "mild"}'
    out = retry_errors(first)
    assert first.error.notna().all() and list(out.tone) == ["mild"]
    assert list(batch_frame(reviews[:1], "{review}", model, schema=schema).tone) == ["mild"]


def test_rows_that_a_stop_leaves_unasked_keep_their_error(hasty: Any, asked: Counted) -> None:
    rows = pd.DataFrame({"q": [f"question {i}" for i in range(30)]})
    stopping = False

    def stop(row: Any) -> None:
        if stopping:
            raise KeyboardInterrupt

    asked.answer = lambda text, body: faulty.server_error()
    first = batch_frame(rows, "q", hasty, on_row=stop, max_concurrency=4)
    asked.answer = lambda text, body: asked.slow("at last", 0.02)
    stopping = True
    out = retry_errors(first)
    about = out.attrs["nbchat"]
    assert 0 < about["errors"] < 30 and "interrupted" in about["stopped"]
    assert (out.response.notna() ^ out.error.notna()).all() and about["errors"] == out.error.notna().sum()
    stopping = False
    assert retry_errors(out).error.isna().all()


def test_columns_that_were_dropped_stay_dropped(reviews: pd.DataFrame, hasty: Any, asked: Counted) -> None:
    asked.answer = lambda text, body: faulty.server_error() if text == "bad" else "fine"
    first = batch_frame(reviews, "{review}", hasty).drop(columns=["cost_usd", "model"])
    asked.answer = lambda text, body: "at last"
    out = retry_errors(first)
    assert list(out.response) == ["fine", "at last", "fine"] and list(out.columns) == list(first.columns)
    assert "cost_usd" in batch_frame(out, "{review}", hasty)  # and the cell that is run again has them all


def test_a_strange_frame_is_told_what_to_do(reviews: pd.DataFrame) -> None:
    with pytest.raises(ConfigurationError, match="call batch_frame"):
        retry_errors(reviews)
