"""Messages, and the chunks that add up to one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from nbchat.values.blocks import (
    Block,
    InvalidToolCall,
    ToolCall,
    add_blocks,
    finished,
    growing_call,
    standard_block,
    text_block,
    tool_call,
)
from nbchat.values.errors import ConfigurationError
from nbchat.values.logprobs import Logprobs
from nbchat.values.media import image_block, is_picture
from nbchat.values.merging import added, merged
from nbchat.values.usage import Usage

Content = str | Sequence[str | Mapping[str, Any]]

FINISH_REASONS = {  # the providers' words, in OpenAI's
    "stop": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "completed": "stop",
    "complete": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "finish_reason_unspecified": "stop",
    "length": "length",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_length": "length",
    "model_context_window_exceeded": "length",
    "incomplete": "length",
    "tool_calls": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "content_filtered": "content_filter",
    "guardrail_intervened": "content_filter",
    "refusal": "content_filter",
    "safety": "content_filter",
    "sensitive": "content_filter",
    "recitation": "content_filter",
    "blocklist": "content_filter",
    "prohibited_content": "content_filter",
    "spii": "content_filter",
    "image_safety": "content_filter",
    "language": "content_filter",
    "image_prohibited_content": "content_filter",
    "image_recitation": "content_filter",
    "model_armor": "content_filter",
    "jailbreak": "content_filter",
    "escalation": "content_filter",
    "blocked_reason_unspecified": "content_filter",
}


class Message:
    """One turn of a conversation.

    Args:
        content: text, or a list of texts and content blocks (see `nbchat.values.blocks`).
        name: who speaks, where a provider takes it.
        id: the provider's id of the message.
        additional_kwargs: a provider's own fields of the message, sent back to it.
    """

    __slots__ = ("additional_kwargs", "blocks", "id", "name")
    type: ClassVar[str] = "message"
    role: ClassVar[str] = "user"

    def __init__(
        self,
        content: Content = "",
        *,
        name: str | None = None,
        id: str | None = None,
        additional_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        self.blocks: list[Block] = _read_blocks(content)
        self.name = name
        self.id = id
        self.additional_kwargs: dict[str, Any] = dict(additional_kwargs or {})

    @property
    def content_blocks(self) -> list[Block]:
        """The content in the cross-provider form, always a list."""
        return self.blocks

    @property
    def content(self) -> str | list[Block]:
        """The text where there is nothing but text (and tool calls); else the list of content blocks."""
        plain = {"text", "tool_call", "invalid_tool_call", "tool_call_chunk"}
        blocks = self.content_blocks
        texts = [b for b in blocks if b["type"] == "text" and b["text"]]  # an empty one only carries extras
        simple = len(texts) <= 1 and all(b["type"] in plain for b in blocks) and all(b.keys() <= _BARE for b in texts)
        return self.text if simple else blocks

    @property
    def text(self) -> str:
        """All text of the message, joined."""
        return "".join([block["text"] for block in self.blocks if block["type"] == "text"])

    def to_dict(self) -> dict[str, Any]:
        """The message as JSON-ready values; `message_from_dict` reads it back."""
        out: dict[str, Any] = {"type": self.type, "content": self.content_blocks}
        for key in ("name", "id", "additional_kwargs"):
            if value := getattr(self, key):
                out[key] = value
        return out

    def _identity(self) -> tuple[Any, ...]:
        return (self.type, self.content_blocks, self.name, self.id, self.additional_kwargs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Message) and self._identity() == other._identity()

    __hash__ = None  # type: ignore[assignment]  # a message may change

    def __repr__(self) -> str:
        name = type(self).__name__
        return f"{name}({_brief(self.content)})"

    def _repr_markdown_(self) -> str:
        return self.text


_BARE = {"type", "text", "index", "extras"}  # extras are for the provider, not for the reader


class SystemMessage(Message):
    """Instructions to the model."""

    __slots__ = ()
    type = "system"
    role = "system"


class HumanMessage(Message):
    """What the user says."""

    __slots__ = ()
    type = "human"
    role = "user"


class ToolMessage(Message):
    """The result of a tool.

    Args:
        content: the result, as text or content blocks.
        tool_call_id: `id` of the tool call that this answers.
        status: "success" or "error".
        artifact: the tool's own value (a DataFrame, a figure); shown to people, never sent to a model.
    """

    __slots__ = ("artifact", "status", "tool_call_id")
    type = "tool"
    role = "tool"

    def __init__(
        self,
        content: Content = "",
        tool_call_id: str = "",
        *,
        name: str | None = None,
        status: str = "success",
        artifact: Any = None,
        id: str | None = None,
        additional_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(content, name=name, id=id, additional_kwargs=additional_kwargs)
        self.tool_call_id = tool_call_id
        self.status = status
        self.artifact = artifact

    def to_dict(self) -> dict[str, Any]:
        return super().to_dict() | {"tool_call_id": self.tool_call_id, "status": self.status}

    def _identity(self) -> tuple[Any, ...]:
        return (*super()._identity(), self.tool_call_id, self.status)

    def __repr__(self) -> str:
        return f"ToolMessage({_brief(self.content)}, name={self.name!r}, tool_call_id={self.tool_call_id!r})"


class AIMessage(Message):
    """A model's answer.

    Args:
        content: text or content blocks.
        tool_calls: the tools that the model wants to run, each a dict of name, args and id.
        usage_metadata: token counts (see `Usage`), or None where the provider gave none.
        response_metadata: what the provider said about the answer: `model_name`, `model_provider`, `finish_reason`
            (its own word), `logprobs`, …

    `timing` holds the seconds measured here (`first_token_s`, `total_s`); it takes no part in `==`.
    """

    __slots__ = ("response_metadata", "timing", "usage_metadata")
    type = "ai"
    role = "assistant"

    def __init__(
        self,
        content: Content = "",
        *,
        tool_calls: Iterable[Mapping[str, Any]] = (),
        invalid_tool_calls: Iterable[Mapping[str, Any]] = (),
        usage_metadata: Mapping[str, Any] | None = None,
        response_metadata: Mapping[str, Any] | None = None,
        additional_kwargs: Mapping[str, Any] | None = None,
        name: str | None = None,
        id: str | None = None,
    ) -> None:
        super().__init__(content, name=name, id=id, additional_kwargs=additional_kwargs)
        present = {b.get("id") for b in self.blocks if b["type"] == "tool_call"}
        for call in tool_calls:
            if call.get("id") is None or call["id"] not in present:
                self.blocks.append(tool_call(call["name"], call.get("args"), call.get("id"), extras=call.get("extras")))
        self.blocks.extend({"type": "invalid_tool_call", **call} for call in invalid_tool_calls)
        self.usage_metadata = None if usage_metadata is None else Usage(usage_metadata)
        self.response_metadata: dict[str, Any] = dict(response_metadata or {})
        self.timing: dict[str, float] = {}

    @property
    def tool_calls(self) -> list[ToolCall]:
        """The tools that the model wants to run, in order."""
        return [_call(b) for b in self.content_blocks if b["type"] == "tool_call"]  # type: ignore[misc]

    @property
    def invalid_tool_calls(self) -> list[InvalidToolCall]:
        """Tool calls whose arguments are not a JSON object."""
        return [b for b in self.content_blocks if b["type"] == "invalid_tool_call"]  # type: ignore[misc]

    @property
    def reasoning(self) -> str:
        """The reasoning that the provider shows, joined."""
        return "".join([b.get("reasoning") or "" for b in self.blocks if b["type"] == "reasoning"])

    @property
    def logprobs(self) -> Logprobs | None:
        """The answer's tokens with their log probabilities, where asked for."""
        return Logprobs.read(self.response_metadata.get("logprobs"))

    @property
    def finish_reason(self) -> str | None:
        """Why the answer ended: stop, length, tool_calls, content_filter, interrupted, or a provider's own word."""
        raw = self.response_metadata.get("finish_reason")
        if not isinstance(raw, str):
            return None if raw is None else str(raw)
        reason = FINISH_REASONS.get(raw.lower(), raw)
        return "tool_calls" if reason == "stop" and self.tool_calls else reason

    @property
    def interrupted(self) -> bool:
        """Whether the user stopped this answer."""
        return self.response_metadata.get("finish_reason") == "interrupted"

    def to_dict(self) -> dict[str, Any]:
        out = super().to_dict()
        for key in ("usage_metadata", "response_metadata", "timing"):
            if value := getattr(self, key):
                out[key] = dict(value)
        return out

    def _identity(self) -> tuple[Any, ...]:
        return (*super()._identity(), self.usage_metadata, self.response_metadata)

    def __repr__(self) -> str:
        invalid = self.invalid_tool_calls
        parts = [_brief(self.content)] if self.content or not (self.tool_calls or invalid) else []
        if self.tool_calls:
            parts.append("tool_calls=[" + ", ".join(f"{c['name']}({_args(c['args'])})" for c in self.tool_calls) + "]")
        if invalid:
            parts.append(f"invalid_tool_calls=[{', '.join(call['name'] for call in invalid)}]")
        if self.interrupted:
            parts.append("interrupted")
        return f"{type(self).__name__}({', '.join(parts)})"


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
        self.blocks = blocks if blocks is not None else ([{**b, "index": 0} for b in _read_blocks(content)])
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
    def tool_call_chunks(self) -> list[Block]:
        """The pieces of tool calls in this chunk: dicts of name, args (JSON text), id, index."""
        return [block for block in self.blocks if block["type"] == "tool_call_chunk"]

    @property
    def tool_calls(self) -> list[ToolCall]:
        """The tool calls as far as they have come."""
        if self.chunk_position == "last":
            return super().tool_calls
        calls = (block for block in self.blocks if block["type"] in _CALLS)
        return [_call(growing_call(b) if b["type"] == "tool_call_chunk" else b) for b in calls]  # type: ignore[misc]

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


def _call(block: Block) -> Block:
    return {key: block[key] for key in ("name", "args", "id", "type", "extras") if key in block}


def _read_blocks(content: Any) -> list[Block]:
    if isinstance(content, str):
        return [text_block(content)] if content else []
    if isinstance(content, Mapping):
        content = [content]
    if not isinstance(content, Iterable):
        raise ConfigurationError(f"content is text or a list of blocks, not {type(content).__name__}")
    blocks = []
    for block in content:
        if not isinstance(block, str | Mapping):
            if is_picture(block) or _is_array(block):
                blocks.append(image_block(block))
                continue
            raise ConfigurationError(f"a content block is a dict with a type, or text, not {type(block).__name__}")
        read = standard_block(block)
        if "type" not in read:  # a provider's own form (Gemini, Bedrock)
            read = {"type": "non_standard", "value": read}
        blocks.append(read)
    return blocks


def _is_array(thing: Any) -> bool:
    return type(thing).__module__ == "numpy" and getattr(thing, "ndim", 0) in (2, 3)


def _brief(content: Any, width: int = 300) -> str:
    if isinstance(content, str):
        return repr(content if len(content) <= width else content[: width - 1] + "…")
    return "[" + ", ".join(_brief_block(block) for block in content) + "]"


def _brief_block(block: Block) -> str:
    match block:
        case {"type": "text", "text": text}:
            return _brief(text)
        case {"type": kind, "base64": data}:
            return f"<{kind} {block.get('mime_type') or ''} {len(data) * 3 // 4:,} bytes>"
    return f"<{block['type']}>"


def _args(args: Mapping[str, Any]) -> str:
    return _brief(", ".join(f"{k}={v!r}" for k, v in args.items()), 120)[1:-1]
