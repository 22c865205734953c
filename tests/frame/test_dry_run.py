"""What a batch would take, before it is run."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from nbchat import abatch_frame, batch_frame, init_chat_model
from nbchat.values.errors import ConfigurationError
from tests.frame.conftest import Counted

ROWS = pd.DataFrame({"q": [f"question {i}" for i in range(100)]})


def test_it_sends_nothing_and_says_what_it_would_take_by_a_guess_that_is_named(model: Any, asked: Counted) -> None:
    guess = batch_frame(ROWS, "{q}", model, dry_run=True)
    bounded = batch_frame(ROWS, "{q}", model, dry_run=True, max_tokens=50)
    assert asked.total == 0
    assert guess.rows == 100 and guess.input_tokens > 100 and guess.output_tokens == 25_600
    assert guess.cost_usd > 0 and guess.seconds > 0 and guess.most_usd is None and "a guess of 256" in str(guess)
    assert bounded.output_tokens == 5000 and bounded.cost_usd == bounded.most_usd < guess.cost_usd
    assert "at most" in str(bounded)


def test_a_sample_is_asked_and_kept(model: Any, asked: Counted) -> None:
    guess = batch_frame(ROWS, "{q}", model, dry_run=True, sample=10)
    assert asked.total == 10 and guess.sampled == 10 and guess.seconds > 0
    out = batch_frame(ROWS, "{q}", model)
    assert asked.total == 100
    assert guess.cost_usd == pytest.approx(out.cost_usd.sum(), rel=0.2)
    assert batch_frame(ROWS, "{q}", model, dry_run=True).known == 100


def test_what_the_journal_has_is_as_good_as_a_sample(model: Any, asked: Counted) -> None:
    asked.answer = lambda text, body: "word " * 20
    some = batch_frame(ROWS[::4], "{q}", model)
    guess = batch_frame(ROWS, "{q}", model, dry_run=True)
    assert guess.known == 25 and "25 answers in the journal" in str(guess) and asked.total == 25
    assert guess.cost_usd == pytest.approx(3 * some.cost_usd.sum(), rel=0.2)


def test_rows_that_repeat_others_or_cannot_be_asked_cost_nothing(model: Any, asked: Counted) -> None:
    once = batch_frame(ROWS, "{q}", model, dry_run=True)
    rows = pd.concat([ROWS, ROWS, pd.DataFrame({"q": [None] * 50})])
    guess = batch_frame(rows, "{q}", model, dry_run=True)
    assert (guess.rows, guess.free, guess.known, guess.cost_usd) == (250, 150, 0, once.cost_usd)
    assert "150" in str(guess) and once.free == 0
    batch_frame(ROWS, "{q}", model)
    guess = batch_frame(rows, "{q}", model, dry_run=True)
    assert (guess.free, guess.known, guess.cost_usd) == (50, 200, 0)


def test_limits_a_minute_are_part_of_the_time(model: Any) -> None:
    assert batch_frame(ROWS, "{q}", model, dry_run=True, rpm=10).seconds == 600
    assert batch_frame(ROWS, "{q}", model, dry_run=True, tpm=1000).seconds > 1500


def test_tools_and_schemas_count(model: Any) -> None:
    schema = {"title": "t", "type": "object", "properties": {f"field_{i}": {"type": "string"} for i in range(40)}}
    plain = batch_frame(ROWS, "{q}", model, dry_run=True)
    assert batch_frame(ROWS, "{q}", model, dry_run=True, schema=schema).input_tokens > plain.input_tokens + 20_000


def test_no_price_is_none_and_wrong_samples_are_told(server: Any, model: Any, asked: Counted) -> None:
    strange = init_chat_model("my-own", model_provider="openai", base_url=server.base_url, api_key="k")
    assert batch_frame(ROWS, "{q}", strange, dry_run=True).cost_usd is None
    with pytest.raises(ConfigurationError, match="sample="):
        batch_frame(ROWS, "{q}", model, dry_run=True, sample=-1)
    with pytest.raises(ConfigurationError, match="batch_frame alone"):
        abatch_frame(ROWS, "{q}", model, dry_run=True)
    assert asked.total == 0
