"""Asking the person at the notebook before a tool runs."""

from __future__ import annotations

from typing import Any


def ask_user(name: str, args: dict[str, Any]) -> bool | str:
    """True to run it, False to decline, or the reason given. Where nobody can be asked, it is declined."""
    shown = ", ".join(f"{key}={value!r}" for key, value in args.items())
    try:
        said = input(f"Run {name}({shown})? [y]es, [n]o, or why not: ").strip()
    except (EOFError, RuntimeError, NotImplementedError):  # a notebook that runs with nobody there
        return "nobody was there to approve it"
    if said.lower() in ("y", "yes"):
        return True
    return False if said.lower() in ("", "n", "no") else said
