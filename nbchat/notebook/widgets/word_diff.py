"""What differs between two texts, word by word, as HTML."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

from nbchat.notebook.render.safe import escape_text

_WORDS = re.compile(r"\s+|\w+|[^\w\s]")
LONGEST = 20_000  # words; beyond them the comparison would take long, and help nobody


def word_diff(old: str, new: str) -> str:
    """The new text with what is only in it marked `<ins>`, and what is only in the old one `<del>`."""
    a, b = _WORDS.findall(old)[:LONGEST], _WORDS.findall(new)[:LONGEST]
    out = []
    for what, a0, a1, b0, b1 in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        gone, come = escape_text("".join(a[a0:a1])), escape_text("".join(b[b0:b1]))
        if what == "equal":
            out.append(come)
        else:
            out.append(f"<del>{gone}</del>" * bool(gone) + f"<ins>{come}</ins>" * bool(come))
    return f'<div class="words">{"".join(out)}</div>'
