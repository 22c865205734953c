"""One table: provider name to its Batch API."""

from __future__ import annotations

from nbchat.values.errors import UnsupportedError
from nbchat.wire.batch import BatchFormat
from nbchat.wire.batch_anthropic import AnthropicBatches
from nbchat.wire.batch_files import AZURE, GROQ, MISTRAL, OPENAI, TOGETHER
from nbchat.wire.batch_gemini import GeminiBatches

FORMATS: dict[str, BatchFormat] = {
    "anthropic": AnthropicBatches(),
    "azure": AZURE,
    "google": GeminiBatches(),
    "groq": GROQ,
    "mistral": MISTRAL,
    "openai": OPENAI,
    "openai_responses": OPENAI,
    "together": TOGETHER,
}


def batch_format(provider: str) -> BatchFormat:
    """The Batch API of a provider.

    Raises:
        UnsupportedError: it has none; names those that have.
    """
    if provider not in FORMATS:
        names = ", ".join(sorted(FORMATS.keys() - {"openai_responses"}))
        raise UnsupportedError(
            f"{provider} has no Batch API that nbchat knows; these have: {names}; or use mode='live'"
        )
    return FORMATS[provider]
