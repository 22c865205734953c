"""Messages: the turns of a conversation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from nbchat.values.blocks import Block, InvalidToolCall, ToolCall, bare_call, tool_call
from nbchat.values.brief import brief, brief_args
from nbchat.values.content import Content, read_blocks
from nbchat.values.errors import ConfigurationError
from nbchat.values.finish_reasons import FINISH_REASONS
from nbchat.values.logprobs import Logprobs
from nbchat.values.usage import Usage


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
        self.blocks: list[Block] = read_blocks(content)
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
        return f"{name}({brief(self.content)})"

    def _repr_markdown_(self) -> str:
        return self.text


_BARE = {"type", "text", "index", "extras"}  # extras are for the provider, not for the reader


class SystemMessage(Message):
    """Instructions to the model: `SystemMessage("Be brief.")`. It takes what `HumanMessage` takes."""

    __slots__ = ()
    type = "system"
    role = "system"


class HumanMessage(Message):
    """What the user says.

        HumanMessage("Why do parrots talk?")
        HumanMessage(["What is in this picture?", image_block("parrot.png")])

    Args:
        content: text, or a list of texts and content blocks.
        name: who speaks, where a provider takes it.
        id: an id of the message.
        additional_kwargs: a provider's own fields of the message.
    """

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
        return f"ToolMessage({brief(self.content)}, name={self.name!r}, tool_call_id={self.tool_call_id!r})"


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
        for call in map(_checked, tool_calls):
            if call.get("id") is None or call["id"] not in present:
                self.blocks.append(tool_call(call["name"], call.get("args"), call.get("id"), extras=call.get("extras")))
        self.blocks.extend({"type": "invalid_tool_call", **call} for call in map(_checked, invalid_tool_calls))
        self.usage_metadata = None if usage_metadata is None else Usage(usage_metadata)
        self.response_metadata: dict[str, Any] = dict(response_metadata or {})
        self.timing: dict[str, float] = {}

    @property
    def tool_calls(self) -> list[ToolCall]:
        """The tools that the model wants to run, in order."""
        return [bare_call(b) for b in self.content_blocks if b["type"] == "tool_call"]  # type: ignore[misc]

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
        parts = [brief(self.content)] if self.content or not (self.tool_calls or invalid) else []
        if self.tool_calls:
            calls = [f"{call['name']}({brief_args(call['args'])})" for call in self.tool_calls]
            parts.append(f"tool_calls=[{', '.join(calls)}]")
        if invalid:
            parts.append(f"invalid_tool_calls=[{', '.join(call['name'] for call in invalid)}]")
        if self.interrupted:
            parts.append("interrupted")
        return f"{type(self).__name__}({', '.join(parts)})"


def _checked(call: Any) -> Mapping[str, Any]:
    if not isinstance(call, Mapping) or not isinstance(call.get("name"), str):
        raise ConfigurationError(f"a tool call is a dict of name, args and id, not {call!r:.80}")
    return call
