"""JSON schemas in OpenAI's strict form."""

from __future__ import annotations

import enum
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from nbchat.values.errors import UnsupportedError
from nbchat.wire.strict_schema import strict_schema, without_nulls


def obj(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def strict(**properties: Any) -> dict[str, Any]:
    return obj(**properties) | {"additionalProperties": False}


class Colour(enum.Enum):
    RED = "red"


class Part(BaseModel):
    """A part."""

    name: str = Field(max_length=5, description="its name")
    parts: list[Part] = []
    colour: Colour = Colour.RED


class Order(BaseModel):
    kind: Literal["a", "b"]
    part: Part
    note: str | None = None
    count: int = 3
    either: int | str = 1


def conforms(schema: Any) -> bool:
    """Whether every object in it is closed, with all its keys required, and no keyword is one that is refused."""
    if isinstance(schema, list):
        return all(map(conforms, schema))
    if not isinstance(schema, dict):
        return True
    if "properties" in schema:
        assert schema["additionalProperties"] is False
        assert schema["required"] == list(schema["properties"])
    if "$ref" in schema:
        assert schema.keys() == {"$ref"}
    assert not schema.keys() & {"default", "maxLength", "allOf", "oneOf"}
    return all(conforms(inner) for key, inner in schema.items() if key not in ("enum", "const", "required"))


def test_a_models_schema_becomes_strict() -> None:
    schema = strict_schema(Order.model_json_schema())
    assert conforms(schema)
    assert schema["properties"]["note"]["anyOf"] == [{"type": "string"}, {"type": "null"}]
    assert schema["properties"]["count"]["type"] == ["integer", "null"]
    assert schema["properties"]["either"]["anyOf"] == [{"type": "integer"}, {"type": "string"}, {"type": "null"}]
    assert schema["$defs"]["Part"]["properties"]["name"]["description"] == "its name {maxLength: 5}"
    assert schema["$defs"]["Part"]["properties"]["colour"] == {"anyOf": [{"$ref": "#/$defs/Colour"}, {"type": "null"}]}


def test_a_recursive_models_schema_has_its_object_at_the_top() -> None:
    schema = strict_schema(Part.model_json_schema())
    assert schema["type"] == "object"
    assert conforms(schema)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"type": "string", "format": "email"}, {"type": "string", "format": "email"}),
        ({"type": "string", "format": "uri"}, {"type": "string", "description": "{format: uri}"}),
        ({"type": "integer", "minimum": 1}, {"type": "integer", "minimum": 1}),
        ({"enum": ["a", 1]}, {"enum": ["a", 1], "type": ["string", "integer"]}),
        ({"const": "a"}, {"const": "a", "type": "string"}),
        ({"oneOf": [{"type": "string"}]}, {"anyOf": [{"type": "string"}]}),
        ({"allOf": [{"type": "string"}], "description": "d"}, {"type": "string", "description": "d"}),
        ({"type": ["string", "null"]}, {"type": ["string", "null"]}),
        (
            {"type": "object", "properties": {}},
            {"type": "object", "properties": {}, "required": [], "additionalProperties": False},
        ),
    ],
)
def test_keywords(given: dict[str, Any], wanted: dict[str, Any]) -> None:
    found = strict_schema(obj(x=given))["properties"]["x"]
    assert {k: sorted(v) if k == "type" and isinstance(v, list) else v for k, v in found.items()} == {
        k: sorted(v) if k == "type" and isinstance(v, list) else v for k, v in wanted.items()
    }


@pytest.mark.parametrize(
    "given",
    [
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"type": "object", "additionalProperties": True, "properties": {"x": {"type": "string"}}},
        {"type": "object", "patternProperties": {"x": {}}},
        {},
        True,
        {"type": "array"},
        {"title": "Anything"},
        {"allOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}]},
    ],
)
def test_what_cannot_be_strict_is_refused(given: Any) -> None:
    with pytest.raises(UnsupportedError, match="OpenAIChat has no strict schema"):
        strict_schema(obj(x=given))


@pytest.mark.parametrize("given", [{"type": "string"}, {"anyOf": [obj()]}, {"$ref": "#/$defs/Missing"}])
def test_the_top_must_be_an_object(given: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedError):
        strict_schema(given)


def test_nulls_that_stand_for_fields_left_out_are_left_out() -> None:
    answer = {
        "kind": "a",
        "part": {"name": "x", "parts": [{"name": "y", "parts": None, "colour": None}], "colour": None},
        "note": None,
        "count": None,
        "either": None,
    }
    relaxed = without_nulls(answer, Order.model_json_schema())
    assert relaxed == {"kind": "a", "part": {"name": "x", "parts": [{"name": "y"}]}, "note": None}
    assert Order.model_validate(relaxed).count == 3
