"""A JSON schema in the subset that OpenAI enforces (`strict: true`), and what a strict answer must lose again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbchat.values.errors import UnsupportedError

_FORMATS = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"})
_KEPT = frozenset(
    {"type", "title", "description", "enum", "const", "required", "pattern", "multipleOf", "minimum", "maximum"}
    | {"exclusiveMinimum", "exclusiveMaximum", "minItems", "maxItems", "$ref"}
)
_VARIANTS = frozenset({"anyOf", "oneOf"})
_DEFINITIONS = frozenset({"$defs", "definitions"})
_SILENT = frozenset(
    {"$schema", "$id", "$comment", "additionalProperties", "discriminator", "default", "examples", "allOf"}
)
_NULL = {"type": "null"}
_ADVICE = "name the keys or types, or leave strict out"


def strict_where_possible(schema: Mapping[str, Any], wanted: bool) -> tuple[Mapping[str, Any], bool]:
    """(schema, whether it is strict): a schema that cannot be strict, or shall not be, is sent as it is."""
    if not wanted:
        return schema, False
    try:
        return strict_schema(schema), True
    except UnsupportedError:
        return schema, False


def strict_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The same schema in strict form: no other keys than those named, all required, optional ones nullable.

    Limits that are not enforced ("maxLength") go into the description, where the model can read them.

    Raises:
        UnsupportedError: an object with free keys, a value of any type, or no object at the top cannot be strict.
    """
    if "$ref" in schema:
        schema = {**_definition(schema, schema["$ref"]), **{k: v for k, v in schema.items() if k != "$ref"}}
    out = _strict(schema)
    if out.get("type") != "object":
        raise UnsupportedError(f"OpenAIChat has no strict schema without an object at its top; {_ADVICE}")
    return out


def _definition(schema: Mapping[str, Any], address: str) -> Mapping[str, Any]:
    found: Any = schema
    for key in address.removeprefix("#/").split("/"):
        found = found.get(key) if isinstance(found, Mapping) else None
    if not isinstance(found, Mapping):
        raise UnsupportedError(f"the schema refers to {address!r}, which is not in it")
    return found


def _strict(schema: Any) -> dict[str, Any]:
    if not isinstance(schema, Mapping) or not schema:
        raise UnsupportedError(f"OpenAIChat has no strict schema for a value of any type; {_ADVICE}")
    schema = _merged(schema)
    out: dict[str, Any] = {}
    told: list[str] = []
    for key, value in schema.items():
        if key in _VARIANTS:
            out["anyOf"] = [_strict(variant) for variant in value]
        elif key in _DEFINITIONS:
            out[key] = {name: _strict(inner) for name, inner in value.items()}
        elif key == "items":
            out[key] = _strict(value)
        elif key in _KEPT or (key == "format" and value in _FORMATS):
            out[key] = value
        elif key not in _SILENT and key != "properties":
            told.append(f"{key}: {value}")
    if told:
        out["description"] = " ".join(filter(None, [out.get("description"), "{" + ", ".join(told) + "}"]))
    return _with_type(out, schema)


def _with_type(out: dict[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    kinds = out.get("type")
    if "properties" in schema or kinds == "object" or (isinstance(kinds, list) and "object" in kinds):
        return _object(out, schema)
    if "$ref" in out:  # nothing may stand beside a reference
        reference = {"$ref": out["$ref"]}
        said = {"description": out["description"]} if "description" in out else {}
        return {**said, "anyOf": [reference]} if said else reference
    if kinds is None and (known := out.get("enum") or ([out["const"]] if "const" in out else [])):
        names = {type(value) for value in known}
        out["type"] = _TYPES.get(names.pop(), "string") if len(names) == 1 else [_TYPES.get(n, "string") for n in names]
    elif (kinds == "array" and "items" not in out) or (kinds is None and "anyOf" not in out):
        raise UnsupportedError(f"OpenAIChat has no strict schema for a value of any type; {_ADVICE}")
    return out


_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}


def _object(out: dict[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    properties = schema.get("properties") or {}
    free = schema.get("additionalProperties", False if properties else None)
    if free not in (None, False) or "patternProperties" in schema:
        raise UnsupportedError(f"OpenAIChat has no strict schema for an object with free keys; {_ADVICE}")
    needed = schema.get("required") or ()
    out["properties"] = {
        n: _strict(inner) if n in needed else _nullable(_strict(inner)) for n, inner in properties.items()
    }
    return {"type": "object", **out, "required": list(properties), "additionalProperties": False}


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    if accepts_null(schema):
        return schema
    match schema:
        case {"anyOf": [*variants]}:
            return {**schema, "anyOf": [*variants, _NULL]}
        case {"type": str(kind)} if not schema.keys() & {"enum", "const"}:
            return {**schema, "type": [kind, "null"]}
    return {"anyOf": [schema, _NULL]}


def _merged(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """`allOf` as one schema: it only ever wraps a reference, or adds keys."""
    parts = schema.get("allOf")
    if not parts:
        return schema
    if len(parts) > 1 and any("$ref" in part for part in parts):
        raise UnsupportedError(f"OpenAIChat has no strict schema with allOf of references; {_ADVICE}")
    out: dict[str, Any] = {}
    for part in (*parts, {key: value for key, value in schema.items() if key != "allOf"}):
        for key, value in part.items():
            before = out.get(key)
            if isinstance(before, dict) and isinstance(value, Mapping):
                out[key] = {**before, **value}
            elif isinstance(before, list) and isinstance(value, list):
                out[key] = [*before, *value]
            else:
                out[key] = value
    return out


def accepts_null(schema: Mapping[str, Any]) -> bool:
    """Whether null fits a schema (references are not followed)."""
    kinds = schema.get("type")
    if kinds == "null" or (isinstance(kinds, list) and "null" in kinds) or None in (schema.get("enum") or ()):
        return True
    return any(isinstance(v, Mapping) and accepts_null(v) for key in _VARIANTS for v in schema.get(key) or ())


def without_nulls(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any] | None = None) -> Any:
    """A strict answer as its own schema has it: a null that stands for a field left out is left out."""
    root = schema if root is None else root
    if "$ref" in schema:
        schema = _definition(root, schema["$ref"])
    if isinstance(value, list):
        items = schema.get("items")
        return [without_nulls(v, items, root) for v in value] if isinstance(items, Mapping) else value
    properties = schema.get("properties")
    if not isinstance(value, dict) or not isinstance(properties, Mapping):
        return value
    required = schema.get("required") or ()
    return {
        key: without_nulls(inner, properties.get(key) or {}, root)
        for key, inner in value.items()
        if inner is not None or key in required or key not in properties or accepts_null(properties[key])
    }
