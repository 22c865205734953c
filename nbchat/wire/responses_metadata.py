"""What an OpenAI response says of itself beside its output. No network, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbchat.wire.responses_usage import rest_of_usage
from nbchat.wire.untrusted import object_of, text_of

_ECHO = frozenset({  # fields of a response that are read elsewhere, or only repeat the request
    "id", "object", "model", "output", "usage", "error", "status", "incomplete_details", "instructions", "tools",
    "tool_choice", "text", "temperature", "top_p", "top_logprobs", "truncation", "parallel_tool_calls",
    "max_output_tokens", "max_tool_calls", "presence_penalty", "frequency_penalty", "previous_response_id", "reasoning",
    "user", "background", "prompt_cache_key", "prompt_cache_retention", "safety_identifier",
})  # fmt: skip
_OURS = frozenset({"model_provider", "wire", "model_name", "finish_reason", "logprobs"})


def metadata_of(response: Mapping[str, Any], status: str) -> dict[str, Any]:
    """`finish_reason`, `model_name`, and the fields that say something new; `status` is how the response ended."""
    found = {k: v for k, v in response.items() if k not in _ECHO | _OURS and v not in (None, {}, [])}
    reason = text_of(object_of(response.get("incomplete_details")).get("reason"))
    found["finish_reason"] = reason or status
    if model := text_of(response.get("model")):
        found["model_name"] = model
    if more := rest_of_usage(object_of(response.get("usage"))):
        found["usage"] = more
    return found
