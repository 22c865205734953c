"""How far a batch is, as one line over a thin bar."""

from __future__ import annotations

from nbchat.frame.progress import Progress
from nbchat.notebook.render.safe import escape_text
from nbchat.notebook.render.style import style_tag

_BAR = "height:4px;border-radius:2px;margin-top:4px;background:"


def progress_html(progress: Progress) -> str:
    """The line, its number in bold, and the bar. No live region: it changes too often to be read out."""
    tally = progress.tally
    done = f'<b style="color:var(--nb-fg)">{tally.done:,}</b> {progress.wanted}'
    said = " · ".join([done, *map(escape_text, progress.facts())])
    colour = "var(--nb-warn)" if tally.stopped else "var(--nb-accent)"
    bar = f'<div style="{_BAR}{colour};margin-top:0;width:{100 * progress.share:.1f}%"></div>'
    spoken = f'role="progressbar" aria-label="{progress.noun}s done" aria-valuenow="{100 * progress.share:.0f}"'
    line = f'<div {spoken} style="{_BAR}var(--nb-line)">{bar}</div>'
    return f'{style_tag()}<div class="nbchat wide" style="font-size:13px;color:var(--nb-mute)">{said}{line}</div>'
