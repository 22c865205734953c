"""Rows of one's own."""

from __future__ import annotations

from typing import Any

import pytest

from nbchat.providers.table import PROVIDERS, open_provider, register_provider
from nbchat.values.errors import ConfigurationError, MissingKeyError
from nbchat.values.messages import HumanMessage
from nbchat.wire.anthropic import AnthropicMessages
from nbchat.wire.codec import Call
from nbchat.wire.openai_chat import OpenAIChat

pytestmark = pytest.mark.usefixtures("own_rows")


def test_a_compatible_vendor_is_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    register_provider("acme", base_url="https://api.acme.test/v1", key_env="ACME_API_KEY")
    with pytest.raises(MissingKeyError, match="acme needs an API key: set ACME_API_KEY"):
        open_provider("acme")
    monkeypatch.setenv("ACME_API_KEY", "k")
    endpoint, row = open_provider("acme", model="m")
    url, headers = endpoint.sealed(row.codec.request(Call("m", [HumanMessage("Hi")])), b"")
    assert (url, headers["authorization"]) == ("https://api.acme.test/v1/chat/completions", "Bearer k")


def test_a_server_without_a_variable_needs_no_key() -> None:
    register_provider("mine", base_url="http://localhost:9/v1")
    assert open_provider("mine")[0].key is None


def test_like_another_row_but_for_what_is_given() -> None:
    row = register_provider("gateway", like="anthropic", base_url="https://gateway.test/anthropic", headers={"x": "1"})
    assert isinstance(row.codec, AnthropicMessages)
    assert row.key_header == ("x-api-key", "")
    assert row.headers == {"x": "1"}


def test_a_codec_by_name_or_with_quirks() -> None:
    assert register_provider("a", base_url="http://a.test", codec="anthropic").codec == AnthropicMessages()
    quirky = OpenAIChat(max_tokens="max_output")
    assert register_provider("b", base_url="http://b.test", codec=quirky).codec is quirky


def test_a_built_in_row_or_another_name_may_be_replaced() -> None:
    register_provider("openai", like="openai", base_url="https://proxy.test/v1")
    register_provider("gemini", base_url="https://own.test/v1")
    assert PROVIDERS["openai"].base_url == "https://proxy.test/v1"
    assert open_provider("gemini")[0].base_url == "https://own.test/v1"


@pytest.mark.parametrize(
    ("name", "fields", "words"),
    [
        ("two words", {"base_url": "http://a.test"}, "no name for a provider"),
        ("a:b", {"base_url": "http://a.test"}, "no name for a provider"),
        ("acme", {}, "needs a base_url="),
        ("acme", {"base_url": "http://a.test", "keys": 1}, "has no keys"),
        ("acme", {"base_url": "http://a.test", "codec": "smoke"}, "no wire format 'smoke'"),
        ("acme", {"like": "antropic"}, "did you mean anthropic"),
    ],
)
def test_mistakes_are_named(name: str, fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        register_provider(name, **fields)
