"""What the google-genai SDK's own types say of a Gemini body; they refuse fields that they do not know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.genai import types

_FIELDS = {
    "systemInstruction": types.Content,
    "generationConfig": types.GenerationConfig,
    "toolConfig": types.ToolConfig,
}
_LISTS = {"contents": types.Content, "tools": types.Tool, "safetySettings": types.SafetySetting}
_PLAIN = ("cachedContent", "labels")


def accepts(body: Mapping[str, Any]) -> bool:
    """True where the body is a request. Raises pydantic's ValidationError with the place that is not."""
    for key, value in body.items():
        if key in _FIELDS:
            _FIELDS[key].model_validate(value)
        elif key in _LISTS:
            for item in value:
                _LISTS[key].model_validate(item)
        else:
            assert key in _PLAIN, f"a field that the API does not know: {key}"
    return True
