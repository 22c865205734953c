"""Ctrl-C and the first error: what has come is kept, and the rest is not asked."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from typing import Any

import pandas as pd
import pytest

from nbchat import Journal, batch_frame
from nbchat.frame.batch import joined
from nbchat.values.errors import BadRequestError
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


def test_ctrl_c_at_any_moment_drops_no_answer_that_had_come(model: Any) -> None:
    chance = random.Random(3)
    rows = pd.DataFrame({"q": [f"question {i}" for i in range(2000)]})
    for round_ in range(12):
        moments = iter([time.monotonic() + 0.15 + chance.random() * 0.25])
        strike = threading.Timer(0, _strike_at, [next(moments)])
        strike.start()
        with Journal(f"{round_}.sqlite") as journal:
            out = batch_frame(rows, "q", model, journal=journal, max_concurrency=64, progress=False)
            strike.join()
            kept = journal.frame()
        about = out.attrs["nbchat"]
        assert set(kept.prompt[kept.response.notna()]) == set(out.q[out.response.notna()])
        assert about["left"] == out.response.isna().sum() and bool(about["left"]) == bool(about["stopped"])


def _strike_at(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


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
    with pytest.raises(ValueError, match="missing"):
        batch_frame(pd.DataFrame({"q": [None]}), "q", model, errors="raise")


@pytest.mark.parametrize(
    "refusal",
    [
        Reply(status=401, body={"error": {"message": "no key"}}),
        Reply(status=404, body={"error": {"message": "no such model"}}),
        faulty.out_of_quota(),
        faulty.rate_limited(3600),
    ],
)
def test_a_key_or_model_that_is_refused_or_for_an_hour_is_not_tried_on_every_row(
    refusal: Reply, model: Any, asked: Counted
) -> None:
    asked.answer = lambda text, body: refusal
    rows = pd.DataFrame({"q": [f"question {i}" for i in range(2000)]})
    out = batch_frame(rows, "q", model, max_concurrency=8)
    named = out.error.str.contains("AuthenticationError|QuotaError|NotFoundError|RateLimitError")
    assert named.notna().all() and named.all()
    assert asked.total < 200 and out.error.iloc[-1].count("not asked") == 1


def test_an_interrupt_while_the_frame_is_laid_out_does_not_take_it_away(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*parts: pd.DataFrame) -> pd.DataFrame:
        signal.raise_signal(signal.SIGINT)
        return joined(*parts)

    monkeypatch.setattr("nbchat.frame.batch.joined", interrupted)
    assert batch_frame(ROWS, "q", model).response.notna().all()
