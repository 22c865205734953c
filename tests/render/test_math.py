"""Formulas reach MathJax whole; money, code and hostile macros do not."""

import pytest

from nbchat.notebook.render.markdown import markdown_html
from nbchat.notebook.render.safe import escape_text
from tests.render.page import formulas, parse, text


def typeset(source: str) -> list[str]:
    return formulas(parse(markdown_html(source)))


@pytest.mark.parametrize(
    "formula",
    [
        "$a<b$",
        "$x_1 * y_2 * z_3$",
        "$a \\& b \\% c$",
        "$f(x) = \\{y \\mid [y](x) > 0\\}$",
        "$5$",
        "$5 x$",
        "$2\\times 10^{-3}\\text{ apples and pears}$",
        "$$E = mc^2$$",
        "\\(a_b*c*d_e\\)",
        "\\[ \\frac{a}{b} \\]",
        "\\begin{align} a &= b \\\\ c &= d \\end{align}",
        "$$\nx = y\nz\n$$",
        "\\[\n\\begin{pmatrix}\n1 & 2 \\\\\n3 & 4\n\\end{pmatrix}\n\\]",
        "\\begin{cases}\n1 & x < 0 \\\\\n2\n\\end{cases}",
    ],
)
@pytest.mark.parametrize(
    "around", ["{}", "Text before {} and after.", "Text:\n{}\nmore.", "- item {}", "> quote {}", "**bold** {}, *em*"]
)
def test_a_formula_reaches_the_page_as_it_is(formula: str, around: str) -> None:
    if "\n" in formula and around[:1] in "->":
        around = "{}"  # a formula of several lines is indented there: its own test
    assert typeset(around.format(formula)) == [formula]


def test_lines_that_look_like_lists_and_headings_stay_in_their_formula() -> None:
    formula = "\\[\nx = y\n= z\n- w\n# v\n> u\n| t |\n\\]"
    assert typeset(f"Text:\n{formula}\nmore.") == [formula]


def test_a_display_formula_in_a_list_or_a_quote_loses_the_indent_and_the_mark() -> None:
    assert typeset("1. First:\n   \\[\n   x = 1\n   \\]\n2. Then") == ["\\[\nx = 1\n\\]"]
    assert typeset("> $$\n> x = 1\n> $$") == ["$$\nx = 1\n$$"]


def test_a_formula_in_a_table_cell_and_in_a_heading() -> None:
    assert typeset("# The $x_1$\n\n| $a_1$ | b |\n|---|---|\n| $$c$$ | \\(d\\) |") == [
        "$x_1$",
        "$a_1$",
        "$$c$$",
        "\\(d\\)",
    ]


def test_a_full_stop_after_a_display_formula_belongs_to_it() -> None:
    assert text(markdown_html("$$\nx = y\n- z\n$$.")).strip() == "$$\nx = y\n- z\n$$."


@pytest.mark.parametrize(
    "prose",
    [
        "It costs $5 and $6.",
        "Between $5-$10 a month, US$5 or A$6.",
        "**$5** and **$6**",
        "From $5 up to $, and $ 5 $",
        "$HOME and $PATH:$HOME/$USER",
        "$5 million for the car and 10$",
        "Pay \\$5 or \\$6",
        "`$a$` and ``$b$``",
        "$a `code$` b",
        "see \\[1\\] and \\[2, 3\\]",
        "C:\\(x86\\_dir and \\\\(y\\\\)",
        "a \\ref{x} b \\begin{document} c",
    ],
)
def test_prose_is_not_a_formula(prose: str) -> None:
    assert typeset(prose) == []


def test_two_prices_in_names_and_errors_are_not_a_formula() -> None:
    assert formulas(parse(escape_text("$5 and $6 or \\(x\\)"))) == []


def test_code_is_left_alone() -> None:
    assert text(markdown_html("```latex\n\\[ x \\]\n```")) == "\\[ x \\]\n\n"
    assert typeset("```\n$$x$$\n```\n\n    $y$") == []


def test_a_formula_that_reaches_beyond_itself_is_shown_as_its_source() -> None:
    assert markdown_html(r"$\href{https://a.example}{x}$") == ("<p><code>$\\href{https://a.example}{x}$</code></p>\n")


def test_harmless_macros_with_similar_names_pass() -> None:
    assert typeset(r"$\textstyle\displaystyle\newline\Longrightarrow\Delta\defeq\letter$") != []


def test_a_label_is_dropped() -> None:
    assert typeset("$$x = 1 \\label{eq:one}$$") == ["$$x = 1 $$"]
