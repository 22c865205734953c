"""What the openai SDK's own request types say of a Responses body."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from openai.types.responses.response_create_params import (
    ResponseCreateParamsNonStreaming,
    ResponseCreateParamsStreaming,
)
from pydantic import TypeAdapter

_WHOLE = TypeAdapter(ResponseCreateParamsNonStreaming)
_STREAMED = TypeAdapter(ResponseCreateParamsStreaming)


def accepts(body: Mapping[str, Any]) -> bool:
    """True where the body is a request. Raises pydantic's ValidationError with the place that is not."""
    read = _drained((_STREAMED if body.get("stream") else _WHOLE).validate_python(body))
    assert read == body, "a field that the SDK does not know"
    return True


def _drained(value: Any) -> Any:
    """The value with its lazy iterables read: pydantic checks them only then."""
    if isinstance(value, Mapping):
        return {key: _drained(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | Iterator) or type(value).__name__ == "ValidatorIterator":
        return [_drained(inner) for inner in value]
    return value
