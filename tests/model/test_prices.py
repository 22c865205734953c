"""What answers cost, by the prices that are known."""

from __future__ import annotations

import pytest

from nbchat import AIMessage, cost_usd
from nbchat.values.usage import Usage


def test_prices_with_cached_and_batch_tokens() -> None:
    plain = Usage.of(1_000_000, 0)
    cached = Usage.of(1_000_000, 0, input_details={"cache_read": 1_000_000})
    full = cost_usd(plain, "gpt-4o-mini", "openai")
    assert full == pytest.approx(0.15)
    assert cost_usd(cached, "gpt-4o-mini", "openai") == pytest.approx(0.075)
    assert cost_usd(plain, "gpt-4o-mini", "openai", batch=True) == pytest.approx(full / 2)
    assert cost_usd(plain, "no-such-model", "openai") is None
    assert cost_usd(plain, "gpt-4o-mini", "nowhere") is None
    assert cost_usd(None, "gpt-4o-mini", "openai") is None
    assert cost_usd(plain, "smollm2", "local") == 0.0
    message = AIMessage(
        "x", usage_metadata=plain, response_metadata={"model_name": "gpt-4o-mini", "model_provider": "openai"}
    )
    assert cost_usd(message) == full
