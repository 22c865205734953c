"""Hostile answers become harmless pages, whole and at every moment of their coming."""

import html

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbchat.notebook.render.code import code_html
from nbchat.notebook.render.footer import footer_html
from nbchat.notebook.render.markdown import markdown_html
from nbchat.notebook.render.safe import clean, escape_attribute, escape_text, whole_characters
from nbchat.notebook.render.stream import MarkdownStream
from tests.render.attacks import HOST, attacks
from tests.render.page import dangers, parse, text

ATTACKS = attacks()
SMALL = {name: payload for name, payload in ATTACKS.items() if not name.startswith("large: ")}
PNG = "data:image/png;base64,iVBORw0KGgo="


def test_the_corpus_is_wide() -> None:
    assert len(set(ATTACKS.values())) == len(ATTACKS) >= 200


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_harmless(name: str) -> None:
    assert dangers(markdown_html(ATTACKS[name])) == []


@pytest.mark.parametrize("name", SMALL)
def test_an_attack_is_harmless_while_it_comes(name: str) -> None:
    payload = SMALL[name][:400]
    stream = MarkdownStream()
    for start in range(0, len(payload), 5):
        stream.feed(payload[start : start + 5])
        assert dangers(stream.html(streaming=True)) == []


_OPENERS = ["> ", "- ", "| a |\n|---|\n| ", "# ", "**", "$", "\\(", "\\[\n", "```\n", "[", "![", "`", "\n\n"]


@pytest.mark.parametrize("prefix", _OPENERS)
def test_an_attack_is_harmless_wherever_it_stands(prefix: str) -> None:
    everything = "\n\n".join(prefix + payload for payload in SMALL.values())
    assert dangers(markdown_html(everything)) == []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(sorted(SMALL.values())) | st.sampled_from([*_OPENERS, "\n", "](", "<", "*"])))
def test_attacks_in_any_mixture_are_harmless(parts: list[str]) -> None:
    assert dangers(markdown_html("".join(parts)[:4000])) == []


@pytest.mark.parametrize("name", SMALL)
def test_a_name_or_an_error_is_only_text(name: str) -> None:
    payload = SMALL[name][:2000]
    assert dangers(f"<p>{escape_text(payload)}</p>") == []
    assert dangers(code_html(payload, payload)) == []
    page = parse(f'<p title="{escape_attribute(payload)}">x</p>')
    assert [dict(element.attrib).keys() for element in page.iter("p")] == [{"title"}]
    assert not list(parse(footer_html(payload, note=payload)).iter("img"))


@pytest.mark.parametrize("name", SMALL)
def test_the_last_gate_holds_alone(name: str) -> None:
    """Were the renderer fooled, `clean` would still stop elements, events and addresses. Formulas are not its part."""
    found = dangers(clean(whole_characters(SMALL[name][:2000])), frozenset({HOST}))
    assert [danger for danger in found if not danger.startswith(("formula", "link to None"))] == []


def test_the_inspector_sees_the_dangers_it_is_here_for() -> None:
    assert sum(bool(dangers(payload)) for name, payload in SMALL.items() if name.startswith("html: ")) > 70
    assert [name for name, payload in SMALL.items() if name.startswith("formula: h") and not dangers(payload)] == []


def test_a_remote_image_is_a_link_that_names_its_host() -> None:
    page = markdown_html("![a chart](https://charts.example/x.png?secret=1)")
    assert "<img" not in page
    assert text(page).strip() == "a chart (charts.example)"


def test_an_image_from_an_allowed_host_is_shown_without_telling_who_reads() -> None:
    page = markdown_html("![a chart](https://charts.example/x.png)", allow_hosts=frozenset({"charts.example"}))
    assert '<img src="https://charts.example/x.png" alt="a chart" loading="lazy" referrerpolicy="no-referrer">' in page


@pytest.mark.parametrize(
    "url",
    [
        "http://charts.example/x.png",
        "https://charts.example.attacker.invalid/x.png",
        "https://attacker.invalid/charts.example",
        "https://charts.example@attacker.invalid/x.png",
        "https://attacker.invalid\\@charts.example/x.png",
        "https://attacker.invalid#@charts.example/x.png",
        "//charts.example/x.png",
    ],
)
def test_an_address_that_only_looks_like_an_allowed_host_is_not_loaded(url: str) -> None:
    assert "<img" not in markdown_html(f"![x](<{url}>)", allow_hosts=frozenset({"charts.example"}))


def test_a_picture_in_the_answer_itself_is_shown() -> None:
    page = markdown_html(f"![a dot]({PNG})")
    assert dangers(page) == []
    assert [image.attrib["alt"] for image in parse(page).iter("img")] == ["a dot"]


def test_direction_overrides_in_code_are_seen() -> None:
    page = markdown_html("`a\u202eb`\n\n```python\nx = 1 # \u2066\n```")
    assert "a⟨U+202E⟩b" in page
    assert "⟨U+2066⟩" in page


def test_what_hides_in_a_name_is_shown() -> None:
    assert escape_text("get\u200b_weather\x1b[0m") == "get⟨U+200B⟩_weather⟨U+001B⟩[0m"


def test_joined_emoji_in_code_stay_whole() -> None:
    assert "<code>👩\u200d💻</code>" in markdown_html("`👩\u200d💻`")


def test_a_surrogate_pair_cut_in_two_is_one_character() -> None:
    stream = MarkdownStream()
    stream.feed("\ud83d")
    assert "\ufffd" in stream.html()
    stream.feed("\ude00")
    assert stream.html() == "<p>😀</p>\n"


def test_raw_html_is_shown_as_written() -> None:
    assert text(markdown_html("Use <b onclick=x>bold</b>.")).strip() == "Use <b onclick=x>bold</b>."
    assert html.escape("<b", quote=False) in markdown_html("Use <b onclick=x>bold</b>.")


def test_nothing_of_an_answer_is_lost_to_cleaning() -> None:
    answer = "a < b && c > d, <T>, vector<int>, `<x>`, 5 <6, <!-- note -->, &amp;lt;"
    assert text(markdown_html(answer)).strip() == "a < b && c > d, <T>, vector<int>, <x>, 5 <6, <!-- note -->, &lt;"
