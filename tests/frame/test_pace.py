"""Busy servers, limits a minute, and replies that go wrong."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import threading
import time
from typing import Any

import pandas as pd
import pytest

from nbchat import batch_frame, init_chat_model
from nbchat.frame.pace import Pace
from nbchat.values.errors import ConfigurationError
from tests.frame.conftest import Counted
from tests.servers import OpenAIServer, Reply, faulty, openai_answer

ROWS = pd.DataFrame({"q": [f"question {i}" for i in range(120)]})


def test_a_burst_of_429_slows_the_batch_down_and_no_row_fails(model: Any, asked: Counted) -> None:
    refused: list[int] = []

    def answer(text: str, body: Any) -> Any:
        if 30 <= asked.total < 70:
            refused.append(asked.total)
            return faulty.rate_limited(ms=30)
        return asked.slow(f"You said: {text}", 0.01)

    asked.answer = answer
    out = batch_frame(ROWS, "q", model, max_concurrency=32)
    assert list(out.response) == [f"You said: {text}" for text in ROWS.q] and refused
    assert out.attempts.max() > 1 and out.attempts.sum() == asked.total


def test_the_pace_halves_once_a_burst_and_creeps_up_again() -> None:
    async def run() -> list[float]:
        pace = Pace(16)
        rounds = [await pace.enter() for _ in range(16)]
        for round_ in rounds[:8]:
            pace.heard(429, round_)
        seen = [pace.places]
        for _ in range(16):
            pace.leave()
        for _ in range(100):
            round_ = await pace.enter()
            pace.heard(200, round_)
            pace.leave()
            seen.append(pace.places)
        pace.heard(503, await pace.enter())
        return [*seen, pace.places]

    first, *rest, last = asyncio.run(run())
    assert first == 8 and rest == sorted(rest) and rest[-1] > 13 and last == rest[-1] / 2


def test_all_wait_while_a_server_wants_to_be_left_alone_and_a_cancelled_wait_blocks_nobody() -> None:
    async def run() -> float:
        pace = Pace(2)
        pace.heard(429, await pace.enter(), 0.1)
        pace.leave()
        begun = time.monotonic()
        gone = asyncio.ensure_future(pace.enter())
        await asyncio.sleep(0.01)
        gone.cancel()
        await pace.enter()
        return time.monotonic() - begun

    assert asyncio.run(run()) >= 0.09


def test_no_more_run_at_once_than_are_allowed(model: Any, asked: Counted) -> None:
    asked.answer = lambda text, body: asked.slow("fine", 0.01)
    batch_frame(ROWS, "q", model, max_concurrency=5)
    assert asked.most_at_once == 5


def test_requests_a_minute_are_kept_to(model: Any, asked: Counted) -> None:
    begun = time.monotonic()
    first = batch_frame(ROWS[:12], "q", model, rpm=1200, max_concurrency=2)  # 20 a second, of which 20 may go at once
    second = batch_frame(ROWS[12:37], "q", model, rpm=600)  # 10 a second, after the first 10
    assert 1.3 < time.monotonic() - begun < 30
    assert first.error.isna().all() and second.error.isna().all()
    with pytest.raises(ConfigurationError, match="rpm"):
        batch_frame(ROWS, "q", model, rpm=0)


def test_tokens_a_minute_hold_requests_back(model: Any, asked: Counted) -> None:
    asked.answer = lambda text, body: asked.slow("fine", 0.05)
    out = batch_frame(ROWS[:7], "q", model, tpm=60_000, max_tokens=20_000)
    assert asked.most_at_once <= 3 and out.response.notna().all()  # of the tokens that are reserved, three fit


def test_many_answers_that_take_more_than_was_reserved_do_not_pass_the_tokens_a_minute(
    model: Any, asked: Counted
) -> None:
    def answer(text: str, body: Any) -> Any:
        if asked.total > 19:
            threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()  # the next would come in seconds
        return asked.takes(10, 3000)

    asked.answer = answer
    batch_frame(ROWS, "q", model, tpm=60_000, max_concurrency=64)
    assert asked.total == 20  # 60,000 tokens by little more than 3,000


FAULTS = [
    lambda: faulty.rate_limited(ms=5),
    faulty.server_error,
    faulty.overloaded,
    faulty.html_page,
    faulty.wrong_json,
    faulty.garbage,
    lambda: Reply(body={"choices": []}),
    lambda: Reply(body=b"", cut=True),
    lambda: Reply(body=b'{"id": "x", "choi', cut=True),
    lambda: Reply(body="null"),
    lambda: faulty.html_page(200),
    lambda: Reply(body={**openai_answer("no"), "model": 7, "usage": {"prompt_tokens": -8, "total_tokens": 10**30}}),
    lambda: Reply(body=[b"[1, 2"]),
    lambda: Reply(delay=0.2, body={"odd": True}),
    faulty.hanging,
]


def test_of_a_faulty_server_every_row_is_an_answer_or_a_named_error(server: OpenAIServer, asked: Counted) -> None:
    model = init_chat_model(
        "gpt-test", model_provider="openai", base_url=server.base_url, api_key="k", timeout={"first_byte": 0.4}
    )
    chance = random.Random(7)
    schema = {"title": "t", "type": "object", "properties": {"tone": {"type": "string"}}, "required": ["tone"]}

    def answer(text: str, body: Any) -> Any:
        if chance.random() < 0.5:
            return chance.choice(FAULTS)()
        return chance.choice(['{"tone": "mild"}', '{"tone": "mild"}', '{"ton": 1}', '{"tone": ', "no"])

    asked.answer = answer
    out = batch_frame(ROWS, "q", model, schema=schema, max_concurrency=16, tpm=10**9)
    assert (out.tone.notna() ^ out.error.notna()).all()
    names = set(out.error.dropna().str.extract(r"^(\w+): ")[0])
    assert "StructuredOutputError" in names
    connection = {"APIConnectionError", "APITimeoutError", "StreamError"}
    assert names <= {"StructuredOutputError", "ServerError", "OverloadedError", "RateLimitError", *connection}
    assert json.dumps(out.attrs["nbchat"])


def test_a_slow_row_does_not_hold_the_others(model: Any, asked: Counted) -> None:
    landed: list[str] = []
    asked.answer = lambda text, body: asked.slow("fine", 1.0 if text == "question 0" else 0)
    batch_frame(ROWS[:40], "q", model, max_concurrency=4, on_row=lambda row: landed.append(row.q))
    assert landed.index("question 0") == 39
