"""Tab completion on the line of `%chat` and `%%chat`: options, models, conversations, the notebook's own names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbchat.notebook.options import COMMANDS, cell_parser, line_parser, option_names
from nbchat.notebook.session import Session
from nbchat.providers.table import PROVIDERS

_NAMES = ("--tools", "--schema", "--image", "--to", "-o")
_MODELS = ("-m", "--model")


def completions(session: Session, names: Mapping[str, Any], line: str) -> list[str]:
    """What may stand where the line ends."""
    words = line.split()
    magic = words[0] if words else ""
    before = words[-1] if line[-1:].isspace() else (words[-2] if len(words) > 1 else "")
    if before in _MODELS:
        return models(session)
    if before in _NAMES:
        return [name for name in names if not name.startswith("_")]
    if before == "--chat":
        return list(session.chats)
    if before == "--think":
        return ["low", "medium", "high", "off"]
    if magic == "%%chat":
        return option_names(cell_parser())
    first = [*models(session), *(command.split()[0] for command in COMMANDS)] if before == magic else []
    return first + option_names(line_parser())


def models(session: Session) -> list[str]:
    """Models used in this session, the one on this machine, and the providers."""
    return list(dict.fromkeys([*session.used, "local:smollm2-135m", *(f"{name}:" for name in PROVIDERS)]))
