"""JSON schema from functions and types, and values of those types from JSON."""

from __future__ import annotations

import dataclasses
import re
import typing
import warnings
from collections.abc import Callable, Mapping
from typing import Annotated, Any, get_origin

from pydantic import BaseModel, TypeAdapter
from pydantic.errors import PydanticUndefinedAnnotation, PydanticUserError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import to_json
from typing_extensions import is_typeddict  # typing's own does not know the TypedDict of typing_extensions

from nbchat.values.docstrings import described
from nbchat.values.errors import ConfigurationError
from nbchat.values.typed_dicts import bare, readable

Schema = dict[str, Any]
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


class _Plain(GenerateJsonSchema):
    """Pydantic's schema without titles made from names, and with descriptions from docstrings and `Annotated` texts."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def model_schema(self, schema: Any) -> JsonSchemaValue:
        return _with_descriptions(super().model_schema(schema), schema["cls"])

    def typed_dict_schema(self, schema: Any) -> JsonSchemaValue:
        return _with_descriptions(super().typed_dict_schema(schema), schema.get("cls"))

    def dataclass_schema(self, schema: Any) -> JsonSchemaValue:
        return _with_descriptions(super().dataclass_schema(schema), schema["cls"])


def _with_descriptions(schema: JsonSchemaValue, cls: Any) -> JsonSchemaValue:
    about, params = described(cls)
    if dataclasses.is_dataclass(cls) and about.startswith(f"{schema.get('title')}("):  # dataclasses write their own
        about = ""
    properties = schema.get("properties")
    if properties is None:
        return schema
    texts = params | annotated_texts(cls)
    own = {"description": about} if about else {}
    described_properties = {
        name: {"description": texts[name], **value} if name in texts else value for name, value in properties.items()
    }
    return {**schema, **own, "properties": described_properties}


def annotated_texts(cls: Any) -> dict[str, str]:
    """{field: text} of fields declared as `Annotated[type, "text"]`."""
    try:
        hints = typing.get_type_hints(cls, include_extras=True)
    except (NameError, TypeError):
        return {}
    found = {name: text_of(hint) for name, hint in hints.items()}
    return {name: text for name, text in found.items() if text}


def text_of(hint: Any) -> str | None:
    """The text in `Annotated[type, "text"]`, or None; `Required[…]` and `NotRequired[…]` around it do not matter."""
    hint = bare(hint)
    if get_origin(hint) is not Annotated:
        return None
    return next((each for each in hint.__metadata__ if isinstance(each, str)), None)


def json_schema(kind: Any, what: str) -> Schema:
    """The JSON schema of a type; `what` names it in an error.

    Raises:
        ConfigurationError: the type, or one inside it, cannot be written as JSON.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of defaults that are no JSON: they are left out
            schema = TypeAdapter(readable(kind)).json_schema(schema_generator=_Plain)
    except RecursionError:
        raise ConfigurationError(f"{what} is a TypedDict that holds itself: make it a pydantic class") from None
    except (PydanticUserError, PydanticUndefinedAnnotation) as error:
        raise ConfigurationError(f"{what} has no JSON schema: {str(error).splitlines()[0]}") from None
    if "$ref" in schema:  # a type that holds itself; providers want an object at the top
        schema = {**schema["$defs"][schema["$ref"].rpartition("/")[2]], "$defs": schema["$defs"]}
    return schema


def output_schema(thing: Any) -> tuple[str, Schema, str]:
    """(name, JSON schema, description) of a pydantic class, TypedDict, dataclass or JSON schema with a `title`.

    Raises:
        ConfigurationError: it is none of these, or has no JSON schema.
    """
    if isinstance(thing, Mapping):
        schema = _unwrapped(thing)
        name = schema.pop("title", None) or "answer"
        about = schema.pop("description", None) or ""
        return checked_name(_as_name(str(name)), "the schema"), _object(schema), about
    if not is_record(thing):
        raise ConfigurationError(
            "a schema is a pydantic class, a TypedDict, a dataclass, or a JSON schema with a title, "
            f"not {getattr(thing, '__name__', repr(thing))}; put it into a field of one"
        )
    schema = json_schema(thing, thing.__name__)
    schema.pop("title", None)
    about = schema.pop("description", None) or ""
    return checked_name(_as_name(thing.__name__), thing.__name__), _object(schema), about


def _object(schema: Schema) -> Schema:
    """The schema. Raises ConfigurationError where it is not one of an object: no provider takes another."""
    if (kind := schema.get("type", "object")) != "object":
        raise ConfigurationError(f"an answer is an object, and this schema is of {kind!r}; put it into a field of one")
    return schema


def validator(thing: Any) -> Callable[[Any], Any]:
    """A function from parsed JSON to a value of this type; a JSON schema leaves it as it is.

    The function raises pydantic's `ValidationError` where the value does not fit.
    """
    if isinstance(thing, Mapping):
        return lambda value: value
    adapter: TypeAdapter[Any] = TypeAdapter(readable(thing))
    return lambda value: adapter.validate_json(to_json(value))


def is_record(thing: Any) -> bool:
    """Whether this is a class whose values are JSON objects: pydantic, TypedDict or dataclass."""
    if not isinstance(thing, type):
        return False
    return issubclass(thing, BaseModel) or is_typeddict(thing) or dataclasses.is_dataclass(thing)


def checked_name(name: str, what: str) -> str:
    """A name that every provider takes. Raises ConfigurationError for any other."""
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"{what} needs a name of 1 to 64 letters, digits, _ or -, not {name!r}; give it one with name="
        )
    return name


def _as_name(title: str) -> str:
    return re.sub(r"[^a-zA-Z0-9_-]+", "_", title)[:64]


def _unwrapped(given: Mapping[str, Any]) -> Schema:
    """A JSON schema as it is, or out of OpenAI's `json_schema` wrapping, with its name as the title."""
    match given:
        case {"type": "json_schema", "json_schema": {"name": name, "schema": Mapping() as schema}}:
            return {"title": name, **schema}
        case {"name": name, "schema": Mapping() as schema}:
            return {"title": name, **schema}
    return dict(given)
