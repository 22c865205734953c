"""A conversation in a widget: one question at a time is answered; cells and other panels may go on with it, too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

from nbchat.flow.converse import ToolStarted
from nbchat.io.drivers import adrive
from nbchat.model.chat import Chat
from nbchat.notebook.widgets.notebook import when_cells_end
from nbchat.notebook.widgets.panel.approvals import Approvals
from nbchat.notebook.widgets.panel.branches import Branches
from nbchat.notebook.widgets.panel.drawn_path import DrawnPath
from nbchat.notebook.widgets.panel.interruptible import Interruptible
from nbchat.notebook.widgets.panel.live_turn import LiveTurn
from nbchat.notebook.widgets.panel.spent import spent
from nbchat.notebook.widgets.stage import PageEvent, Stage
from nbchat.values.errors import ConfigurationError
from nbchat.values.messages import AIMessage, HumanMessage, Message

_ALL: WeakSet[ConversationStage] = WeakSet()


class ConversationStage(Stage):
    """Asks, and keeps the tree of turns up to what the conversation is.

    Args:
        chat: the conversation.
        params: parameters of every answer.
        approve: whether the page is asked before each tool runs, unless the chat has an `approve` of its own.

    Attributes:
        branches: all turns, those too that were edited or asked again.
    """

    def __init__(self, chat: Chat, params: dict[str, Any], *, approve: bool) -> None:
        self.chat = chat
        self.params = params
        self.branches = Branches()
        self._approvals = Approvals(self.touch) if approve else None
        self._drawn = DrawnPath()
        self._live: LiveTurn | None = None
        self._answering: Interruptible | None = None
        self._task: asyncio.Task[None] | None = None
        self._total = ""
        super().__init__()
        self._forget: Callable[[], None] = when_cells_end(self._follow)
        _ALL.add(self)
        self._settle()

    @property
    def _busy(self) -> bool:
        return self._live is not None and self._live.busy

    def _settle(self) -> None:
        """Bring the tree and the total up to what the conversation is."""
        self.branches.adopt(self.chat.messages)
        self._total = spent(self.branches.all_messages())

    def _follow(self) -> None:
        """A cell, or another panel, may have gone on with the conversation."""
        if self._live is not None and self._live.busy:
            if self._live.check_overtaken() and self._task is not None:
                self._task.cancel()
        elif _same(self.branches.messages(), self.chat.messages):
            self.touch()  # its model may be another one
        else:
            self._settle()
            self.keep()

    def _others(self) -> list[ConversationStage]:
        """Other widgets of this conversation."""
        return [other for other in _ALL if other is not self and other.chat is self.chat]

    def _check_free(self) -> None:
        if self._busy or any(other._busy for other in self._others()):
            where = "" if self._busy else ", in another panel"
            raise ConfigurationError(f"the model is still answering{where}: stop it first")

    async def _ask(self, content: Any, before: list[Message]) -> None:
        """One turn, after this history; what the conversation was before comes back where nothing comes of it."""
        self._check_free()
        chat, previous, question = self.chat, list(self.chat.messages), HumanMessage(content)
        live = self._live = LiveTurn(question, before, full_name(chat.model))
        chat.messages[:] = before
        self.branches.adopt(chat.messages)
        self.error = ""
        self._task = asyncio.current_task()
        self._answering = Interruptible(self._stream(live))
        self.flush()
        failed, note = True, ""
        try:
            await self._answering
            failed = False
        except asyncio.CancelledError:
            note = "stopped"
            raise
        except Exception as error:
            live.view.fail(error)
            note = "not finished"
        finally:
            nothing = failed and not live.overtaken and _same(chat.messages, live.before)
            if nothing:
                chat.messages[:] = previous
            self._end(live, note, in_vain=nothing)

    async def _stream(self, live: LiveTurn) -> None:
        approve = self.chat.approve or (self._approvals.ask if self._approvals else None)
        try:
            live.flow = self.chat.flow(live.question, approve=approve, **self.params)
            async for event in adrive(live.flow):
                live.view.add(event)
                if isinstance(event, ToolStarted):
                    self.flush()  # a tool that is a plain function leaves no time for it later
                else:
                    self.touch()
        except KeyboardInterrupt:
            raise asyncio.CancelledError from None

    def _end(self, live: LiveTurn, note: str, *, in_vain: bool) -> None:
        """The answer is over: it becomes a turn of the past, unless it was asked in vain, or was taken back."""
        self._answering = self._task = None
        self.branches.adopt(self.chat.messages)
        turn = next((each for each in self.branches.path() if each.question is live.question), None)
        if turn is not None:
            cut = isinstance(turn.messages[-1], AIMessage) and turn.messages[-1].interrupted
            note = note or ("stopped" if cut else "")  # a cell may have asked something else meanwhile
        live.view.finish(note)
        if turn is not None:
            self._drawn.keep(turn, live)
        if not in_vain:
            self._live = None
        self._went_on()

    async def do_stop(self, _: PageEvent) -> None:
        if self._task is not None:
            self._task.cancel()

    def overheard(self, event: PageEvent) -> None:
        if event.get("do") == "stop" and (answering := self._answering) is not None:
            answering.interrupt()  # a tool may keep the kernel's thread busy

    async def do_verdict(self, event: PageEvent) -> None:
        if self._approvals is not None:
            self._approvals.decide(event["id"], str(event["verdict"]), str(event.get("reason") or ""))

    def _went_on(self) -> None:
        self._settle()
        self.keep()
        for other in self._others():
            other._follow()

    def close(self) -> None:
        self._forget()
        super().close()

    def _ipython_display_(self) -> None:
        self._forget()
        self._forget = when_cells_end(self._follow)
        self._follow()
        super()._ipython_display_()


def _same(some: list[Message], others: list[Message]) -> bool:
    return len(some) == len(others) and all(a is b for a, b in zip(some, others, strict=True))


def full_name(model: Any) -> str:
    """As in "openai:gpt-5-nano"; a model that is made of others has the plainest name there is."""
    name = str(getattr(model, "model", "model"))
    provider = getattr(model, "provider", None)
    return f"{provider}:{name}" if provider else name
