"""A JSON schema in the subset that Anthropic enforces (structured output, strict tools)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbchat.values.errors import UnsupportedError

_FORMATS = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"})
_KEPT = frozenset({"type", "title", "description", "enum", "const", "required"})
_LISTS = {"anyOf": "anyOf", "oneOf": "anyOf", "allOf": "allOf"}
_DROPPED = frozenset({"$schema", "$id", "additionalProperties", "$comment", "discriminator"})


def adapted(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The same schema without what is not enforced; such limits go into the description, where the model can read them.

    Raises:
        UnsupportedError: an object with free keys, or a value of any type: neither can be expressed.
    """
    out: dict[str, Any] = {}
    told: list[str] = []
    if "$ref" in schema:  # the only key that may stand there, but for the definitions
        return {key: _definitions(value) if key in ("$defs", "definitions") else value for key, value in schema.items()
                if key in ("$ref", "$defs", "definitions")}  # fmt: skip
    for key, value in schema.items():
        if key in _KEPT:
            out[key] = value
        elif key in _LISTS:
            out[_LISTS[key]] = [adapted(variant) for variant in value]
        elif key in ("$defs", "definitions"):
            out[key] = _definitions(value)
        elif key == "properties":
            out[key] = {name: adapted(inner) for name, inner in value.items()}
        elif key == "items" and isinstance(value, Mapping):
            out[key] = adapted(value)
        elif (key == "format" and value in _FORMATS) or (key == "minItems" and value in (0, 1)):
            out[key] = value
        elif key not in _DROPPED:
            told.append(f"{key}: {value}")
    if told:
        out["description"] = " ".join(filter(None, [out.get("description"), "{" + ", ".join(told) + "}"]))
    _check(out, schema)
    return _split_types(out)


def _definitions(definitions: Mapping[str, Any]) -> dict[str, Any]:
    return {name: adapted(schema) for name, schema in definitions.items()}


def _check(out: dict[str, Any], schema: Mapping[str, Any]) -> None:
    if out.get("type") == "object" or "properties" in out:
        if schema.get("additionalProperties") not in (None, False) and not out.get("properties"):
            raise UnsupportedError(
                "AnthropicMessages has no objects with free keys in a schema: name the keys, use a list of pairs, "
                "or use method='function_calling'"
            )
        out.setdefault("properties", {})
        out["additionalProperties"] = False
    elif not out.keys() & {"type", "anyOf", "allOf", "enum", "const"}:
        raise UnsupportedError(
            "AnthropicMessages has no values of any type in a schema: give each field a type, "
            "or use method='function_calling'"
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
