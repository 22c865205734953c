"""What the notebook file keeps of a contest, for readers without a kernel."""

from __future__ import annotations

from nbchat.notebook.render.safe import escape_text
from nbchat.notebook.render.style import style_tag
from nbchat.notebook.widgets.compare.contest import LETTERS, TIE, Contest
from nbchat.notebook.widgets.compare.view import facts, parts_html, prompt_html

SAVED_CHARS = 150_000  # of HTML that stays in the notebook file, besides the prompt that is looked at
# A page that takes no style sheet, as of a notebook that is not trusted, may take these.
_SAID = "border-left:2px solid #6f86ea;padding-left:12px;margin:1em 0 .6em;color:inherit"
_GRID = "display:grid;grid-template-columns:repeat(auto-fit,minmax(min(15rem,100%),1fr));gap:12px 24px"


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
    said = f'<blockquote style="{_SAID}">{prompt_html(contest.prompts[prompt])}</blockquote>'
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
