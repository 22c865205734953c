"""`%chat` with a word: what it shows of the conversation, and what it does to it."""

from __future__ import annotations

from typing import Any

from nbchat.model.chat import Chat
from nbchat.notebook.options import help_text
from nbchat.notebook.render.article import article
from nbchat.notebook.render.facts import facts_html
from nbchat.notebook.render.safe import escape_text
from nbchat.notebook.session import Session
from nbchat.notebook.transcript import transcript
from nbchat.values.errors import ConfigurationError
from nbchat.values.quantities import dollars


def run_command(session: Session, words: list[str]) -> dict[str, str] | None:
    """Do what the words say; return what there is to show, or None where they are no command."""
    match words:
        case []:
            return _state(session)
        case ["help"]:
            return _pre(help_text())
        case ["history"]:
            return transcript(_chat(session).messages)
        case ["usage"]:
            return _facts(_usage(_chat(session)))
        case ["reset"]:
            _chat(session).reset()
            return _facts({session.name: "forgotten"})
        case ["undo"]:
            return _facts({"taken back": f"{len(_chat(session).undo())} messages"})
        case ["save", path]:
            _chat(session).save(path)
            return _facts({"saved": path})
        case ["load", path]:
            session.chats[session.name] = Chat.load(path, model=session.model)
            return _facts({"loaded": f"{len(_chat(session).messages)} messages from {path}"})
        case ["models"]:
            return _pre("\n".join(session.current_model().list_models()))
        case ["save" | "load"]:
            raise ConfigurationError(f"%chat {words[0]} takes a file, as in `%chat {words[0]} talk.json`")
    return None


def _chat(session: Session) -> Chat:
    if session.chat is None:
        raise ConfigurationError("there is no conversation yet: ask something in a %%chat cell")
    return session.chat


def _state(session: Session) -> dict[str, str]:
    facts = {
        "model": f"{session.model.provider}:{session.model.model}" if session.model else "none yet: `%chat MODEL`",
        "conversation": f"{session.name}, {len(session.chat.messages) if session.chat else 0} messages",
        "system": session.system or "none",
        "tools": ", ".join(getattr(each, "__name__", getattr(each, "name", "?")) for each in session.tools) or "none",
        **{key.replace("_", " "): str(value) for key, value in session.options.items()},
    }
    others = [name for name in session.chats if name != session.name]
    return _facts(facts | ({"others": ", ".join(others)} if others else {}))


def _usage(chat: Chat) -> dict[str, str]:
    usage, cost = chat.usage, chat.cost_usd
    facts = {"in": f"{usage.input_tokens:,} tokens", "out": f"{usage.output_tokens:,} tokens"}
    if usage.cache_read_tokens:
        facts["cached"] = f"{usage.cache_read_tokens:,} tokens"
    return facts | {"cost": "unknown" if cost is None else dollars(cost)}


def _facts(facts: dict[str, str]) -> dict[str, str]:
    text = "\n".join(f"{key:<14} {value}" for key, value in facts.items())
    return {"text/html": facts_html(facts), "text/plain": text}


def _pre(text: str) -> dict[str, Any]:
    return {"text/html": article([f"<pre>{escape_text(text)}</pre>"], streaming=False), "text/plain": text}
