"""Votes as numbers: a row an answer, and win rates with confidence intervals."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

from nbchat.notebook.render.safe import whole_characters
from nbchat.notebook.widgets.compare.contest import LETTERS, TIE, Contest

if TYPE_CHECKING:
    import pandas as pd

Z_95 = 1.959964  # standard normal quantile of 97.5 %
_MEANS = ("first_token_s", "tokens_per_s", "output_tokens", "cost_usd")

_DTYPES: dict[str, Any] = {
    "prompt_no": "Int64",
    "prompt": "string",
    "model": "string",
    "shown_as": "string",
    "response": "string",
    "error": "string",
    "finish_reason": "string",
    "first_token_s": "Float64",
    "seconds": "Float64",
    "tokens_per_s": "Float64",
    "input_tokens": "Int64",
    "output_tokens": "Int64",
    "cost_usd": "Float64",
    "vote": "string",
    "note": "string",
}


def frame(contest: Contest) -> pd.DataFrame:
    """A row an answer: what was asked, said, measured and voted; `vote` is "best", "tie", "other" or NA."""
    import pandas as pd

    rows = [_row(contest, p, c) for p in range(len(contest.prompts)) for c in range(len(contest.contestants))]
    texts = [{k: whole_characters(v) if isinstance(v, str) else v for k, v in row.items()} for row in rows]
    return pd.DataFrame(texts, columns=list(_DTYPES), index=_index(contest)).astype(_DTYPES)


def _index(contest: Contest) -> pd.Index[Any] | None:
    """The label of each row's prompt in the column that it is from; None for a prompt that was typed in later."""
    import pandas as pd

    if contest.index is None:
        return None
    width, later = len(contest.contestants), len(contest.prompts) - len(contest.index)
    index = contest.index.repeat(width)
    if not later:
        return index
    return pd.Index([*index.to_flat_index().astype(object), *[None] * later * width], dtype=object, name=index.name)


def _row(contest: Contest, prompt: int, number: int) -> dict[str, Any]:
    contestant, answer = contest.contestants[number], contest.answers.get((prompt, number))
    vote = contest.votes.get(prompt)
    row: dict[str, Any] = dict.fromkeys(_DTYPES)
    row |= {"prompt_no": prompt, "prompt": contest.prompts[prompt], "model": contestant.label}
    row |= {"shown_as": LETTERS[contest.order(prompt).index(number)], "note": contest.notes.get(prompt)}
    row["vote"] = None if vote is None else TIE if vote == TIE else "best" if vote == number else "other"
    if answer is not None:
        row |= {"error": answer.error, "first_token_s": answer.first_token_s, "seconds": answer.seconds}
        row |= {"tokens_per_s": answer.tokens_per_s, "cost_usd": answer.cost_usd(contestant)}
        if answer.message is not None:
            usage = answer.message.usage_metadata
            row |= {"response": answer.message.text, "finish_reason": answer.message.finish_reason}
            row |= {} if usage is None else {n: usage[n] for n in ("input_tokens", "output_tokens") if n in usage}
    return row


def summary(contest: Contest) -> pd.DataFrame:
    """A row a model, the best first: wins, ties, losses, win rate with its 95 % interval, and mean measures.

    The win rate is against another model, as in a tournament of pairs: the best answer to a prompt beats each of the
    others, a tie is half a win against each that answered, for those that did, and of two that were not best nothing is
    known. By chance it is 0.5, however many models there are. The interval is Wilson's score interval; the pairs of one
    vote are no independent trials, so it is taken over Kish's effective number of votes, which for two models is their
    number.
    """
    import pandas as pd

    answers = frame(contest)
    rows = []
    for number, contestant in enumerate(contest.contestants):
        wins, ties, losses = (_against(contest, number, kind) for kind in ("win", "tie", "loss"))
        pairs = [*wins, *ties, *losses]
        weights = sum(pairs)
        rate = (sum(wins) + sum(ties) / 2) / weights if weights else None
        low, high = (None, None) if rate is None else wilson(rate, weights**2 / sum(count**2 for count in pairs))
        own = answers[(answers.model == contestant.label).to_numpy()]
        rows.append(
            {
                "model": contestant.label,
                "answers": int(own.response.notna().sum()),
                "errors": int(own.error.notna().sum()),
                "wins": len(wins),
                "ties": len(ties),
                "losses": len(losses),
                "win_rate": rate,
                "low": low,
                "high": high,
                **{name: own[name].mean() for name in _MEANS},
            }
        )
    out = pd.DataFrame(rows).set_index("model").astype(dict.fromkeys(("win_rate", "low", "high", *_MEANS), "Float64"))
    return out.sort_values("win_rate", ascending=False, kind="stable")


def _against(contest: Contest, number: int, kind: Literal["win", "tie", "loss"]) -> list[int]:
    """Of each vote that is this for a contestant, against how many others: all, those that tie, or the one that won."""
    everyone = range(len(contest.contestants))
    match kind:
        case "win":
            return [len(everyone) - 1 for best in contest.votes.values() if best == number]
        case "loss":
            return [1 for best in contest.votes.values() if best not in (number, TIE)]
    tied = [prompt for prompt, best in contest.votes.items() if best == TIE and not contest.failed(prompt, number)]
    return [sum(not contest.failed(prompt, other) for other in everyone if other != number) for prompt in tied]


def wilson(share: float, count: float) -> tuple[float, float]:
    """The 95 % score interval (Wilson, 1927) of a share of so many trials."""
    z2 = Z_95**2
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = Z_95 / (1 + z2 / count) * math.sqrt(share * (1 - share) / count + z2 / (4 * count**2))
    return max(0.0, middle - half), min(1.0, middle + half)
