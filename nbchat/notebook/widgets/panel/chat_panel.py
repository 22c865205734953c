"""`ChatPanel`: a conversation to type into, below a cell."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from nbchat.model.chat import Chat
from nbchat.model.init import init_chat_model
from nbchat.model.verbs import Verbs
from nbchat.notebook.render.article import article
from nbchat.notebook.render.safe import escape_text
from nbchat.notebook.text_file import text_file
from nbchat.notebook.transcript import transcript
from nbchat.notebook.widgets.notebook import chat_options, notebook_chat, used_models, user_names
from nbchat.notebook.widgets.panel import export, settings
from nbchat.notebook.widgets.panel.branches import Turn
from nbchat.notebook.widgets.panel.conversation import ConversationStage, full_name
from nbchat.notebook.widgets.panel.uploads import Uploads
from nbchat.notebook.widgets.stage import PageEvent, front
from nbchat.values.complaints import check_spelling
from nbchat.values.errors import ConfigurationError
from nbchat.values.messages import AIMessage, HumanMessage, Message


class ChatPanel(ConversationStage):
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
        ConfigurationError: no model was given and there are no `%%chat` cells; or what was given is none, or no tool;
            or a parameter reads like a misspelt argument.
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
        check_spelling(params, ("model", "tools", "system", "name", "approve", "models"))
        if model is not None and not isinstance(model, Chat | Verbs | str):
            raise ConfigurationError(f"ChatPanel takes a model, its name, or a Chat to go on with, not {model!r:.80}")
        chat = notebook_chat(model, name, system)
        given = list(tools)
        Chat(chat.model, given)  # tells which is no tool
        chat.tools += [each for each in given if each not in chat.tools]
        if system is not None:
            chat.system = system
        self._models = [models] if isinstance(models, str) else list(models)
        self._uploads = Uploads()
        super().__init__(chat, {**(chat_options() if model is None else {}), **params}, approve=approve)

    @property
    def messages(self) -> list[Message]:
        """The conversation as it is now; the same list as `chat.messages`."""
        return self.chat.messages

    # What is shown.

    def picture(self) -> tuple[dict[str, Any], dict[str, str]]:
        turns, slots = self._drawn.show(self.branches, self._live)
        state = {
            "turns": turns,
            "busy": self._busy,
            "tool": self._live is not None and self._live.runs_tool,
            "ask": self._to_approve(),
            "model": full_name(self.chat.model),
            "models": [*self._models, *used_models()],
            "system": self.chat.system or "",
            "params": settings.shown(self.params),
            "total": self._total,
            "error": self.error,
        }
        return state, slots

    def _to_approve(self) -> dict[str, Any] | None:
        asked = self._approvals.shown() if self._approvals else None
        return {**asked, "more": self._live.waiting_calls - 1} if asked and self._live else None

    def saved(self) -> tuple[str, str]:
        turns = self._drawn.html(self.branches, self._live)
        total = f"in total {self._total}" if self._total else ""
        html = article([*turns, f'<div class="foot">{escape_text(total)}</div>' if total else ""], streaming=False)
        html = html.replace('name="sure-', 'name="saved-sure-')  # switches of the live panel are in the same document
        text = transcript(self.chat.messages)["text/plain"]
        return html, "\n\n".join(filter(None, [text, total])) or repr(self)

    # What the page asks for.

    async def do_piece(self, event: PageEvent) -> None:
        self._uploads.add(event["id"], bytes(event["buffers"][0]))

    async def do_send(self, event: PageEvent) -> None:
        try:
            asked = self._content(event, [])
            self._check_free()
        except ConfigurationError:
            self.send({"to": event.get("view"), "draft": str(event["text"])})
            raise
        await self._ask(asked, self.chat.messages)

    async def do_edit(self, event: PageEvent) -> None:
        question, before = self._question(event)
        kept = [block for block in question.content_blocks if block["type"] != "text" or text_file(block)]
        await self._ask(self._content(event, kept), before)

    async def do_again(self, event: PageEvent) -> None:
        question, before = self._question(event)
        await self._ask(question.blocks, before)

    async def do_branch(self, event: PageEvent) -> None:
        turn = self._turn(event)
        siblings = turn.siblings
        place = siblings.index(turn) + int(event["by"])
        self._check_free()
        if 0 <= place < len(siblings):
            self.branches.choose(siblings[place])
            self.chat.messages[:] = self.branches.messages()
            self._live = None
            self._went_on()

    async def do_set(self, event: PageEvent) -> None:
        for key, value in event["values"].items():
            text = str(value).strip()
            if key == "model":
                if text and text != full_name(self.chat.model):
                    self.chat.model = await asyncio.to_thread(init_chat_model, text)
            elif key == "system":
                self.chat.system = text or None
            else:
                settings.change(self.params, key, text)
        self.touch()

    async def do_export(self, event: PageEvent) -> None:
        if event["kind"] == "messages":
            user_names()["chat_messages"] = list(self.chat.messages)
            given = {"note": "the variable chat_messages now holds the messages"}
        else:
            given = export.conversation(self.chat, event["kind"])
        self.send({"to": event["view"], **given})

    async def do_take(self, event: PageEvent) -> None:
        """Give the page an answer: to copy, or for a new cell."""
        answers = [message for message in self._turn(event).messages if isinstance(message, AIMessage)]
        if answers:
            self.send({"to": event["view"], **export.answer(answers, event["kind"])})

    def _content(self, event: PageEvent, kept: list[Any]) -> Any:
        """What is asked: text, or blocks where there are files, new ones or those of the message that is edited."""
        files = [*kept, *self._uploads.blocks(event.get("files") or ())]
        text = str(event["text"])
        if not text.strip() and not files:
            raise ConfigurationError("there is nothing to send: write something, or attach a file")
        return [*([text] if text.strip() else []), *files] if files else text

    def _turn(self, event: PageEvent) -> Turn:
        found = next((turn for turn in self.branches.path() if turn.name == event.get("turn")), None)
        if found is None:
            raise ConfigurationError("that turn is no longer in the conversation")
        return found

    def _question(self, event: PageEvent) -> tuple[HumanMessage, list[Message]]:
        """(question, history before it) of a turn of the past, or of one that was asked in vain."""
        if self._live is not None and event.get("turn") == self._live.name:
            return self._live.question, self._live.before
        turn = self._turn(event)
        if turn.question is None:
            raise ConfigurationError("that turn has no question")
        return turn.question, self.branches.before(turn)

    def __repr__(self) -> str:
        return f"ChatPanel({self.chat!r})"
