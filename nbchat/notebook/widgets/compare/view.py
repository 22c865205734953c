"""What a page shows of a contest."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from nbchat.notebook.render.markdown import markdown_html
from nbchat.notebook.widgets.compare.answer import Answer
from nbchat.notebook.widgets.compare.contest import LETTERS, TIE, Contest
from nbchat.notebook.widgets.compare.contestants import Contestant
from nbchat.notebook.widgets.compare.word_diff import word_diff
from nbchat.values.quantities import dollars, duration

# The error itself names its provider.
_FAILED_BLIND = '<p class="bad">This one failed; the reason appears when the names are revealed.</p>'


def page_state(contest: Contest, at: int, base: int | None) -> dict[str, Any]:
    """What a page draws of one prompt besides texts.

    Args:
        at: number of the prompt.
        base: the column that the others are compared with, if any.
    """
    order = contest.order(at)
    vote = contest.votes.get(at)
    return {
        "at": at,
        "of": len(contest.prompts),
        "columns": [_column(contest, at, place, number) for place, number in enumerate(order)],
        "voted": len(contest.votes),
        "unasked": contest.unasked(),
        "unfinished": contest.unfinished(),
        "vote": vote if vote is None or vote == TIE else order.index(int(vote)),
        "note": contest.notes.get(at, ""),
        "blind": contest.blind,
        "hidden": contest.hidden(at),
        "fixed": contest.blind and not contest.hidden(at),
        "base": base,
    }


def _column(contest: Contest, at: int, place: int, number: int) -> dict[str, Any]:
    contestant, answer, hidden = contest.contestants[number], contest.answers.get((at, number)), contest.hidden(at)
    return {
        "letter": LETTERS[place],
        "name": "" if hidden else contestant.label,
        "state": "unasked" if answer is None else answer.state,
        "facts": [] if answer is None or hidden else facts(answer, contestant),
        "empty": answer is None or answer.message is None,
    }


def facts(answer: Answer, contestant: Contestant) -> list[list[str]]:
    """What is measured of an answer, as pairs of few words and what they mean."""
    out = []
    if answer.first_token_s is not None:
        out.append([duration(answer.first_token_s), "time to the first token"])
    if answer.tokens_per_s is not None:
        out.append([f"{answer.tokens_per_s:,.0f} tok/s", "speed once it began"])
    if answer.message is not None and answer.message.usage_metadata is not None:
        count = answer.message.usage_metadata.output_tokens
        out.append([f"{count:,} token{'s' * (count != 1)}", "length of the answer"])
    if (cost := answer.cost_usd(contestant)) is not None:
        out.append([dollars(cost), "cost in US dollars"])
    return out


def page_slots(contest: Contest, at: int, base: int | None) -> dict[str, str]:
    """The texts of one prompt as HTML: `prompt`, and by place and part of the answer `0.0`, `0.1`, …

    Their names begin with the prompt's number: texts of another prompt are others.
    """
    if not contest.prompts:
        return {}
    slots = {"prompt": prompt_html(contest.prompts[at])}
    answers = [contest.answers.get((at, number)) for number in contest.order(at)]
    origin = None if base is None else answers[base]
    for place, answer in enumerate(answers):
        parts = _beside(origin, answer) or parts_html(answer, contest.hidden(at)) or [""]
        slots |= {f"{at}.{place}.{part}": html for part, html in enumerate(parts)}
    return slots


@lru_cache(maxsize=64)  # it is drawn again with every change of the page
def prompt_html(prompt: str) -> str:
    """A prompt as HTML."""
    return markdown_html(prompt)


def _beside(origin: Answer | None, answer: Answer | None) -> list[str]:
    """How an answer differs from another; nothing where there are no two texts."""
    if origin is None or answer is None or origin is answer or not origin.message or not answer.message:
        return []
    new = answer.message.text
    return [word_diff(origin.message.text, new)] if new else []


def parts_html(answer: Answer | None, hidden: bool) -> list[str]:
    """An answer as HTML; where it is `hidden` who gave it, without the error that tells."""
    if answer is None:
        return []
    shown = answer.view.parts_html()
    if hidden and answer.error is not None:
        return [*shown[:-1], _FAILED_BLIND]
    return shown
