"""Several models and several samples a row."""

from __future__ import annotations

from itertools import count
from typing import Any

import pandas as pd
import pytest

from nbchat import batch_frame, init_chat_model
from nbchat.values.errors import ConfigurationError
from tests.frame.conftest import Counted
from tests.servers import OpenAIServer


@pytest.fixture
def pair(server: OpenAIServer) -> list[Any]:
    """Two models of one server."""
    return [
        init_chat_model(name, model_provider="openai", base_url=server.base_url, api_key="k")
        for name in ("gpt-4o-mini", "gpt-5-mini")
    ]


def test_several_models_give_a_row_each(reviews: pd.DataFrame, pair: list[Any], asked: Counted) -> None:
    asked.answer = lambda text, body: f"{body['model']}: {text}"
    out = batch_frame(reviews, "{review}", pair)
    assert list(out.index) == ["x", "x", "a", "a", "x", "x"]
    assert list(out.model) == ["gpt-4o-mini", "gpt-5-mini"] * 3
    assert list(out.response[:2]) == ["gpt-4o-mini: good", "gpt-5-mini: good"]


def test_or_columns_each(reviews: pd.DataFrame, pair: list[Any], asked: Counted) -> None:
    asked.answer = lambda text, body: f"{body['model']}: {text}"
    out = batch_frame(reviews, "{review}", {"old": pair[0], "new": pair[1]}, wide=True)
    assert len(out) == 3 and list(out["new_response"])[1] == "gpt-5-mini: bad"
    assert list(out["old_response"])[2] == "gpt-4o-mini: so {so}"


def test_models_of_one_name_are_told_apart(reviews: pd.DataFrame, model: Any) -> None:
    out = batch_frame(reviews[:1], "{review}", [model, model.bind(temperature=0), model.bind(temperature=0)])
    assert list(out.model) == ["gpt-4o-mini", "gpt-4o-mini temperature=0", "gpt-4o-mini temperature=0 #2"]


def test_their_labels_show_no_headers(reviews: pd.DataFrame, model: Any) -> None:
    out = batch_frame(reviews[:1], "{review}", [model, model.bind(extra_headers={"x": "sk-secret"})])
    assert list(out.model) == ["gpt-4o-mini", "gpt-4o-mini extra_headers=…"]


def test_samples_are_rows_of_their_own_and_each_is_asked_for_itself(
    reviews: pd.DataFrame, model: Any, asked: Counted
) -> None:
    number = count()
    asked.answer = lambda text, body: f"{text} {next(number)}"
    out = batch_frame(reviews[:2], "{review}", model, n=3)
    assert list(out["sample"]) == [0, 1, 2, 0, 1, 2] and asked.by_text == {"good": 3, "bad": 3}
    assert out.response.nunique() == 6
    again = batch_frame(reviews[:2], "{review}", model, n=4)  # one more of each
    assert asked.total == 8
    assert list(again.response[again["sample"] < 3]) == list(out.response)


def test_what_cannot_be_is_told(reviews: pd.DataFrame, model: Any) -> None:
    for wrong in ({"n": 0}, {"n": 2, "wide": True}, {"max_concurrency": 0}, {"errors": "ignore"}, {"include": ["x"]}):
        with pytest.raises(ConfigurationError):
            batch_frame(reviews, "{review}", [model, model], **wrong)
