"""The fields of a schema as typed columns."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json, to_jsonable_python

from nbchat.values.errors import ConfigurationError

if TYPE_CHECKING:
    import pandas as pd

Schema = Mapping[str, Any]

_DTYPES = {"integer": "Int64", "number": "Float64", "boolean": "boolean", "string": "string"}
_KINDS = {str: "string", bool: "boolean", int: "integer", float: "number"}


class SchemaColumns:
    """One column a field: string, Int64, Float64, boolean or datetime64; what is nested as JSON text.

    Args:
        schema: JSON schema of an object.
        explode: give the fields of nested objects columns of their own, named `outer.inner`; lists stay JSON.

    Raises:
        ConfigurationError: the schema names no field.
    """

    def __init__(self, schema: Schema, explode: bool = False) -> None:
        self._root = schema
        self._paths = dict(self._fields(schema, (), explode, frozenset()))
        self.names = tuple(self._paths)
        if not self.names:
            raise ConfigurationError("the schema names no field to make a column of: put what is wanted into one")

    def cells(self, value: Any) -> dict[str, Any]:
        """One value of the schema, a cell a column; None where a field is absent or null."""
        plain = to_jsonable_python(value, by_alias=True)
        return {name: _cell(_inside(plain, path), kind) for name, (path, kind) in self._paths.items()}

    def typed(self, name: str, cells: Sequence[Any]) -> Any:
        """A column's cells as a pandas array; as they are where they do not fit its type."""
        import pandas as pd

        kind = self._paths[name][1]
        try:
            if kind == "datetime":
                return pd.array(_times(pd.Series(cells, dtype=object)))
            dtype: Any = _DTYPES.get(kind, "string")
            return pd.array(cells, dtype=dtype)
        except (TypeError, ValueError, OverflowError):
            return pd.array(cells, dtype=object)

    def _fields(self, schema: Schema, path: tuple[str, ...], explode: bool, within: frozenset[str]) -> Any:
        """(name of the column, (path to the value, its type)) of each field; a type inside itself is not opened."""
        for field, inner in (schema.get("properties") or {}).items():
            inner, ref = self._resolved(inner)
            here = (*path, field)
            if explode and inner.get("properties") and ref not in within:
                yield from self._fields(inner, here, explode, within | {ref or ""})
            else:
                yield ".".join(here), (here, _kind(inner))

    def _resolved(self, schema: Schema) -> tuple[Schema, str | None]:
        """A field's own schema: behind its reference, without the null that makes it optional."""
        ref = None
        for _ in range(20):  # a schema may refer to itself
            choices = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
            if choices and len(known := [each for each in choices if each.get("type") != "null"]) == 1:
                schema = known[0]
            elif isinstance(ref_now := schema.get("$ref"), str) and ref_now.startswith("#/"):
                ref = ref_now
                schema = _inside(self._root, ref.removeprefix("#/").split("/")) or {}
            else:
                break
        return schema, ref


def _times(cells: pd.Series) -> pd.Series:
    """As datetimes; in UTC where some have another offset than others."""
    import pandas as pd

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)  # which is what pandas 2 has for several offsets
            return pd.to_datetime(cells, format="ISO8601")
    except (ValueError, FutureWarning):
        return pd.to_datetime(cells, format="ISO8601", utc=True)


def _kind(schema: Schema) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        known = [each for each in kind if each != "null"]
        kind = known[0] if len(known) == 1 else None
    if kind is None:
        values = schema.get("enum") or [schema.get("const")]
        kinds = {_KINDS.get(type(value)) for value in values if value is not None}
        kind = kinds.pop() if len(kinds) == 1 else None
    if kind == "string" and schema.get("format") in ("date-time", "date"):
        return "datetime"
    return kind if kind in _DTYPES else "json"


def _inside(value: Any, path: Sequence[str]) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _cell(value: Any, kind: str) -> Any:
    if value is None or kind != "json" or isinstance(value, str):
        return value
    return to_json(value).decode()
