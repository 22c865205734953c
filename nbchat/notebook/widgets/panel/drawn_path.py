"""The conversation as the page has it: its turns with their branches, each drawn once."""

from __future__ import annotations

from typing import Any

from nbchat.notebook.widgets.panel.branches import Branches, Turn
from nbchat.notebook.widgets.panel.drawn_turn import DrawnTurn, drawn
from nbchat.notebook.widgets.panel.live_turn import LiveTurn
from nbchat.values.messages import Message


class DrawnPath:
    """Turns of the past stay as they were drawn while their messages stay."""

    def __init__(self) -> None:
        self._drawn: dict[str, tuple[list[Message], DrawnTurn]] = {}

    def show(self, branches: Branches, live: LiveTurn | None) -> tuple[list[dict[str, Any]], dict[str, str]]:
        """What the page is told of each turn, and the HTML by slot.

        Of a turn: `id`; `at` and `of`, its place among its branches from 1; `asked`, whether there is a question to
        edit; `failed`, whether it was asked in vain.
        """
        turns: list[dict[str, Any]] = []
        slots: dict[str, str] = {}
        for turn in branches.path():
            about = {"id": turn.name, "at": turn.siblings.index(turn) + 1, "of": len(turn.siblings)}
            turns.append(about | {"asked": turn.question is not None, "failed": False})
            slots |= self._past(turn).slots(turn.name)
        if live is not None:
            turns.append({"id": live.name, "at": 1, "of": 1, "asked": True, "failed": not live.busy})
            slots |= live.drawn().slots(live.name)
        return turns, slots

    def html(self, branches: Branches, live: LiveTurn | None) -> list[str]:
        """Each turn as HTML."""
        shown = [self._past(turn) for turn in branches.path()]
        return [turn.html() for turn in ([*shown, live.drawn()] if live is not None else shown)]

    def _past(self, turn: Turn) -> DrawnTurn:
        messages, shown = self._drawn.get(turn.name, (None, None))
        if shown is None or messages != turn.messages:
            shown = drawn(turn.messages)
            self._drawn[turn.name] = list(turn.messages), shown
        return shown

    def keep(self, turn: Turn, live: LiveTurn) -> None:
        """A live turn is one of the past now: it keeps its name, and stays as it was drawn."""
        turn.name = live.name
        self._drawn[turn.name] = list(turn.messages), live.drawn()
