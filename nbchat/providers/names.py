"""Whose model it is, told from its bare name."""

from __future__ import annotations

_PREFIXES = {
    "openai": ("gpt-", "o1", "o3", "o4", "chatgpt", "text-davinci"),
    "anthropic": ("claude",),
    "google": ("gemini", "gemma-3n"),
    "bedrock": ("amazon.", "anthropic.", "meta.", "us.", "eu.", "apac.", "global.", "arn:aws"),
    "mistral": ("mistral", "mixtral", "magistral", "ministral", "codestral", "pixtral", "devstral"),
    "deepseek": ("deepseek",),
    "xai": ("grok",),
    "perplexity": ("sonar",),
    "cohere": ("command",),
    "fireworks": ("accounts/fireworks",),
    "moonshot": ("kimi-", "moonshot-"),
    "zai": ("glm-",),
    "cloudflare": ("@cf/",),
    "databricks": ("databricks-",),
    "local": ("smollm2",),
}


def infer_provider(model: str) -> str | None:
    """The provider of a model with this bare name ("gpt-5-nano": "openai"), or None where the name does not tell."""
    name = model.lower()
    for provider, prefixes in _PREFIXES.items():
        if name.startswith(prefixes):
            return provider
    return None
