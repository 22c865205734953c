"""JSON objects in a model's text, whole and growing, and values made of what has come."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from nbchat.values.loose_json import find_object, growing_object
from nbchat.values.partial import partial_value

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(), VALUES, max_size=4)


class TestFind:
    @given(value=OBJECTS, before=st.text().filter(lambda text: "{" not in text), after=st.text())
    @settings(max_examples=100, deadline=None)
    def test_an_object_with_prose_around_it_is_found(self, value: dict[str, Any], before: str, after: str) -> None:
        assert find_object(before + json.dumps(value) + after) == value

    @given(value=OBJECTS, cut=st.floats(0, 1))
    @settings(max_examples=100, deadline=None)
    def test_of_a_cut_object_nothing_is_found(self, value: dict[str, Any], cut: float) -> None:
        text = json.dumps(value)
        assert find_object(text[: int(cut * (len(text) - 1))]) is None

    def test_a_fence_and_braces_in_prose_do_not_matter(self) -> None:
        assert find_object('Use {name}:\n```json\n{"a": {"b": 1}}\n```') == {"a": {"b": 1}}

    def test_line_breaks_in_strings_are_read(self) -> None:
        assert find_object('{"poem": "one\ntwo"}') == {"poem": "one\ntwo"}

    @pytest.mark.parametrize("text", ["", "no", "{", "{no}", "[1, 2]", "{" * 100_000, '{"a":' * 100_000])
    def test_where_there_is_none_there_is_none(self, text: str) -> None:
        assert find_object(text) is None


class TestGrow:
    @given(value=OBJECTS)
    @settings(max_examples=50, deadline=None)
    def test_it_grows_to_the_whole(self, value: dict[str, Any]) -> None:
        text = json.dumps(value)
        for end in range(1, len(text) + 1):
            assert growing_object(text[:end]) is not None
        assert growing_object(text + "\n```") == value

    def test_a_cut_string_is_shown(self) -> None:
        assert growing_object('```json\n{"title": "Incep') == {"title": "Incep"}


class Actor(BaseModel):
    name: str
    role: str = "unknown"


@dataclass(frozen=True)
class Point:
    x: float
    labels: list[str] = field(default_factory=list)


class Whole(BaseModel):
    actors: list[Actor]
    lead: Actor | None
    by_name: dict[str, Actor]
    point: Annotated[Point, "where"]
    either: Actor | Point | None = None
    kind: str = Field(alias="class")


class TestPartial:
    def test_what_has_not_come_is_its_default_or_none(self) -> None:
        actor = partial_value(Actor, {})
        assert isinstance(actor, Actor)
        assert (actor.name, actor.role, actor.model_fields_set) == (None, "unknown", set())
        assert partial_value(Point, {}) == Point(None, [])  # type: ignore[arg-type]

    def test_types_within_types_are_the_users_own(self) -> None:
        came = {"actors": [{"name": "Leo"}], "lead": {"role": "Cobb"}, "by_name": {"leo": {}}, "point": {"x": 1}}
        whole = partial_value(Whole, came | {"class": "a"})
        assert isinstance(whole.actors[0], Actor)
        assert (whole.lead.name, whole.lead.role) == (None, "Cobb")
        assert isinstance(whole.by_name["leo"], Actor)
        assert whole.point == Point(1)
        assert whole.kind == "a"
        assert list(whole.__dict__) == ["actors", "lead", "by_name", "point", "either", "kind"]

    def test_where_the_type_cannot_be_told_it_stays_a_dict(self) -> None:
        assert partial_value(Whole, {"either": {"x": 1}}).either == {"x": 1}

    def test_a_value_of_another_shape_stays_as_it_is(self) -> None:
        assert partial_value(Actor, "text") == "text"
        assert partial_value(Whole, {"actors": 3}).actors == 3
        assert partial_value(dict, {"a": 1}) == {"a": 1}
