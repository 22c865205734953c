"""A conversation in other forms: Markdown, a JSON file, and the source of a notebook cell."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from nbchat.model.chat import Chat
from nbchat.notebook.view import AnswerView
from nbchat.values.errors import ConfigurationError
from nbchat.values.messages import AIMessage, Message, ToolMessage

_FENCE = re.compile(r"^```[ \t]*(?:python|py|ipython)?[ \t]*\n(.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)


def as_markdown(messages: Sequence[Message]) -> str:
    """The conversation as Markdown, each speaker named."""
    out = []
    for message in messages:
        if isinstance(message, ToolMessage):
            out.append("\n".join(f"> {line}" for line in message.text.splitlines()))
            continue
        name = str(message.response_metadata.get("model_name") or "model") if isinstance(message, AIMessage) else "You"
        view = AnswerView("")
        view.add(AIMessage(message.content_blocks))
        out.append(f"**{name}**\n\n{view.body_markdown()}")
    return "\n\n".join(out)


def as_json(chat: Chat) -> str:
    """What `Chat.save` writes, and `Chat.load` reads."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "chat.json"
        chat.save(path)
        return path.read_text(encoding="utf-8")


def conversation(chat: Chat, kind: str) -> dict[str, Any]:
    """The conversation for the page: "markdown" or "json" as a file, "cell" as a new cell."""
    match kind:
        case "markdown":
            return {"file": {"name": "chat.md", "type": "text/markdown", "text": as_markdown(chat.messages)}}
        case "json":
            return {"file": {"name": "chat.json", "type": "application/json", "text": as_json(chat)}}
        case "cell":
            return {"cell": {"kind": "markdown", "source": as_markdown(chat.messages)}}
    raise ConfigurationError(f"a conversation is exported as messages, markdown, json or cell, not {kind!r}")


def answer(answers: Sequence[AIMessage], kind: str) -> dict[str, Any]:
    """The answers of a turn for the page: their text to "copy", else the last as a new cell."""
    if kind == "copy":
        return {"copy": "\n\n".join(message.text for message in answers if message.text)}
    cell, source = as_cell(answers[-1])
    return {"cell": {"kind": cell, "source": source}}


def as_cell(message: Message) -> tuple[str, str]:
    """(kind, source) of a new cell: the Python of an answer as code, or the answer as Markdown."""
    code = [block.rstrip("\n") for block in _FENCE.findall(message.text)]
    return ("code", "\n\n".join(code)) if code else ("markdown", message.text)
