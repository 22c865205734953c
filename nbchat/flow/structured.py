"""Answers as values of the user's type: read whole, and shown while they grow. No network, no clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from nbchat.flow.effects import Flow
from nbchat.flow.relay import relayed
from nbchat.values.brief import brief
from nbchat.values.chunks import AIMessageChunk
from nbchat.values.complaints import complaints
from nbchat.values.errors import StructuredOutputError
from nbchat.values.loose_json import find_object, growing_object
from nbchat.values.messages import AIMessage
from nbchat.values.partial import partial_value
from nbchat.values.schema import validator
from nbchat.wire.strict_schema import without_nulls


@dataclass(frozen=True)
class Form:
    """What an answer is to be read as.

    Attributes:
        name: of the schema, and of the tool where the answer comes as a tool call.
        kind: the user's type, or the JSON schema where it is one.
        schema: JSON schema of the answer.
        method: "json_schema", "function_calling" or "json_mode".
    """

    name: str
    kind: Any
    schema: Mapping[str, Any]
    method: str

    @cached_property
    def validate(self) -> Callable[[Any], Any]:
        """Parsed JSON to a value of `kind`; raises pydantic's ValidationError."""
        return validator(self.kind)

    def __reduce__(self) -> tuple[Any, ...]:
        return Form, (self.name, self.kind, self.schema, self.method)  # pydantic's validators cannot be pickled


def structured(flow: Flow[AIMessage], form: Form, *, stream: bool, include_raw: bool) -> Flow[Any]:
    """The flow of an answer as the flow of its value. Where `stream` is true, yields the value as it grows.

    Raises:
        StructuredOutputError: the answer does not fit; with `include_raw` it is a result instead.
    """
    growing = _Growing(form, include_raw)
    message = yield from relayed(flow, growing.shown if stream else _nothing)
    if include_raw:
        value: Any = {"raw": message, "parsed": None, "parsing_error": None}
        try:
            value["parsed"] = read_value(message, form)
        except StructuredOutputError as error:
            value["parsing_error"] = error
    else:
        value = read_value(message, form)
    if stream:
        yield value
    return value


def _nothing(step: Any) -> tuple[()]:
    return ()


class _Growing:
    """Chunks in, partial values out, one each time there is more to see."""

    def __init__(self, form: Form, include_raw: bool) -> None:
        self._form = form
        self._raw: AIMessageChunk | None = None
        self._include_raw = include_raw
        self._text = ""
        self._index: Any = None  # of the first tool call
        self._seen: Any = None

    def shown(self, step: Any) -> Iterator[Any]:
        if not isinstance(step, AIMessageChunk):
            return
        if self._include_raw:
            self._raw = step if self._raw is None else self._raw + step
        said = self._said(step)
        if not said:
            return
        self._text += said
        found = growing_object(self._text)
        if not found or found == self._seen:
            return
        self._seen = found
        value = partial_value(self._form.kind, found)
        yield {"raw": self._raw, "parsed": value, "parsing_error": None} if self._include_raw else value

    def _said(self, chunk: AIMessageChunk) -> str:
        if self._form.method != "function_calling":
            return chunk.text
        pieces = chunk.tool_call_chunks
        if self._index is None and pieces:
            self._index = pieces[0]["index"]
        return "".join(piece.get("args") or "" for piece in pieces if piece["index"] == self._index)


def read_value(message: AIMessage, form: Form) -> Any:
    """The value in a whole answer. Raises StructuredOutputError that says why there is none."""
    found = _called(message, form.name)
    if found is None:
        found = find_object(message.text)
    if found is None:
        raise StructuredOutputError(_missing(message, form), partial=message)
    found = without_nulls(found, form.schema)
    problems = _absent(found, form)
    if not problems:
        try:
            return form.validate(found)
        except ValidationError as error:
            problems = complaints(error)
    cut = " (it was cut at max_tokens: raise it)" if message.finish_reason == "length" else ""
    raise StructuredOutputError(
        f"{_who(message)}'s answer does not fit {form.name}: {'; '.join(problems)}{cut}; it is in error.partial",
        partial=message,
    )


def _called(message: AIMessage, name: str) -> dict[str, Any] | None:
    return next((call["args"] for call in message.tool_calls if call["name"] == name), None)


def _absent(found: Mapping[str, Any], form: Form) -> list[str]:
    """Required keys that are missing: a user's JSON schema is checked for no more than these."""
    if not isinstance(form.kind, Mapping):
        return []
    return [f"{key!r} is missing" for key in form.schema.get("required") or () if key not in found]


def _missing(message: AIMessage, form: Form) -> str:
    """Why there is no JSON object to read."""
    who = _who(message)
    refusal = "".join(block["text"] for block in message.blocks if block["type"] == "refusal")
    if refusal:
        return f"{who} refused: {refusal}"
    if message.finish_reason == "length":
        spent = message.usage_metadata
        after = f" after {spent.output_tokens} tokens" if spent else ""
        return f"{who}'s answer was cut at max_tokens{after}, before {form.name} was whole: raise max_tokens="
    if message.finish_reason == "content_filter":
        return f"{who} refused, or its provider's filter did (content_filter): {_brief(message)}"
    if calls := ", ".join(call["name"] for call in message.tool_calls):
        return f"{who} asked for the tools {calls} in place of an answer: run them first, or leave bind_tools out"
    if invalid := message.invalid_tool_calls:
        return f"{who} wrote no JSON for {form.name}: {invalid[0]['error']}; it is in error.partial"
    return f"{who} answered without a JSON object for {form.name}: {_brief(message)}; it is in error.partial"


def _who(message: AIMessage) -> str:
    return message.response_metadata.get("model_name") or "the model"


def _brief(message: AIMessage) -> str:
    return brief(message.text, 200) if message.text else "an empty answer"
