"""The footer, the style sheet and the element around an answer."""

import re

import pytest

from nbchat.notebook.render.article import article
from nbchat.notebook.render.footer import footer_html, footer_text
from nbchat.notebook.render.style import style_tag
from nbchat.values.quantities import dollars, duration
from tests.render.page import formulas, parse, text


def test_the_footer_is_one_calm_line() -> None:
    line = footer_text(
        "claude-sonnet-4-6",
        input_tokens=412,
        cached=380,
        output_tokens=1231,
        reasoning=148,
        cost_usd=0.0011,
        first_token_s=0.6,
        seconds=3.21,
        tokens_per_s=84.4,
        note="stopped",
    )
    assert line.split("   ") == [
        "claude-sonnet-4-6",
        "412 in · 380 cached",
        "1,231 out · 148 reasoning",
        "$0.0011",
        "first token 0.6 s",
        "3.2 s",
        "84 tok/s",
        "stopped",
    ]


def test_what_is_unknown_is_left_out() -> None:
    assert footer_text("m", input_tokens=0, output_tokens=None, cost_usd=None) == "m   0 in"


def test_the_footer_reads_without_styles_and_is_no_formula() -> None:
    line = footer_html("m", cost_usd=0.5, note="budget $2")
    assert text(line) == "m\u2003$0.50\u2003budget $2"
    assert formulas(parse(line)) == []


@pytest.mark.parametrize(
    ("cost", "shown"),
    [
        (0, "free"),
        (0.0011, "$0.0011"),
        (0.00004, "$0.000040"),
        (0.0123, "$0.012"),
        (0.61, "$0.61"),
        (1234.5, "$1,234.50"),
    ],
)
def test_a_cost_shows_two_digits(cost: float, shown: str) -> None:
    assert dollars(cost) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.04, "40 ms"), (0.0999, "0.1 s"), (0.62, "0.6 s"), (9.96, "10 s"), (59.7, "1 min 0 s"), (200, "3 min 20 s")],
)
def test_a_duration_is_short(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def test_the_style_touches_only_what_is_ours_loads_nothing_and_is_small() -> None:
    style = style_tag()
    rules = re.findall(r"([^{}]+)\{", style.removeprefix("<style>"))
    assert all(part.startswith(".nbchat") for rule in rules for part in re.split(r",(?![^(]*\))", rule))
    assert "url(" not in style
    assert "@import" not in style
    assert len(style) < 5000


def test_an_article_is_announced_politely_and_busy_while_it_grows() -> None:
    growing, done = (next(parse(article(["<p>x</p>"], streaming=busy)).iter("div")) for busy in (True, False))
    assert growing.attrib == {
        "class": "nbchat",
        "role": "article",
        "aria-label": "Answer",
        "aria-live": "polite",
        "aria-busy": "true",
    }
    assert done.attrib["aria-busy"] == "false"
    assert article([], streaming=False).count("<style>") == 1
