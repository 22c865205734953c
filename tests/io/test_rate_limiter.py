"""The rate limiter: the page's arguments, tokens a minute, fairness, and what providers say of their limits."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

from nbchat import InMemoryRateLimiter, init_chat_model
from nbchat.io.reset_headers import remaining
from nbchat.values.errors import ConfigurationError
from tests.servers import OpenAIServer, faulty


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("nbchat.io.rate_limiter.monotonic", made)
    return made


def limiter(**more: Any) -> InMemoryRateLimiter:
    return InMemoryRateLimiter(check_every_n_seconds=0.001, **more)


def passes(made: InMemoryRateLimiter, tokens: int = 0) -> bool:
    return made.acquire(blocking=False, tokens=tokens)


def test_a_burst_then_the_rate(clock: Clock) -> None:
    made = limiter(requests_per_second=2, max_bucket_size=3)
    assert [passes(made) for _ in range(4)] == [True, True, True, False]
    clock.now += 0.5
    assert [passes(made), passes(made)] == [True, False]


def test_tokens_are_reserved_before_and_settled_after(clock: Clock) -> None:
    made = limiter(requests_per_second=1000, max_bucket_size=1000, tokens_per_minute=600)
    assert [passes(made, 500), passes(made, 200)] == [True, False]
    made.settle(500, 100)
    assert passes(made, 200)
    made.settle(200, 800)
    assert not passes(made, 1)
    clock.now += 60
    assert passes(made, 1)


def test_a_request_larger_than_a_minutes_tokens_waits_for_a_full_bucket_not_for_ever(clock: Clock) -> None:
    made = limiter(requests_per_second=1000, max_bucket_size=1000, tokens_per_minute=100)
    assert passes(made, 5000)
    assert not passes(made, 1)


def test_what_the_provider_says_holds_requests_back(clock: Clock) -> None:
    made = limiter(requests_per_second=1000, max_bucket_size=1000)
    made.observe({"retry-after": "2"})
    assert not passes(made)
    clock.now += 2.1
    assert passes(made)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1.5s"}, 1.5),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "20ms"}, 0.02),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s"}, 60.0),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "12"}, 12.0),
        ({"x-ratelimit-remaining-requests": "7", "x-ratelimit-reset-requests": "9s"}, 0.0),
        ({"anthropic-ratelimit-requests-remaining": "0", "anthropic-ratelimit-requests-reset": "soon"}, 0.0),
        ({}, 0.0),
    ],
)
def test_the_headers_of_used_up_limits(headers: dict[str, str], seconds: float) -> None:
    assert remaining(headers) == pytest.approx(seconds)


def test_the_first_come_is_the_first_served_over_threads_and_loops() -> None:
    made = InMemoryRateLimiter(requests_per_second=20, max_bucket_size=1)
    order: list[int] = []
    made.acquire()
    threads = []
    for n in range(6):

        def work(n: int = n) -> None:
            made.acquire() if n % 2 else asyncio.run(made.aacquire())
            order.append(n)

        threads.append(threading.Thread(target=work))
        threads[-1].start()
        while len(made._queue) + len(order) < n + 1:
            time.sleep(0.001)
    for thread in threads:
        thread.join(10)
    assert order == list(range(6))


def test_a_waiting_request_goes_when_its_turn_comes_not_at_the_next_check() -> None:
    made = InMemoryRateLimiter(requests_per_second=1000, check_every_n_seconds=600)

    async def many() -> list[bool]:
        return await asyncio.gather(*(made.aacquire() for _ in range(50)))

    assert all(asyncio.run(asyncio.wait_for(many(), 60)))


def test_those_behind_sleep_while_the_first_waits_for_tokens(clock: Clock) -> None:
    made = limiter(requests_per_second=1000, max_bucket_size=1000, tokens_per_minute=60)
    made.check_every_n_seconds = 100
    assert passes(made, 60)
    first, second = made._join(), made._join()
    assert made._wait(first, 30) == pytest.approx(30)
    assert made._wait(second, 1) == pytest.approx(30)


def test_a_cancelled_wait_takes_nothing_and_blocks_nobody() -> None:
    async def scenario() -> bool:
        made = InMemoryRateLimiter(requests_per_second=0.001, max_bucket_size=1, check_every_n_seconds=0.001)
        await made.aacquire()
        waiting = asyncio.ensure_future(made.aacquire())
        await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        return len(made._queue) == 0

    assert asyncio.run(scenario())


def test_models_use_it_and_give_back_what_a_failed_request_reserved() -> None:
    made = InMemoryRateLimiter(requests_per_second=1000, max_bucket_size=100, tokens_per_minute=100_000)
    with OpenAIServer(lambda body: "fine", first=[faulty.server_error()]) as server:
        chat = init_chat_model(
            "gpt-test", model_provider="openai", base_url=server.base_url, api_key="k", rate_limiter=made, max_retries=0
        )
        with pytest.raises(Exception, match="500"):
            chat.invoke("hi")
        assert made._tokens == pytest.approx(100_000, abs=200)
        used = sum(m.usage_metadata["total_tokens"] for m in chat.batch(["hi"] * 5))
        assert made._tokens == pytest.approx(100_000 - used, abs=300)


@pytest.mark.parametrize(
    "wrong",
    [{"requests_per_second": 0}, {"max_bucket_size": 0}, {"tokens_per_minute": -1}, {"check_every_n_seconds": 0}],
)
def test_impossible_settings_have_a_named_error(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        InMemoryRateLimiter(**wrong)
