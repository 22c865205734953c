"""A text file as a text block, which every model reads; and how to tell it from what a person wrote."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from nbchat.values.blocks import Block

_FILE = re.compile(r"([^\n]+):\n(`{3,})\n(.*)\n\2", re.DOTALL)


def text_file_block(name: str, text: str) -> Block:
    """The file's name and text, fenced so that no fence within ends it."""
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return {"type": "text", "text": f"{' '.join(name.split())}:\n{fence}\n{text}\n{fence}"}


def text_file(block: Mapping[str, Any]) -> tuple[str, str] | None:
    """(name, text) of a file that `text_file_block` made; None of any other block."""
    found = _FILE.fullmatch(str(block.get("text") or "")) if block.get("type") == "text" else None
    return (found[1], found[3]) if found else None
