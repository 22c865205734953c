"""The notebook's own state: its model and its conversation."""

from __future__ import annotations

import os
from typing import Any

from nbchat.model.chat import Chat
from nbchat.model.chat_model import ChatModel
from nbchat.model.init import init_chat_model
from nbchat.values.errors import ConfigurationError

NO_MODEL = (
    "there is no model yet: run `%chat local:smollm2-135m` for one on this machine that needs no key, "
    "or name a provider's, as in `%chat openai:gpt-5-nano`; the variable NBCHAT_MODEL sets one for every notebook"
)


class Session:
    """What `%chat` sets and `%%chat` uses."""

    def __init__(self) -> None:
        self.model: ChatModel | None = None
        self.system: str | None = None
        self.options: dict[str, Any] = {}
        self.chat: Chat | None = None

    def use(self, name: str, system: str | None, options: dict[str, Any]) -> None:
        """Set the session's model; the conversation goes on with it."""
        self.model = init_chat_model(name)
        if self.chat is not None:
            self.chat.model = self.model
        self.configure(system, options)

    def configure(self, system: str | None, options: dict[str, Any]) -> None:
        """Set what all cells from now on have in common."""
        if system is not None:
            self.system = system
            if self.chat is not None:
                self.chat.system = system
        self.options.update(options)

    def conversation(self, *, new: bool) -> Chat:
        """The conversation to go on with, or a new one.

        Raises:
            ConfigurationError: no model was chosen; says how to.
        """
        if self.chat is None or new:
            self.chat = Chat(self.current_model(), system=self.system)
        return self.chat

    def current_model(self) -> ChatModel:
        """The session's model, or the one that NBCHAT_MODEL names."""
        if self.model is None:
            name = os.environ.get("NBCHAT_MODEL")
            if not name:
                raise ConfigurationError(NO_MODEL)
            self.model = init_chat_model(name)
        return self.model
