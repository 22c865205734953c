"""JSON schema from functions and types."""

from __future__ import annotations

import datetime
import enum
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import pytest
from pydantic import BaseModel, Field, ValidationError

from nbchat.values.docstrings import described
from nbchat.values.errors import ConfigurationError
from nbchat.values.schema import output_schema, validator
from nbchat.values.tool_schema import arguments_of, parameters_schema


class Unit(enum.Enum):
    METRIC = "metric"
    IMPERIAL = "imperial"


class Actor(BaseModel):
    """Someone in a film."""

    name: str
    role: str = Field(description="Who they play")


@dataclass
class Point:
    x: int
    y: Annotated[int, "upwards"] = 0


class Award(TypedDict):
    year: int


class Film(TypedDict):
    """A film.

    Attributes:
        title: what it is called
    """

    title: str
    year: Annotated[int, ..., "when it came out"]
    awards: NotRequired[list[Award]]


class Node(BaseModel):
    children: list[Node] = []


def parameters(function: Any) -> dict[str, Any]:
    return parameters_schema(arguments_of(function), "it")[0]


def properties(function: Any) -> dict[str, Any]:
    return parameters(function)["properties"]


def google(city: str, days: int = 1) -> str:
    """Forecast.

    For some days.

    Args:
        city: where
        days (int): how many
    """
    return ""


def numpy(city: str, days: int = 1) -> str:
    """Forecast.

    For some days.

    Parameters
    ----------
    city : str
        where
    days : int, optional
        how many
    """
    return ""


def sphinx(city: str, days: int = 1) -> str:
    """Forecast.

    For some days.

    :param city: where
    :param days: how many
    :type days: int
    """
    return ""


@pytest.mark.parametrize("function", [google, numpy, sphinx])
def test_docstrings_of_each_style_describe_the_parameters(function: Any) -> None:
    assert described(function)[0] == "Forecast.\n\nFor some days."
    assert parameters(function) == {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "where"},
            "days": {"type": "integer", "default": 1, "description": "how many"},
        },
        "required": ["city"],
    }


def test_a_docstring_that_is_plain_prose_is_the_whole_description() -> None:
    def prose() -> None:
        """Looks up: things, and (more) things."""

    assert described(prose) == ("Looks up: things, and (more) things.", {})


def test_enums_literals_and_optionals() -> None:
    def function(unit: Unit, size: Literal["s", "m"] = "s", note: str | None = None) -> None: ...

    schema = parameters(function)
    assert schema["$defs"]["Unit"]["enum"] == ["metric", "imperial"]
    assert schema["properties"]["unit"] == {"$ref": "#/$defs/Unit"}
    assert schema["properties"]["size"] == {"enum": ["s", "m"], "type": "string", "default": "s"}
    assert schema["properties"]["note"] == {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}
    assert schema["required"] == ["unit"]


def test_lists_dicts_dates_and_nested_classes() -> None:
    def function(cast: list[Actor], budget: dict[str, float], when: datetime.date, at: Point) -> None: ...

    schema = parameters(function)
    assert schema["properties"]["cast"] == {"type": "array", "items": {"$ref": "#/$defs/Actor"}}
    assert schema["properties"]["budget"] == {"type": "object", "additionalProperties": {"type": "number"}}
    assert schema["properties"]["when"] == {"type": "string", "format": "date"}
    assert schema["$defs"]["Actor"]["description"] == "Someone in a film."
    assert schema["$defs"]["Actor"]["properties"]["role"]["description"] == "Who they play"
    assert schema["$defs"]["Point"]["properties"]["y"]["description"] == "upwards"


def test_descriptions_from_annotated_texts_and_fields() -> None:
    def function(
        a: Annotated[str, "the a"], b: Annotated[int, Field(ge=0, description="the b")] = 1, c: int = Field(5, le=9)
    ) -> None: ...

    assert properties(function) == {
        "a": {"type": "string", "description": "the a"},
        "b": {"type": "integer", "minimum": 0, "description": "the b", "default": 1},
        "c": {"type": "integer", "maximum": 9, "default": 5},
    }


def test_parameters_without_annotation_take_the_type_of_their_default_or_any() -> None:
    def function(anything, days=3): ...  # type: ignore[no-untyped-def]

    assert properties(function) == {"anything": {}, "days": {"type": "integer", "default": 3}}


def test_a_default_that_is_no_json_is_left_out() -> None:
    def function(marker: Any = object()) -> None: ...  # noqa: B008

    assert parameters(function) == {"type": "object", "properties": {"marker": {}}}


def test_bound_and_private_parameters_are_not_shown() -> None:
    class Shop:
        def price(self, item: str, _cache: Any = None) -> None: ...

    assert list(properties(Shop().price)) == ["item"]
    assert list(properties(partial(google, days=2))) == ["city"]
    assert list(properties(partial(google, "Boston"))) == ["days"]


def test_names_that_pydantic_uses_itself_are_fine() -> None:
    def function(schema: str, copy: int, model_config: str, model_dump: int) -> None: ...

    assert list(properties(function)) == ["schema", "copy", "model_config", "model_dump"]


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda *args: None, r"takes \*args"),
        (lambda **kwargs: None, r"takes \*\*kwargs"),
        (lambda self: None, "unbound self"),
    ],
)
def test_parameters_that_a_model_cannot_give_are_refused(function: Any, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        arguments_of(function)


def test_a_type_that_is_no_json_is_named_with_its_parameter() -> None:
    class Connection: ...

    def query(sql: str, connection: Any) -> None: ...

    query.__annotations__["connection"] = Connection
    with pytest.raises(ConfigurationError, match="tool query: parameter 'connection' is a Connection"):
        arguments_of(query)


def test_a_type_that_is_not_defined_is_named() -> None:
    def query(sql: Unheard) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(ConfigurationError, match="tool query: name 'Unheard' is not defined"):
        arguments_of(query)


def test_the_schema_of_a_pydantic_class() -> None:
    name, schema, about = output_schema(Actor)
    assert (name, about) == ("Actor", "Someone in a film.")
    assert schema == {
        "type": "object",
        "properties": {"name": {"type": "string"}, "role": {"type": "string", "description": "Who they play"}},
        "required": ["name", "role"],
    }
    assert validator(Actor)({"name": "a", "role": "b"}) == Actor(name="a", role="b")


def test_the_schema_of_a_typed_dict_with_another_inside() -> None:
    name, schema, about = output_schema(Film)
    assert (name, about) == ("Film", "A film.")
    assert schema["properties"]["title"] == {"type": "string", "description": "what it is called"}
    assert schema["properties"]["year"] == {"type": "integer", "description": "when it came out"}
    assert schema["required"] == ["title", "year"]
    assert validator(Film)({"title": "a", "year": "1999"}) == {"title": "a", "year": 1999}


def test_the_schema_of_a_dataclass() -> None:
    name, schema, about = output_schema(Point)
    assert (name, about, schema["required"]) == ("Point", "", ["x"])
    assert validator(Point)({"x": 1}) == Point(1, 0)
    with pytest.raises(ValidationError):
        validator(Point)({"y": 1})


def test_a_type_that_holds_itself_has_an_object_at_the_top() -> None:
    schema = output_schema(Node)[1]
    assert schema["type"] == "object"
    assert schema["properties"]["children"]["items"] == {"$ref": "#/$defs/Node"}
    assert "Node" in schema["$defs"]


@pytest.mark.parametrize(
    "given",
    [
        {"title": "Joke", "description": "d", "type": "object", "properties": {}},
        {"type": "json_schema", "json_schema": {"name": "Joke", "schema": {"description": "d", "type": "object"}}},
        {"name": "Joke", "schema": {"description": "d", "type": "object"}},
    ],
)
def test_a_raw_json_schema_may_come_in_openais_wrapping(given: Any) -> None:
    name, schema, about = output_schema(given)
    assert (name, about, schema["type"]) == ("Joke", "d", "object")
    assert validator(given)({"any": "thing"}) == {"any": "thing"}


@pytest.mark.parametrize("thing", [int, list[Actor], "text", None])
def test_what_is_no_object_is_no_schema(thing: Any) -> None:
    with pytest.raises(ConfigurationError, match="a schema is"):
        output_schema(thing)
