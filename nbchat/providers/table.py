"""One table: provider name to wire format, base URL, key variable and quirks. A compatible vendor is a row."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from nbchat.providers import aws, azure, google, ollama
from nbchat.providers.endpoint import Endpoint
from nbchat.providers.names import infer_provider
from nbchat.providers.provider import Provider
from nbchat.values.errors import ConfigurationError
from nbchat.wire.anthropic import AnthropicMessages
from nbchat.wire.bedrock import BedrockConverse
from nbchat.wire.features import codec_class
from nbchat.wire.gemini import GeminiGenerate
from nbchat.wire.ollama import OllamaChat
from nbchat.wire.openai_chat import OpenAIChat
from nbchat.wire.openai_responses import OpenAIResponses

__all__ = [
    "ALIASES",
    "PROVIDERS",
    "find_provider",
    "infer_provider",
    "open_endpoint",
    "open_provider",
    "register_provider",
]

_CHAT = OpenAIChat()
_OPENAI = OpenAIChat(max_tokens="max_completion_tokens", strict_output=True)
_THINKING = OpenAIChat(effort="thinking.type", reasoning_back="reasoning_content")  # Chinese vendors' common form
_RESPONSES = OpenAIResponses()

PROVIDERS: dict[str, Provider] = {
    "openai": Provider(
        _OPENAI,
        "https://api.openai.com/v1",
        ("OPENAI_API_KEY",),
        base_url_env=("OPENAI_BASE_URL", "OPENAI_API_BASE"),
        responses=_RESPONSES,
    ),
    "openai_responses": Provider(
        _RESPONSES,
        "https://api.openai.com/v1",
        ("OPENAI_API_KEY",),
        base_url_env=("OPENAI_BASE_URL", "OPENAI_API_BASE"),
    ),
    "azure": Provider(
        _OPENAI,
        "",
        azure.KEYS,
        key_header=("api-key", ""),
        responses=_RESPONSES,
        arguments=azure.ARGUMENTS,
        opener=azure.open_azure,
        lacks=frozenset({"file_in"}),
    ),
    "anthropic": Provider(
        AnthropicMessages(),
        "https://api.anthropic.com/v1",
        ("ANTHROPIC_API_KEY",),
        key_header=("x-api-key", ""),
        headers={"anthropic-version": "2023-06-01"},
        models="/models?limit=1000",
    ),
    "google": Provider(
        GeminiGenerate(),
        "https://generativelanguage.googleapis.com/v1beta",
        ("GOOGLE_API_KEY", "GEMINI_API_KEY"),
        key_header=("x-goog-api-key", ""),
        models="/models?pageSize=1000",
    ),
    "google_vertexai": Provider(
        GeminiGenerate(),
        "",
        (*google.TOKENS, *google.KEYS),
        arguments=google.ARGUMENTS,
        opener=google.open_vertex,
        models=google.MODELS,
    ),
    "bedrock": Provider(
        BedrockConverse(),
        "https://bedrock-runtime.{region}.amazonaws.com",
        (aws.BEARER,),
        arguments=aws.ARGUMENTS,
        opener=aws.open_bedrock,
        models=aws.models_address,
    ),
    "bedrock_mantle": Provider(
        _RESPONSES,
        "https://bedrock-mantle.{region_name}.api.aws/v1",
        (aws.BEARER,),
        settings={"region_name": aws.REGIONS},
    ),
    "ollama": Provider(
        OllamaChat(),
        "http://127.0.0.1:11434",
        ("OLLAMA_API_KEY",),
        key_required=False,
        opener=ollama.open_ollama,
        models="/api/tags",
    ),
    "cerebras": Provider(_CHAT, "https://api.cerebras.ai/v1", ("CEREBRAS_API_KEY",)),
    "cloudflare": Provider(
        _CHAT,
        "https://api.cloudflare.com/client/v4/accounts/{account_id}/ai/v1",
        ("CLOUDFLARE_API_TOKEN", "CLOUDFLARE_API_KEY"),
        settings={"account_id": ("CLOUDFLARE_ACCOUNT_ID",)},
        models="../models/search?per_page=1000",
    ),
    "cohere": Provider(_CHAT, "https://api.cohere.ai/compatibility/v1", ("COHERE_API_KEY", "CO_API_KEY")),
    "databricks": Provider(
        _CHAT,
        "https://{host}/serving-endpoints",
        ("DATABRICKS_TOKEN", "DATABRICKS_API_KEY"),
        settings={"host": ("DATABRICKS_HOST",)},
        models="../api/2.0/serving-endpoints",
    ),
    "deepseek": Provider(
        replace(_THINKING, json_schema=False),
        "https://api.deepseek.com",
        ("DEEPSEEK_API_KEY",),
        responses=_RESPONSES,
        lacks=frozenset({"audio_in", "video_in", "audio_out", "image_out"}),
    ),
    "fireworks": Provider(
        OpenAIChat(reasoning_back="reasoning_content"),
        "https://api.fireworks.ai/inference/v1",
        ("FIREWORKS_API_KEY",),
        responses=_RESPONSES,
    ),
    "github": Provider(
        _CHAT,
        "https://models.github.ai/inference",
        ("GITHUB_TOKEN", "GITHUB_API_KEY"),
        models="../catalog/models",
    ),
    "groq": Provider(
        _CHAT,
        "https://api.groq.com/openai/v1",
        ("GROQ_API_KEY",),
        responses=_RESPONSES,
        lacks=frozenset({"logprobs", "audio_in", "video_in", "audio_out", "image_out"}),
    ),
    "huggingface": Provider(
        _CHAT,
        "https://router.huggingface.co/v1",
        ("HF_TOKEN", "HUGGINGFACEHUB_API_TOKEN", "HUGGINGFACE_API_KEY"),
        responses=_RESPONSES,
    ),
    "litellm": Provider(
        OpenAIChat(reasoning_back="reasoning_content"),
        "http://localhost:4000/v1",
        ("LITELLM_API_KEY", "LITELLM_PROXY_API_KEY"),
        key_required=False,
        base_url_env=("LITELLM_API_BASE", "LITELLM_PROXY_API_BASE"),
        responses=_RESPONSES,
    ),
    "llamacpp": Provider(
        _CHAT, "http://localhost:8080/v1", ("LLAMA_API_KEY",), key_required=False, responses=_RESPONSES
    ),
    "lmstudio": Provider(
        _CHAT, "http://localhost:1234/v1", ("LM_STUDIO_API_KEY",), key_required=False, responses=_RESPONSES
    ),
    "mistral": Provider(
        OpenAIChat(
            seed="random_seed",
            any_tool="any",
            stream_usage=False,  # it is always sent
            reasoning_back="thinking",
            document="document_url",
            short_ids=True,
        ),
        "https://api.mistral.ai/v1",
        ("MISTRAL_API_KEY",),
        lacks=frozenset({"logprobs"}),
    ),
    "moonshot": Provider(
        _THINKING,
        "https://api.moonshot.ai/v1",
        ("MOONSHOT_API_KEY", "MOONSHOTAI_API_KEY"),
        base_url_env=("MOONSHOT_BASE_URL",),
        lacks=frozenset({"forced_tool"}),
    ),
    "nvidia": Provider(_CHAT, "https://integrate.api.nvidia.com/v1", ("NVIDIA_API_KEY",)),
    "openrouter": Provider(
        OpenAIChat(
            effort="reasoning.effort",
            budget="reasoning.max_tokens",
            reasoning_back="reasoning_details",
            document="file",
        ),
        "https://openrouter.ai/api/v1",
        ("OPENROUTER_API_KEY",),
        responses=_RESPONSES,
    ),
    "perplexity": Provider(
        _CHAT,
        "https://api.perplexity.ai",
        ("PERPLEXITY_API_KEY", "PPLX_API_KEY"),
        models="",
        lacks=frozenset({"logprobs", "seed", "tools", "forced_tool", "parallel_tools", "strict_tools"}),
    ),
    "sglang": Provider(_CHAT, "http://localhost:30000/v1", ("SGLANG_API_KEY",), key_required=False),
    "snowflake": Provider(
        OpenAIChat(max_tokens="max_completion_tokens"),
        "https://{account}.snowflakecomputing.com/api/v2/cortex/v1",
        ("SNOWFLAKE_TOKEN", "SNOWFLAKE_PAT"),
        settings={"account": ("SNOWFLAKE_ACCOUNT",)},
        models="",
    ),
    "together": Provider(_CHAT, "https://api.together.xyz/v1", ("TOGETHER_API_KEY",)),
    "vllm": Provider(
        _CHAT,
        "http://localhost:8000/v1",
        ("VLLM_API_KEY",),
        key_required=False,
        base_url_env=("VLLM_BASE_URL",),
        responses=_RESPONSES,
    ),
    "xai": Provider(_CHAT, "https://api.x.ai/v1", ("XAI_API_KEY",), responses=_RESPONSES),
    "zai": Provider(
        replace(_THINKING, json_schema=False),
        "https://api.z.ai/api/paas/v4",
        ("ZAI_API_KEY",),
        lacks=frozenset({"forced_tool"}),
    ),
    "local": Provider(OpenAIChat(forced_tools_by_schema=True), "", key_required=False),
}

ALIASES = {
    "aws": "bedrock",
    "azure_openai": "azure",
    "bedrock_converse": "bedrock",
    "gemini": "google",
    "google_genai": "google",
    "mistralai": "mistral",
    "moonshotai": "moonshot",
    "vertexai": "google_vertexai",
}


def find_provider(name: str) -> Provider:
    """The row of this name. Raises ConfigurationError that names the nearest ones."""
    plain = name.lower().replace("-", "_")
    row = PROVIDERS.get(ALIASES.get(plain, plain))
    if row is None:
        from difflib import get_close_matches

        near = get_close_matches(plain, [*PROVIDERS, *ALIASES], 3) or sorted(PROVIDERS)
        raise ConfigurationError(f"there is no provider {name!r}; did you mean {', '.join(near)}?")
    return row


def open_provider(name: str, **arguments: Any) -> tuple[Endpoint, Provider]:
    """The endpoint of a provider, and the row with the codec to use there.

    Args:
        name: of a row, or one of its other names.
        arguments: `model`, `base_url`, `api_key` and those in the row's `own_arguments`.

    Raises:
        MissingKeyError: the provider needs a key and none was found; names the variable.
        ConfigurationError: there is no such provider, or one of its settings is missing.
    """
    return find_provider(name).open(name, **arguments)


def open_endpoint(name: str, **arguments: Any) -> Endpoint:
    """The endpoint alone; see `open_provider`."""
    return open_provider(name, **arguments)[0]


def register_provider(
    name: str, *, base_url: str | None = None, codec: Any = None, like: str | None = None, **fields_: Any
) -> Provider:
    """Add a row of your own, or replace one: `init_chat_model(f"{name}:model")` finds it from then on.

    Args:
        name: letters, digits and underscores.
        base_url: where it is served.
        codec: the name of a wire format ("openai_chat", "openai_responses", "anthropic", "gemini", "bedrock" or
            "ollama"), a codec with the vendor's quirks, or one of your own; "openai_chat" where nothing says otherwise.
        like: a provider whose row is taken, but for what is given here.
        fields_: any other field of `Provider`: `key_env` (a variable or several), `headers`, `lacks`, ….

    Raises:
        ConfigurationError: the name has other characters, there is no base URL, or a field is unknown.
    """
    plain = name.lower().replace("-", "_")
    if not plain.isidentifier():
        raise ConfigurationError(f"{name!r} is no name for a provider: use letters, digits and underscores")
    if unknown := fields_.keys() - {field.name for field in fields(Provider)}:
        raise ConfigurationError(
            f"a provider has no {', '.join(sorted(unknown))}; see nbchat.providers.provider.Provider"
        )
    given = dict(fields_)
    if isinstance(given.get("key_env"), str):
        given["key_env"] = (given["key_env"],)
    if base_url is not None:
        given["base_url"] = base_url
    if codec is not None or like is None:
        given["codec"] = codec_class(codec or "openai_chat")() if isinstance(codec, str | None) else codec
    if like is not None:
        row = replace(find_provider(like), **given)
    elif base_url is None:
        raise ConfigurationError(f"the provider {name!r} needs a base_url=, or a provider that it is like=")
    else:
        row = Provider(**{"key_required": bool(given.get("key_env")), **given})
    PROVIDERS[plain] = row
    ALIASES.pop(plain, None)
    return row
