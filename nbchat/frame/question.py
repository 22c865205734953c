"""What is asked, and where its answer belongs."""

from __future__ import annotations

from dataclasses import dataclass

from nbchat.values.messages import HumanMessage, Message

LONGEST_PROMPT = 1000  # characters of it that the journal shows


@dataclass(frozen=True, slots=True)
class Cell:
    """A place in the columns, and the question that belongs there: of a row, to a model, one of several samples."""

    place: int
    row: int
    answerer: int
    sample: int


@dataclass(frozen=True, slots=True)
class Question:
    """A request that is asked once, for the first of the places that want its answer.

    Attributes:
        key: names the whole request.
    """

    key: str
    cell: Cell
    messages: list[Message]

    @property
    def shown(self) -> str:
        """What the journal shows of the prompt."""
        said = next((each.text for each in reversed(self.messages) if isinstance(each, HumanMessage)), "")
        return said if len(said) <= LONGEST_PROMPT else said[: LONGEST_PROMPT - 1] + "…"
