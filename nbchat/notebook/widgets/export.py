"""A conversation in other forms: Markdown, a JSON file, and the source of a notebook cell."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from nbchat.model.chat import Chat
from nbchat.notebook.view import AnswerView
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


def as_cell(message: Message) -> tuple[str, str]:
    """(kind, source) of a new cell: the Python of an answer as code, or the answer as Markdown."""
    code = [block.rstrip("\n") for block in _FENCE.findall(message.text)]
    return ("code", "\n\n".join(code)) if code else ("markdown", message.text)
