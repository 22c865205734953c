"""Opening an endpoint: keys from arguments, variables and functions, settings of Azure, Vertex and Ollama, mistakes."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from pydantic import SecretStr

from nbchat.providers.endpoint import Endpoint, Secret
from nbchat.providers.ollama import address
from nbchat.providers.table import open_endpoint, open_provider
from nbchat.values.errors import ConfigurationError, MissingKeyError
from nbchat.values.messages import HumanMessage
from nbchat.wire.codec import Call, Request


def sealed(name: str, **arguments: Any) -> tuple[str, dict[str, str]]:
    """(address, headers) of a request to the model "dep"."""
    endpoint, row = open_provider(name, model="dep", **arguments)
    return endpoint.sealed(row.codec.request(Call("dep", [HumanMessage("Hi")])), b"{}")


# --- keys


def test_an_argument_goes_before_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "from-env")
    assert sealed("openai")[1]["authorization"] == "Bearer from-env"
    assert sealed("openai", api_key="given")[1]["authorization"] == "Bearer given"


def test_the_second_variable_is_read_where_the_first_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", "")
    monkeypatch.setenv("GEMINI_API_KEY", "second")
    assert sealed("google")[1]["x-goog-api-key"] == "second"


def test_a_function_is_asked_for_the_key_each_time() -> None:
    tokens = iter(["one", "two"])
    endpoint = open_endpoint("openai", api_key=lambda: next(tokens))
    asked = [endpoint.sealed(Request("/x", {}), b"")[1]["authorization"] for _ in range(2)]
    assert asked == ["Bearer one", "Bearer two"]
    assert endpoint.hide_key("wrong key: two") == "wrong key: two"  # too short to be told from a word
    assert open_endpoint("openai", api_key="sk-1234").hide_key("wrong key sk-1234") == "wrong key •••"


def test_a_fetched_key_is_hidden_in_errors() -> None:
    endpoint = open_endpoint("openai", api_key=lambda: "token-1234")
    endpoint.sealed(Request("/x", {}), b"")
    assert endpoint.hide_key("token-1234 has expired") == "••• has expired"


def test_a_line_end_behind_a_key_is_taken_off() -> None:
    assert sealed("openai", api_key="sk-1\n")[1]["authorization"] == "Bearer sk-1"


@pytest.mark.parametrize("key", ["sk-1\nHost: evil", "sk-\u20181\u2019", "sk-\x00"])
def test_a_key_that_no_header_can_carry_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(ConfigurationError, match="no HTTP header can carry") as caught:
        open_endpoint("openai", api_key=key)
    assert "sk-" not in str(caught.value)


def test_a_secret_str_is_a_key_and_a_number_is_none() -> None:
    assert sealed("openai", api_key=SecretStr("sk-1"))[1]["authorization"] == "Bearer sk-1"
    with pytest.raises(ConfigurationError, match="not int"):
        open_endpoint("openai", api_key=1234)


def test_a_key_shows_nowhere() -> None:
    endpoint = open_endpoint("openai", api_key="sk-1234", default_headers={"x-mine": "sk-5678"})
    assert "sk-" not in repr(endpoint) + repr(endpoint.key) + str(endpoint.key)
    assert b"sk-1234" not in pickle.dumps(endpoint)


def test_a_pickled_endpoint_takes_its_key_from_the_environment_where_it_is_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loaded: Endpoint = pickle.loads(pickle.dumps(open_endpoint("openai", api_key="sk-1234")))
    with pytest.raises(MissingKeyError, match="set OPENAI_API_KEY"):
        loaded.sealed(Request("/x", {}), b"")
    monkeypatch.setenv("OPENAI_API_KEY", "another")
    assert loaded.sealed(Request("/x", {}), b"")[1]["authorization"] == "Bearer another"
    assert pickle.loads(pickle.dumps(loaded)) == loaded


def test_a_key_without_a_variable_has_to_be_given_again() -> None:
    with pytest.raises(MissingKeyError, match="pass api_key="):
        pickle.loads(pickle.dumps(Secret("sk-1234"))).reveal()


# --- addresses


def test_another_base_url_needs_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    url, headers = sealed("openai", base_url="http://localhost:8000/v1/")
    assert url == "http://localhost:8000/v1/chat/completions"
    assert "authorization" not in headers
    monkeypatch.setenv("OPENAI_BASE_URL", "http://proxy.test/v1")
    assert sealed("openai", api_key="k")[0] == "http://proxy.test/v1/chat/completions"


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("http://gate.test", "http://gate.test/v1/messages"),
        ("http://gate.test/v1/", "http://gate.test/v1/messages"),
        ("http://gate.test/anthropic/ ", "http://gate.test/anthropic/v1/messages"),
    ],
)
def test_a_base_url_may_be_as_the_vendors_own_sdk_has_it(given: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sealed("anthropic", base_url=given)[0] == url
    monkeypatch.setenv("ANTHROPIC_BASE_URL", given)
    assert sealed("anthropic", api_key="k")[0] == url
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", "http://gate.test")
    assert sealed("google", api_key="k")[0] == "http://gate.test/v1beta/models/dep:generateContent"


@pytest.mark.parametrize("base_url", ["localhost:8000", "ftp://host", "http://[host", "http://host:99999", "https://"])
def test_a_base_url_that_is_no_address_is_refused(base_url: str) -> None:
    with pytest.raises(ConfigurationError, match="begins with http:// or https://"):
        open_endpoint("openai", base_url=base_url)


def test_own_headers_and_query_go_with_every_request() -> None:
    url, headers = sealed("openai", api_key="k", default_headers={"x-team": "a"}, default_query={"v": "1 2"})
    assert url == "https://api.openai.com/v1/chat/completions?v=1+2"
    assert headers["x-team"] == "a"


def test_an_own_authorization_header_goes_before_the_key() -> None:
    headers = sealed("openai", api_key="k", default_headers={"Authorization": "Basic abc"})[1]
    assert {name: value for name, value in headers.items() if name.lower() == "authorization"} == {
        "authorization": "Basic abc"
    }


# --- Azure

RESOURCE = "https://res.openai.azure.com"


def test_azure_with_an_api_version_asks_the_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    url, headers = sealed("azure", azure_endpoint=RESOURCE, api_version="2024-10-21", api_key="k")
    assert url == f"{RESOURCE}/openai/deployments/dep/chat/completions?api-version=2024-10-21"
    assert headers["api-key"] == "k"
    monkeypatch.setenv("OPENAI_API_VERSION", "2025-01-01")
    url, _ = sealed("azure", azure_endpoint=RESOURCE, azure_deployment="mine", api_key="k")
    assert url == f"{RESOURCE}/openai/deployments/mine/chat/completions?api-version=2025-01-01"


def test_azure_without_one_asks_the_v1_api() -> None:
    for endpoint in (RESOURCE, f"{RESOURCE}/openai/v1/"):
        assert sealed("azure", azure_endpoint=endpoint, api_key="k")[0] == f"{RESOURCE}/openai/v1/chat/completions"


def test_azures_responses_api_has_no_deployment_in_its_address() -> None:
    arguments = {"azure_endpoint": RESOURCE, "api_key": "k", "use_responses_api": True}
    assert sealed("azure", **arguments)[0] == f"{RESOURCE}/openai/v1/responses"
    url, _ = sealed("azure", **arguments, api_version="2025-03-01-preview")
    assert url == f"{RESOURCE}/openai/responses?api-version=2025-03-01-preview"


def test_azures_model_inference_is_asked_where_it_is() -> None:
    url, _ = sealed("azure", base_url="https://res.services.ai.azure.com/models", api_version="2024-05-01-preview")
    assert url == "https://res.services.ai.azure.com/models/chat/completions?api-version=2024-05-01-preview"


def test_an_entra_token_goes_before_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "k")
    for token in ({"azure_ad_token": "entra"}, {"azure_ad_token_provider": lambda: "entra"}):
        headers = sealed("azure", azure_endpoint=RESOURCE, **token)[1]
        assert headers["authorization"] == "Bearer entra"
        assert "api-key" not in headers


def test_azure_without_a_resource_says_what_to_set() -> None:
    with pytest.raises(ConfigurationError, match="set AZURE_OPENAI_ENDPOINT"):
        open_endpoint("azure", api_key="k")


# --- Vertex

PATH = "publishers/google/models/dep:generateContent"


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("us-central1", "us-central1-aiplatform.googleapis.com"),
        ("global", "aiplatform.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
    ],
)
def test_vertex_in_a_location(location: str, host: str) -> None:
    url, headers = sealed("google_vertexai", project="p", location=location, credentials=lambda: "token")
    assert url == f"https://{host}/v1beta1/projects/p/locations/{location}/{PATH}"
    assert headers["authorization"] == "Bearer token"


def test_vertex_with_a_key_alone_is_express_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", "k")
    url, headers = sealed("google_vertexai")
    assert url == f"https://aiplatform.googleapis.com/v1beta1/{PATH}"
    assert headers["x-goog-api-key"] == "k"


def test_vertex_fetches_a_token_again_when_it_has_expired() -> None:
    class Credentials:
        valid, token = False, ""

        def refresh(self, request: Any) -> None:
            self.valid, self.token = True, "fresh"

    pytest.importorskip("google.auth.transport.requests")
    assert sealed("google_vertexai", project="p", credentials=Credentials())[1]["authorization"] == "Bearer fresh"


def test_vertex_without_a_project_or_with_odd_credentials() -> None:
    with pytest.raises(ConfigurationError, match="set GOOGLE_CLOUD_PROJECT"):
        open_endpoint("google_vertexai", credentials="t")
    with pytest.raises(ConfigurationError, match="not int"):
        open_endpoint("google_vertexai", project="p", credentials=7)


# --- Ollama


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:11434"),
        ("0.0.0.0:8080", "http://127.0.0.1:8080"),
        ("gpu.local:8080/", "http://gpu.local:8080"),
        ("https://ollama.com", "https://ollama.com"),
        ("http://localhost:11434/v1", "http://localhost:11434"),
        ("[::1]", "http://[::1]:11434"),
    ],
)
def test_ollamas_address_in_its_many_forms(host: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert address(host) == url
    monkeypatch.setenv("OLLAMA_HOST", host)
    assert open_endpoint("ollama").base_url == url
