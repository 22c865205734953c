"""Each row of the table: where its requests go, which header holds the key, and which variables it is read from."""

from __future__ import annotations

import pytest

from nbchat.providers.table import ALIASES, PROVIDERS, find_provider, open_provider
from nbchat.values.errors import ConfigurationError, MissingKeyError
from nbchat.values.messages import HumanMessage
from nbchat.wire.codec import Call

CHAT = "/chat/completions"
ADDRESSES = {  # where "Hi" to the model "m" goes, with the settings below
    "openai": f"https://api.openai.com/v1{CHAT}",
    "openai_responses": "https://api.openai.com/v1/responses",
    "azure": "https://res.openai.azure.com/openai/v1/chat/completions",
    "anthropic": "https://api.anthropic.com/v1/messages",
    "google": "https://generativelanguage.googleapis.com/v1beta/models/m:generateContent",
    "google_vertexai": "https://aiplatform.googleapis.com/v1beta1/projects/proj/locations/global"
    "/publishers/google/models/m:generateContent",
    "bedrock": "https://bedrock-runtime.eu-west-1.amazonaws.com/model/m/converse",
    "bedrock_mantle": "https://bedrock-mantle.eu-west-1.api.aws/v1/responses",
    "ollama": "http://127.0.0.1:11434/api/chat",
    "cerebras": f"https://api.cerebras.ai/v1{CHAT}",
    "crusoe": f"https://api.inference.crusoecloud.com/v1{CHAT}",
    "cloudflare": f"https://api.cloudflare.com/client/v4/accounts/acc/ai/v1{CHAT}",
    "cohere": f"https://api.cohere.ai/compatibility/v1{CHAT}",
    "databricks": f"https://adb-1.azuredatabricks.net/serving-endpoints{CHAT}",
    "deepseek": f"https://api.deepseek.com{CHAT}",
    "fireworks": f"https://api.fireworks.ai/inference/v1{CHAT}",
    "github": f"https://models.github.ai/inference{CHAT}",
    "groq": f"https://api.groq.com/openai/v1{CHAT}",
    "huggingface": f"https://router.huggingface.co/v1{CHAT}",
    "litellm": f"http://localhost:4000/v1{CHAT}",
    "llamacpp": f"http://localhost:8080/v1{CHAT}",
    "lmstudio": f"http://localhost:1234/v1{CHAT}",
    "mistral": f"https://api.mistral.ai/v1{CHAT}",
    "moonshot": f"https://api.moonshot.ai/v1{CHAT}",
    "nvidia": f"https://integrate.api.nvidia.com/v1{CHAT}",
    "openrouter": f"https://openrouter.ai/api/v1{CHAT}",
    "perplexity": f"https://api.perplexity.ai{CHAT}",
    "sglang": f"http://localhost:30000/v1{CHAT}",
    "snowflake": f"https://acc.snowflakecomputing.com/api/v2/cortex/v1{CHAT}",
    "together": f"https://api.together.ai/v1{CHAT}",
    "vllm": f"http://localhost:8000/v1{CHAT}",
    "xai": f"https://api.x.ai/v1{CHAT}",
    "zai": f"https://api.z.ai/api/paas/v4{CHAT}",
}
SETTINGS = {
    "AZURE_OPENAI_ENDPOINT": "https://res.openai.azure.com/",
    "GOOGLE_CLOUD_PROJECT": "proj",
    "AWS_REGION": "eu-west-1",
    "CLOUDFLARE_ACCOUNT_ID": "acc",
    "DATABRICKS_HOST": "https://adb-1.azuredatabricks.net/",
    "SNOWFLAKE_ACCOUNT": "acc",
}
KEY_HEADERS = {"azure": "api-key", "anthropic": "x-api-key", "google": "x-goog-api-key"}
NAMES = sorted(PROVIDERS.keys() - {"local"})


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)


def test_every_row_is_looked_at() -> None:
    assert set(NAMES) == set(ADDRESSES)


@pytest.mark.parametrize("name", NAMES)
def test_a_request_goes_to_the_providers_address_with_its_key(
    name: str, settings: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = PROVIDERS[name]
    monkeypatch.setenv(row.key_env[0], "secret-key")
    endpoint, row = open_provider(name, model="m")
    request = row.codec.request(Call("m", [HumanMessage("Hi")]))
    url, headers = endpoint.sealed(request, b"{}")
    assert url == ADDRESSES[name]
    header = KEY_HEADERS.get(name, "authorization")
    assert headers[header].removeprefix("Bearer ") == "secret-key"
    assert "secret-key" not in repr(endpoint)


@pytest.mark.parametrize("name", [name for name in NAMES if PROVIDERS[name].key_required])
def test_a_missing_key_names_its_variable(name: str, settings: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nbchat.providers.google._default_credentials", _no_credentials)
    with pytest.raises(MissingKeyError, match=PROVIDERS[name].key_env[0]):
        open_provider(name, model="m")


def _no_credentials() -> None:
    raise MissingKeyError("set GOOGLE_VERTEX_ACCESS_TOKEN")


@pytest.mark.parametrize("name", [name for name in NAMES if not PROVIDERS[name].key_required])
def test_a_server_of_ones_own_needs_no_key(name: str) -> None:
    endpoint, row = open_provider(name)
    assert endpoint.key is None
    assert "authorization" not in endpoint.sealed(row.codec.request(Call("m", [HumanMessage("Hi")])), b"")[1]


@pytest.mark.parametrize(
    ("name", "argument"), [("cloudflare", "account_id"), ("databricks", "host"), ("snowflake", "account")]
)
def test_a_setting_is_an_argument_too_and_its_absence_is_named(name: str, argument: str) -> None:
    with pytest.raises(ConfigurationError, match=f"pass {argument}="):
        open_provider(name, api_key="k")
    endpoint, row = open_provider(name, api_key="k", **{argument: "mine"})
    assert "mine" in endpoint.base_url
    assert argument in row.own_arguments


@pytest.mark.parametrize("name", [name for name in NAMES if PROVIDERS[name].responses])
def test_the_responses_api_is_a_switch(name: str, settings: None) -> None:
    endpoint, row = open_provider(name, api_key="k", use_responses_api=True)
    url = endpoint.url(row.codec.request(Call("m", [HumanMessage("Hi")])))
    assert url.endswith("/responses")
    assert "use_responses_api" in row.own_arguments


def test_other_names_of_a_provider() -> None:
    assert find_provider("azure-openai") is PROVIDERS["azure"]
    assert {ALIASES[name] for name in ALIASES} <= set(PROVIDERS)


def test_a_wrong_name_suggests_the_right_one() -> None:
    with pytest.raises(ConfigurationError, match="did you mean anthropic"):
        find_provider("antropic")


def test_what_a_vendor_cannot_do_is_left_out_of_its_features() -> None:
    assert "logprobs" not in PROVIDERS["groq"].features
    assert "json_schema" not in PROVIDERS["deepseek"].features
    assert "reasoning_budget" in PROVIDERS["openrouter"].features
    assert "reasoning_budget" not in PROVIDERS["openai"].features
