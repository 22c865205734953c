"""What an answer consists of on the page: parts that grow while it streams."""

from __future__ import annotations

from dataclasses import dataclass, field

from nbchat.notebook.render.stream import MarkdownStream
from nbchat.values.blocks import Block
from nbchat.values.logprobs import Logprobs
from nbchat.values.messages import ToolMessage


@dataclass
class Part:
    """One content block as it is shown.

    Attributes:
        block: the content block as far as it has come.
        state: "streaming", "running" (a tool), "done" or "failed".
        begun: when it began, on the view's own clock; None for one of the past.
        seconds: how long it took, where that is known.
        result: what the tool answered.
        markdown: the growing HTML of a text.
        logprobs: the tokens of a text, where their probabilities were asked for.
    """

    block: Block
    state: str = "streaming"
    begun: float | None = None
    seconds: float | None = None
    result: ToolMessage | None = None
    markdown: MarkdownStream = field(default_factory=MarkdownStream)
    logprobs: Logprobs | None = None

    @property
    def kind(self) -> str:
        """The block's type: text, reasoning, tool_call, image, …"""
        return self.block["type"]

    @property
    def open(self) -> bool:
        """Whether more of it may come."""
        return self.state in ("streaming", "running")


@dataclass(frozen=True)
class Page:
    """What renderers are told of the place: the hosts whose images may load, and whether text is shown as it is."""

    allow_hosts: frozenset[str] = frozenset()
    raw: bool = False
