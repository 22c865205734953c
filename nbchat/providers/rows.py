"""One table: provider name to wire format, base URL, key variable and quirks. A compatible vendor is a row."""

from __future__ import annotations

from dataclasses import replace

from nbchat.providers import aws, azure, google, ollama
from nbchat.providers.provider import Provider
from nbchat.wire.anthropic import AnthropicMessages
from nbchat.wire.bedrock import BedrockConverse
from nbchat.wire.gemini import GeminiGenerate
from nbchat.wire.ollama import OllamaChat
from nbchat.wire.openai_chat import OpenAIChat
from nbchat.wire.openai_chat_prefill import CONTINUE_FINAL, DEEPSEEK, LLAMA_CPP, MISTRAL, MOONSHOT, PREFIX, UNMARKED
from nbchat.wire.openai_responses import OpenAIResponses

_CHAT = OpenAIChat()
_OPENAI = OpenAIChat(max_tokens="max_completion_tokens", strict_output=True)
_THINKING = OpenAIChat(effort="thinking.type", reasoning_back="reasoning_content")  # thought is switched on or off
_RESPONSES = OpenAIResponses()
_TEXT_OUT = frozenset({"image_out", "audio_out"})  # lacked by those who answer in text alone

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
    ),
    "anthropic": Provider(
        AnthropicMessages(),
        "https://api.anthropic.com/v1",
        ("ANTHROPIC_API_KEY",),
        key_header=("x-api-key", ""),
        headers={"anthropic-version": "2023-06-01"},
        base_url_env=("ANTHROPIC_BASE_URL", "ANTHROPIC_API_URL"),
        version="/v1",
        models="/models?limit=1000",
    ),
    "google": Provider(
        GeminiGenerate(),
        "https://generativelanguage.googleapis.com/v1beta",
        ("GOOGLE_API_KEY", "GEMINI_API_KEY"),
        key_header=("x-goog-api-key", ""),
        base_url_env=("GOOGLE_GEMINI_BASE_URL",),
        version="/v1beta",
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
    "cerebras": Provider(_CHAT, "https://api.cerebras.ai/v1", ("CEREBRAS_API_KEY",), lacks=_TEXT_OUT),
    "crusoe": Provider(_CHAT, "https://api.inference.crusoecloud.com/v1", ("CRUSOE_API_KEY",), lacks=_TEXT_OUT),
    "cloudflare": Provider(
        _CHAT,
        "https://api.cloudflare.com/client/v4/accounts/{account_id}/ai/v1",
        ("CLOUDFLARE_API_TOKEN", "CLOUDFLARE_API_KEY"),
        settings={"account_id": ("CLOUDFLARE_ACCOUNT_ID",)},
        models="../models/search?per_page=1000",
        lacks=_TEXT_OUT,
    ),
    "cohere": Provider(
        _CHAT, "https://api.cohere.ai/compatibility/v1", ("COHERE_API_KEY", "CO_API_KEY"), lacks=_TEXT_OUT
    ),
    "databricks": Provider(
        _CHAT,
        "https://{host}/serving-endpoints",
        ("DATABRICKS_TOKEN", "DATABRICKS_API_KEY"),
        settings={"host": ("DATABRICKS_HOST",)},
        models="../api/2.0/serving-endpoints",
        lacks=_TEXT_OUT,
    ),
    "deepseek": Provider(
        replace(_THINKING, json_schema=False, prefill=DEEPSEEK),
        "https://api.deepseek.com",
        ("DEEPSEEK_API_KEY",),
        responses=_RESPONSES,
        lacks=_TEXT_OUT | {"audio_in", "video_in"},
    ),
    "fireworks": Provider(
        OpenAIChat(reasoning_back="reasoning_content"),
        "https://api.fireworks.ai/inference/v1",
        ("FIREWORKS_API_KEY",),
        responses=_RESPONSES,
        lacks=_TEXT_OUT,
    ),
    "github": Provider(
        _CHAT,
        "https://models.github.ai/inference",
        ("GITHUB_TOKEN", "GITHUB_API_KEY"),
        models="../catalog/models",
        lacks=_TEXT_OUT,
    ),
    "groq": Provider(
        OpenAIChat(prefill=UNMARKED),
        "https://api.groq.com/openai/v1",
        ("GROQ_API_KEY",),
        responses=_RESPONSES,
        lacks=_TEXT_OUT | {"logprobs", "audio_in", "video_in"},
    ),
    "huggingface": Provider(
        _CHAT,
        "https://router.huggingface.co/v1",
        ("HF_TOKEN", "HUGGINGFACEHUB_API_TOKEN", "HUGGINGFACE_API_KEY"),
        responses=_RESPONSES,
        lacks=_TEXT_OUT,
    ),
    "litellm": Provider(
        OpenAIChat(reasoning_back="reasoning_content", prefill=PREFIX),
        "http://localhost:4000/v1",
        ("LITELLM_API_KEY", "LITELLM_PROXY_API_KEY"),
        key_required=False,
        base_url_env=("LITELLM_API_BASE", "LITELLM_PROXY_API_BASE"),
        responses=_RESPONSES,
    ),
    "llamacpp": Provider(
        OpenAIChat(prefill=LLAMA_CPP),
        "http://localhost:8080/v1",
        ("LLAMA_API_KEY",),
        key_required=False,
        responses=_RESPONSES,
        lacks=_TEXT_OUT,
    ),
    "lmstudio": Provider(
        _CHAT,
        "http://localhost:1234/v1",
        ("LM_API_TOKEN", "LM_STUDIO_API_KEY"),
        key_required=False,
        responses=_RESPONSES,
        lacks=_TEXT_OUT,
    ),
    "mistral": Provider(
        OpenAIChat(
            seed="random_seed",
            any_tool="any",
            stream_usage=False,  # it is always sent
            reasoning_back="thinking",
            document="document_url",
            short_ids=True,
            prefill=MISTRAL,
        ),
        "https://api.mistral.ai/v1",
        ("MISTRAL_API_KEY",),
        lacks=_TEXT_OUT | {"logprobs"},
    ),
    "moonshot": Provider(
        replace(_THINKING, prefill=MOONSHOT),
        "https://api.moonshot.ai/v1",
        ("MOONSHOT_API_KEY", "MOONSHOTAI_API_KEY"),
        base_url_env=("MOONSHOT_BASE_URL",),
        lacks=_TEXT_OUT | {"forced_tool"},
    ),
    "nvidia": Provider(_CHAT, "https://integrate.api.nvidia.com/v1", ("NVIDIA_API_KEY",), lacks=_TEXT_OUT),
    "openrouter": Provider(
        OpenAIChat(
            effort="reasoning.effort",
            budget="reasoning.max_tokens",
            reasoning_back="reasoning_details",
            document="file",
            prefill=UNMARKED,
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
        lacks=_TEXT_OUT | {"logprobs", "seed", "tools", "forced_tool", "parallel_tools", "strict_tools"},
    ),
    "sglang": Provider(
        OpenAIChat(prefill=CONTINUE_FINAL),
        "http://localhost:30000/v1",
        ("SGLANG_API_KEY",),
        key_required=False,
        lacks=_TEXT_OUT,
    ),
    "snowflake": Provider(
        OpenAIChat(max_tokens="max_completion_tokens"),
        "https://{account}.snowflakecomputing.com/api/v2/cortex/v1",
        ("SNOWFLAKE_TOKEN", "SNOWFLAKE_PAT"),
        settings={"account": ("SNOWFLAKE_ACCOUNT",)},
        models="",
        lacks=_TEXT_OUT,
    ),
    "together": Provider(_CHAT, "https://api.together.ai/v1", ("TOGETHER_API_KEY",), lacks=_TEXT_OUT),
    "vllm": Provider(
        OpenAIChat(prefill=CONTINUE_FINAL),
        "http://localhost:8000/v1",
        ("VLLM_API_KEY",),
        key_required=False,
        base_url_env=("VLLM_BASE_URL",),
        responses=_RESPONSES,
        lacks=_TEXT_OUT,
    ),
    "xai": Provider(_CHAT, "https://api.x.ai/v1", ("XAI_API_KEY",), responses=_RESPONSES, lacks=_TEXT_OUT),
    "zai": Provider(
        replace(_THINKING, json_schema=False),
        "https://api.z.ai/api/paas/v4",
        ("ZAI_API_KEY",),
        lacks=_TEXT_OUT | {"forced_tool"},
    ),
    "local": Provider(
        OpenAIChat(forced_tools_by_schema=True, prefill=LLAMA_CPP),
        "",
        key_required=False,
        responses=OpenAIResponses(response_format=True, forced_tools_by_schema=True),
        lacks=_TEXT_OUT | {"image_in", "audio_in", "video_in", "file_in", "builtin_tools"},
    ),
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
