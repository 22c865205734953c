"""A comparison as a JSON file: prompts, answers, votes and notes. Never a key."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from pydantic_core import to_json

from nbchat.model.chat_file import model_fields, named_model
from nbchat.model.init import init_chat_model
from nbchat.notebook.widgets.contest import Answer, Contest, Contestant
from nbchat.values.errors import ConfigurationError
from nbchat.values.messages import AIMessage
from nbchat.values.reading import message_from_dict

FORMAT, VERSION = "nbchat.compare", 1


def write_contest(contest: Contest, path: str | os.PathLike[str]) -> None:
    """Write the file whole or not at all; an answer that is still being written is left out."""
    models = [{"label": c.label, "model": model_fields(c.model), "system": c.system} for c in contest.contestants]
    answers = [
        {"prompt": p, "contestant": c, "error": a.error, "message": a.message.to_dict() if a.message else None}
        for (p, c), a in contest.answers.items()
        if not a.running
    ]
    whole = {
        "format": FORMAT,
        "version": VERSION,
        "blind": contest.blind,
        "seed": contest.seed,
        "models": models,
        "prompts": contest.prompts,
        "answers": answers,
        "revealed": sorted(contest.revealed),
        "votes": list(contest.votes.items()),
        "notes": list(contest.notes.items()),
    }
    target = Path(path).expanduser()
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    beside.write_bytes(to_json(whole, indent=1, fallback=str))
    os.replace(beside, target)


def read_contest(path: str | os.PathLike[str], contestants: list[Contestant] | None) -> Contest:
    """The comparison in a file; its models by their names, unless they are given again.

    Raises:
        ConfigurationError: it is no such file, or a model has to be given again.
    """
    source = Path(path).expanduser()
    try:
        whole = json.loads(source.read_text(encoding="utf-8"))
        if whole["format"] != FORMAT or whole["version"] != VERSION:
            raise ValueError(f"its format is {whole['format']!r} {whole['version']!r}")
        found = contestants or [_contestant(each, source) for each in whole["models"]]
        contest = Contest(found, whole["prompts"], blind=whole["blind"], seed=whole["seed"])
        if len(found) != len(whole["models"]):
            raise ConfigurationError(f"{source} compares {len(whole['models'])} models, and {len(found)} are given")
        contest.answers = {(each["prompt"], each["contestant"]): _answer(each) for each in whole["answers"]}
        contest.votes = dict(whole["votes"])
        contest.notes = dict(whole["notes"])
        contest.revealed = set(whole["revealed"])
    except OSError as error:
        raise ConfigurationError(f"{source} cannot be read: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, ConfigurationError):
            raise
        raise ConfigurationError(f"{source} is not a comparison saved by nbchat: {error!r}") from None
    return contest


def _contestant(saved: dict[str, Any], path: Path) -> Contestant:
    try:
        name, options = named_model(saved["model"], path)
    except ConfigurationError as error:
        raise ConfigurationError(str(error).partition(": give it again")[0] + ": give the models again") from None
    return Contestant(saved["label"], init_chat_model(name, **options), saved["system"])


def _answer(saved: dict[str, Any]) -> Answer:
    message = message_from_dict(saved["message"]) if saved["message"] else None
    out = Answer.whole(message) if isinstance(message, AIMessage) else Answer()
    if saved["error"]:
        out.error = saved["error"]
        name, _, text = saved["error"].partition(": ")
        out.view.fail(type(name, (Exception,), {})(text))
    out.view.ended = True
    return out
