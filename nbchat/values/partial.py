"""Values of a user's own type from JSON that is still coming: nothing is checked yet."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from enum import Enum
from typing import Any, get_args, get_origin

from pydantic import BaseModel


def partial_value(kind: Any, value: Any) -> Any:
    """What has come, as an instance of `kind` where that is a pydantic class or a dataclass, else as it is.

    A field that has not come is its default, or None; so is a member of an enum whose text is not whole yet.
    `model_fields_set` of a pydantic object names those that have.
    """
    if get_origin(kind) is typing.Annotated:
        return partial_value(get_args(kind)[0], value)
    if isinstance(value, list):
        items = [each for each in get_args(kind) if each is not ...]
        return [partial_value(items[0], each) for each in value] if len(items) == 1 else value
    if not isinstance(value, Mapping):
        return _scalar(kind, value)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return _model(kind, value)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return _dataclass(kind, value)
    if get_origin(kind) in (dict, Mapping):
        return {key: partial_value(get_args(kind)[1], each) for key, each in value.items()}
    records = [each for each in get_args(kind) if each is not type(None)]  # `Actor | None`
    return partial_value(records[0], value) if len(records) == 1 else value


def _scalar(kind: Any, value: Any) -> Any:
    """A member of an enum, None while its text is not whole; all else as it is."""
    enums = [each for each in (kind, *get_args(kind)) if isinstance(each, type) and issubclass(each, Enum)]
    return next((member for member in enums[0] if member.value == value), None) if enums else value


def _model(kind: type[BaseModel], value: Mapping[str, Any]) -> BaseModel:
    given = {}
    for name, field in kind.model_fields.items():
        for key in (field.validation_alias, field.alias, name):
            if isinstance(key, str) and key in value:
                given[name] = partial_value(field.annotation, value[key])
                break
    whole = kind.model_construct(_fields_set=set(given))
    fields = {name: given.get(name, whole.__dict__.get(name)) for name in kind.model_fields}
    object.__setattr__(whole, "__dict__", fields)
    return whole


def _dataclass(kind: Any, value: Mapping[str, Any]) -> Any:
    hints = typing.get_type_hints(kind, include_extras=True)
    whole = kind.__new__(kind)
    for field in dataclasses.fields(kind):
        if field.name in value:
            given = partial_value(hints[field.name], value[field.name])
        elif field.default_factory is not dataclasses.MISSING:
            given = field.default_factory()
        else:
            given = None if field.default is dataclasses.MISSING else field.default
        object.__setattr__(whole, field.name, given)  # a frozen one refuses the usual way
    return whole
