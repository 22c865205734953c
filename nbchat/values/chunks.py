"""Pieces of an answer that add up to it."""

from __future__ import annotations

from typing import Any

from nbchat.values.blocks import Block, ToolCall, ToolCallChunk, add_blocks, bare_call, finished, growing_call
from nbchat.values.content import Content, read_blocks
from nbchat.values.merging import added, merged
from nbchat.values.messages import AIMessage
from nbchat.values.usage import Usage


class AIMessageChunk(AIMessage):
    """A piece of an answer; `chunk + chunk` is a longer piece, and the sum of all equals the whole `AIMessage`.

    `blocks` are pieces of content blocks whose `index` says which block they go on with. The last chunk has
    `chunk_position == "last"`.
    """

    __slots__ = ("chunk_position",)

    def __init__(
        self,
        content: Content = "",
        *,
        blocks: list[Block] | None = None,
        usage_metadata: Usage | None = None,
        response_metadata: dict[str, Any] | None = None,
        additional_kwargs: dict[str, Any] | None = None,
        id: str | None = None,
        name: str | None = None,
        chunk_position: str | None = None,
    ) -> None:
        # A stream makes thousands of these: nothing is copied or checked.
        self.blocks = blocks if blocks is not None else ([{**b, "index": 0} for b in read_blocks(content)])
        self.usage_metadata = usage_metadata
        self.response_metadata = {} if response_metadata is None else response_metadata
        self.additional_kwargs = {} if additional_kwargs is None else additional_kwargs
        self.timing = {}
        self.id = id
        self.name = name
        self.chunk_position = chunk_position

    @property
    def content_blocks(self) -> list[Block]:
        """The pieces in the cross-provider form; tool calls are whole once the last chunk is in the sum."""
        if self.chunk_position == "last":
            return [finished(block) for block in self.blocks]
        return [block if block["type"] == "tool_call_chunk" else finished(block) for block in self.blocks]

    @property
    def tool_call_chunks(self) -> list[ToolCallChunk]:
        """The pieces of tool calls in this chunk."""
        return [block for block in self.blocks if block["type"] == "tool_call_chunk"]  # type: ignore[misc]

    @property
    def tool_calls(self) -> list[ToolCall]:
        """The tool calls as far as they have come."""
        if self.chunk_position == "last":
            return super().tool_calls
        calls = (block for block in self.blocks if block["type"] in _CALLS)
        return [bare_call(growing_call(b) if b["type"] == "tool_call_chunk" else b) for b in calls]  # type: ignore[misc]

    def __add__(self, other: AIMessageChunk) -> AIMessageChunk:
        if not isinstance(other, AIMessageChunk):
            return NotImplemented
        total = AIMessageChunk(
            blocks=add_blocks(self.blocks, other.blocks),
            usage_metadata=added(self.usage_metadata, other.usage_metadata),
            response_metadata=merged(self.response_metadata, other.response_metadata),
            additional_kwargs=merged(self.additional_kwargs, other.additional_kwargs),
            id=self.id or other.id,
            name=self.name or other.name,
            chunk_position=other.chunk_position or self.chunk_position,
        )
        total.timing = {**self.timing, **other.timing}
        return total

    def __radd__(self, other: Any) -> AIMessageChunk:  # sum() starts from 0
        return self if other in (0, None) else NotImplemented

    def to_message(self) -> AIMessage:
        """This chunk, or sum of chunks, as a whole message."""
        message = AIMessage(
            usage_metadata=self.usage_metadata,
            response_metadata=self.response_metadata,
            additional_kwargs=self.additional_kwargs,
            id=self.id,
            name=self.name,
        )
        message.blocks = [finished(block) for block in self.blocks]
        message.timing = self.timing
        return message


_CALLS = ("tool_call", "tool_call_chunk")
