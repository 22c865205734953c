"""A conversation: model, tools and history. What the magic and the panel both hold."""

from __future__ import annotations

import os
import warnings
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any

from nbchat.flow.converse import Approve, Ask, ToolStarted, converse
from nbchat.flow.effects import Flow
from nbchat.io.drivers import adrive, arun, drive, run
from nbchat.model.chat_file import model_fields, named_model, read_chat, write_chat
from nbchat.model.config import RunnableConfig, inner_config
from nbchat.model.init import init_chat_model
from nbchat.model.structured import StructuredModel
from nbchat.model.tools import Tool, as_tool, tools_in
from nbchat.model.verbs import Verbs
from nbchat.values.content import Content
from nbchat.values.errors import ChatError, ConfigurationError
from nbchat.values.messages import AIMessage, HumanMessage, Message, SystemMessage, ToolMessage
from nbchat.values.reading import read_messages
from nbchat.values.usage import Usage
from nbchat.wire.codec import ToolSpec

__all__ = ["Chat", "ToolStarted"]


class Chat:
    """A conversation that grows with each question, and runs the tools that the model asks for.

        chat = Chat("openai:gpt-5-nano", tools=[get_weather], system="Be brief.")
        chat("What's the weather in Boston?").text

    Args:
        model: a model, or a name for `init_chat_model`. It may be changed at any time: `chat.model = other`.
        tools: functions and `Tool`s to run, several async ones of one answer at the same time; a provider's built-in
            tools as its own dicts.
        system: instructions that stand before the history in each request.
        approve: a function, called before each tool runs with its name and arguments; may be async. True runs it, a
            dict runs it with these arguments instead, False declines, a str declines and tells the model why.
        max_rounds: how many times in one turn tools may be run.
        name: what the conversation is called.
        messages: a history to start from, as `invoke` takes it.

    Attributes:
        messages: the history, without the system message; yours to change. Every tool call in it has its result.
            A turn that was stopped or cut keeps what had come, with `finish_reason` "interrupted"; one that failed
            before anything came leaves no trace.
    """

    def __init__(
        self,
        model: Verbs[AIMessage] | str,
        tools: Iterable[Any] = (),
        *,
        system: str | None = None,
        approve: Approve | None = None,
        max_rounds: int = 10,
        name: str | None = None,
        messages: Sequence[Any] = (),
    ) -> None:
        self.model = model
        self.tools = [_checked_tool(each) for each in tools_in(tools)]
        self.system = system
        if approve is not None and not callable(approve):
            raise ConfigurationError(f"approve= is a function of a tool's name and its arguments, not {approve!r:.80}")
        self.approve = approve
        self.max_rounds = max_rounds
        self.name = name
        self.messages: list[Message] = read_messages(messages) if messages else []
        self._turn: Flow[AIMessage] | None = None

    @property
    def model(self) -> Verbs[AIMessage]:
        """Who answers. Set it, to a model or a name, and the conversation goes on with that one."""
        return self._model

    @model.setter
    def model(self, model: Verbs[AIMessage] | str) -> None:
        if isinstance(model, str):
            model = init_chat_model(model)
        if not isinstance(model, Verbs):
            raise ConfigurationError(f"a chat takes a model, or a name as in Chat('openai:gpt-5'), not {model!r:.80}")
        if isinstance(model, StructuredModel):
            raise ConfigurationError("a chat needs a model that answers with messages: ask a structured one by itself")
        self._model: Verbs[AIMessage] = model

    def ask(self, content: Any = None, config: RunnableConfig | None = None, **params: Any) -> AIMessage:
        """Say something, and wait for the answer that needs no more tools.

        Args:
            content: text, content blocks or a message; None goes on from tool results that the model has not seen.
            config: see `RunnableConfig`; `recursion_limit` takes the place of `max_rounds`.
            params: parameters of this turn alone: `temperature`, …, `system` and `approve` in
                place of the chat's own, and `tool_choice`, which holds for the first answer of the turn.

        Raises:
            RoundLimitError: the model kept asking for tools.
            ChatError: see the tree in `nbchat.values.errors`.
        """
        return _answered(run(self.flow(content, config, **params)))

    __call__ = ask

    async def aask(self, content: Any = None, config: RunnableConfig | None = None, **params: Any) -> AIMessage:
        """`ask`, awaited."""
        return _answered(await arun(self.flow(content, config, **params)))

    def stream(self, content: Any = None, config: RunnableConfig | None = None, **params: Any) -> Iterator[Any]:
        """`ask` in pieces: yields `AIMessageChunk`, and `ToolStarted` and `ToolMessage` for each tool that runs.

        The whole is in `messages` afterwards. Leaving the loop early stops the turn.
        """
        return drive(self.flow(content, config, **params))

    def astream(self, content: Any = None, config: RunnableConfig | None = None, **params: Any) -> AsyncIterator[Any]:
        """`stream`, awaited."""
        return adrive(self.flow(content, config, **params))

    def flow(
        self,
        content: Any = None,
        config: RunnableConfig | None = None,
        *,
        system: str | None = None,
        approve: Approve | None = None,
        **params: Any,
    ) -> Flow[AIMessage]:
        """One turn, for a driver. It starts with its first step, and then ends a turn that was left midway."""
        question = self._question(content)
        tools = self._tools_by_name()
        config = inner_config(config)
        ask = self._asking(tools, self.system if system is None else system, config, params)
        approve = approve or self.approve
        limit = config.get("recursion_limit", self.max_rounds)

        def turn() -> Flow[AIMessage]:
            self._end_turn()
            self._turn = flow
            history = self.messages
            start = len(history)
            history.extend(question)
            try:
                return (yield from converse(ask, history, tools, approve=approve, max_rounds=limit, config=config))
            finally:
                if len(history) == start + len(question):
                    del history[start:]
                self._turn = None

        flow = turn()
        return flow

    def _asking(
        self, tools: Mapping[str, Tool], system: str | None, config: RunnableConfig, params: dict[str, Any]
    ) -> Ask:
        """How the model is asked for each answer of a turn."""
        model: Any = self.model
        if self.tools:
            model = model.bind_tools([*tools.values(), *(each for each in self.tools if isinstance(each, Mapping))])
        before = [SystemMessage(system)] if system else []

        def ask(messages: Sequence[Message]) -> Flow[AIMessage]:
            if isinstance(messages[-1], ToolMessage) and params.get("tool_choice") != "none":
                params.pop("tool_choice", None)  # a tool once forced would be called for ever
            return model.flow([*before, *messages], config, stream=True, **params)

        return ask

    def _question(self, content: Any) -> list[Message]:
        if content is None:
            if not self.messages or isinstance(self.messages[-1], AIMessage):
                raise ConfigurationError("there is nothing to answer: say something, as in chat('Hello')")
            return []
        if isinstance(content, str | Message):
            return read_messages(content)
        blocks: Content = content
        if not blocks:
            raise ConfigurationError("the prompt is empty: there is nothing to send")
        return [HumanMessage(blocks)]

    def _end_turn(self) -> None:
        """End a turn that was left midway; its history is made whole."""
        if self._turn is None:
            return
        try:
            self._turn.close()
        except ValueError:  # it is running: in another thread, or it is what called us
            raise ConfigurationError(
                "this chat is still answering: wait for it, or ask a copy of it, chat.fork()"
            ) from None

    def _tools_by_name(self) -> dict[str, Tool]:
        """The tools to run; of two of one name (a cell run again) the later."""
        tools = map(_checked_tool, self.tools)
        return {tool.name: tool for tool in tools if isinstance(tool, Tool)}

    @property
    def usage(self) -> Usage:
        """Tokens of all answers in `messages` together; what came from a cache was not spent."""
        spent = [m.usage_metadata for m in self._asked() if m.usage_metadata]
        return sum(spent, Usage.of(0, 0))

    @property
    def cost_usd(self) -> float | None:
        """What those answers cost, in US dollars; None where the price of one is not known."""
        from nbchat.model.prices import cost_usd

        costs = [cost_usd(message) for message in self._asked()]
        return None if None in costs else sum(cost for cost in costs if cost)

    def _asked(self) -> list[AIMessage]:
        return [m for m in self.messages if isinstance(m, AIMessage) and "from_cache" not in m.timing]

    def fork(self) -> Chat:
        """A copy that goes its own way: same model and tools, and the history so far."""
        fork = copy(self)
        fork.tools, fork.messages, fork._turn = list(self.tools), list(self.messages), None
        return fork

    def undo(self) -> list[Message]:
        """Take back the last question and all that came of it; returns what was taken back."""
        self._end_turn()
        last = max((i for i, m in enumerate(self.messages) if isinstance(m, HumanMessage)), default=len(self.messages))
        undone = self.messages[last:]
        del self.messages[last:]
        return undone

    def reset(self) -> None:
        """Forget the history; model, tools and system message stay."""
        self._end_turn()
        self.messages.clear()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a JSON file: history, system message, names of model and tools. No key, no artifacts."""
        fields = {
            "name": self.name,
            "model": model_fields(self.model),
            "system": self.system,
            "tools": [tool.name for tool in self._tools_by_name().values()],
            "max_rounds": self.max_rounds,
        }
        write_chat(Path(path), fields, self.messages)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        model: Verbs[AIMessage] | str | None = None,
        tools: Iterable[Any] = (),
        approve: Approve | None = None,
    ) -> Chat:
        """Read a conversation that `save` wrote. Functions are not in the file: give the tools again.

        Raises:
            ConfigurationError: it is no such file, or its model has to be given again.
        """
        fields, messages = read_chat(Path(path))
        if model is None:
            name, options = named_model(fields.get("model"), Path(path))
            model = init_chat_model(name, **options)
        chat = cls(model, tools, system=fields.get("system"), approve=approve, name=fields.get("name"))
        chat.max_rounds = fields.get("max_rounds", chat.max_rounds)
        chat.messages = messages
        if missing := [name for name in fields.get("tools", ()) if name not in chat._tools_by_name()]:
            warnings.warn(
                f"{path} was saved with the tools {', '.join(missing)}: give them again, Chat.load(path, tools=[…])",
                stacklevel=2,
            )
        return chat

    def __repr__(self) -> str:
        return f"Chat({self.model!r}, {len(self.messages)} messages, {self.usage.total_tokens:,} tokens)"


def _checked_tool(given: Any) -> Tool | Mapping[str, Any]:
    found = as_tool(given)
    if isinstance(found, ToolSpec):
        raise ConfigurationError(f"a chat runs its tools, and {found.name!r} has no function: give one, or use @tool")
    return found


def _answered(message: AIMessage | None) -> AIMessage:
    if message is None:
        raise ChatError("another question to this chat ended this one; to ask several at once, ask copies: chat.fork()")
    return message
