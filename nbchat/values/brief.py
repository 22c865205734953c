"""The content of a message in a few words, for its repr."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbchat.values.blocks import Block


def brief(content: Any, width: int = 300) -> str:
    """Text cut to so many characters; blocks one by one, the bytes of a picture only counted."""
    if isinstance(content, str):
        return repr(content if len(content) <= width else content[: width - 1] + "…")
    return "[" + ", ".join(_brief_block(block) for block in content) + "]"


def _brief_block(block: Block) -> str:
    match block:
        case {"type": "text", "text": text}:
            return brief(text)
        case {"type": kind, "base64": str(data)}:
            return f"<{kind} {block.get('mime_type') or ''} {len(data) * 3 // 4:,} bytes>"
    return f"<{block['type']}>"


def brief_args(args: Mapping[str, Any]) -> str:
    """A call's arguments: `city='Boston', days=3`."""
    return brief(", ".join(f"{k}={v!r}" for k, v in args.items()), 120)[1:-1]
