"""The turn that is answered just now, or that was asked in vain."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import GEN_CLOSED, getgeneratorstate

from nbchat.flow.effects import Flow
from nbchat.notebook.render.tool_call import CALL_KINDS
from nbchat.notebook.transcript import said
from nbchat.notebook.view import AnswerView
from nbchat.notebook.widgets.panel.branches import new_name
from nbchat.notebook.widgets.panel.drawn_turn import DrawnTurn, written
from nbchat.values.messages import AIMessage, HumanMessage, Message


class LiveTurn:
    """A question, and its answer as far as it has come.

    Attributes:
        name: what the page calls it, and goes on to when it is a turn of the past.
        question: what was asked.
        before: the history that it was asked after.
        view: the answer.
        flow: what the answer comes from.
        overtaken: whether a cell ended it, by another question or by taking this one back.
    """

    def __init__(self, question: HumanMessage, before: Sequence[Message], model: str) -> None:
        self.name = new_name()
        self.question = question
        self.before = list(before)
        self.view = AnswerView(model)
        self.flow: Flow[AIMessage] | None = None
        self.overtaken = False
        self._drawn = DrawnTurn(said(question), written(question))

    @property
    def busy(self) -> bool:
        """Whether the answer is still to come; else nothing came of it."""
        return not self.view.ended

    @property
    def waiting_calls(self) -> int:
        """How many tool calls have no result yet."""
        return sum(part.kind in CALL_KINDS and part.result is None for part in self.view.parts)

    @property
    def runs_tool(self) -> bool:
        """Whether a tool runs just now."""
        return any(part.state == "running" for part in self.view.parts)

    def check_overtaken(self) -> bool:
        """Notice whether a cell has ended it: its flow is closed then, which a server that stalls would not tell."""
        self.overtaken = self.busy and self.flow is not None and getgeneratorstate(self.flow) == GEN_CLOSED
        return self.overtaken

    def drawn(self) -> DrawnTurn:
        """It as HTML; its question is drawn once."""
        self._drawn.parts = self.view.parts_html()
        self._drawn.foot = self.view.foot() if self.view.ended else ""
        return self._drawn
