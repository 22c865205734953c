"""The one calm line under an answer: which model, how many tokens, what it cost, how fast it was."""

import math
from collections.abc import Iterator
from typing import TypedDict, Unpack

from nbchat.notebook.render.safe import escape_text, visible


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


def dollars(cost_usd: float) -> str:
    """Two significant digits below a dollar, cents above: `$0.0011`, `$12.40`, `free`."""
    if cost_usd == 0:
        return "free"
    digits = 2 if abs(cost_usd) >= 0.1 else 1 - math.floor(math.log10(abs(cost_usd)))
    return f"${cost_usd:,.{digits}f}"


def size(count: int) -> str:
    """`512 bytes`, `3.4 KB`, `12 MB`."""
    if count < 1000:
        return f"{count} bytes"
    if count < 1_000_000:
        return f"{count / 1000:.3g} KB"
    return f"{count / 1_000_000:.3g} MB"


def duration(seconds: float) -> str:
    """`40 ms`, `0.6 s`, `12 s`, `3 min 20 s`."""
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes:,} min {rest} s" if minutes else f"{rest} s"
