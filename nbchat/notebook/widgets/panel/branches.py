"""A conversation as a tree of turns: what was asked again or otherwise stays, and can be gone back to."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from nbchat.values.messages import HumanMessage, Message

_NUMBERS = count(1)


def new_name() -> str:
    """A name for a turn that no other has."""
    return f"t{next(_NUMBERS)}"


class Turn:
    """A question and all that came of it, with the turns that followed.

    Attributes:
        name: what the page calls it.
        messages: the question (where there is one) and what came of it.
        children: what followed; `chosen` is the one that the conversation went on with.
    """

    def __init__(self, messages: Sequence[Message], parent: Turn | None = None) -> None:
        self.name = new_name()
        self.messages = list(messages)
        self.parent = parent
        self.children: list[Turn] = []
        self.chosen: Turn | None = None

    @property
    def question(self) -> HumanMessage | None:
        """What was asked."""
        first = self.messages[0] if self.messages else None
        return first if isinstance(first, HumanMessage) else None

    @property
    def siblings(self) -> list[Turn]:
        """This turn and its alternatives, in the order they came."""
        return self.parent.children if self.parent is not None else [self]


class Branches:
    """All turns; `path` is the conversation as it is now."""

    def __init__(self) -> None:
        self.root = Turn([])

    def path(self) -> list[Turn]:
        """The chosen turns from the first to the last."""
        path, turn = [], self.root.chosen
        while turn is not None:
            path.append(turn)
            turn = turn.chosen
        return path

    def messages(self) -> list[Message]:
        """The history that the path is."""
        return [message for turn in self.path() for message in turn.messages]

    def all_messages(self) -> list[Message]:
        """Those of every branch."""
        found, ahead = [], [self.root]
        while ahead:
            turn = ahead.pop()
            found += turn.messages
            ahead += turn.children
        return found

    def before(self, turn: Turn) -> list[Message]:
        """The history up to a turn of the path."""
        path = self.path()
        return [message for earlier in path[: path.index(turn)] for message in earlier.messages]

    def adopt(self, messages: Sequence[Message]) -> None:
        """Make this history the path; turns that are not in the tree become new branches."""
        at = self.root
        for turn in turns(messages):
            found = next((child for child in at.children if _begins(turn, child.messages)), None)
            if found is None:
                found = Turn(turn, at)
                at.children.append(found)
            found.messages = turn
            at.chosen = found
            at = found
        at.chosen = None

    def choose(self, turn: Turn) -> None:
        """Go over to a turn, and to what followed it when it was last left."""
        at = turn
        while at.parent is not None:
            at.parent.chosen = at
            at = at.parent
        at = turn
        while at.children:
            at.chosen = at.chosen or at.children[-1]
            at = at.chosen

    def __repr__(self) -> str:
        turns, ahead, ends = 0, list(self.root.children), 0
        while ahead:
            turn = ahead.pop()
            turns, ends, ahead = turns + 1, ends + (not turn.children), ahead + turn.children
        return f"<Branches: {turns} turn{'s' * (turns != 1)}, {ends} branch{'es' * (ends != 1)}>"


def turns(messages: Sequence[Message]) -> list[list[Message]]:
    """A history cut before each question."""
    out: list[list[Message]] = []
    for message in messages:
        if isinstance(message, HumanMessage) or not out:
            out.append([])
        out[-1].append(message)
    return out


def _begins(whole: Sequence[Message], start: Sequence[Message]) -> bool:
    return len(start) <= len(whole) and all(a is b for a, b in zip(whole, start, strict=False))
