"""What an answer cost, in US dollars, by the prices that come with genai-prices. Nothing is fetched."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from nbchat.values.messages import AIMessage
from nbchat.values.usage import Usage

PRICE_S = 600  # for which a price holds: some depend on the time of day
BATCH_SHARE = 0.5  # what a Batch API takes of the usual price, where genai-prices has no price of its own for it

_IDS = {  # our providers' names, where genai-prices has others
    "openai_responses": "openai",
    "azure_openai": "azure",
    "google_genai": "google",
    "google_vertexai": "google",
    "bedrock": "aws",
    "bedrock_converse": "aws",
    "xai": "x-ai",
    "moonshot": "moonshotai",
    "mistralai": "mistral",
}
_TOGETHERS_HALF = frozenset(  # its other models cost the same in a batch
    {
        "meta-llama/Llama-3.3-70B-Instruct-Turbo",
        "meta-llama/Llama-3-70b-chat-hf",
        "Qwen/Qwen2.5-7B-Instruct-Turbo",
        "mistralai/Mixtral-8x7B-Instruct-v0.1",
        "zai-org/GLM-4.5-Air-FP8",
    }
)
_FREE = frozenset({"local", "ollama", "vllm", "lmstudio", "llamacpp", "sglang"})  # the user's own machine


def cost_usd(
    answer: AIMessage | Mapping[str, Any] | None,
    model: str | None = None,
    provider: str | None = None,
    *,
    batch: bool = False,
) -> float | None:
    """The price of an answer in US dollars; None where it is not known, 0.0 for a model on the user's own machine.

    Args:
        answer: a message, or its `usage_metadata` (of many, their sum) together with `model` and `provider`.
        model: the provider's name of the model; the message's own where it is not given.
        provider: our name of the provider; the message's own where it is not given.
        batch: whether it was asked through the provider's Batch API.
    """
    if isinstance(answer, AIMessage):
        if "from_cache" in answer.timing:
            return 0.0
        model = model or answer.response_metadata.get("model_name")
        provider = provider or answer.response_metadata.get("model_provider")
        usage = answer.usage_metadata
    else:
        usage = None if answer is None else Usage(answer)
    if provider in _FREE:
        return 0.0
    if usage is None or not model or not isinstance(model, str):  # a server may answer with any name
        return None
    counts, period = tuple(_counts(usage).items()), int(time.time() // PRICE_S)
    price = _price(counts, model, provider, period)
    if not batch or price is None or (provider == "together" and model not in _TOGETHERS_HALF):
        return price
    in_batch = _price(counts, model, provider, period, batch=True)
    return in_batch if in_batch is not None and in_batch < price else price * BATCH_SHARE


@lru_cache(maxsize=10_000)  # genai-prices takes about as long as all the rest of a short answer
def _price(
    counts: tuple[tuple[str, int], ...], model: str, provider: str | None, period: int, batch: bool = False
) -> float | None:
    import genai_prices

    try:
        found = genai_prices.calc_price(
            genai_prices.Usage(**dict(counts)),
            model_ref=model,
            provider_id=_IDS.get(provider or "", provider),
            price_context={"processing": "batch"} if batch else None,
        )
    except (LookupError, ValueError):  # a model or a provider that it does not know
        return None
    return float(found.total_price)


def _counts(usage: Usage) -> dict[str, int]:
    """What genai-prices calls the counts; those that are 0 or not known are left out."""
    inputs, outputs = usage.get("input_token_details", {}), usage.get("output_token_details", {})
    counts = {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cache_read_tokens": inputs.get("cache_read"),
        "cache_write_tokens": inputs.get("cache_creation"),
        "input_audio_tokens": inputs.get("audio"),
        "output_audio_tokens": outputs.get("audio"),
    }
    return {name: count for name, count in counts.items() if count}
