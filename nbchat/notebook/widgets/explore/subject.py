"""What `explore` was given: an answer with its probabilities, and, where they are known, its model and its question."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nbchat.model.chat import Chat
from nbchat.model.chat_model import ChatModel
from nbchat.model.init import init_chat_model
from nbchat.model.verbs import Verbs
from nbchat.notebook.widgets.notebook import chat_options, notebook_chat
from nbchat.values.errors import ConfigurationError, UnsupportedError
from nbchat.values.logprobs import Logprobs
from nbchat.values.messages import AIMessage, Message, SystemMessage
from nbchat.values.reading import read_messages

_HOW = "ask for them, as in `%%chat --logprobs 5`, or with model.bind(logprobs=True, top_logprobs=5)"

_ALL = "explore(answer, model, messages)"


@dataclass(frozen=True)
class Subject:
    """An answer and its tokens; who goes on with it, and the conversation before it, or None where not known."""

    message: AIMessage
    table: Logprobs
    model: Verbs[AIMessage] | None
    history: list[Message] | None
    params: dict[str, Any]  # of the model's calls

    def obstacle(self) -> tuple[str, bool]:
        """Why the answer cannot go on from a token (empty where it can), and whether the model can be told to."""
        model = self.model
        if model is None:
            return f"no model is known to continue this answer: give {_ALL}", False
        if self.history is None:
            return f"it is not known what this answers, so it cannot go on: give {_ALL}", False
        if not isinstance(model, ChatModel):
            return "", True  # what a model made of others can do is seen when it is asked
        if problem := _refusal(model):
            return f"{problem}, so a branch could not be shown: give another model, explore(answer, model).", False
        if _refusal(model, prefill=True):
            name = f"{model.provider}:{model.model}"
            return f"{name} has no prefill: it does not go on from the middle of an answer.", True
        return "", True


def _refusal(model: ChatModel, **params: Any) -> str:
    """What a model says to a stream with logprobs, where it does not take it."""
    try:
        model.call([], stream=True, logprobs=True, **params)
    except UnsupportedError as error:
        return str(error)
    return ""


def find_subject(given: Any, model: Verbs[AIMessage] | str | None, messages: Any, params: dict[str, Any]) -> Subject:
    """The subject of `explore(given, model, messages, **params)`.

    Raises:
        ConfigurationError: there is no answer, or it has no logprobs; or the model is none.
    """
    if model is not None and not isinstance(model, str | Verbs):
        raise ConfigurationError(f"explore takes a model or its name to go on with, not {model!r:.80}")
    own = _notebook_chat()
    panel_params = getattr(given, "params", None)  # of a panel, for all its answers
    if isinstance(given, AIMessage):
        chat = own if own is not None and any(each is given for each in own.messages) else None
    else:
        chat = own if given is None else getattr(given, "chat", given)
        if not isinstance(chat, Chat):
            what = "nothing was asked yet" if given is None else f"this is a {type(given).__name__}"
            raise ConfigurationError(f"explore takes an answer or a chat, and {what}")
        given = next((m for m in reversed(chat.messages) if isinstance(m, AIMessage) and m.logprobs is not None), None)
        if given is None:
            raise ConfigurationError(f"this conversation has no answer with logprobs: {_HOW}")
    table = given.logprobs
    if not table:
        raise ConfigurationError(f"this answer has no logprobs: {_HOW}")
    history = None if messages is None else read_messages(messages)
    if chat is not None:
        if model is None:
            options = panel_params if panel_params is not None else chat_options() if chat is own else {}
            model, params = chat.model, {**options, **params}
        history = _before(given, chat) if history is None else history
    return Subject(given, table, init_chat_model(model) if isinstance(model, str) else model, history, params)


def _notebook_chat() -> Chat | None:
    """The conversation of the `%%chat` cells, where there are any."""
    try:
        return notebook_chat(None, None, None)
    except ConfigurationError:
        return None


def _before(message: AIMessage, chat: Chat) -> list[Message]:
    place = next(place for place, each in enumerate(chat.messages) if each is message)
    return [*([SystemMessage(chat.system)] if chat.system else []), *chat.messages[:place]]
