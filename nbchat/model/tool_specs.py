"""Tools without a function: JSON schemas, the providers' own dicts, and classes, as specs for a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from nbchat.values.errors import ConfigurationError
from nbchat.values.schema import checked_name, is_record
from nbchat.values.tool_schema import parameters_schema
from nbchat.wire.codec import ToolSpec

Bound = ToolSpec | Mapping[str, Any]
_NO_PARAMETERS: dict[str, Any] = {"type": "object", "properties": {}}


def spec_of(given: Any) -> Bound | None:
    """The spec of a class, a JSON schema or a provider's dict; None for anything else.

    A dict that no schema can be read from is a provider's built-in tool, and passes as it is.

    Raises:
        ConfigurationError: a JSON schema without a title, or a class that has no JSON schema.
    """
    match given:
        case ToolSpec():
            return given
        case type() if is_record(given):
            parameters, about = parameters_schema(given, given.__name__)
            return ToolSpec(checked_name(given.__name__, "a tool"), about, parameters)
        case type():
            raise ConfigurationError(
                f"a class that is a tool is a pydantic class, a TypedDict or a dataclass, and {given.__name__} is none"
            )
        case {"type": "function", "function": Mapping() as function}:  # OpenAI chat
            return _spec(function, function.get("parameters"))
        case {"name": str(), "parameters": Mapping() as parameters} if given.keys() <= _OURS | {"parameters"}:
            return _spec(given, parameters)
        case {"name": str(), "input_schema": Mapping() as parameters} if given.keys() <= _OURS | {"input_schema"}:
            return _spec(given, parameters)
        case {"title": str(name)} if "properties" in given or given.get("type") == "object":
            schema = {key: value for key, value in given.items() if key not in ("title", "description")}
            return _spec({"name": name, "description": given.get("description")}, schema)
        case {"properties": _}:
            raise ConfigurationError("a JSON schema needs a 'title' to be a tool: that is the name the model calls")
        case Mapping():
            return given
    return None


_OURS = {"type", "name", "description", "strict"}


def _spec(given: Mapping[str, Any], parameters: Mapping[str, Any] | None) -> ToolSpec:
    schema = {**_NO_PARAMETERS, **(parameters or {})}
    name = checked_name(str(given.get("name") or ""), "a tool")
    return ToolSpec(name, given.get("description") or "", schema, given.get("strict"))


def strictly(spec: Bound, strict: bool | None) -> Bound:
    """The spec with `strict` set, where it is given; a provider's own dict stays as it is."""
    return replace(spec, strict=strict) if isinstance(spec, ToolSpec) and strict is not None else spec


def bound_name(spec: Bound) -> str | None:
    """What the model calls this tool, where that is known."""
    return spec.name if isinstance(spec, ToolSpec) else spec.get("name")


def bound_label(spec: Bound) -> str:
    """What a repr calls this tool: never its values, which may hold a key."""
    if isinstance(spec, ToolSpec):
        return spec.name
    return str(spec.get("name") or spec.get("type") or ", ".join(spec))


def checked_choice(choice: Any, tools: tuple[Bound, ...]) -> str | Mapping[str, Any] | None:
    """A `tool_choice` in neutral terms: "auto", "any", "none", a tool's name, or a provider's own dict.

    Raises:
        ConfigurationError: the tool it names is not among these; says which are.
    """
    match choice:
        case {"type": "function", "function": {"name": str(name)}} | {"type": "tool", "name": str(name)}:
            return checked_choice(name, tools)
        case None | "auto" | "any" | "none" | Mapping():
            return choice
        case bool():
            return "any" if choice else None
        case "required":
            return "any"
    wanted: Any = choice if isinstance(choice, str) else getattr(choice, "name", getattr(choice, "__name__", None))
    names = [bound_name(spec) for spec in tools]
    if wanted not in names:
        known = ", ".join(sorted(name for name in names if name)) or "none"
        raise ConfigurationError(
            f'tool_choice names {wanted!r}, which is not bound; use "any", "auto", "none", or {known}'
        )
    return wanted
