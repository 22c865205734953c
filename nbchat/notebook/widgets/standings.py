"""Votes as numbers: a row an answer, win rates with confidence intervals, and a plot of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from nbchat.notebook.widgets.contest import LETTERS, TIE, Contest
from nbchat.values.errors import ConfigurationError

if TYPE_CHECKING:
    import pandas as pd

Z_95 = 1.959964  # standard normal quantile of 97.5 %


def frame(contest: Contest) -> pd.DataFrame:
    """A row an answer: what was asked, said, measured and voted; `vote` is "best", "tie", "other" or NA."""
    import pandas as pd

    rows = [_row(contest, p, c) for p in range(len(contest.prompts)) for c in range(len(contest.contestants))]
    out = pd.DataFrame(rows, columns=list(_DTYPES))
    return out.astype(_DTYPES)


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

    A tie counts as a k-th of a win where there are k models, so that equals all have a win rate of 1/k. The interval
    is Wilson's score interval over the votes; without a vote it is NA.
    """
    import pandas as pd

    count, votes = len(contest.contestants), list(contest.votes.values())
    answers = frame(contest)
    rows = []
    for number, contestant in enumerate(contest.contestants):
        wins, ties = votes.count(number), votes.count(TIE)
        low, rate, high = wilson(wins + ties / count, len(votes))
        own = answers[answers.model == contestant.label]
        means = {name: own[name].mean() for name in ("first_token_s", "tokens_per_s", "output_tokens", "cost_usd")}
        rows.append(
            {
                "model": contestant.label,
                "answers": int(own.response.notna().sum()),
                "errors": int(own.error.notna().sum()),
                "wins": wins,
                "ties": ties,
                "losses": len(votes) - wins - ties,
                "win_rate": rate,
                "low": low,
                "high": high,
                **means,
            }
        )
    out = pd.DataFrame(rows).set_index("model").convert_dtypes()
    return out.sort_values("win_rate", ascending=False, kind="stable") if votes else out


def wilson(wins: float, votes: int) -> tuple[float | None, float | None, float | None]:
    """(low, share, high): a share of votes with its 95 % score interval (Wilson, 1927)."""
    if not votes:
        return None, None, None
    share, z2 = wins / votes, Z_95**2
    middle = (share + z2 / (2 * votes)) / (1 + z2 / votes)
    half = Z_95 / (1 + z2 / votes) * math.sqrt(share * (1 - share) / votes + z2 / (4 * votes**2))
    return max(0.0, middle - half), share, min(1.0, middle + half)


def plot(contest: Contest, axes: Any = None) -> Any:
    """Win rates with their intervals as horizontal bars; returns matplotlib's axes.

    Raises:
        ConfigurationError: matplotlib is missing, or there is no vote yet.
    """
    if not contest.votes:
        raise ConfigurationError("there is no vote to plot yet: vote in the widget, or compare.vote(0, 'A')")
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise ConfigurationError("a plot needs matplotlib: pip install matplotlib") from None
    table = summary(contest)[["win_rate", "low", "high"]][::-1].astype("float64")
    if axes is None:
        _, axes = plt.subplots(figsize=(6, 0.6 + 0.45 * len(table)), layout="constrained")
    reach = [(table.win_rate - table.low).clip(lower=0), (table.high - table.win_rate).clip(lower=0)]
    axes.barh(table.index, table.win_rate, xerr=reach, height=0.5, color="#8ea2f2", ecolor="#555", capsize=3)
    axes.axvline(1 / len(table), color="#999", linewidth=1, linestyle=":")
    axes.set(xlim=(0, 1), xlabel=f"win rate, with 95 % interval ({len(contest.votes)} votes; dotted: chance)")
    axes.spines[["top", "right"]].set_visible(False)
    return axes
