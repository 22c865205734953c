"""Names and values as a small table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbchat.notebook.render.article import article
from nbchat.notebook.render.safe import escape_text


def facts_html(facts: Mapping[str, Any]) -> str:
    """A row a fact, styled and safe."""
    return article([table_html({name: escape_text(fact) for name, fact in facts.items()})], streaming=False)


def table_html(cells: Mapping[str, str]) -> str:
    """The table alone; the cells are safe HTML, their names any text."""
    row = '<tr><th scope="row">{}</th><td>{}</td></tr>'.format
    return f"<table>{''.join(row(escape_text(name), cell) for name, cell in cells.items())}</table>"
