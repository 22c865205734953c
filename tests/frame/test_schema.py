"""Answers of a schema as typed columns."""

from __future__ import annotations

import json
from datetime import date, datetime
from enum import Enum
from typing import Any, Literal

import pandas as pd
import pytest
from pydantic import BaseModel, RootModel

from nbchat import batch_frame
from nbchat.frame.schema_columns import SchemaColumns
from nbchat.values.errors import ConfigurationError
from tests.frame.conftest import Counted


class Mood(Enum):
    GLAD = "glad"
    SAD = "sad"


class Maker(BaseModel):
    name: str
    founded: int | None = None


class Tone(BaseModel):
    """The tone of a review."""

    tone: Literal["positive", "negative", "mixed"]
    score: float
    words: int
    sure: bool
    mood: Mood
    seen: date | None = None
    tags: list[str] = []
    maker: Maker | None = None


ANSWER = {
    "tone": "mixed",
    "score": 0.2,
    "words": 3,
    "sure": True,
    "mood": "sad",
    "seen": "2026-03-01",
    "tags": ["a", "b"],
    "maker": {"name": "Ann", "founded": 1901},
}


def test_every_field_is_a_column_of_its_own_type_and_nested_ones_are_json(
    reviews: pd.DataFrame, model: Any, asked: Counted
) -> None:
    asked.answer = lambda text, body: json.dumps(ANSWER)
    out = batch_frame(reviews[:1], "{review}", model, schema=Tone)
    types = out.dtypes.astype(str).to_dict()
    assert list(out.columns[2:10]) == ["tone", "score", "words", "sure", "mood", "seen", "tags", "maker"]
    assert "response" not in out.columns
    assert [types[n] for n in ("tone", "score", "words", "sure")] == ["string", "Float64", "Int64", "boolean"]
    assert types["seen"].startswith("datetime64") and out.seen.iloc[0] == pd.Timestamp("2026-03-01")
    row = out.iloc[0]
    assert (row.tone, row.score, row.words, row.sure, row.mood) == ("mixed", 0.2, 3, True, "sad")
    assert json.loads(row.tags) == ["a", "b"] and json.loads(row.maker) == {"name": "Ann", "founded": 1901}


def test_nested_objects_can_have_columns_of_their_own(reviews: pd.DataFrame, model: Any, asked: Counted) -> None:
    asked.answer = lambda text, body: json.dumps(ANSWER)
    out = batch_frame(reviews[:1], "{review}", model, schema=Tone, explode=True)
    assert out["maker.name"].iloc[0] == "Ann" and out["maker.founded"].iloc[0] == 1901
    assert str(out["maker.founded"].dtype) == "Int64" and "maker" not in out.columns


def test_an_answer_that_does_not_fit_is_a_row_with_a_named_error_that_was_paid_for(
    reviews: pd.DataFrame, model: Any, asked: Counted
) -> None:
    asked.answer = lambda text, body: "{}" if text == "bad" else json.dumps(ANSWER)
    out = batch_frame(reviews, "{review}", model, schema=Tone)
    assert out.error.notna().tolist() == [False, True, False]
    assert out.error.iloc[1].startswith("StructuredOutputError: ") and out.total_tokens.iloc[1] > 0
    assert out.tone.isna().tolist() == [False, True, False]
    again = batch_frame(reviews, "{review}", model, schema=Tone)
    assert asked.total == 3  # the misfit was an answer, and is in the journal
    pd.testing.assert_frame_equal(out, again)


def test_a_json_schema_and_a_model_made_for_one_do_as_well(reviews: pd.DataFrame, model: Any, asked: Counted) -> None:
    schema = {"title": "tone", "type": "object", "properties": {"tone": {"type": "string"}}, "required": ["tone"]}
    asked.answer = lambda text, body: '{"tone": "mild"}'
    for out in (
        batch_frame(reviews, "{review}", model, schema=schema),
        batch_frame(reviews, "{review}", model.with_structured_output(schema).with_retry()),
    ):
        assert set(out.tone) == {"mild"} and (out.input_tokens > 0).all()


def test_a_refusal_is_a_named_error_with_a_schema_and_without(
    reviews: pd.DataFrame, model: Any, asked: Counted
) -> None:
    asked.answer = lambda text, body: {"text": None, "refusal": "I cannot help with that."}
    out = batch_frame(reviews[:1], "{review}", model)
    assert out.error.iloc[0] == "ContentFilterError: gpt-4o-mini refused: I cannot help with that."
    assert "refused" in batch_frame(reviews[:1], "{review}", model, schema=Tone).error.iloc[0]


def test_times_of_several_offsets_are_one_column_in_utc(reviews: pd.DataFrame, model: Any, asked: Counted) -> None:
    class Seen(BaseModel):
        at: datetime

    asked.answer = lambda text, body: json.dumps({"at": f"2026-03-01T10:00:00+0{len(text)}:00"})
    out = batch_frame(reviews, "{review}", model, schema=Seen)
    assert list(out["at"].dt.hour) == [6, 7, 3] and str(out["at"].dt.tz) == "UTC"


def test_forms_that_make_no_columns_are_told(reviews: pd.DataFrame, model: Any, asked: Counted) -> None:
    with pytest.raises(ConfigurationError, match="different forms"):
        batch_frame(reviews, "{review}", [model, model.with_structured_output(Tone)])
    with pytest.raises(ConfigurationError, match="names no field"):
        batch_frame(reviews, "{review}", model, schema=RootModel[dict[str, int]])
    assert asked.total == 0


def test_a_field_with_the_name_of_an_added_column_is_refused_before_anything_is_sent(
    reviews: pd.DataFrame, model: Any, asked: Counted
) -> None:
    class Bad(BaseModel):
        error: str

    with pytest.raises(ConfigurationError, match="rename the field"):
        batch_frame(reviews, "{review}", model, schema=Bad)
    assert asked.total == 0


def test_a_schema_that_holds_itself_ends_and_a_number_too_large_stays_whole() -> None:
    node = {"type": "object", "properties": {"n": {"type": "integer"}, "next": {"$ref": "#"}}}
    columns = SchemaColumns(node, explode=True)
    assert "n" in columns.names and len(columns.names) < 10
    assert list(columns.typed("n", [2**80, None])) == [2**80, None]


def test_a_choice_that_may_be_null_has_the_type_of_its_values(model: Any, asked: Counted) -> None:
    asked.answer = lambda text, body: '{"stars": 4}' if text == "4" else '{"stars": null}'
    stars = {"title": "Stars", "type": "object", "properties": {"stars": {"enum": [4, 5, None]}}}
    out = batch_frame(pd.DataFrame({"q": ["4", "?"]}), "{q}", model, schema=stars)
    assert str(out.stars.dtype) == "Int64" and out.stars[0] == 4 and out.stars.isna()[1]
