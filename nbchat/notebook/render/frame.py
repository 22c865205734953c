"""A DataFrame as a small table. Its cells may hold anything a model or a web page wrote, so each is escaped."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nbchat.notebook.render.safe import escape_text

ROWS, COLUMNS, LONGEST = 10, 12, 200


def frame_html(frame: Any) -> str:
    """The first rows and columns, with a line that says how many there are."""
    shown = frame.iloc[:ROWS, :COLUMNS]
    head = _row("th", ["", *shown.columns])
    lines = zip(shown.index, shown.itertuples(index=False, name=None), strict=True)
    body = "".join(_row("td", [key, *cells]) for key, cells in lines)
    cut = len(frame) > ROWS or frame.shape[1] > COLUMNS
    note = f"<p>{len(frame):,} rows × {frame.shape[1]:,} columns</p>" if cut else ""
    return f"<table><thead>{head}</thead><tbody>{body}</tbody></table>{note}"


def _row(cell: str, values: Iterable[Any]) -> str:
    texts = (text if len(text) <= LONGEST else text[: LONGEST - 1] + "…" for text in map(str, values))
    return "<tr>" + "".join(f"<{cell}>{escape_text(text)}</{cell}>" for text in texts) + "</tr>"
