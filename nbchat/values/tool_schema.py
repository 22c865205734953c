"""Tools as a model sees them, from functions, classes and JSON schemas."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.errors import PydanticSchemaGenerationError, PydanticUndefinedAnnotation
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from nbchat.values.docstrings import described
from nbchat.values.errors import ConfigurationError
from nbchat.values.schema import Schema, json_schema, text_of
from nbchat.values.typed_dicts import readable

_GUESSED = (bool, int, float, str)  # the type of a parameter that has none, from its default


class Arguments(BaseModel):
    """The root of the models made from functions: one field a parameter, its real name as the alias of a safe one."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=False)


def function_name(function: Callable[..., Any]) -> str:
    """What a function, a partial, or an object that can be called is called."""
    if isinstance(function, partial):
        return function_name(function.func)
    return getattr(function, "__name__", type(function).__name__)


def function_text(function: Callable[..., Any]) -> tuple[str, dict[str, str]]:
    """(description, {parameter: description}) from the docstring."""
    if isinstance(function, partial):
        return function_text(function.func)
    if not inspect.isroutine(function):
        return described(function.__call__)  # type: ignore[operator]
    return described(function)


def arguments_of(function: Callable[..., Any]) -> type[Arguments]:
    """A pydantic class of a function's parameters, with types, defaults and descriptions.

    Bound parameters (`self`, those a partial fixed by name) are left out, and so are private ones (`_x=…`).

    Raises:
        ConfigurationError: a parameter that a model cannot give: `*args`, `**kwargs`, an unbound `self`, a type that
            is no JSON.
    """
    name = function_name(function)
    hints = _hints(function, name)
    texts = function_text(function)[1]
    fields: dict[str, Any] = {}
    for place, parameter in enumerate(_parameters(function, name)):
        kind, default = _kind(parameter, hints), parameter.default
        if isinstance(default, FieldInfo):  # `days: int = Field(3, ge=1)`
            kind, default = Annotated[kind, default], default.get_default(call_default_factory=True)
        about = None if _describes_itself(kind) else text_of(kind) or texts.get(parameter.name)
        more: dict[str, Any] = {"description": about} if about else {}
        required = default is parameter.empty or default is PydanticUndefined
        fields[f"p{place}"] = (kind, Field(... if required else default, alias=parameter.name, **more))
    try:
        return create_model(name, __base__=Arguments, **fields)
    except PydanticUndefinedAnnotation as error:
        raise ConfigurationError(f"tool {name}: {error}; define the type before the tool") from None
    except PydanticSchemaGenerationError as error:
        raise ConfigurationError(_no_json(name, fields) or f"tool {name}: {str(error).splitlines()[0]}") from None


def _parameters(function: Callable[..., Any], name: str) -> list[inspect.Parameter]:
    fixed = _fixed(function)
    found = []
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:
        raise ConfigurationError(
            f"tool {name} is built in, and its parameters cannot be known: wrap it in a function of your own"
        ) from None
    for place, parameter in enumerate(parameters):
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            stars = "*" if parameter.kind is parameter.VAR_POSITIONAL else "**"
            raise ConfigurationError(
                f"tool {name} takes {stars}{parameter.name}, and a model cannot know what goes there: name each"
            )
        if place == 0 and parameter.name in ("self", "cls") and parameter.annotation is parameter.empty:
            raise ConfigurationError(f"tool {name} has an unbound {parameter.name}: give the method of an object")
        hidden = parameter.name.startswith("_") and parameter.default is not parameter.empty
        if not hidden and parameter.name not in fixed:
            found.append(parameter)
    return found


def _fixed(function: Callable[..., Any]) -> set[str]:
    if not isinstance(function, partial):
        return set()
    return set(function.keywords) | _fixed(function.func)


def _hints(function: Callable[..., Any], name: str) -> dict[str, Any]:
    inner: Any = function
    while isinstance(inner, partial):
        inner = inner.func
    if not inspect.isroutine(inner):
        inner = inner.__call__
    try:
        return typing.get_type_hints(inner, include_extras=True)
    except NameError as error:
        raise ConfigurationError(f"tool {name}: {error}; define the type before the tool") from None


def _kind(parameter: inspect.Parameter, hints: Mapping[str, Any]) -> Any:
    if parameter.name in hints:
        return readable(hints[parameter.name])
    return type(parameter.default) if type(parameter.default) in _GUESSED else Any


def _describes_itself(kind: Any) -> bool:
    metadata = getattr(kind, "__metadata__", ())
    return any(getattr(each, "description", None) for each in metadata)


def _no_json(name: str, fields: Mapping[str, Any]) -> str | None:
    for kind, field in fields.values():
        try:
            create_model("Probe", x=(kind, ...))
        except PydanticSchemaGenerationError:
            shown = getattr(kind, "__name__", kind)
            return (
                f"tool {name}: parameter {field.alias!r} is a {shown}, which a model cannot write: "
                "take text, numbers, lists or a pydantic class"
            )
    return None


def parameters_schema(kind: Any, name: str) -> tuple[Schema, str]:
    """(JSON schema of an object, its description) of a class of arguments."""
    schema = json_schema(kind, f"tool {name}")
    schema.pop("title", None)
    about = schema.pop("description", "")
    schema.setdefault("properties", {})
    if isinstance(kind, type) and issubclass(kind, Arguments):
        about = ""
        schema.pop("additionalProperties", None)
    return schema, about
