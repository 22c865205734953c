"""What the anthropic SDK's own request types say of a body."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, get_args, get_type_hints

from anthropic.types import beta
from anthropic.types.beta.message_create_params import MessageCreateParams
from pydantic import ConfigDict, TypeAdapter
from typing_extensions import is_typeddict

_BODY = TypeAdapter(MessageCreateParams)


def _kinds() -> dict[str, TypeAdapter[Any]]:
    """The SDK's type of each kind of content block, which refuses fields that it does not know."""
    found: dict[str, TypeAdapter[Any]] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for block in get_args(beta.BetaContentBlockParam):
            if is_typeddict(block):
                (kind,) = get_args(get_args(get_type_hints(block, include_extras=True)["type"])[0])
                found[kind] = TypeAdapter(list[block], config=ConfigDict(extra="forbid"))
    return found


_BLOCKS = _kinds()


def accepts(body: Mapping[str, Any]) -> bool:
    """True where the body is a `MessageCreateParams`. Raises pydantic's ValidationError with the place that is not."""
    _drained(_BODY.validate_python({**body, "betas": []}))
    for turn in body["messages"]:
        for block in turn["content"]:
            _drained(_BLOCKS[block["type"]].validate_python([block]))
    return True


def _drained(value: Any) -> Any:
    """Pydantic checks an `Iterable` only while it is read."""
    if isinstance(value, Mapping):
        return {key: _drained(inner) for key, inner in value.items()}
    if isinstance(value, str | bytes | int | float | None):
        return value
    return [_drained(inner) for inner in value]
