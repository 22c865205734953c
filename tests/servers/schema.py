"""A JSON value that is valid for a JSON schema, made of what a prompt mentions."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from tests.servers.words import names

Schema = dict[str, Any]

_NAME = re.compile(r"\b[A-Z][\w-]*(?: [A-Z][\w-]*)*")
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w])")
_QUOTED = re.compile(r"(?:(?<=\s)|^)[\"'`“]([^\"'`”]+)[\"'`”]")
_ISO_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
_OPENERS = names(
    "A An And Answer Are Ask At Call Can Compare Could Describe Do Does Extract Find For From Get Give Has Have Hello "
    "Hey Hi How I If In Is It Let List Look Make Multiply My Now On Please Provide Say Search Show Summarize Tell "
    "Thanks The Then There These This To Translate Use Was We Were What When Where Which Who Why Will Write You Your"
)
_BY_FORMAT = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "time": "12:00:00Z",
    "duration": "P1D",
    "email": "ada@example.org",
    "uri": "https://example.org/",
    "uuid": "123e4567-e89b-42d3-a456-426614174000",
    "ipv4": "127.0.0.1",
    "ipv6": "::1",
    "hostname": "example.org",
}
_DEEPEST = 6


@dataclass
class Mentions:
    """Names and numbers of a prompt, handed out in order; when they are used up they start again."""

    prompt: str
    names: list[str] = field(default_factory=list)
    numbers: list[float] = field(default_factory=list)
    names_used: int = 0
    numbers_used: int = 0

    @classmethod
    def of(cls, prompt: str) -> Mentions:
        """Quoted phrases, else capitalised names that are no sentence openers; and every number."""
        said = _QUOTED.findall(prompt) or list(filter(None, map(_without_opener, _NAME.findall(prompt))))
        dates = _ISO_DATE.findall(prompt)
        numbers = [float(n) for n in _NUMBER.findall(_ISO_DATE.sub(" ", prompt))]
        return cls(prompt, list(dict.fromkeys([*said, *dates])), numbers)

    def name(self) -> str:
        """The next name; the prompt's last word where it has none."""
        if not self.names:
            words = re.findall(r"\w+", self.prompt)
            return words[-1] if words else "text"
        self.names_used += 1
        return self.names[(self.names_used - 1) % len(self.names)]

    def number(self) -> float | None:
        """The next number, None where the prompt has none."""
        if not self.numbers:
            return None
        self.numbers_used += 1
        return self.numbers[(self.numbers_used - 1) % len(self.numbers)]


def example(schema: Schema, mentions: Mentions) -> Any:
    """A value valid for `schema` ($ref, enum, anyOf, nested objects and arrays; no `pattern`)."""
    return _value(schema, mentions, schema, 0)


def _value(schema: Schema | bool, mentions: Mentions, root: Schema, depth: int) -> Any:
    schema = _resolved(schema, root)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        said = mentions.prompt.lower()
        return next((v for v in schema["enum"] if isinstance(v, str) and v.lower() in said), schema["enum"][0])
    if "default" in schema:
        return schema["default"]
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        return _value(_choice(choices, root, depth), mentions, root, depth)
    kinds = schema.get("type", "object" if "properties" in schema else "string")
    kind = kinds if isinstance(kinds, str) else next((k for k in kinds if k != "null"), "null")
    match kind:
        case "object":
            return _object(schema, mentions, root, depth)
        case "array":
            return _array(schema, mentions, root, depth)
        case "integer" | "number":
            return _number(schema, mentions, kind)
        case "boolean":
            return True
        case "null":
            return None
        case _:
            return _string(schema, mentions)


def _object(schema: Schema, mentions: Mentions, root: Schema, depth: int) -> dict[str, Any]:
    properties = schema.get("properties", {})
    required = schema.get("required", [])
    wanted = [name for name in properties if name in required]
    return {name: _value(properties[name], mentions, root, depth + 1) for name in wanted}


def _array(schema: Schema, mentions: Mentions, root: Schema, depth: int) -> list[Any]:
    fixed = [_value(item, mentions, root, depth + 1) for item in schema.get("prefixItems", [])]
    fewest = schema.get("minItems", 0)
    items = schema.get("items", {})
    usual = 0 if depth >= _DEEPEST or items is False or fixed else 2
    length = max(fewest, min(usual, schema.get("maxItems", usual)))
    return fixed + [_value(items, mentions, root, depth + 1) for _ in range(len(fixed), length)]


def _number(schema: Schema, mentions: Mentions, kind: str) -> float | int:
    value = mentions.number()
    if value is None:
        value = 1.0
    step = schema.get("multipleOf", 1)
    low = max(schema.get("minimum", -1e300), schema.get("exclusiveMinimum", -1e300) + step)
    high = min(schema.get("maximum", 1e300), schema.get("exclusiveMaximum", 1e300) - step)
    value = min(max(value, low), high)
    if "multipleOf" in schema:
        value = round(value / step) * step
    return int(value) if kind == "integer" or value == int(value) else value


def _string(schema: Schema, mentions: Mentions) -> str:
    if (kind := schema.get("format")) in _BY_FORMAT:
        said = _ISO_DATE.search(mentions.prompt) if kind == "date" else None
        return said.group() if said else _BY_FORMAT[kind]
    text = mentions.name()
    return text.ljust(schema.get("minLength", 0), "x")[: schema.get("maxLength")]


def _resolved(schema: Schema | bool, root: Schema) -> Schema:
    if isinstance(schema, bool):
        return {}
    while "$ref" in schema:
        found: Any = root
        for key in schema["$ref"].removeprefix("#").strip("/").split("/"):
            found = found[key] if key else found
        schema = {**found, **{k: v for k, v in schema.items() if k != "$ref"}}
    if "allOf" in schema:
        parts = [_resolved(part, root) for part in schema["allOf"]]
        merged = {k: v for part in parts for k, v in part.items()}
        merged["properties"] = {k: v for part in parts for k, v in part.get("properties", {}).items()}
        merged["required"] = [name for part in parts for name in part.get("required", [])]
        schema = {**merged, **{k: v for k, v in schema.items() if k != "allOf"}}
    return schema


def _choice(choices: list[Schema], root: Schema, depth: int) -> Schema:
    """The first choice that is not null; null where a schema that contains itself has gone deep enough."""
    nulls = [c for c in choices if c.get("type") == "null"]
    others = [c for c in choices if c not in nulls]
    return nulls[0] if nulls and (depth >= _DEEPEST or not others) else others[0]


def _without_opener(name: str) -> str:
    first, _, rest = name.partition(" ")
    return rest if first in _OPENERS else name


def as_json(value: Any) -> str:
    """Compact JSON, as models write their arguments."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
