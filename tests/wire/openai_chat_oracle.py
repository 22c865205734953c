"""What the openai SDK's own request types say of a chat completions body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args, get_type_hints

from openai.types.chat import ChatCompletionMessageParam, CompletionCreateParams
from pydantic import ConfigDict, TypeAdapter

_BODY: TypeAdapter[Any] = TypeAdapter(CompletionCreateParams)
_NO_MORE = ConfigDict(extra="forbid")
_ROLES = {get_args(get_type_hints(kind)["role"])[0]: kind for kind in get_args(ChatCompletionMessageParam)}
_MESSAGES: dict[str, TypeAdapter[Any]] = {
    role: TypeAdapter(list[kind], config=_NO_MORE)  # type: ignore[valid-type]
    for role, kind in _ROLES.items()
}


def accepts(body: Mapping[str, Any]) -> bool:
    """True where the body is a `CompletionCreateParams`. Raises ValidationError with the place that is not."""
    _drained(_BODY.validate_python(dict(body)))
    for message in body["messages"]:
        _drained(_MESSAGES[message["role"]].validate_python([message]))
    return True


def _drained(value: Any) -> Any:
    """Pydantic checks an `Iterable` only while it is read."""
    if isinstance(value, Mapping):
        return {key: _drained(inner) for key, inner in value.items()}
    if isinstance(value, str | bytes | int | float | None):
        return value
    return [_drained(inner) for inner in value]
