"""Asking from a cell: the answer is drawn as it comes, and kept whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json

from nbchat.model.chat import Chat
from nbchat.notebook import side_by_side
from nbchat.notebook.display import Bundle, LiveDisplay
from nbchat.notebook.render.parts import Page
from nbchat.notebook.view import AnswerView
from nbchat.values.errors import ConfigurationError
from nbchat.values.messages import AIMessage, HumanMessage, Message, SystemMessage


class Stopped(KeyboardInterrupt):
    """The user stopped the answer. Shown as one line; it stops Run All, as any interrupt does."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


@dataclass(frozen=True)
class Question:
    """What a cell asks: content, its own instructions, parameters of the call, and how the answer is shown."""

    prompt: Any
    system: str | None
    params: dict[str, Any]
    page: Page

    def messages(self, chat: Chat) -> list[Message]:
        """All that the model is sent: instructions, the conversation so far, the prompt."""
        system = chat.system if self.system is None else self.system
        return [*([SystemMessage(system)] if system else []), *chat.messages, HumanMessage(self.prompt)]


def ask(chat: Chat, question: Question) -> AIMessage:
    """Ask, and draw the answer into the cell; return it.

    Raises:
        Stopped: the user pressed stop; what had come stays on screen and in the conversation.
        ChatError: what had come stays on screen as well.
    """
    view = AnswerView(_name(chat.model), question.page)
    with _drawn([view], lambda streaming: view.bundle(streaming=streaming)) as redraw:
        for event in chat.stream(question.prompt, system=question.system, **question.params):
            view.add(event)
            redraw()
    last = chat.messages[-1]
    assert isinstance(last, AIMessage)
    return last


def ask_all(chat: Chat, models: list[Any], question: Question) -> list[AIMessage]:
    """Ask several models at once, side by side; the conversation goes on with the first one's answer.

    Raises:
        ConfigurationError: there are tools: they would run on another thread than the cell's.
        Stopped: the user pressed stop; all of them are stopped.
        ChatError: none of them answered.
    """
    if chat.tools:
        raise ConfigurationError("several models at once take no tools: ask them one after another")
    forks = [chat.fork() for _ in models]
    for fork, model in zip(forks, models, strict=True):
        fork.model = model
    views = [AnswerView(_name(model), question.page) for model in models]
    params = {"system": question.system, **question.params}
    errors: list[Exception] = []
    try:
        with _drawn(views, lambda streaming: side_by_side.bundle(views, streaming=streaming)) as redraw:

            def take(number: int, event: Any) -> None:
                if isinstance(event, Exception):
                    errors.append(event)
                    views[number].fail(event)
                    views[number].finish("not finished")
                else:
                    views[number].add(event)
                redraw()

            side_by_side.ask_chats(forks, question.prompt, params, take)
    finally:
        chat.messages = forks[0].messages
    if len(errors) == len(models):
        raise errors[0]
    return [fork.messages[-1] for fork in forks if fork.messages and isinstance(fork.messages[-1], AIMessage)]


def ask_for_value(chat: Chat, question: Question, schema: Any) -> Any:
    """Ask for an answer of this form, and draw its fields as they come; return the value.

    Raises:
        StructuredOutputError: the answer does not fit the form.
        Stopped: the user pressed stop.
    """
    view = AnswerView(_name(chat.model))
    messages = question.messages(chat)
    model: Any = chat.model
    found: dict[str, Any] = {}
    with _drawn([view], lambda streaming: view.bundle(streaming=streaming)) as redraw:
        structured = model.bind(**question.params).with_structured_output(schema, include_raw=True)
        for found in structured.stream(messages):
            if found["parsed"] is not None:
                view.show_value(found["parsed"])
            redraw()
        if found.get("parsing_error") is not None:
            raise found["parsing_error"]
        view.note_answer(found["raw"])
    raw = found["raw"]
    kept = AIMessage(to_json(found["parsed"], fallback=str).decode(), usage_metadata=raw.usage_metadata)
    kept.response_metadata = {k: v for k, v in raw.response_metadata.items() if k != "wire"}
    chat.messages += [messages[-1], kept]
    return found["parsed"]


@contextmanager
def _drawn(views: list[AnswerView], bundle: Callable[[bool], Bundle]) -> Iterator[Callable[[], None]]:
    """Draw now, whenever it is due, and at the end, however it comes."""
    display = LiveDisplay()

    def redraw() -> None:
        display.redraw(lambda: bundle(True))

    display.draw(bundle(True))
    note = ""
    try:
        yield redraw
    except KeyboardInterrupt:
        note = "stopped"
        raise Stopped("stopped; the part that came is kept in the conversation") from None
    except BaseException:
        note = "not finished"
        raise
    finally:
        for view in views:
            if not view.ended:
                view.finish(note)
        display.draw(bundle(False))


def _name(model: Any) -> str:
    return str(getattr(model, "model", "model"))
