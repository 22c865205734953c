"""What a docstring says of a thing and of its parameters: Google, NumPy, Sphinx and Epydoc styles."""

from __future__ import annotations

import inspect
from typing import Any

from docstring_parser import ParseError, parse


def described(thing: Any) -> tuple[str, dict[str, str]]:
    """(what it does, {parameter or field: what it is}) from a thing's own docstring."""
    doc = getattr(thing, "__doc__", None)
    if not isinstance(doc, str) or not doc.strip():
        return "", {}
    doc = inspect.cleandoc(doc)
    try:
        parsed = parse(doc)
    except ParseError:
        return doc, {}
    said = "\n\n".join(part for part in (parsed.short_description, parsed.long_description) if part)
    names = {param.arg_name: param.description or "" for param in parsed.params}
    return said, {name: " ".join(about.split()) for name, about in names.items() if about}
