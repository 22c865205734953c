"""`ChatPanel`: a conversation to type into, below a cell."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any
from weakref import WeakSet

from nbchat.io.drivers import adrive
from nbchat.model.chat import Chat, ToolStarted
from nbchat.model.init import init_chat_model
from nbchat.model.verbs import Verbs
from nbchat.notebook.text_file import text_file
from nbchat.notebook.transcript import transcript
from nbchat.notebook.widgets import export, panel_settings
from nbchat.notebook.widgets.approvals import Approvals
from nbchat.notebook.widgets.branches import Branches, Turn
from nbchat.notebook.widgets.drawn_path import DrawnPath
from nbchat.notebook.widgets.interruptible import Interruptible
from nbchat.notebook.widgets.live_turn import LiveTurn
from nbchat.notebook.widgets.notebook import chat_options, notebook_chat, used_models, user_names, when_cells_end
from nbchat.notebook.widgets.spent import spent
from nbchat.notebook.widgets.stage import Stage, front
from nbchat.notebook.widgets.uploads import Uploads
from nbchat.values.errors import ConfigurationError
from nbchat.values.messages import AIMessage, HumanMessage, Message

_PANELS: WeakSet[ChatPanel] = WeakSet()


class ChatPanel(Stage):
    """A chat below a cell: type, and the answer streams in. Cells and the panel go on with the same conversation.

        ChatPanel("openai:gpt-5-nano", tools=[get_weather])

    Args:
        model: a model, its name, or a `Chat` to go on with; None is the conversation of the `%%chat` cells.
        tools: as `Chat` takes them.
        system: instructions to the model.
        name: which conversation of the `%%chat` cells (`--chat NAME`); one given as `model` gets this name there.
        approve: whether the panel asks before each tool runs, unless the chat has an `approve` of its own.
        models: names of models to choose from.
        params: parameters of every answer: `temperature`, `max_tokens`, …; a conversation of the cells has those that
            `%chat` set, too.

    Attributes:
        chat: the conversation.
        branches: all turns, those too that were edited or asked again.

    Raises:
        ConfigurationError: no model was given, and there are no `%%chat` cells; or it is none, or a tool is none.
    """

    _esm, _css = front("panel")
    _forget: Callable[[], None] = staticmethod(lambda: None)  # one that could not be made is closed as well

    def __init__(
        self,
        model: Chat | Verbs[AIMessage] | str | None = None,
        tools: Iterable[Any] = (),
        *,
        system: str | None = None,
        name: str | None = None,
        approve: bool = True,
        models: Iterable[str] = (),
        **params: Any,
    ) -> None:
        self.chat = notebook_chat(model, name, system)
        given = list(tools)
        Chat(self.chat.model, given)  # tells which is no tool
        self.chat.tools += [each for each in given if each not in self.chat.tools]
        if system is not None:
            self.chat.system = system
        self.params = {**(chat_options() if model is None else {}), **params}
        self.branches = Branches()
        self._models = [models] if isinstance(models, str) else list(models)
        self._approvals = Approvals(self.touch) if approve else None
        self._uploads = Uploads()
        self._drawn = DrawnPath()
        self._live: LiveTurn | None = None
        self._answering: Interruptible | None = None
        self._task: asyncio.Task[None] | None = None
        self._total = ""
        super().__init__()
        self._forget = when_cells_end(self._follow)
        _PANELS.add(self)
        self._settle()

    @property
    def messages(self) -> list[Message]:
        """The conversation as it is now; the same list as `chat.messages`."""
        return self.chat.messages

    @property
    def _busy(self) -> bool:
        return self._live is not None and self._live.busy

    # What is shown.

    def picture(self) -> tuple[dict[str, Any], dict[str, str]]:
        turns, slots = self._drawn.show(self.branches, self._live)
        state = {
            "turns": turns,
            "busy": self._busy,
            "tool": self._live is not None and self._live.runs_tool,
            "ask": self._to_approve(),
            "model": _name(self.chat.model),
            "models": [*self._models, *used_models()],
            "system": self.chat.system or "",
            "params": panel_settings.shown(self.params),
            "total": self._total,
            "error": self.error,
        }
        return state, slots

    def _to_approve(self) -> dict[str, Any] | None:
        asked = self._approvals.shown() if self._approvals else None
        return {**asked, "more": self._live.waiting_calls - 1} if asked and self._live else None

    def saved(self) -> tuple[str, str]:
        bundle = transcript(self.chat.messages)
        return bundle["text/html"], bundle["text/plain"] or repr(self)

    def _settle(self) -> None:
        """Bring the tree and the total up to what the conversation is."""
        self.branches.adopt(self.chat.messages)
        self._total = spent(self.branches.all_messages())

    def _follow(self) -> None:
        """A cell, or another panel, may have gone on with the conversation."""
        if self._live is not None and self._live.busy:
            if self._live.look_around() and self._task is not None:
                self._task.cancel()
        elif _same(self.branches.messages(), self.chat.messages):
            self.touch()  # its model may be another one
        else:
            self._settle()
            self.keep()

    def _others(self) -> list[ChatPanel]:
        """Other panels of this conversation."""
        return [panel for panel in _PANELS if panel is not self and panel.chat is self.chat]

    # What the page asks for.

    async def do_piece(self, content: dict[str, Any], buffers: list[Any]) -> None:
        self._uploads.add(content["id"], bytes(buffers[0]))

    async def do_send(self, content: dict[str, Any], _: list[Any]) -> None:
        try:
            asked = self._content(content, [])
            self._check_free()
        except ConfigurationError:
            self.send({"to": content.get("view"), "draft": str(content["text"])})
            raise
        await self._ask(asked, self.chat.messages)

    async def do_edit(self, content: dict[str, Any], _: list[Any]) -> None:
        question, before = self._question(content)
        kept = [block for block in question.content_blocks if block["type"] != "text" or text_file(block)]
        await self._ask(self._content(content, kept), before)

    async def do_again(self, content: dict[str, Any], _: list[Any]) -> None:
        question, before = self._question(content)
        await self._ask(question.blocks, before)

    async def do_branch(self, content: dict[str, Any], _: list[Any]) -> None:
        turn = self._turn(content)
        siblings = turn.siblings
        place = siblings.index(turn) + int(content["by"])
        self._check_free()
        if 0 <= place < len(siblings):
            self.branches.choose(siblings[place])
            self.chat.messages[:] = self.branches.messages()
            self._live = None
            self._went_on()

    async def do_stop(self, _: dict[str, Any], __: list[Any]) -> None:
        if self._task is not None:
            self._task.cancel()

    def overheard(self, content: dict[str, Any]) -> None:
        if content.get("do") == "stop" and (answering := self._answering) is not None:
            answering.interrupt()  # a tool may keep the kernel's thread busy

    async def do_verdict(self, content: dict[str, Any], _: list[Any]) -> None:
        if self._approvals is not None:
            self._approvals.decide(content["id"], str(content["verdict"]), str(content.get("reason") or ""))

    async def do_set(self, content: dict[str, Any], _: list[Any]) -> None:
        for key, value in content["values"].items():
            text = str(value).strip()
            if key == "model":
                if text and text != _name(self.chat.model):
                    self.chat.model = await asyncio.to_thread(init_chat_model, text)
            elif key == "system":
                self.chat.system = text or None
            else:
                panel_settings.change(self.params, key, text)
        self.touch()

    async def do_export(self, content: dict[str, Any], _: list[Any]) -> None:
        if content["kind"] == "messages":
            user_names()["chat_messages"] = list(self.chat.messages)
            given = {"note": "the variable chat_messages now holds the messages"}
        else:
            given = export.conversation(self.chat, content["kind"])
        self.send({"to": content["view"], **given})

    async def do_take(self, content: dict[str, Any], _: list[Any]) -> None:
        """Give the page an answer: to copy, or for a new cell."""
        answers = [message for message in self._turn(content).messages if isinstance(message, AIMessage)]
        if answers:
            self.send({"to": content["view"], **export.answer(answers, content["kind"])})

    def _content(self, content: dict[str, Any], kept: list[Any]) -> Any:
        """What is asked: text, or blocks where there are files, new ones or those of the message that is edited."""
        files = [*kept, *self._uploads.blocks(content.get("files") or ())]
        text = str(content["text"])
        if not text.strip() and not files:
            raise ConfigurationError("there is nothing to send: write something, or attach a file")
        return [*([text] if text.strip() else []), *files] if files else text

    def _turn(self, content: dict[str, Any]) -> Turn:
        found = next((turn for turn in self.branches.path() if turn.name == content.get("turn")), None)
        if found is None:
            raise ConfigurationError("that turn is no longer in the conversation")
        return found

    def _question(self, content: dict[str, Any]) -> tuple[HumanMessage, list[Message]]:
        """(question, history before it) of a turn of the past, or of one that was asked in vain."""
        if self._live is not None and content.get("turn") == self._live.name:
            return self._live.question, self._live.before
        turn = self._turn(content)
        if turn.question is None:
            raise ConfigurationError("that turn has no question")
        return turn.question, self.branches.before(turn)

    def _check_free(self) -> None:
        if self._busy or any(panel._busy for panel in self._others()):
            where = "" if self._busy else ", in another panel"
            raise ConfigurationError(f"the model is still answering{where}: stop it first")

    # Asking.

    async def _ask(self, content: Any, before: list[Message]) -> None:
        """One turn, after this history; what the conversation was before comes back where nothing comes of it."""
        self._check_free()
        chat, previous, question = self.chat, list(self.chat.messages), HumanMessage(content)
        live = self._live = LiveTurn(question, before, _name(chat.model))
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

    def __repr__(self) -> str:
        return f"ChatPanel({self.chat!r})"


def _same(some: list[Message], others: list[Message]) -> bool:
    return len(some) == len(others) and all(a is b for a, b in zip(some, others, strict=True))


def _name(model: Any) -> str:
    name = str(getattr(model, "model", "model"))
    provider = getattr(model, "provider", None)
    return f"{provider}:{name}" if provider else name
