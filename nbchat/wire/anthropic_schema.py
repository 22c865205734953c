"""A JSON schema in the subset that Anthropic enforces (structured output, strict tools)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json

from nbchat.values.errors import UnsupportedError
from nbchat.wire.codec import ToolSpec

_FORMATS = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"})
_KEPT = frozenset({"type", "title", "description", "enum", "const", "required"})
_LISTS = {"anyOf": "anyOf", "oneOf": "anyOf", "allOf": "allOf"}
_DEFINITIONS = ("$defs", "definitions")
_ADVICE = "use method='function_calling'"
_DROPPED = frozenset({"$schema", "$id", "additionalProperties", "$comment", "discriminator"})


def adapted(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The same schema without what is not enforced; such limits go into the description, where the model can read them.

    Raises:
        UnsupportedError: for an object with free keys, a value of any type, or a schema within itself.
    """
    _refuse_recursion(schema, {**schema.get("definitions", {}), **schema.get("$defs", {})}, ("#",))
    return _adapted(schema)


def parameters(tool: ToolSpec) -> tuple[Mapping[str, Any], bool | None]:
    """(schema, strict) of a tool: one whose schema cannot be enforced is sent as it is, as OpenAI's is."""
    if not tool.strict:
        return tool.parameters, tool.strict
    try:
        return adapted(tool.parameters), True
    except UnsupportedError:
        return tool.parameters, False


def _refuse_recursion(value: Any, definitions: Mapping[str, Any], within: tuple[str, ...]) -> None:
    if isinstance(value, list):
        for inner in value:
            _refuse_recursion(inner, definitions, within)
    elif isinstance(value, Mapping):
        if isinstance(ref := value.get("$ref"), str):
            name = ref.rpartition("/")[2]
            if name in within:
                raise UnsupportedError(
                    f"AnthropicMessages has no recursive schemas, and {name} is within itself: {_ADVICE}"
                )
            _refuse_recursion(definitions.get(name), definitions, (*within, name))
        _refuse_recursion([inner for key, inner in value.items() if key not in _DEFINITIONS], definitions, within)


def _adapted(schema: Mapping[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    told: list[str] = []
    if "$ref" in schema:  # beside which only the definitions may stand
        found = {key: _definitions(schema[key]) for key in _DEFINITIONS if key in schema}
        return {"$ref": schema["$ref"], **found}
    for key, value in schema.items():
        if key in _KEPT:
            out[key] = value
        elif key in _LISTS:
            out[_LISTS[key]] = [_adapted(variant) for variant in value]
        elif key in _DEFINITIONS:
            out[key] = _definitions(value)
        elif key == "properties":
            out[key] = {name: _adapted(inner) for name, inner in value.items()}
        elif key == "items" and isinstance(value, Mapping):
            out[key] = _adapted(value)
        elif (key == "format" and value in _FORMATS) or (key == "minItems" and value in (0, 1)):
            out[key] = value
        elif key not in _DROPPED:
            told.append(f"{key}: {to_json(value).decode()}")
    if told:
        out["description"] = " ".join(filter(None, [out.get("description"), "{" + ", ".join(told) + "}"]))
    _check(out, schema)
    return _split_types(out)


def _definitions(definitions: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _adapted(schema) for name, schema in definitions.items()}


def _check(out: dict[str, Any], schema: Mapping[str, Any]) -> None:
    if out.get("type") == "object" or "properties" in out:
        if schema.get("additionalProperties") not in (None, False) and not out.get("properties"):
            raise UnsupportedError(
                f"AnthropicMessages has no objects with free keys in a schema: name the keys, or {_ADVICE}"
            )
        out.setdefault("properties", {})
        out["additionalProperties"] = False
    elif not out.keys() & {"type", "anyOf", "allOf", "enum", "const"}:
        raise UnsupportedError(
            f"AnthropicMessages has no values of any type in a schema: give each field a type, or {_ADVICE}"
        )


def _split_types(out: dict[str, Any]) -> dict[str, Any]:
    """`"type": ["string", "null"]` as `anyOf`."""
    kinds = out.get("type")
    if not isinstance(kinds, list):
        return out
    shared = ("title", "description", "$defs", "definitions")
    rest = {key: value for key, value in out.items() if key not in shared}
    variants = [{**rest, "type": kind} if kind != "null" else {"type": "null"} for kind in kinds]
    return {**{key: out[key] for key in shared if key in out}, "anyOf": variants}
