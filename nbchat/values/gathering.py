"""A sum of chunks that grows in constant time."""

from __future__ import annotations

from typing import Any

from nbchat.values.blocks import GROWING, Block, add_blocks
from nbchat.values.chunks import AIMessageChunk
from nbchat.values.merging import added, merge_into
from nbchat.values.messages import AIMessage


class Gathering:
    """A growing sum of chunks, each added in constant time; what a stream's own driver uses."""

    __slots__ = ("_growing", "_latest", "_places", "chunk")

    def __init__(self) -> None:
        self.chunk: AIMessageChunk | None = None
        self._places: dict[tuple[str, Any], int] = {}
        self._growing: dict[int, dict[str, list[str]]] = {}  # place of a block: its fields that grow, in pieces
        self._latest: tuple[str, Any, list[str]] | None = None  # type, index and pieces of the block that grows now

    def add(self, chunk: AIMessageChunk) -> None:
        """Add one chunk; the chunk itself stays unchanged."""
        if self.chunk is None:
            self.chunk = AIMessageChunk(blocks=[])
        whole = self.chunk
        for piece in chunk.blocks:
            kind, latest = piece["type"], self._latest
            if latest and latest[0] == kind and len(piece) == 3 and kind in piece and latest[1] == piece.get("index"):
                latest[2].append(piece[kind])  # the usual piece, kept short
            else:
                self._add_block(whole.blocks, piece)
        if chunk.usage_metadata is not None:
            whole.usage_metadata = added(whole.usage_metadata, chunk.usage_metadata)
        if chunk.response_metadata:
            merge_into(whole.response_metadata, chunk.response_metadata)
        if chunk.additional_kwargs:
            merge_into(whole.additional_kwargs, chunk.additional_kwargs)
        if chunk.timing:
            whole.timing.update(chunk.timing)
        whole.id = whole.id or chunk.id
        whole.name = whole.name or chunk.name
        whole.chunk_position = chunk.chunk_position or whole.chunk_position

    def _add_block(self, blocks: list[Block], piece: Block) -> None:
        key = (piece["type"], piece.get("index"))
        place = self._places.get(key) if "index" in piece else None
        if place is None:
            self._places[key] = len(blocks)
            blocks.append(dict(piece))
            return
        field = _growing_field(piece)
        if field:
            pieces = self._growing.setdefault(place, {}).setdefault(field, [])
            pieces.append(piece[field])
            self._latest = (piece["type"], piece["index"], pieces)
            return
        self._join(blocks, place)
        blocks[place] = add_blocks([blocks[place]], [piece])[0]

    def _join(self, blocks: list[Block], place: int) -> None:
        self._latest = None
        for field, pieces in self._growing.pop(place, {}).items():
            blocks[place][field] = (blocks[place].get(field) or "") + "".join(pieces)

    def message(self) -> AIMessage:
        """The whole so far, as a message."""
        if self.chunk is None:
            return AIMessage()
        for place in list(self._growing):
            self._join(self.chunk.blocks, place)
        return self.chunk.to_message()


def _growing_field(piece: Block) -> str | None:
    """The text that is all there is in a piece, beside its type and index."""
    field = next((key for key in piece if key in GROWING), None)
    return field if field and len(piece) == 3 and isinstance(piece[field], str) else None
