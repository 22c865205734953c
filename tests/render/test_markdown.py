"""Markdown as models write it becomes semantic HTML that reads with and without styles."""

import pytest

from nbchat.notebook.render.code import LANGUAGES, code_html
from nbchat.notebook.render.markdown import markdown_html
from nbchat.notebook.render.safe import visible
from tests.render.page import parse, text


def test_headings_nest_under_those_of_the_notebook() -> None:
    page = parse(markdown_html("# a\n\n## b\n\n###### c"))
    assert [element.tag for element in page] == ["h3", "h4", "h6"]


def test_a_table_keeps_its_alignment_without_styles() -> None:
    page = parse(markdown_html("| a | b |\n|---|--:|\n| x<br>y | 1 |"))
    assert [cell.attrib.get("align") for cell in page.iter("td")] == [None, "right"]
    assert len(list(page.iter("br"))) == 1


def test_tasks_are_ticked() -> None:
    assert text(markdown_html("- [ ] open\n- [x] done")).split("\n")[1:3] == ["☐ open", "☑ done"]


def test_chemistry_reads_as_chemistry() -> None:
    assert "H<sub>2</sub>O" in markdown_html("H<sub>2</sub>O and x<sup>2+</sup>")


def test_code_is_marked_by_kind_and_reads_without_styles() -> None:
    page = markdown_html('```python\ndef f(x):\n    return "a" < x\n```')
    assert '<pre data-lang="python">' in page
    assert '<span class="k">def</span> <span class="nf">f</span>(x)' in page
    assert text(page) == 'def f(x):\n    return "a" < x\n\n'


@pytest.mark.parametrize(
    ("info", "language"), [("py", "python"), ("C++", "cpp"), ("sh title=x", "bash"), ("JSON", "json")]
)
def test_a_language_is_known_by_its_other_names(info: str, language: str) -> None:
    assert f'data-lang="{language}"' in markdown_html(f"```{info}\n1\n```")


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_no_character_of_code_is_lost(language: str) -> None:
    code = "\n\n  #! <a b='\"c\\\" /* ${x} {% \t%> --[[ ''' :: é\u2028 | \\\n\n"
    assert text(code_html(code, language)) == visible(code) + "\n"


def test_code_of_an_unknown_language_stays_plain() -> None:
    assert markdown_html("```brainfuck\n+<>\n```") == "<pre><code>+&lt;&gt;\n</code></pre>\n"


@pytest.mark.parametrize(
    ("source", "url"),
    [
        ("See https://a.example/x_(y).", "https://a.example/x_(y)"),
        ("(https://a.example/x)", "https://a.example/x"),
        ("https://a.example/?q=1&r=2, and", "https://a.example/?q=1&r=2"),
        ("**https://a.example/x**", "https://a.example/x"),
        ("<https://a.example>", "https://a.example"),
        ("[x](https://a.example 'title')", "https://a.example"),
        ("[x][1]\n\n[1]: https://a.example", "https://a.example"),
        ("<x@a.example>", "mailto:x@a.example"),
    ],
)
def test_addresses_are_links(source: str, url: str) -> None:
    assert [link.attrib["href"] for link in parse(markdown_html(source)).iter("a")] == [url]


@pytest.mark.parametrize("source", ["xhttps://a.example", "`https://a.example`", "https://", "a://b"])
def test_what_is_no_address_is_no_link(source: str) -> None:
    assert "<a" not in markdown_html(source)


def test_a_look_alike_host_is_shown_as_it_is() -> None:
    link = next(parse(markdown_html("<https://аpple.example/>")).iter("a"))  # noqa: RUF001 - a Cyrillic letter
    assert link.attrib["href"] == "https://xn--pple-43d.example/"


def test_line_ends_of_every_kind_are_the_same() -> None:
    assert markdown_html("a\r\n\r\n- b\r- c") == markdown_html("a\n\n- b\n- c")


def test_an_empty_answer_is_empty() -> None:
    assert markdown_html("") == ""
