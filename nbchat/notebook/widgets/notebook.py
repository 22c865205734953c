"""What widgets need of the notebook they are in: its conversations, its variables, and word when a cell has run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nbchat.model.chat import Chat
from nbchat.values.errors import ConfigurationError


def notebook_chat(given: Any, name: str | None, system: str | None) -> Chat:
    """A chat of what was given; with a name, or nothing given, a conversation of the `%%chat` cells.

    Raises:
        ConfigurationError: nothing was given, and there are no such cells.
    """
    session = _session() if given is None or name is not None else None
    if given is None:
        if session is None:
            raise ConfigurationError("say which model, as in ChatPanel('openai:gpt-5-nano'), or run %load_ext nbchat")
        return session.conversation(name)
    chat = given if isinstance(given, Chat) else Chat(given, system=system, name=name)
    if session is not None and name is not None:
        session.chats[name] = chat
    return chat


def chat_options() -> dict[str, Any]:
    """The parameters that `%chat` set for every answer of its cells."""
    session = _session()
    return dict(session.options) if session is not None else {}


def used_models() -> list[str]:
    """Names of the models that the `%%chat` cells used, the latest first."""
    session = _session()
    return list(session.used) if session is not None else []


def user_names() -> dict[str, Any]:
    """The notebook's variables."""
    shell = _shell()
    return shell.user_ns if shell is not None else {}


def publisher() -> Callable[..., Any] | None:
    """What puts outputs into the running cell; None outside of a notebook."""
    shell = _shell()
    return shell.display_pub.publish if shell is not None else None


def when_cells_end(follow: Callable[[], None]) -> Callable[[], None]:
    """Call `follow` after each cell, until what is returned is called."""
    shell = _shell()
    if shell is None:
        return lambda: None

    def ended(*_: Any) -> None:
        follow()

    def forget() -> None:
        if ended in shell.events.callbacks["post_run_cell"]:
            shell.events.unregister("post_run_cell", ended)

    shell.events.register("post_run_cell", ended)
    return forget


def _session() -> Any:
    shell = _shell()
    magics = shell.magics_manager.registry.get("ChatMagics") if shell is not None else None
    return magics.session if magics is not None else None


def _shell() -> Any:
    from IPython.core.getipython import get_ipython

    return get_ipython()
