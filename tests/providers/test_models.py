"""The list of a provider's models: where it is asked for, and how the vendors' forms of it are read."""

from __future__ import annotations

from typing import Any

import pytest

from nbchat.providers.models import models_request, read_models
from nbchat.providers.table import open_provider
from nbchat.values.errors import StreamError, UnsupportedError


@pytest.mark.parametrize(
    ("name", "arguments", "url"),
    [
        ("openai", {}, "https://api.openai.com/v1/models"),
        ("anthropic", {}, "https://api.anthropic.com/v1/models?limit=1000"),
        ("google", {}, "https://generativelanguage.googleapis.com/v1beta/models?pageSize=1000"),
        ("ollama", {}, "http://127.0.0.1:11434/api/tags"),
        ("bedrock", {"region_name": "eu-west-1"}, "https://bedrock.eu-west-1.amazonaws.com/foundation-models"),
        ("github", {}, "https://models.github.ai/catalog/models"),
        ("databricks", {"host": "h.test"}, "https://h.test/api/2.0/serving-endpoints"),
        (
            "cloudflare",
            {"account_id": "a"},
            "https://api.cloudflare.com/client/v4/accounts/a/ai/models/search?per_page=1000",
        ),
        ("azure", {"azure_endpoint": "https://r.test"}, "https://r.test/openai/v1/models"),
        (
            "azure",
            {"azure_endpoint": "https://r.test", "api_version": "2024-10-21"},
            "https://r.test/openai/models?api-version=2024-10-21",
        ),
    ],
)
def test_where_the_list_is_asked_for(name: str, arguments: dict[str, Any], url: str) -> None:
    endpoint, row = open_provider(name, api_key="k", **arguments)
    request = models_request(endpoint, row)
    assert request.method == "GET"
    assert endpoint.url(request) == url


def test_a_vendor_without_a_list_says_so() -> None:
    endpoint, row = open_provider("perplexity", api_key="k")
    with pytest.raises(UnsupportedError, match="perplexity has no list of models"):
        models_request(endpoint, row)


@pytest.mark.parametrize(
    ("answer", "names"),
    [
        ({"object": "list", "data": [{"id": "gpt-5"}, {"id": "o4-mini"}]}, ["gpt-5", "o4-mini"]),
        ([{"id": "together/a", "type": "chat"}], ["together/a"]),
        ({"models": [{"name": "models/gemini-2.5-flash", "version": "1"}]}, ["gemini-2.5-flash"]),
        ({"publisherModels": [{"name": "publishers/google/models/gemini-3"}]}, ["gemini-3"]),
        ({"models": [{"name": "llama3:8b", "model": "llama3:8b"}]}, ["llama3:8b"]),
        ({"modelSummaries": [{"modelArn": "arn", "modelId": "amazon.nova", "modelName": "Nova"}]}, ["amazon.nova"]),
        ({"result": [{"id": "f8-uuid", "name": "@cf/meta/llama"}]}, ["@cf/meta/llama"]),
        ({"endpoints": [{"name": "databricks-gpt"}]}, ["databricks-gpt"]),
        ({"data": [{"id": 3}, "odd", None, {"id": "a"}]}, ["odd", "a"]),
    ],
)
def test_the_vendors_forms_of_it(answer: Any, names: list[str]) -> None:
    assert read_models(answer, "x") == names


@pytest.mark.parametrize("answer", [{}, "models", None, {"data": "none"}])
def test_an_answer_that_is_no_list(answer: Any) -> None:
    with pytest.raises(StreamError, match="no list of models"):
        read_models(answer, "x")
