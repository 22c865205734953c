"""Values that are still coming, as instances of the user's own types."""

from __future__ import annotations

import enum
from typing import Any

import pytest
from pydantic import BaseModel

from nbchat.values.partial import partial_value


class Mood(enum.Enum):
    GOOD = "good"
    BAD = "bad"


class Review(BaseModel):
    stars: int
    mood: Mood | None = Mood.BAD
    moods: list[Mood] = []


@pytest.mark.parametrize(
    ("come", "mood"),
    [({}, Mood.BAD), ({"mood": "go"}, None), ({"mood": "good"}, Mood.GOOD), ({"mood": None}, None)],
)
def test_a_member_of_an_enum_is_one_or_none_at_any_moment(come: dict[str, Any], mood: Mood | None) -> None:
    assert partial_value(Review, come).mood is mood
    assert partial_value(Review, {"moods": ["bad", "go"]}).moods == [Mood.BAD, None]
