"""The notebook's own state: its model, its settings and its conversations."""

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
MAIN = "main"
# Options that belong to the model itself, and not to its single calls.
_MAKING = ("base_url", "timeout", "max_retries", "proxy", "region_name", "azure_deployment", "api_version")


class Session:
    """What `%chat` sets and `%%chat` uses."""

    def __init__(self) -> None:
        self.model: ChatModel | None = None
        self.system: str | None = None
        self.options: dict[str, Any] = {}
        self.tools: list[Any] = []
        self.approve = False
        self.name = MAIN
        self.chats: dict[str, Chat] = {}
        self.used: list[str] = []  # models, the latest first

    @property
    def chat(self) -> Chat | None:
        """The conversation that cells go on with."""
        return self.chats.get(self.name)

    def use(self, name: str) -> None:
        """Set the session's model; all conversations go on with it."""
        self.model, self.options = self.made(name, self.options)
        for chat in self.chats.values():
            chat.model = self.model

    def made(self, name: str, options: dict[str, Any]) -> tuple[ChatModel, dict[str, Any]]:
        """A model of this name, and what is left of the options when it is made."""
        making = {key: options[key] for key in _MAKING if key in options}
        model = init_chat_model(name, **making)
        self.used = [name, *(each for each in self.used if each != name)]
        return model, _of_calls(options)

    def conversation(self, name: str | None, *, new: bool = False, named: ChatModel | None = None) -> Chat:
        """The conversation of this name, or the current one; begun where there is none.

        Args:
            new: begin it afresh.
            named: a model that the cell names; the session's from now on, where it has none yet.

        Raises:
            ConfigurationError: no model was chosen; says how to.
        """
        name = name or self.name
        if new or name not in self.chats:
            self.chats[name] = Chat(self.current_model(named), system=self.system, name=name)
        return self.chats[name]

    def current_model(self, named: ChatModel | None = None) -> ChatModel:
        """The session's model; where there is none yet, the one that NBCHAT_MODEL names, or this one."""
        if self.model is None:
            if name := os.environ.get("NBCHAT_MODEL"):
                self.use(name)
            elif named is not None:
                self.model, self.options = named, _of_calls(self.options)
            else:
                raise ConfigurationError(NO_MODEL)
        assert self.model is not None
        return self.model


def _of_calls(options: dict[str, Any]) -> dict[str, Any]:
    """Without those that a model is made with."""
    return {key: value for key, value in options.items() if key not in _MAKING}
