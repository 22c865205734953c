"""Output items of OpenAI Responses while they come: what of them has been yielded, and the pieces they yield."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json

from nbchat.values.blocks import Block
from nbchat.wire.untrusted import text_of


class GrowingPart:
    """A text, refusal or bit of reasoning within an item, and how much of it has been yielded."""

    __slots__ = ("annotations", "begun", "kind", "logprobs", "place")

    def __init__(self, kind: str, place: int) -> None:
        self.kind = kind
        self.place = place
        self.begun = False
        self.annotations = 0
        self.logprobs = 0


class GrowingItem:
    """An output item while it comes."""

    __slots__ = ("begun", "done", "extras", "id", "kind", "parts", "place", "said", "sent")

    def __init__(self, place: int) -> None:
        self.place = place
        self.id: str | None = None
        self.kind = ""
        self.extras: dict[str, Any] = {}  # fields that the blocks have no place for
        self.sent: set[str] = set()  # those of them that have been yielded
        self.parts: dict[tuple[str, int], GrowingPart] = {}
        self.begun = False  # an opening piece has been yielded
        self.said = False  # arguments have been yielded
        self.done = False

    def new_extras(self) -> dict[str, Any]:
        """The fields that have not been yielded yet."""
        found = {key: value for key, value in self.extras.items() if key not in self.sent}
        self.sent.update(found)
        return found


def own_fields(raw: Mapping[str, Any]) -> dict[str, Any]:
    """An item's fields that blocks have no place for, kept to be sent back: `id`, `phase`, `encrypted_content`, …"""
    return {key: value for key, value in raw.items() if key not in _SHOWN and value is not None}


_SHOWN = frozenset({"type", "role", "content", "summary", "status", "call_id", "name", "arguments", "input"})


def late_fields(item: GrowingItem) -> Block:
    """A piece of a reasoning block with the item's fields that came with its begin or its end."""
    block: Block = {"type": "reasoning", "reasoning": "", "index": item.place}
    extras = item.new_extras()
    return block | ({"extras": extras} if extras else {})


def call_piece(item: GrowingItem, raw: Mapping[str, Any], args: str) -> Block:
    extras = item.new_extras()
    if item.kind == "custom_tool_call":
        extras["type"] = item.kind
    block: Block = {
        "type": "tool_call_chunk",
        "name": text_of(raw.get("name")),
        "args": args,
        "id": text_of(raw.get("call_id")) or item.id,
        "index": item.place,
    }
    return block | ({"extras": extras} if extras else {})


def arguments_text(raw: Mapping[str, Any]) -> str:
    """The arguments as JSON text; the free text of a custom tool is its one argument `input`."""
    if raw.get("type") == "custom_tool_call":
        return to_json({"input": raw.get("input")}).decode()
    args = raw.get("arguments")
    return args if isinstance(args, str) else "" if args is None else to_json(args).decode()
