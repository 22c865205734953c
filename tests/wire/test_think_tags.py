"""Reasoning between `<think>` tags, in every cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbchat.values.gathering import Gathering
from nbchat.wire.think_tags import MAX_BLANK, ThinkTags


def read(*pieces: str) -> tuple[str, str]:
    """(reasoning, text)"""
    tags, whole = ThinkTags(), Gathering()
    for piece in pieces:
        for chunk in tags.feed(piece):
            whole.add(chunk)
    for chunk in tags.close():
        whole.add(chunk)
    message = whole.message()
    return message.reasoning, message.text


@pytest.mark.parametrize(
    ("answer", "reasoning", "text"),
    [
        ("<think>\nHm.\n</think>\n\nHello", "\nHm.\n", "Hello"),
        ("\n <think>Hm.</think>Hello", "Hm.", "Hello"),
        ("Hello <think>Hm.</think>", "", "Hello <think>Hm.</think>"),
        ("<think>never ends </thin", "never ends </thin", ""),
        ("<thin ice", "", "<thin ice"),
        ("<think></think>Hello", "", "Hello"),
        ("  ", "", "  "),
        ("a < b", "", "a < b"),
        ("<think>a</thin</think>b", "a</thin", "b"),
    ],
)
def test_what_is_reasoning_and_what_is_text(answer: str, reasoning: str, text: str) -> None:
    assert read(answer) == (reasoning, text)
    assert read(*answer) == (reasoning, text)


@given(st.text(alphabet="<>/think \n", max_size=60), st.integers(1, 7))
def test_cuts_change_nothing(answer: str, size: int) -> None:
    assert read(*(answer[i : i + size] for i in range(0, len(answer), size))) == read(answer)


def test_text_goes_on_at_once_when_no_tag_can_come() -> None:
    tags = ThinkTags()
    assert [c.text for c in tags.feed("<b")] == ["<b"]
    assert [c.text for c in tags.feed("<")] == ["<"]


def test_white_space_is_not_held_for_ever() -> None:
    tags = ThinkTags()
    told = "".join(chunk.text for _ in range(MAX_BLANK + 10) for chunk in tags.feed(" "))
    assert len(told) == MAX_BLANK + 10
