"""A structured answer: a small table of its fields, growing while it streams."""

from __future__ import annotations

from typing import Any

from pydantic_core import to_json, to_jsonable_python

from nbchat.notebook.render.facts import table_html
from nbchat.notebook.render.parts import Page, Part
from nbchat.notebook.render.safe import escape_text, whole_characters

_DEEPEST = 4
_ITEMS = 50


def html(part: Part, page: Page) -> str | None:
    """One row a field; objects inside are tables inside, lists of plain values are listed."""
    if part.kind != "object":
        return None
    return _table(_plain(part.block["value"]), 0)


def markdown(part: Part) -> str | None:
    """The value as JSON."""
    if part.kind != "object":
        return None
    return f"```json\n{to_json(_plain(part.block['value']), indent=2).decode()}\n```"


def _plain(value: Any) -> Any:
    """The value as JSON's own types; one that no JSON can carry (half a surrogate pair) as its text."""
    try:
        return to_jsonable_python(value, fallback=str)
    except UnicodeEncodeError:
        return whole_characters(str(value))


def _table(value: Any, depth: int) -> str:
    if not isinstance(value, dict):
        return f"<p>{_cell(value, depth)}</p>"
    return table_html({name: _cell(inner, depth) for name, inner in list(value.items())[:_ITEMS]})


def _cell(value: Any, depth: int) -> str:
    if depth >= _DEEPEST:
        return escape_text(to_json(value, fallback=str).decode())
    if isinstance(value, dict):
        return _table(value, depth + 1)
    if isinstance(value, list):
        more = f" … {len(value) - _ITEMS:,} more" if len(value) > _ITEMS else ""
        if any(isinstance(item, dict | list) for item in value):
            items = "".join(f"<li>{_cell(item, depth + 1)}</li>" for item in value[:_ITEMS])
            return f"<ol>{items}</ol>{more}"
        return ", ".join(_cell(item, depth + 1) for item in value[:_ITEMS]) + more
    if value is None:
        return "∅"
    return escape_text(value if isinstance(value, str) else to_json(value, fallback=str).decode())
