"""An answer as it grows on the page: events in; HTML, Markdown and plain text out at any moment."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from nbchat.flow.converse import ToolStarted
from nbchat.model.prices import cost_usd
from nbchat.notebook.render.article import article
from nbchat.notebook.render.footer import Facts, footer_html, footer_text
from nbchat.notebook.render.parts import Page, Part
from nbchat.notebook.render.renderers import html_of, markdown_of
from nbchat.notebook.render.stream import MarkdownStream
from nbchat.notebook.render.tool_call import CALL_KINDS
from nbchat.values.blocks import add_blocks, same_block
from nbchat.values.chunks import AIMessageChunk
from nbchat.values.logprobs import Logprobs
from nbchat.values.merging import merge_into
from nbchat.values.messages import AIMessage, ToolMessage
from nbchat.values.usage import Usage

_EMPTY = "<p><em>an empty answer</em></p>"


class AnswerView:
    """The parts of an answer, and of the tool rounds before it, with a footer.

    Feed it what `Chat.stream` or `ChatModel.stream` yields; or messages of the past, which tell how long they took.
    """

    def __init__(self, model: str, page: Page | None = None, *, clock: Callable[[], float] = time.perf_counter) -> None:
        self.model = model
        self.page = page or Page()
        self.parts: list[Part] = []
        self.usage: Usage | None = None
        self.cost_usd: float | None = None
        self.note = ""
        self.ended = False
        self._round: list[Part] = []  # the parts of the answer that streams now
        self._clock = clock
        self._begun = clock()
        self._first: float | None = None
        self._writes_since: float | None = None
        self._writing = 0.0  # seconds, without those that tools took
        self._ended: float | None = None
        self._past: list[dict[str, float]] = []  # the timing of answers that came as a whole
        self._logprobs: dict[str, Any] = {}

    def add(self, event: Any) -> None:
        """Take in a chunk, the start of a tool, or its result."""
        match event:
            case AIMessageChunk():
                self._add_chunk(event)
            case AIMessage():
                for block in event.content_blocks:
                    self._add_piece(block, begun=None)
                self._past.append(event.timing)
                self._end_round(event)
            case ToolStarted(call=call):
                if part := self._call(call.get("id")):
                    part.state = "running"
                    part.begun = self._clock()
            case ToolMessage():
                self._add_result(event)

    def _add_chunk(self, chunk: AIMessageChunk) -> None:
        if chunk.blocks:
            self._write()
        for piece in chunk.blocks:
            self._add_piece(piece, begun=self._clock())
        if tokens := chunk.response_metadata.get("logprobs"):
            merge_into(self._logprobs, tokens)
        if chunk.chunk_position == "last":
            self._end_round(chunk)

    def _write(self) -> None:
        """A piece of the answer is there."""
        if self._writes_since is None:
            self._writes_since = self._clock()
        if self._first is None:
            self._first = self._writes_since

    def _add_piece(self, piece: dict[str, Any], begun: float | None) -> None:
        for part in reversed(self._round):
            if same_block(part.block, piece):
                part.block = add_blocks([part.block], [piece])[0]
                break
        else:
            if self._round:
                self._settle(self._round[-1])
            markdown = MarkdownStream(allow_hosts=self.page.allow_hosts)
            part = Part(dict(piece), begun=begun, markdown=markdown)
            self._round.append(part)
            self.parts.append(part)
        part.markdown.feed(piece.get("text") or piece.get("reasoning") or "")

    def _settle(self, part: Part) -> None:
        if part.state == "streaming":
            part.state = "done"
            part.seconds = self._since(part.begun)

    def _since(self, begun: float | None) -> float | None:
        return None if begun is None else self._clock() - begun

    def _end_round(self, answer: AIMessage) -> None:
        for part in self._round:
            self._settle(part)
            if part.kind == "text" and self._logprobs:
                part.logprobs, self._logprobs = Logprobs.read(self._logprobs), {}
        self._round = []
        self._ended = self._clock()
        if self._writes_since is not None:
            self._writing += self._ended - self._writes_since
            self._writes_since = None
        self.model = answer.response_metadata.get("model_name") or self.model
        if answer.usage_metadata is not None:
            self.usage = answer.usage_metadata + self.usage
        cost = cost_usd(answer)
        self.cost_usd = cost if cost is None else cost + (self.cost_usd or 0.0)

    def _call(self, id: str | None) -> Part | None:
        waiting = (p for p in self.parts if p.kind in CALL_KINDS and p.result is None)
        return next((p for p in waiting if p.block.get("id") == id), None)

    def _add_result(self, message: ToolMessage) -> None:
        part = self._call(message.tool_call_id)
        if part is not None:
            part.result = message
            part.state = "failed" if message.status == "error" else "done"
            part.seconds = self._since(part.begun)

    def show_value(self, value: Any) -> None:
        """A structured answer as far as it has come, in place of its JSON."""
        self._write()
        self.parts = [Part({"type": "object", "value": value})]

    def note_answer(self, answer: AIMessage) -> None:
        """Take an answer's usage and price for the footer, not its content."""
        self._end_round(answer)

    def fail(self, error: BaseException) -> None:
        """An error struck: show it where it did."""
        self.parts.append(Part({"type": "error", "name": type(error).__name__, "text": str(error)}, state="done"))

    def finish(self, note: str = "") -> None:
        """The answer is over; `note` is a last word for the footer, such as "stopped"."""
        for part in self.parts:
            if part.open:
                part.seconds = self._since(part.begun) if part.state == "running" else part.seconds
                part.state = "failed" if part.kind in CALL_KINDS else "done"
        self.note = note
        self.ended = True
        self._ended = self._clock()

    def parts_html(self) -> list[str]:
        """Each part as HTML; where nothing came at all, that it is so."""
        shown = [html_of(part, self.page) for part in self.parts]
        return [_EMPTY] if self.ended and not self.note and not any(shown) else shown

    def foot(self) -> str:
        """The footer as HTML."""
        return footer_html(self.model, **self._facts())

    def html(self, *, streaming: bool = False) -> str:
        """The whole as HTML, styled and safe."""
        shown = self.parts_html()
        if not streaming:
            shown.append(self.foot())
        elif not any(shown):
            shown.append('<p class="wait">…</p>')
        return article(shown, streaming=streaming)

    def markdown(self) -> str:
        """The whole as Markdown, the footer in small print."""
        return f"{self.body_markdown()}\n\n<sub>{footer_text(self.model, **self._facts())}</sub>".lstrip()

    def body_markdown(self) -> str:
        """The parts as Markdown."""
        return "\n\n".join(text for part in self.parts if (text := markdown_of(part)))

    def text(self) -> str:
        """The whole as plain text."""
        return f"{self.body_markdown()}\n\n{footer_text(self.model, **self._facts())}".lstrip()

    def bundle(self, *, streaming: bool = False) -> dict[str, str]:
        """The whole as a mime bundle for Jupyter."""
        if streaming:  # only what is looked at now
            return {"text/html": self.html(streaming=True), "text/plain": "…"}
        return {"text/html": self.html(), "text/markdown": self.markdown(), "text/plain": self.text()}

    def _facts(self) -> Facts:
        facts: Facts = {}
        if self.usage is not None:
            facts["input_tokens"] = self.usage.input_tokens
            facts["cached"] = self.usage.cache_read_tokens
            facts["output_tokens"] = self.usage.output_tokens
            facts["reasoning"] = self.usage.reasoning_tokens
        facts["cost_usd"] = self.cost_usd
        facts["seconds"], facts["first_token_s"], writing = _times(self._past) if self._past else self._clocked()
        if self.usage is not None and self.usage.output_tokens > 1 and writing > 0.01:
            facts["tokens_per_s"] = self.usage.output_tokens / writing
        facts["note"] = self.note or None
        return facts

    def _clocked(self) -> tuple[float | None, float | None, float]:
        """(seconds of the whole, seconds to the first piece, seconds of writing)."""
        if self._ended is None:
            return None, None, self._writing
        first = None if self._first is None else self._first - self._begun
        return self._ended - self._begun, first, self._writing


def _times(past: list[dict[str, float]]) -> tuple[float | None, float | None, float]:
    """The same of answers of the past, without the tools between them; None where an answer does not tell."""
    if not all("total_s" in each for each in past):
        return None, None, 0.0
    wholes = [each["total_s"] for each in past]
    firsts = [each.get("first_token_s", whole) for each, whole in zip(past, wholes, strict=True)]
    return sum(wholes), firsts[0] if firsts[0] < wholes[0] else None, sum(wholes) - sum(firsts)
