"""A growing answer: right at its end, calm on its way, cheap in between."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nbchat.notebook.render import code as code_module
from nbchat.notebook.render import stream as stream_module
from nbchat.notebook.render.code import GrowingCode, code_html
from nbchat.notebook.render.markdown import markdown_html
from nbchat.notebook.render.mend import mend_inline
from nbchat.notebook.render.stream import MarkdownStream
from tests.render.page import parse, text

_MARKS = [
    "*",
    "**",
    "_",
    "`",
    "```",
    "```python\n",
    "- ",
    "1. ",
    "> ",
    "# ",
    "---\n",
    "=\n",
    "    ",
    "  ",
    "\t",
    "\\",
    "~~",
]
_ENDS = ["\n", "\n\n", "\r\n", "\r", "\u00a0\n", "\u2028"]
_TABLES = ["| a | b |\n", "|---|---|\n", "| 1 | 2 |\n"]
_FORMULAS = ["$", "$$", "\\[", "\\]", "\\(", "\\)", "\\begin{a}", "\\end{a}", "x = 1\n"]
_LINKS = ["[x]", "[x]: https://a.example\n", "[x][y] ", "![i](https://b.example/i.png)", "https://c.example/d ", "[ ] "]
_WORDS = ["word ", "<br>", "<sub>2</sub>", "&amp;", "\ud83d", "\ude00", "é"]
_PIECES = [*_MARKS, *_ENDS, *_TABLES, *_FORMULAS, *_LINKS, *_WORDS]
_ANSWERS = st.lists(st.sampled_from(_PIECES), max_size=60).map("".join)


@settings(max_examples=400, deadline=None)
@given(_ANSWERS, st.lists(st.integers(0, 300), max_size=8), st.booleans())
@example("[x]\n\npara\n\n[x]: https://a.example\n", [6, 12], False)
@example("a\n\n\\[\n\nb\n\n\\]\n", [4, 6, 9], True)
@example("a\n\nb\r\n\r\n- c", [4, 5, 6, 7], False)
def test_the_cuts_leave_no_trace(answer: str, cuts: list[int], streaming: bool) -> None:
    stream, start = MarkdownStream(), 0
    for cut in [*sorted(cuts), len(answer)]:
        stream.feed(answer[start:cut])
        start = max(start, cut)
        if streaming:
            stream.html(streaming=True)
        else:
            assert stream.html() == markdown_html(answer[:cut])
    assert stream.html() == markdown_html(answer)


def test_allowed_hosts_are_allowed_in_every_block() -> None:
    stream = MarkdownStream(allow_hosts={"a.example"})
    stream.feed("![x](https://a.example/x.png)\n\n![y](https://a.example/y.png)\n\nend")
    assert len(list(parse(stream.html()).iter("img"))) == 2


def test_only_the_open_end_is_rendered_again(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    real = stream_module.clean
    monkeypatch.setattr(stream_module, "clean", lambda markup: sizes.append(len(markup)) or real(markup))
    stream = MarkdownStream()
    for number in range(300):
        stream.feed(f"## Part {number}\n\nSome *text* and `code`.\n\n- a\n- b\n\n")
        stream.html(streaming=True)
    assert len(stream.html()) > 25_000
    assert max(sizes) < 400


def test_growing_code_is_coloured_at_its_end_only(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "".join(f'def f{number}(x):\n    """One\n\n    two."""\n    return x  # why\n\n' for number in range(150))
    lexed: list[int] = []
    real = code_module._highlight
    monkeypatch.setattr(code_module, "_highlight", lambda code, name: (lexed.append(len(code)), real(code, name))[1])
    block, ends = GrowingCode(), range(50, len(code), 50)
    for end in ends:
        block.html(code[:end], "python")
    assert sum(lexed) < sum(ends) / 3
    assert block.html(code, "python") == code_html(code, "python")


def test_code_that_grows_within_a_long_string_has_the_colour_of_a_string() -> None:
    block = GrowingCode()
    block.html('x = """\nlong\n', "python")
    assert '<span class="s">text for</span>' in block.html('x = """\nlong\ntext for', "python")


def growing(answer: str) -> list[str]:
    """The text a reader sees at every character."""
    stream, seen = MarkdownStream(), []
    for character in answer:
        stream.feed(character)
        seen.append(stream.html(streaming=True))
    return seen


def test_emphasis_code_and_links_never_show_their_marks() -> None:
    for page in growing("Some **bold _and_ it**, `code x`, [a link](https://a.example/x) and ~~gone~~ text."):
        assert not set("*`[~_") & set(text(page))


def test_a_table_is_a_table_from_its_first_row_on() -> None:
    pages = growing("Here:\n\n| name | size |\n|------|-----:|\n| a | 1 |\n")
    started = next(index for index, page in enumerate(pages) if "<table" in page)
    assert started < len("Here:\n\n| name |")
    assert all("<table" in page and "--" not in text(page) for page in pages[started:])


def test_a_list_under_a_paragraph_is_never_a_heading_for_a_moment() -> None:
    assert not any("<h" in page for page in growing("Points\n- one\n- two\n\nLast\n=x"))


def test_a_fence_is_code_from_its_first_line_on_and_hides_its_half_closed_end() -> None:
    for page in growing("```python\nx = 1\n```\n\nDone."):
        assert "`" not in text(page)


@pytest.mark.parametrize(
    "formula", ["\\(a_1 + \\frac{b}{c}\\)", "\\[\n\\frac{a}{b}\n\\]", "$$\\frac{a}{b}$$", "$$\n\\frac{a}{b}\n$$"]
)
def test_half_a_formula_is_shown_as_source_and_not_typeset(formula: str) -> None:
    *halves, whole = growing("So: \n\n" + formula)[8:]
    assert all('class="math"' not in page for page in halves)
    assert 'class="math"' in whole


@pytest.mark.parametrize(
    ("half", "mended"),
    [
        ("a **b", "a **b**"),
        ("a **b*", "a **b**"),
        ("a **b _c", "a **b _c_**"),
        ("a ***b", "a ***b***"),
        ("2 * 3 and snake_case", "2 * 3 and snake_case"),
        ("**a** b", "**a** b"),
        ("`a **b", "`a **b`"),
        ("``a ` b", "``a ` b``"),
        ("\\*a", "\\*a"),
        ("see [the", "see the"),
        ("see [the](htt", "see the"),
        ("see ![the](htt", "see "),
        ("x[0] = y[1", "x[0] = y[1"),
        ("cost $5", "cost $5"),
        ("$a*b$ is 2*3 and \\(*c", "$a*b$ is 2*3 and `` \\(*c ``"),
    ],
)
def test_the_end_is_mended(half: str, mended: str) -> None:
    assert mend_inline(half) == mended
