"""`typing.TypedDict` for pydantic, which before Python 3.12 reads only that of typing_extensions."""

from __future__ import annotations

import sys
import types
import typing
from typing import Annotated, Any, Literal, NotRequired, Required, Union, get_args, get_origin

import typing_extensions


def readable(kind: Any) -> Any:
    """The same type, with TypedDicts (in lists, unions and TypedDicts too) that pydantic can read."""
    if sys.version_info >= (3, 12):
        return kind
    if typing.is_typeddict(kind) and type(kind).__module__ == "typing":
        return _rebuilt(kind)
    origin, args = get_origin(kind), get_args(kind)
    if origin is Literal or not args:
        return kind
    if origin is Annotated:
        return Annotated[(readable(args[0]), *kind.__metadata__)]
    inner = tuple(readable(arg) for arg in args)
    if inner == args:
        return kind
    return Union[inner] if origin in (Union, types.UnionType) else origin[inner]  # noqa: UP007


def bare(hint: Any) -> Any:
    """A field's type without `Required[…]` or `NotRequired[…]` around it."""
    while get_origin(hint) in (Required, NotRequired):
        hint = get_args(hint)[0]
    return hint


def _rebuilt(kind: Any) -> Any:
    hints = typing.get_type_hints(kind, include_extras=True)
    make: Any = typing_extensions.TypedDict
    made = make(kind.__name__, {name: _field(kind, name, hint) for name, hint in hints.items()})
    made.__doc__ = kind.__doc__
    return made


def _field(kind: Any, name: str, hint: Any) -> Any:
    marked = get_origin(hint)  # where annotations are text, `__required_keys__` has not seen these marks
    if marked not in (Required, NotRequired):
        marked = Required if name in kind.__required_keys__ else NotRequired
    return marked[readable(bare(hint))]
