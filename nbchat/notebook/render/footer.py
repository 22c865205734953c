"""The one calm line under an answer: which model, how many tokens, what it cost, how fast it was."""

from collections.abc import Iterator
from typing import TypedDict, Unpack

from nbchat.notebook.render.safe import escape_text, visible
from nbchat.values.quantities import dollars, duration


class Facts(TypedDict, total=False):
    """What is known of an answer. None, or a missing key, is unknown and left out of the line."""

    input_tokens: int | None
    cached: int | None  # of the input tokens
    output_tokens: int | None
    reasoning: int | None  # of the output tokens
    cost_usd: float | None  # 0 reads "free"
    first_token_s: float | None
    seconds: float | None  # of the whole answer
    tokens_per_s: float | None
    note: str | None  # any last word, such as "stopped"


def footer_html(model: str, **facts: Unpack[Facts]) -> str:
    """The line as HTML. An em space parts the facts, not a margin: the line still reads where styles are stripped."""
    shown = [f"<b>{escape_text(model)}</b>", *(f"<span>{escape_text(fact)}</span>" for fact in _facts(facts))]
    return f'<div class="foot">{"&emsp;".join(shown)}</div>'


def footer_text(model: str, **facts: Unpack[Facts]) -> str:
    """The same line as plain text, for terminals and `text/plain`."""
    return "   ".join(map(visible, [model, *_facts(facts)]))


def _facts(facts: Facts) -> Iterator[str]:
    if (count := facts.get("input_tokens")) is not None:
        yield _tokens(count, "in", facts.get("cached"), "cached")
    if (count := facts.get("output_tokens")) is not None:
        yield _tokens(count, "out", facts.get("reasoning"), "reasoning")
    if (cost := facts.get("cost_usd")) is not None:
        yield dollars(cost)
    if (first := facts.get("first_token_s")) is not None:
        yield f"first token {duration(first)}"
    if (whole := facts.get("seconds")) is not None:
        yield duration(whole)
    if (rate := facts.get("tokens_per_s")) is not None:
        yield f"{rate:,.{0 if rate >= 10 else 1}f} tok/s"
    if note := facts.get("note"):
        yield note


def _tokens(count: int, way: str, part: int | None, kind: str) -> str:
    return f"{count:,} {way}" + (f" · {part:,} {kind}" if part else "")
