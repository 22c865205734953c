"""A JSON schema in the words that Gemini accepts (`responseJsonSchema`, `parametersJsonSchema`). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_KEPT = frozenset({
    "$ref", "type", "format", "description", "enum", "items", "prefixItems", "minItems", "maxItems", "minimum",
    "maximum", "minLength", "maxLength", "pattern", "anyOf", "properties", "additionalProperties", "required",
    "propertyOrdering", "nullable",
})  # fmt: skip
_FORMATS = frozenset({"date-time", "date", "time", "duration", "float", "double", "int32", "int64", "enum"})


def gemini_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema without the keywords that Gemini refuses, and with those it knows by another name renamed.

    `const` becomes an `enum` of one, `oneOf` becomes `anyOf`, an `allOf` of one is unwrapped, an exclusive bound of
    whole numbers becomes an inclusive one, and a `format` that Gemini has not is told in the description.
    """
    return _adapted(schema)


def _adapted(schema: Any) -> Any:
    if not isinstance(schema, Mapping):
        return schema
    out: dict[str, Any] = {key: value for key, value in schema.items() if key in _KEPT}
    if "const" in schema:
        out["enum"] = [schema["const"]]
        out.setdefault("type", _type_of(schema["const"]))
    choices = schema.get("anyOf", schema.get("oneOf"))
    if choices is not None:
        out["anyOf"] = [_adapted(choice) for choice in choices]
    for key in ("items", "additionalProperties"):
        if key in out:
            out[key] = _adapted(out[key])
    if "prefixItems" in out:
        out["prefixItems"] = [_adapted(item) for item in out["prefixItems"]]
    for key in ("properties", "$defs", "definitions"):
        if key in schema:
            out[key] = {name: _adapted(inner) for name, inner in schema[key].items()}
    whole = schema.get("allOf")
    if isinstance(whole, list) and len(whole) == 1:
        out = {**_adapted(whole[0]), **out}
    _bounds(schema, out)
    _format(out)
    return out


def _type_of(value: Any) -> str:
    names = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}
    return names.get(type(value), "object")


def _bounds(schema: Mapping[str, Any], out: dict[str, Any]) -> None:
    """An exclusive bound has no inclusive equal for fractions; there it is left to the check of the answer."""
    if schema.get("type") == "integer":
        if isinstance(low := schema.get("exclusiveMinimum"), int):
            out["minimum"] = low + 1
        if isinstance(high := schema.get("exclusiveMaximum"), int):
            out["maximum"] = high - 1


def _format(out: dict[str, Any]) -> None:
    form = out.get("format")
    if isinstance(form, str) and form not in _FORMATS:
        del out["format"]
        said = out.get("description")
        out["description"] = f"{said} (format: {form})" if said else f"format: {form}"
