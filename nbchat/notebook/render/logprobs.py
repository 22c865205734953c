"""How sure the model was of each token: the answer tinted, its alternatives at hand. Static HTML and CSS, no script."""

from __future__ import annotations

import math
from collections.abc import Iterable

from nbchat.notebook.render.safe import escape_attribute, escape_text
from nbchat.notebook.render.tokens import TINTS, ShownToken, shown_tokens, tint_steps, token_text, with_white_space
from nbchat.values.logprobs import Logprobs

_SPANS = 3  # of the least certain that are named
_BLOCKS = "▏▎▍▌▋▊▉█"


_RULES = """
.nbchat .lp{line-height:1.9;white-space:pre-wrap}
.nbchat .lp [tabindex]{position:relative;border-radius:2px;padding:1px 0;border-bottom:0 solid var(--nb-bad)}
.nbchat .lp [tabindex]:is(:hover,:focus){outline:1px solid var(--nb-fg);z-index:2}
.nbchat .lp [data-a]:is(:hover,:focus)::after{content:attr(data-a);position:absolute;left:0;top:1.7em;z-index:3;
white-space:pre;font:12px/1.6 var(--nb-mono);background:var(--nb-bg);color:var(--nb-fg);padding:6px 10px;
pointer-events:none;border:1px solid var(--nb-line);border-radius:6px;box-shadow:0 2px 8px #0003}
.nbchat .keys{display:flex;gap:1.2em;align-items:center;font-size:12px;color:var(--nb-mute);margin:.4em 0 0}
.nbchat .keys label{cursor:pointer}
.nbchat .keys input{margin:0 .3em 0 0;vertical-align:-1px;accent-color:var(--nb-accent)}
.nbchat .keys i{font-style:normal;padding:1px 6px}
@media print{.nbchat .lp [tabindex]{print-color-adjust:exact}}
"""


def _tints() -> str:
    """The tint of each step, for each of the three measures; the least certain are underlined too, for print."""
    out = []
    for letter, chosen in (
        ("a", ":not(:has(.b:checked,.c:checked))"),
        ("b", ":has(.b:checked)"),
        ("c", ":has(.c:checked)"),
    ):
        for step in range(1, TINTS):
            line = f";border-bottom-width:{(step - 3) * 0.75:g}px" if step > 3 else ""
            tint = f"background:color-mix(in srgb,var(--nb-bad) {step * 8}%,transparent){line}"
            out.append(f".nbchat .sure{chosen} .{letter}{step}{{{tint}}}")
    return "\n".join(out)


TOKEN_SHEET = _RULES + _tints()


def logprobs_html(table: Logprobs, name: str) -> str:
    """The tokens of an answer, with a legend, and a line about the whole.

    Args:
        table: the answer's tokens.
        name: tells this answer's switches from those of others on the page.
    """
    tokens = list(shown_tokens(table))
    body = "".join(_token(token) for token in tokens)
    switches = " ".join(
        f'<label><input type="radio" name="{escape_attribute(name)}" class="{letter}"{checked}>{what}</label>'
        for letter, what, checked in (("a", "probability", " checked"), ("b", "entropy", ""), ("c", "surprisal", ""))
    )
    scale = "".join(f'<i class="a{step} b{step} c{step}">&ensp;</i>' for step in range(1, TINTS))
    legend = f"<span>certain {scale} unsure</span>"
    return (
        f"<style>{TOKEN_SHEET}</style>"
        f'<div class="sure"><div class="lp" role="group" aria-label="Tokens by probability">{body}</div>'
        f'<div class="keys">{switches} {legend}</div><div class="keys">{escape_text(_told(table, tokens))}</div></div>'
    )


def told(table: Logprobs) -> str:
    """Perplexity, the mean, and the least certain spans, in a line of text."""
    return _told(table, shown_tokens(table))


def _told(table: Logprobs, tokens: Iterable[ShownToken]) -> str:
    spans = ", ".join(f"“{span}”" for span in least_certain(tokens))
    return measured(table) + (f" · least certain: {spans}" if spans else "")


def measured(table: Logprobs) -> str:
    """The mean and the perplexity, in words."""
    return f"mean probability {math.exp(table.mean):.0%} · perplexity {table.perplexity:.2f}"


def least_certain(tokens: Iterable[ShownToken], most: int = _SPANS) -> list[str]:
    """The texts of the runs of tokens below one half, the least certain first."""
    runs: list[tuple[float, str]] = []
    open_run = False
    for token in tokens:
        unsure = token.probability < 0.5 and token.text.strip()
        if unsure and open_run:
            lowest, text = runs[-1]
            runs[-1] = (min(lowest, token.probability), text + token.text)
        elif unsure:
            runs.append((token.probability, token.text))
        open_run = bool(unsure)
    return [text.strip() for _, text in sorted(runs, key=lambda run: run[0])[:most]]


def _token(token: ShownToken) -> str:
    classes = [f"{letter}{step}" for letter, step in zip("abc", tint_steps(token), strict=True) if step]
    about = f' class="{" ".join(classes)}"' if classes else ""
    rows = "&#10;".join(escape_attribute(_row(token_text(a), a.probability)) for a in token.alternatives)
    more = f' data-a="{rows}"' if rows else f' title="{token.probability:.0%}"'
    return f'<span tabindex="0"{about}{more}>{escape_text(with_white_space(token.text))}</span>'


def _row(token: str, probability: float) -> str:
    eighths = round(probability * 64)
    bar = "█" * (eighths // 8) + (_BLOCKS[eighths % 8 - 1] if eighths % 8 else "")
    name = with_white_space(token).replace("\n", "") or "∅"
    return f"{name if len(name) <= 14 else name[:13] + '…':<14} {bar:<8} {probability:>4.0%}"
