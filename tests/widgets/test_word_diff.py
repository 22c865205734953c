"""Differences word by word: what is marked, and that long texts take no long time."""

from __future__ import annotations

import random
import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbchat.notebook.widgets.compare.word_diff import _changes, word_diff


def shown(old: str, new: str) -> str:
    return word_diff(old, new).removeprefix('<div class="words">').removesuffix("</div>")


@pytest.mark.parametrize(
    ("old", "new", "marked"),
    [
        ("a good day", "a bad day", "a <del>good</del> <ins>bad</ins> day"),
        ("same\n\nwords", "same words", "same words"),
        ("", "new", "<ins>new</ins>"),
        ("old", "", "<del>old</del>"),
        ("My blue cat", "Your blue dog", "<del>My</del> <ins>Your</ins> blue <del>cat</del><ins>dog</ins>"),
        ("今日は雨です", "今日は晴です", "今日は<del>雨</del><ins>晴</ins>です"),
        ("Ja, gern.", "Ja – gern!", "Ja <del>,</del> <ins>–</ins> gern<del>.</del><ins>!</ins>"),  # noqa: RUF001
    ],
)
def test_what_differs_is_marked(old: str, new: str, marked: str) -> None:
    assert shown(old, new) == marked


def test_crumbs_between_great_changes_are_not_told_apart() -> None:
    assert shown("whales sing in deep seas", "parrots talk in busy homes").count("<ins>") == 1
    phrase = "communicate by a rich system of sounds"
    assert f" {phrase} " in shown(f"{'old ' * 20}{phrase}{' end' * 20}", f"{'new ' * 20}{phrase}{' stop' * 20}")


def test_hostile_words_are_text() -> None:
    assert "<script>" not in word_diff("x", "<script>alert(1)</script>")


TEXTS = st.text(alphabet="ab .,\n今日<&é", max_size=60)


@given(TEXTS, TEXTS)
def test_the_new_text_is_whole_without_what_is_deleted(old: str, new: str) -> None:
    kept = re.sub("<del>.*?</del>", "", word_diff(old, new), flags=re.S)
    assert "".join(unescape(re.sub("<[^>]*>", "", kept)).split()) == "".join(new.split())


def test_a_hundred_thousand_words_take_few_steps() -> None:
    pick = random.Random(1)
    same = [f"w{pick.randrange(3000)}" for _ in range(100_000)]
    other = [word if pick.random() < 0.98 else "changed" for word in same]
    assert 1000 < word_diff(" ".join(same), " ".join(other)).count("<ins>") < 2500
    two = [[pick.choice("ab") for _ in range(100_000)] for _ in range(2)]
    assert len(_changes(*two)) < 1000  # nothing to go by: it gives up in time
