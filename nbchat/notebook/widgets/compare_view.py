"""What a page, and the notebook file, show of a contest."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from nbchat.notebook.render.markdown import markdown_html
from nbchat.notebook.render.safe import escape_text
from nbchat.notebook.render.style import style_tag
from nbchat.notebook.widgets.contest import LETTERS, TIE, Contest
from nbchat.notebook.widgets.contest_answer import Answer
from nbchat.notebook.widgets.contestants import Contestant
from nbchat.notebook.widgets.word_diff import word_diff
from nbchat.values.quantities import dollars, duration

SAVED_CHARS = 150_000  # of HTML that stays in the notebook file, besides the prompt that is looked at
_FAILED_BLIND = '<p class="bad">It failed; why is told with the names.</p>'  # an error names its provider
# A page that takes no style sheet, as of a notebook that is not trusted, may take these.
_SAID = "border-left:2px solid #6f86ea;padding-left:12px;margin:1em 0 .6em;color:inherit"
_GRID = "display:grid;grid-template-columns:repeat(auto-fit,minmax(min(15rem,100%),1fr));gap:12px 24px"


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
    slots = {"prompt": _prompt_html(contest.prompts[at])}
    answers = [contest.answers.get((at, number)) for number in contest.order(at)]
    origin = None if base is None else answers[base]
    for place, answer in enumerate(answers):
        parts = _beside(origin, answer) or parts_html(answer, contest.hidden(at)) or [""]
        slots |= {f"{at}.{place}.{part}": html for part, html in enumerate(parts)}
    return slots


@lru_cache(maxsize=64)  # it is drawn again with every change of the page
def _prompt_html(prompt: str) -> str:
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


def saved_html(contest: Contest, at: int) -> str:
    """The prompt that is looked at, and others as far as there is room, as they are now."""
    room = SAVED_CHARS
    shown = {at: _saved_prompt(contest, at)} if contest.prompts else {}
    for prompt in [*range(at + 1, len(contest.prompts)), *range(at - 1, -1, -1)]:
        if not any((prompt, number) in contest.answers for number in contest.order(prompt)):
            continue
        html = _saved_prompt(contest, prompt)
        room -= len(html)
        if room < 0:
            break
        shown[prompt] = html
    left = len(contest.prompts) - len(shown)
    more = f'<p class="foot">{left:,} more prompt{"s" * (left != 1)}</p>' if left else ""
    whole = "".join(html for _, html in sorted(shown.items()))
    return f'{style_tag()}<div class="nbchat wide">{whole}{more}</div>'


def _saved_prompt(contest: Contest, prompt: int) -> str:
    cards = [_saved_card(contest, prompt, place, number) for place, number in enumerate(contest.order(prompt))]
    words = ["vote: tie"] if contest.votes.get(prompt) == TIE else []
    words += [f"note: {contest.notes[prompt]}"] if contest.notes.get(prompt) else []
    said = f'<blockquote style="{_SAID}">{_prompt_html(contest.prompts[prompt])}</blockquote>'
    foot = f"<p>{_small(words)}</p>" if words else ""
    return f'{said}<div style="{_GRID}">{"".join(cards)}</div>{foot}'


def _saved_card(contest: Contest, prompt: int, place: int, number: int) -> str:
    contestant, answer = contest.contestants[number], contest.answers.get((prompt, number))
    hidden = contest.hidden(prompt)
    name = "" if hidden else f" {escape_text(contestant.label)}"
    best = ' · <b class="ok">best</b>' if contest.votes.get(prompt) == number else ""
    measured = [] if answer is None or hidden else [text for text, _ in facts(answer, contestant)]
    measured += ["stopped"] if answer is not None and answer.state == "stopped" else []
    shown = "".join(parts_html(answer, hidden))
    about = f"<br>{_small(measured)}" if measured else ""
    return f"<div><p><b>{LETTERS[place]}</b>{name}{best}{about}</p>{shown}</div>"


def _small(words: list[str]) -> str:
    return f'<small style="opacity:.7">{escape_text(" · ".join(words))}</small>'
