"""Budgets: whatever answers take, what may be spent is not passed."""

from __future__ import annotations

import random
from typing import Any

import pandas as pd
import pytest

from nbchat import batch_frame, init_chat_model, tool
from nbchat.values.errors import ConfigurationError
from tests.frame.conftest import Counted
from tests.servers import Reply, openai_answer

ROWS = pd.DataFrame({"q": [f"question {i}" for i in range(200)]})


def test_tokens_are_not_passed_and_the_next_call_goes_on(model: Any, asked: Counted) -> None:
    asked.answer = lambda text, body: "word " * 50
    out = batch_frame(ROWS, "q", model, budget_tokens=3000, max_concurrency=64)
    about = out.attrs["nbchat"]
    assert 1500 < about["tokens"] <= 3000 and out.total_tokens.sum() == about["tokens"]
    assert "budget of 3,000 tokens" in about["stopped"] and about["left"] == out.response.isna().sum()
    assert out.error.isna().all()
    more = batch_frame(ROWS, "q", model, budget_tokens=3000)
    assert more.response.notna().sum() > out.response.notna().sum()


@pytest.mark.parametrize(
    ("prompt", "answer", "options"),
    [
        (100, 50, {}),  # a prompt that is longer than its text looks: the provider adds to it
        (10, 2000, {}),
        (1000, 5, {"max_tokens": 5}),
        (50, 400, {"max_tokens": 20}),  # a server that does not heed the limit
    ],
)
def test_answers_that_take_more_than_was_thought_do_not_pass_it_together(
    prompt: int, answer: int, options: dict[str, Any], model: Any, asked: Counted
) -> None:
    asked.answer = lambda text, body: asked.takes(prompt, answer)
    budget = 12 * (prompt + answer)
    out = batch_frame(ROWS, "q", model, budget_tokens=budget, max_concurrency=64, **options)
    assert budget / 2 < out.attrs["nbchat"]["tokens"] <= budget and out.attrs["nbchat"]["left"] > 0


@pytest.mark.parametrize(("budget", "options"), [(20_000, {"max_tokens": 400}), (20_000, {}), (3000, {})])
def test_answers_of_very_different_lengths_do_not_pass_it(
    budget: int, options: dict[str, Any], model: Any, asked: Counted
) -> None:
    chance = random.Random(5)
    asked.answer = lambda text, body: asked.takes(chance.randrange(5, 200), chance.randrange(5, 400))
    out = batch_frame(ROWS, "q", model, budget_tokens=budget, max_concurrency=64, **options)
    assert budget / 2 < out.attrs["nbchat"]["tokens"] <= budget


def test_nor_do_long_ones_after_a_first_that_was_short(model: Any, asked: Counted) -> None:
    asked.answer = lambda text, body: asked.takes(20, 5 if text == "question 0" else 400)
    out = batch_frame(ROWS, "q", model, budget_tokens=5000, max_concurrency=64)
    assert 2500 < out.attrs["nbchat"]["tokens"] <= 5000


def test_a_server_that_counts_no_tokens_is_held_to_what_is_thought(model: Any, asked: Counted) -> None:
    asked.answer = lambda text, body: Reply(body={**openai_answer("fine"), "usage": None})
    out = batch_frame(ROWS, "q", model, budget_tokens=3000)
    assert out.attrs["nbchat"]["left"] > 150 and out.total_tokens.isna().all() and out.cost_usd.isna().all()


def test_a_server_that_only_fails_is_not_asked_one_by_one_for_ever(hasty: Any, asked: Counted) -> None:
    asked.answer = lambda text, body: asked.slow("", 0.03, status=500)
    out = batch_frame(ROWS, "q", hasty, budget_tokens=100_000, max_concurrency=32)
    assert out.error.notna().all() and asked.most_at_once > 8


def test_dollars_are_not_passed(model: Any) -> None:
    out = batch_frame(ROWS, "q", model, budget_usd=0.0003, max_tokens=20)
    about = out.attrs["nbchat"]
    assert 0 < about["cost_usd"] <= 0.0003 and about["left"] > 0
    assert about["cost_usd"] == pytest.approx(out.cost_usd.sum())


def test_nor_where_a_dearer_model_answers_than_was_asked(model: Any, asked: Counted) -> None:
    asked.answer = lambda text, body: Reply(body=openai_answer("word " * 20, model="gpt-4o"))
    about = batch_frame(ROWS, "q", model, budget_usd=0.005).attrs["nbchat"]
    assert 0.003 < about["cost_usd"] <= 0.005


def test_the_rounds_of_tools_do_not_pass_it(model: Any, asked: Counted) -> None:
    @tool
    def look(page: int) -> str:
        """Look something up."""
        return "found " * 200

    def answer(text: str, body: Any) -> Any:
        page = sum(message["role"] == "tool" for message in body["messages"])
        return {"tool_calls": [{"name": "look", "args": {"page": page}}]} if page < 4 else "done"

    asked.answer = answer
    enough = batch_frame(ROWS[:20], "q", model, tools=[look], budget_tokens=30_000, max_concurrency=8)
    assert enough.error.isna().all() and 15_000 < enough.attrs["nbchat"]["tokens"] <= 30_000
    before = asked.total
    little = batch_frame(ROWS[:20], "Not {q}", model, tools=[look], budget_tokens=1500, max_concurrency=8)
    assert list(little.error.dropna().str.startswith("BudgetError: the budget of 1,500 tokens")) == [True]
    assert little.attrs["nbchat"]["left"] == 19 and asked.total - before < 5


def test_one_too_small_for_a_row_sends_nothing(model: Any, asked: Counted) -> None:
    out = batch_frame(ROWS, "q", model, budget_tokens=10)
    assert asked.total == 0 and out.attrs["nbchat"]["left"] == 200


@pytest.mark.parametrize(("name", "budget"), [("tokens", 200), ("usd", 0.0001)])
def test_one_that_is_smaller_than_a_guess_has_the_first_row_teach_it(
    name: str, budget: float, model: Any, asked: Counted
) -> None:
    asked.answer = lambda text, body: asked.slow("one two three", 0.01)
    out = batch_frame(ROWS, "q", model, **{f"budget_{name}": budget})
    about = out.attrs["nbchat"]
    assert budget / 2 < about["tokens" if name == "tokens" else "cost_usd"] <= budget
    assert 3 < asked.total == 200 - about["left"] and out.error.isna().all()


def test_a_first_row_that_takes_all_is_the_only_one(model: Any, asked: Counted) -> None:
    asked.answer = lambda text, body: asked.takes(10, 500)
    out = batch_frame(ROWS, "q", [model, model.bind(temperature=0)], budget_tokens=200)
    assert asked.total == 1 and "budget of 200 tokens is reached" in out.attrs["nbchat"]["stopped"]


def test_a_stop_says_what_the_next_row_may_take(model: Any, asked: Counted) -> None:
    open_ended = batch_frame(ROWS, "q", model, budget_tokens=10).attrs["nbchat"]["stopped"]
    assert open_ended == (
        "the budget of 10 tokens is reached: the next row is thought to take up to 263 tokens; "
        "give max_tokens= or a larger budget"
    )
    limited = batch_frame(ROWS, "q", model, budget_tokens=200, max_tokens=300).attrs["nbchat"]["stopped"]
    assert limited.endswith("up to 307 tokens; give a smaller max_tokens= or a larger budget") and asked.total == 0


def test_dollars_need_a_price(server: Any, asked: Counted) -> None:
    strange = init_chat_model("my-own", model_provider="openai", base_url=server.base_url, api_key="k")
    with pytest.raises(ConfigurationError, match="budget_tokens="):
        batch_frame(ROWS, "q", strange, budget_usd=1)
    assert asked.total == 0
