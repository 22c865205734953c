"""Whose model a bare name is."""

from __future__ import annotations

import pytest

from nbchat.providers.names import infer_provider
from nbchat.providers.table import find_provider


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("gpt-5-nano", "openai"),
        ("o4-mini", "openai"),
        ("chatgpt-4o-latest", "openai"),
        ("claude-3-5-sonnet-latest", "anthropic"),
        ("gemini-2.5-flash", "google"),
        ("anthropic.claude-3-5-sonnet-20240620-v1:0", "bedrock"),
        ("us.amazon.nova-lite-v1:0", "bedrock"),
        ("mistral-large-latest", "mistral"),
        ("deepseek-chat", "deepseek"),
        ("grok-4", "xai"),
        ("sonar-pro", "perplexity"),
        ("command-r-plus", "cohere"),
        ("accounts/fireworks/models/llama-v3", "fireworks"),
        ("GPT-4o", "openai"),
        ("llama3", None),
        ("", None),
    ],
)
def test_a_bare_name_tells_the_provider(model: str, provider: str | None) -> None:
    assert infer_provider(model) == provider
    assert provider is None or find_provider(provider)
