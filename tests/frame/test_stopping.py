"""Ctrl-C, budgets and the first error: what has come is kept, and the rest is not asked."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any

import pandas as pd
import pytest

from nbchat import batch_frame, init_chat_model
from nbchat.values.errors import BadRequestError, ConfigurationError
from tests.frame.conftest import Counted
from tests.servers import Reply, faulty

ROWS = pd.DataFrame({"q": [f"question {i}" for i in range(200)]})


def test_ctrl_c_returns_at_once_with_the_rows_so_far_and_the_rest_is_asked_next_time(
    model: Any, asked: Counted
) -> None:
    def answer(text: str, body: Any) -> Any:
        if asked.total == 40:
            threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        return asked.slow(f"You said: {text}", 3 if asked.total >= 40 else 0)

    asked.answer = answer
    begun = time.monotonic()
    out = batch_frame(ROWS, "q", model, max_concurrency=8)
    took = time.monotonic() - begun
    about = out.attrs["nbchat"]
    assert took < 2 and "interrupted" in about["stopped"]
    assert 0 < about["left"] == out.response.isna().sum() < 200 and out.error.isna().all()
    asked.answer = lambda text, body: f"You said: {text}"
    done, before = set(out.q[out.response.notna()]), asked.by_text.copy()
    again = batch_frame(ROWS, "q", model)
    assert list(again.response) == [f"You said: {text}" for text in ROWS.q]
    assert not set(asked.by_text - before) & done


def test_ctrl_c_while_a_row_is_seen_keeps_that_row(model: Any) -> None:
    seen: list[Any] = []

    def stop_after_ten(row: Any) -> None:
        seen.append(row)
        if len(seen) == 10:
            raise KeyboardInterrupt

    out = batch_frame(ROWS, "q", model, on_row=stop_after_ten, max_concurrency=4)
    assert out.attrs["nbchat"]["left"] < 200 and out.response.notna().sum() >= 10


def test_nothing_is_left_running_after_a_stop(model: Any, asked: Counted) -> None:
    asked.answer = lambda text, body: asked.slow("fine", 0.05)
    batch_frame(ROWS, "q", model, max_concurrency=4, on_row=_interrupt)
    time.sleep(0.3)
    before = asked.total
    time.sleep(0.3)
    assert asked.total == before < 30


def _interrupt(row: Any) -> None:
    raise KeyboardInterrupt


def test_an_error_in_the_users_own_on_row_is_raised_after_the_commit(model: Any, asked: Counted) -> None:
    with pytest.raises(ZeroDivisionError):
        batch_frame(ROWS[:1], "q", model, on_row=lambda row: 1 / 0)
    assert batch_frame(ROWS[:1], "q", model).response.notna().all() and asked.total == 1


def test_errors_can_be_raised(model: Any, asked: Counted) -> None:
    bad = Reply(status=400, body={"error": {"message": "too odd", "type": "invalid_request_error", "code": None}})
    asked.answer = lambda text, body: bad if text.endswith(" 7") else "fine"
    with pytest.raises(BadRequestError, match="too odd"):
        batch_frame(ROWS[:20], "q", model, errors="raise")
    with pytest.raises(ValueError, match="empty"):
        batch_frame(pd.DataFrame({"q": [None]}), "q", model, errors="raise")


@pytest.mark.parametrize("refusal", [Reply(status=401, body={"error": {"message": "no key"}}), faulty.out_of_quota()])
def test_a_key_that_is_refused_is_not_tried_on_every_row(refusal: Reply, model: Any, asked: Counted) -> None:
    asked.answer = lambda text, body: refusal
    rows = pd.DataFrame({"q": [f"question {i}" for i in range(2000)]})
    out = batch_frame(rows, "q", model, max_concurrency=8)
    assert out.error.notna().all() and out.error.str.contains("AuthenticationError|QuotaError").all()
    assert asked.total < 200 and out.error.iloc[-1].count("not asked") == 1


def test_a_budget_of_tokens_is_not_passed(model: Any, asked: Counted) -> None:
    asked.answer = lambda text, body: "word " * 50
    out = batch_frame(ROWS, "q", model, budget_tokens=3000, max_concurrency=64)
    about = out.attrs["nbchat"]
    assert 1500 < about["tokens"] <= 3000 and out.total_tokens.sum() == about["tokens"]
    assert "budget of 3,000 tokens" in about["stopped"] and about["left"] == out.response.isna().sum()
    assert out.error.isna().all()
    more = batch_frame(ROWS, "q", model, budget_tokens=3000)
    assert more.response.notna().sum() > out.response.notna().sum()


def test_a_budget_of_dollars_is_not_passed(model: Any) -> None:
    out = batch_frame(ROWS, "q", model, budget_usd=0.0003, max_tokens=20)
    about = out.attrs["nbchat"]
    assert 0 < about["cost_usd"] <= 0.0003 and about["left"] > 0
    assert about["cost_usd"] == pytest.approx(out.cost_usd.sum())


def test_a_budget_too_small_for_one_row_sends_nothing(model: Any, asked: Counted) -> None:
    out = batch_frame(ROWS, "q", model, budget_tokens=10)
    assert asked.total == 0 and out.attrs["nbchat"]["left"] == 200


def test_a_budget_in_dollars_needs_a_price(server: Any, asked: Counted) -> None:
    strange = init_chat_model("my-own", model_provider="openai", base_url=server.base_url, api_key="k")
    with pytest.raises(ConfigurationError, match="budget_tokens="):
        batch_frame(ROWS, "q", strange, budget_usd=1)
    with pytest.raises(ConfigurationError, match="above 0"):
        batch_frame(ROWS, "q", strange, budget_tokens=0)
    assert asked.total == 0
