"""What a cell says to the model: its text, with the values, pictures and files that were put into it."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

from nbchat.values.media import file_block, image_block, is_picture

ROWS = 20  # of a DataFrame that go into a prompt
COLUMNS = 20


def content(pieces: Iterable[Any], images: Iterable[Any] = (), files: Iterable[Any] = ()) -> str | list[Any]:
    """Text where there is nothing else; else content blocks, pictures where they stood in the text.

    Raises:
        ConfigurationError: a picture or a file cannot be read.
    """
    blocks: list[Any] = []
    for piece in pieces:
        said = image_block(piece) if is_picture(piece) else in_words(piece)
        if isinstance(said, str) and blocks and isinstance(blocks[-1], str):
            blocks[-1] += said
        else:
            blocks.append(said)
    blocks += [image_block(image) for image in images]
    blocks += [file_block(file) for file in files]
    return blocks[0] if len(blocks) == 1 and isinstance(blocks[0], str) else blocks


def in_words(value: Any) -> str:
    """A value as a model reads it best: a frame as a Markdown table, a function as its source, all else as `str`."""
    if isinstance(value, str):
        return value
    if type(value).__module__.startswith("pandas"):
        if hasattr(value, "to_frame") and not hasattr(value, "columns"):
            value = value.to_frame()
        if hasattr(value, "columns") and hasattr(value, "itertuples"):
            return _table(value)
    if inspect.isfunction(value) or inspect.isclass(value):
        try:
            return f"```python\n{inspect.getsource(value).rstrip()}\n```"
        except (OSError, TypeError):
            return str(value)
    return str(value)


def _table(frame: Any) -> str:
    shown = frame.iloc[:ROWS, :COLUMNS]
    index = [str(name) if name is not None else "" for name in shown.index.names]
    head = [*index, *map(str, shown.columns)]
    lines = [_row(head), _row(["---"] * len(head))]
    for key, row in zip(shown.index, shown.itertuples(index=False, name=None), strict=True):
        lines.append(_row([*(key if isinstance(key, tuple) else (key,)), *row]))
    left = [(len(frame) - len(shown), "rows"), (frame.shape[1] - shown.shape[1], "columns")]
    more = " and ".join(f"{count:,} more {what}" for count, what in left if count > 0)
    return "\n".join(lines) + (f"\n({more} not shown)" if more else "")


def _row(cells: Iterable[Any]) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
