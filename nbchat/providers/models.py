"""The list of a provider's models: what to ask for, and how to read the answer. No network."""

from __future__ import annotations

from typing import Any
from urllib.parse import urljoin

from nbchat.providers.endpoint import Endpoint
from nbchat.providers.provider import Provider
from nbchat.values.errors import StreamError, UnsupportedError
from nbchat.wire.codec import Request

_LISTS = ("data", "models", "modelSummaries", "publisherModels", "endpoints", "result")
_NAMES = ("id", "modelId", "name", "model")


def models_request(endpoint: Endpoint, row: Provider) -> Request:
    """`GET` of the list.

    Raises:
        UnsupportedError: this provider publishes none.
    """
    if not row.models:
        raise UnsupportedError(f"{endpoint.provider} has no list of models; see its documentation")
    path = row.models if isinstance(row.models, str) else row.models(endpoint)
    if path.startswith("../"):
        path = urljoin(f"{endpoint.base_url}/", path)
    elif "{model}" in endpoint.base_url:  # Azure: the deployments' own addresses have no list
        path = endpoint.base_url.partition("/deployments/")[0] + path
    return Request(path, {}, method="GET")


def read_models(answer: Any, provider: str) -> list[str]:
    """The models' names, as `init_chat_model` takes them, in the provider's order.

    Raises:
        StreamError: the answer is no list of models.
    """
    found = answer
    if isinstance(answer, dict):
        found = next((answer[key] for key in _LISTS if isinstance(answer.get(key), list)), None)
    if not isinstance(found, list):
        raise StreamError(f"{provider} sent no list of models: {str(answer)[:120]!r}; is the base URL right?")
    names = [_name(item) for item in found]
    return [name for name in names if name]


def _name(item: Any) -> str:
    if not isinstance(item, dict):
        return item if isinstance(item, str) else ""
    name = next((item[key] for key in _NAMES if isinstance(item.get(key), str)), "")
    if "/models/" in f"/{name}" and name.startswith(("models/", "publishers/")):  # Google
        return name.rpartition("models/")[2]
    return item["name"] if name != item.get("name") and str(item.get("name", "")).startswith("@cf/") else name
