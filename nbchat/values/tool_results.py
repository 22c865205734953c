"""What a tool returned, as the content of a message to the model, and the value itself for people to see."""

from __future__ import annotations

from typing import Any

from pydantic_core import PydanticSerializationError, to_json, to_jsonable_python

from nbchat.values.blocks import Block
from nbchat.values.media import image_block, is_picture, sniffed

ROWS = 20  # of a table that a model is shown


def tool_content(value: Any) -> tuple[str | list[Block], Any]:
    """(content, artifact): text as it is, JSON for plain values, a table's head, a picture's pixels; else its `repr`.

    The artifact is the value itself where the content shows only a part of it, else None.
    """
    if isinstance(value, str):
        return value, None
    if _is_content(value):
        return list(value) if isinstance(value, list) else [value], None
    if _is_frame(value):
        return table_text(value), value
    if _is_picture(value):
        return [image_block(value)], value
    return _text(value)


def table_text(frame: Any) -> str:
    """A DataFrame or Series as text: its size, and its first rows as CSV."""
    shape = " x ".join(str(n) for n in frame.shape)
    rows = len(frame)
    head = frame.head(ROWS).to_csv(index=not _is_plain_index(frame)).rstrip("\n")
    more = f"\n({rows - ROWS:,} more rows)" if rows > ROWS else ""
    return f"{type(frame).__name__}, {shape}:\n{head}{more}"


def _is_plain_index(frame: Any) -> bool:
    return type(frame.index).__name__ == "RangeIndex"


def _is_frame(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] == "pandas" and hasattr(value, "to_csv") and hasattr(value, "shape")


def _is_content(value: Any) -> bool:
    """Whether this is a content block, or a list of them."""
    blocks = value if isinstance(value, list) else [value]
    return bool(blocks) and all(isinstance(b, dict) and b.get("type") in _CONTENT and b.keys() & _CARRY for b in blocks)


_CONTENT = ("text", "image", "audio", "video", "file")
_CARRY = {"text", "url", "base64", "file_id"}


def _is_picture(value: Any) -> bool:
    """Whether this is something that a notebook draws, or a picture's bytes."""
    return is_picture(value) or (isinstance(value, bytes) and sniffed(value) in _PICTURES)


_PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")


def _text(value: Any) -> tuple[str, Any]:
    strangers = []

    def stranger(inner: Any) -> Any:
        if type(inner).__module__ == "numpy" and getattr(inner, "shape", None) == ():
            return inner.item()
        strangers.append(inner)
        return _shown(inner)

    try:
        plain = to_jsonable_python(value, fallback=stranger, inf_nan_mode="constants")
    except (PydanticSerializationError, ValueError, RecursionError):  # a circle, bytes that are no text
        return _shown(value), value
    text = plain if isinstance(plain, str) else to_json(plain, inf_nan_mode="constants").decode()
    return text, value if strangers else None


def _shown(value: Any) -> str:
    """The value's `repr`, even where that fails."""
    try:
        return repr(value)
    except Exception as error:
        return f"<{type(value).__name__}: its repr raised {type(error).__name__}>"
