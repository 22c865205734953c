"""Win rates with their confidence intervals, drawn by matplotlib."""

from __future__ import annotations

from typing import Any

from nbchat.notebook.widgets.compare.contest import Contest
from nbchat.notebook.widgets.compare.standings import summary
from nbchat.values.errors import ConfigurationError

# Both read well on white and on black. They are two, because Jupyter lays white under a figure without a ground of its
# own whose labels are all dark, or all light.
_INK, _PALE = "#7b7f87", "#85898f"
_BAR = "#6f86ea"


def plot(contest: Contest, axes: Any = None) -> Any:
    """Win rates with their intervals, the best above; returns matplotlib's axes.

    Raises:
        ConfigurationError: matplotlib is missing, or there is no vote yet.
    """
    table = summary(contest)[["win_rate", "low", "high"]][::-1].astype("float64").dropna()
    if table.empty:
        raise ConfigurationError(
            "there is no vote between answers to plot yet: vote in the widget, or compare.vote(0, 'A')"
        )
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise ConfigurationError("a plot needs matplotlib: pip install matplotlib") from None
    if axes is None:
        figure, axes = plt.subplots(figsize=(6.4, 0.75 + 0.42 * len(table)), layout="constrained")
        figure.patch.set_alpha(0)  # light or dark is the page's own
    axes.patch.set_alpha(0)
    places = range(len(table))
    axes.barh(places, table.high - table.low, left=table.low, height=0.34, color=_BAR, alpha=0.35, linewidth=0)
    axes.plot(table.win_rate, places, "o", color=_BAR, markersize=7)
    for place, rate, high in zip(places, table.win_rate, table.high, strict=True):
        axes.annotate(_percent(rate), (high, place), (6, 0), textcoords="offset points", va="center", color=_INK)
    axes.axvline(0.5, color=_INK, linewidth=0.8, linestyle=(0, (2, 3)), zorder=0)
    axes.set(xlim=(0, 1), ylim=(-0.6, len(table) - 0.4), xticks=[0, 0.25, 0.5, 0.75, 1])
    axes.set_yticks(places, [label.replace("$", r"\$") for label in table.index], color=_PALE)
    axes.xaxis.set_major_formatter(lambda share, _: _percent(share))
    axes.tick_params(length=0, colors=_INK, labelsize=9)
    axes.tick_params(axis="y", colors=_PALE)
    axes.spines[:].set_visible(False)
    votes = len(contest.votes)
    about = f"win rate against another model, with its 95 % interval · {votes} vote{'s' * (votes != 1)}"
    axes.set_xlabel(about, color=_INK, fontsize=9)
    return axes


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
