"""`ChatPanel`: a conversation to type into, below a cell."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from nbchat.model.chat import Chat
from nbchat.model.init import init_chat_model
from nbchat.model.verbs import Verbs
from nbchat.notebook.render.footer import dollars
from nbchat.notebook.transcript import transcript
from nbchat.notebook.view import AnswerView
from nbchat.notebook.widgets import export
from nbchat.notebook.widgets.approvals import Approvals
from nbchat.notebook.widgets.branches import Branches, Turn
from nbchat.notebook.widgets.drawn_turn import DrawnTurn, drawn, drawn_live
from nbchat.notebook.widgets.notebook import notebook_chat, user_names, when_cells_end
from nbchat.notebook.widgets.stage import Stage, front
from nbchat.notebook.widgets.uploads import Uploads
from nbchat.values.errors import ConfigurationError
from nbchat.values.messages import AIMessage, HumanMessage, Message

_NUMBERS = {"temperature": float, "max_tokens": int}


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
        params: parameters of every answer: `temperature`, `max_tokens`, …

    Attributes:
        chat: the conversation.
        branches: all turns, those too that were edited or asked again.
    """

    _esm, _css = front("panel")

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
        self.chat.tools += [each for each in tools if each not in self.chat.tools]
        if system is not None:
            self.chat.system = system
        self.params = params
        self.branches = Branches()
        self._models = list(models)
        self._approvals = Approvals(self.touch) if approve else None
        self._uploads = Uploads()
        self._drawn: dict[str, tuple[list[Message], DrawnTurn]] = {}
        self._live: DrawnTurn | None = None
        self._live_name = ""
        self._view: AnswerView | None = None
        self._answering: asyncio.Task[None] | None = None
        self._failed: Any = None  # what was asked in vain
        self._total = ""
        super().__init__()
        self._forget = when_cells_end(self._follow)
        self._settle()

    @property
    def messages(self) -> list[Message]:
        """The conversation as it is now; the same list as `chat.messages`."""
        return self.chat.messages

    def picture(self) -> tuple[dict[str, Any], dict[str, str]]:
        turns: list[dict[str, Any]] = []
        slots: dict[str, str] = {}
        for turn in self.branches.path():
            shown, siblings = self._past(turn), turn.siblings
            about = {"id": turn.name, "parts": len(shown.parts), "at": siblings.index(turn) + 1, "of": len(siblings)}
            turns.append(about | {"asked": turn.question is not None})
            slots |= shown.slots(turn.name)
        if self._live is not None:
            if self._view is not None:
                self._live = drawn_live(None, self._view, self._live)
            turns.append({"id": self._live_name, "parts": len(self._live.parts), "at": 1, "of": 1, "asked": False})
            slots |= self._live.slots(self._live_name)
        state = {
            "turns": turns,
            "busy": self._view is not None,
            "failed": self._failed is not None,
            "ask": self._approvals.shown() if self._approvals else None,
            "model": _name(self.chat.model),
            "models": self._models,
            "system": self.chat.system or "",
            "params": {key: self.params.get(key) for key in _NUMBERS},
            "total": self._total,
            "error": self.error,
        }
        return state, slots

    def _past(self, turn: Turn) -> DrawnTurn:
        messages, shown = self._drawn.get(turn.name, (None, None))
        if shown is None or messages != turn.messages:
            shown = drawn(turn.messages)
            self._drawn[turn.name] = list(turn.messages), shown
        return shown

    def saved(self) -> tuple[str, str]:
        bundle = transcript(self.chat.messages)
        return bundle["text/html"], bundle["text/plain"] or repr(self)

    def _settle(self) -> None:
        """Bring the tree and the total up to what the conversation is."""
        self.branches.adopt(self.chat.messages)
        usage, cost = self.chat.usage, self.chat.cost_usd
        price = "" if cost is None else f" · {dollars(cost)}"
        self._total = f"{usage.total_tokens:,} tokens{price}" if usage.total_tokens else ""

    def _follow(self) -> None:
        """A cell may have gone on with the conversation."""
        if self._view is None and [*map(id, self.branches.messages())] != [*map(id, self.chat.messages)]:
            self._settle()
            self.keep()

    async def do_piece(self, content: dict[str, Any], buffers: list[Any]) -> None:
        self._uploads.add(content["id"], bytes(buffers[0]))

    async def do_send(self, content: dict[str, Any], _: list[Any]) -> None:
        files = [self._uploads.block(about) for about in content.get("files", ())]
        text = str(content["text"])
        asked: Any = [*([text] if text.strip() else []), *files] if files else text
        if not files and not text.strip():
            raise ConfigurationError("there is nothing to send: write something, or attach a file")
        await self._ask(asked, self.chat.messages)

    async def do_edit(self, content: dict[str, Any], _: list[Any]) -> None:
        turn = self._turn(content)
        others = [block for block in (turn.question.content_blocks if turn.question else []) if block["type"] != "text"]
        text = str(content["text"])
        await self._ask([text, *others] if others else text, self.branches.before(turn))

    async def do_again(self, content: dict[str, Any], _: list[Any]) -> None:
        if content.get("turn") == self._live_name and self._failed is not None:
            await self._ask(self._failed, self.chat.messages)
            return
        turn = self._turn(content)
        if turn.question is not None:
            await self._ask(turn.question.blocks, self.branches.before(turn))

    async def do_branch(self, content: dict[str, Any], _: list[Any]) -> None:
        turn = self._turn(content)
        siblings = turn.siblings
        place = siblings.index(turn) + int(content["by"])
        if self._view is None and 0 <= place < len(siblings):
            self.branches.choose(siblings[place])
            self.chat.messages[:] = self.branches.messages()
            self._live = self._failed = None
            self._settle()
            self.keep()

    async def do_stop(self, _: dict[str, Any], __: list[Any]) -> None:
        if self._answering is not None:
            self._answering.cancel()

    async def do_verdict(self, content: dict[str, Any], _: list[Any]) -> None:
        if self._approvals is not None:
            self._approvals.decide(content["id"], str(content["verdict"]), str(content.get("reason") or ""))

    async def do_set(self, content: dict[str, Any], _: list[Any]) -> None:
        for key, value in content["values"].items():
            if key == "model":
                if value.strip() and value != _name(self.chat.model):
                    self.chat.model = await asyncio.to_thread(init_chat_model, value.strip())
            elif key == "system":
                self.chat.system = value or None
            elif key in _NUMBERS:
                self._set_number(key, str(value).strip())
        self.touch()

    def _set_number(self, key: str, value: str) -> None:
        try:
            self.params.pop(key, None)
            if value:
                self.params[key] = _NUMBERS[key](value)
        except ValueError:
            raise ConfigurationError(f"{key} is a number, not {value!r}") from None

    async def do_export(self, content: dict[str, Any], _: list[Any]) -> None:
        to, kind = {"to": content["view"]}, content["kind"]
        match kind:
            case "markdown":
                text = export.as_markdown(self.chat.messages)
                self.send({**to, "file": {"name": "chat.md", "type": "text/markdown", "text": text}})
            case "json":
                text = export.as_json(self.chat)
                self.send({**to, "file": {"name": "chat.json", "type": "application/json", "text": text}})
            case "cell":
                text = export.as_markdown(self.chat.messages)
                self.send({**to, "cell": {"kind": "markdown", "source": text}})
            case "messages":
                user_names()["chat_messages"] = list(self.chat.messages)
                self.send({**to, "note": "the variable chat_messages now holds the messages"})

    async def do_take(self, content: dict[str, Any], _: list[Any]) -> None:
        """Give the page an answer: to copy, or for a new cell."""
        answers = [message for message in self._turn(content).messages if isinstance(message, AIMessage)]
        if not answers:
            return
        kind, source = export.as_cell(answers[-1])
        taken = {"copy": answers[-1].text} if content["kind"] == "copy" else {"cell": {"kind": kind, "source": source}}
        self.send({"to": content["view"], **taken})

    def _turn(self, content: dict[str, Any]) -> Turn:
        found = next((turn for turn in self.branches.path() if turn.name == content.get("turn")), None)
        if found is None:
            raise ConfigurationError("that turn is no longer in the conversation")
        return found

    async def _ask(self, content: Any, before: list[Message]) -> None:
        """One turn, after this history; what it was before comes back where nothing comes of it."""
        if self._view is not None:
            raise ConfigurationError("the model is still answering: stop it first")
        chat, own, previous = self.chat, self.chat.approve, list(self.chat.messages)
        question = HumanMessage(content)
        chat.messages[:] = before
        self.branches.adopt(chat.messages)
        asked = len(chat.messages)
        view = self._view = AnswerView(_name(chat.model))
        self._live, self._live_name = drawn_live(question, view), Turn([]).name
        self._failed, self.error, note = None, "", ""
        self._answering = asyncio.current_task()
        if own is None and self._approvals is not None:
            chat.approve = self._approvals.ask
        self.flush()
        try:
            async for event in chat.astream(question, **self.params):
                view.add(event)
                self.touch()
        except asyncio.CancelledError:
            note = "stopped"
            raise
        except Exception as error:
            view.fail(error)
            note = "not finished"
        finally:
            chat.approve = own
            view.finish(note)
            if len(chat.messages) == asked:
                chat.messages[:] = previous
                self._failed = question.blocks
            self._end(view)

    def _end(self, view: AnswerView) -> None:
        shown = drawn_live(None, view, self._live)
        self._view = self._answering = None
        self._settle()
        if self._failed is None:
            turn = self.branches.path()[-1]
            turn.name = self._live_name
            self._drawn[turn.name] = list(turn.messages), shown
            self._live = None
        else:
            self._live = shown
        self.keep()

    def close(self) -> None:
        self._forget()
        super().close()

    def _ipython_display_(self) -> None:
        self._forget()
        self._forget = when_cells_end(self._follow)
        super()._ipython_display_()

    def __repr__(self) -> str:
        return f"ChatPanel({self.chat!r})"


def _name(model: Any) -> str:
    name = str(getattr(model, "model", "model"))
    provider = getattr(model, "provider", None)
    return f"{provider}:{name}" if provider else name
