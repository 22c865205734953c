"""A limiter of requests and tokens, shared by the threads and loops of one process."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Mapping
from numbers import Real
from time import monotonic
from typing import Any

from nbchat.flow.retry import retry_after
from nbchat.io.reset_headers import remaining
from nbchat.values.errors import ConfigurationError
from nbchat.wire.codec import sent_json

CHARS_PER_TOKEN = 4  # a prompt's length in tokens is only known afterwards; `settle` corrects the guess
SHORTEST_SLEEP = 0.001  # seconds
ANSWER_TOKENS = 256  # what is reserved for an answer without `max_tokens`


class InMemoryRateLimiter:
    """Lets requests through at a rate, first come, first served. Safe to share between models and threads.

        limiter = InMemoryRateLimiter(requests_per_second=0.5, max_bucket_size=10)
        model = init_chat_model("openai:gpt-5-nano", rate_limiter=limiter)

    Args:
        requests_per_second: how fast the bucket of requests fills.
        check_every_n_seconds: the longest that a waiting request sleeps before it looks again.
        max_bucket_size: how many requests may go at once after a pause; the bucket is full at first.
        tokens_per_minute: a limit on prompt and answer together, reserved before a request and settled after; None for
            no limit.

    What a provider says in its `x-ratelimit-*` and `retry-after` headers holds requests back as well.

    Raises:
        ConfigurationError: a number that would let no request pass.
    """

    def __init__(
        self,
        *,
        requests_per_second: float = 1,
        check_every_n_seconds: float = 0.1,
        max_bucket_size: float = 1,
        tokens_per_minute: float | None = None,
    ) -> None:
        for name, value in (
            ("requests_per_second", requests_per_second),
            ("check_every_n_seconds", check_every_n_seconds),
            ("tokens_per_minute", 1 if tokens_per_minute is None else tokens_per_minute),
        ):
            if not (_is_number(value) and value > 0):
                raise ConfigurationError(f"{name} is a number above 0, not {value!r}")
        if not (_is_number(max_bucket_size) and max_bucket_size >= 1):
            raise ConfigurationError(
                f"max_bucket_size is a number of at least 1, or no request ever passes; not {max_bucket_size!r}"
            )
        self.requests_per_second = requests_per_second
        self.check_every_n_seconds = check_every_n_seconds
        self.max_bucket_size = max_bucket_size
        self.tokens_per_minute = tokens_per_minute
        self._lock = threading.Lock()
        self._requests = float(max_bucket_size)
        self._tokens = float(tokens_per_minute or 0)
        self._filled = monotonic()
        self._not_before = 0.0
        self._first_goes = 0.0  # when the first in the queue may go, as far as is known
        self._queue: deque[object] = deque()

    def acquire(self, *, blocking: bool = True, tokens: int = 0) -> bool:
        """Wait until a request of so many tokens may go, and count it; without `blocking`, return at once if it may."""
        ticket = self._join()
        try:
            while wait := self._wait(ticket, tokens):
                if not blocking:
                    return False
                time.sleep(wait)
            return True
        finally:
            self._leave(ticket)

    async def aacquire(self, *, blocking: bool = True, tokens: int = 0) -> bool:
        """`acquire`, awaited; a cancelled wait takes nothing."""
        ticket = self._join()
        try:
            while wait := self._wait(ticket, tokens):
                if not blocking:
                    return False
                await asyncio.sleep(wait)
            return True
        finally:
            self._leave(ticket)

    def estimate(self, body: Mapping[str, Any]) -> int:
        """Tokens to reserve for a request: its text and its longest answer, roughly."""
        if self.tokens_per_minute is None:
            return 0
        limits = (body.get("max_completion_tokens"), body.get("max_tokens"), body.get("max_output_tokens"))
        answer = next((limit for limit in limits if isinstance(limit, int)), ANSWER_TOKENS)
        return len(sent_json(body)) // CHARS_PER_TOKEN + answer

    def settle(self, reserved: int, used: int) -> None:
        """Give back what was reserved and not used, or take what was used beyond."""
        if self.tokens_per_minute is not None:
            with self._lock:
                self._tokens = min(self._tokens + reserved - used, self.tokens_per_minute)

    def observe(self, headers: Mapping[str, str]) -> None:
        """Heed what the provider says of its own limits."""
        wait = retry_after(headers, time.time())
        if wait is None:
            wait = remaining(headers)
        if wait:
            with self._lock:
                self._not_before = max(self._not_before, monotonic() + wait)

    def _join(self) -> object:
        ticket = object()
        with self._lock:
            self._queue.append(ticket)
        return ticket

    def _leave(self, ticket: object) -> None:
        with self._lock:
            self._queue.remove(ticket)

    def _wait(self, ticket: object, tokens: int) -> float:
        """0 once the request may go, and is counted; else seconds until it is worth looking again."""
        with self._lock:
            now = self._fill()
            ahead = self._queue.index(ticket)
            wait = max(self._not_before - now, (ahead + 1 - self._requests) / self.requests_per_second)
            if ahead:
                wait = max(wait, self._first_goes - now)
            elif self.tokens_per_minute is not None:
                needed = min(tokens, self.tokens_per_minute)  # a larger request waits for a full bucket
                wait = max(wait, (needed - self._tokens) * 60 / self.tokens_per_minute)
            if not ahead and wait <= 0:
                self._requests -= 1
                self._tokens -= tokens
                return 0.0
            if not ahead:
                self._first_goes = now + wait
            return min(max(wait, SHORTEST_SLEEP), self.check_every_n_seconds)

    def _fill(self) -> float:
        """Fill the buckets for the time that has passed; return the time."""
        now = monotonic()
        passed = max(0.0, now - self._filled)
        self._filled = now
        self._requests = min(self.max_bucket_size, self._requests + passed * self.requests_per_second)
        if self.tokens_per_minute is not None:
            self._tokens = min(self.tokens_per_minute, self._tokens + passed * self.tokens_per_minute / 60)
        return now

    def __getstate__(self) -> dict[str, Any]:
        names = ("requests_per_second", "check_every_n_seconds", "max_bucket_size", "tokens_per_minute")
        return {name: getattr(self, name) for name in names}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def __repr__(self) -> str:
        tokens = f", tokens_per_minute={self.tokens_per_minute:g}" if self.tokens_per_minute else ""
        return f"InMemoryRateLimiter(requests_per_second={self.requests_per_second:g}{tokens})"


def _is_number(value: Any) -> bool:
    return isinstance(value, Real)
